"""Every limit on images that are submitted, each with its reason."""

from __future__ import annotations

from typing import Final

MIB: Final = 1024**2

FILES: Final = 10_000
"""Files of one archive; whole-body series have about a thousand slices."""
FILE_BYTES: Final = 512 * MIB
"""One file of an archive; the packer holds one in memory."""
TRAILER_BYTES: Final = 20 * 512
"""Zeros after the last file: two blocks, filled up to a record of twenty."""
HEADER_FIRST_BYTES: Final = 128 * 1024
"""Read of each file at first; nearly every header is shorter."""
HEADER_BYTES: Final = 16 * MIB
"""Longest header before the pixels: private elements and overlays reach a few MiB."""
META_BYTES: Final = 65_536
"""Longest file meta information (group 0002); it has some 200 bytes."""
INFLATED_BYTES: Final = 512 * MIB
"""A deflated file, inflated: as large as a plain one may be. It is counted, never held."""
INFLATE_STEP_BYTES: Final = 256 * 1024
SIDE: Final = 16_384
"""Rows or columns; the longest stitched spine radiographs have some 10,000."""
PIXELS: Final = 128 * MIB
"""Pixels of one picture or DICOM frame: four times the largest radiograph."""
FRAMES: Final = 1_024
"""Frames of one radiograph file (a short cine run)."""
FRAGMENTS: Final = 65_536
"""Fragments of one compressed pixel element."""
PICTURE_BYTES: Final = 256 * MIB
"""A PNG or JPEG file."""
PICTURE_PARTS: Final = 65_536
"""Chunks of a PNG, segments of a JPEG."""

CHILD_MEMORY_BYTES: Final = 512 * MIB
"""RLIMIT_AS of the child: the interpreter and pydicom need some 70 MiB, a header 16 MiB."""
CHILD_CPU_SECONDS: Final = 60
"""RLIMIT_CPU of the child; 300 slices take about half a second."""
CHILD_WALL_SECONDS: Final = 180.0
"""After this the child is killed even if it sleeps: a busy disk reads 2 GiB in this time."""
CHILD_OPEN_FILES: Final = 32
"""RLIMIT_NOFILE of the child: its streams, one archive, and modules while they are imported."""
CHILD_ANSWER_BYTES: Final = 4_096
"""What the parent reads of the child: one line of JSON."""
CHILDREN: Final = 2
"""Checks at once on one node: more would take the cores that seal and serve."""
