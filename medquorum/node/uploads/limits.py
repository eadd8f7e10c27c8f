"""Every limit on what a browser uploads, each with its reason."""

from __future__ import annotations

from typing import Final

from medquorum.node.intake.limits import FILES, MIB

FILE_BYTES: Final = 1_024 * MIB
"""One file: a NIfTI of a whole body in floats has some 800 MB; a DICOM file half a GiB at most."""
BATCH_BYTES: Final = 2_048 * MIB
"""All files of one upload: a part holds no more (R-BOD3)."""
BATCH_FILES: Final = FILES
BATCHES_OF_USER: Final = 4
"""Uploads of one user at once: an abandoned one is not to keep her from the next."""
BATCHES: Final = 16
"""Uploads at once on one node; with `BATCH_BYTES` the most of the disk they take."""
IDLE_SECONDS: Final = 4 * 3_600.0
"""An upload that nothing happened to for so long is removed: a PET may wait that long for its CT's
verdict."""
SWEEP_SECONDS: Final = 60.0
NAME_CHARACTERS: Final = 512
"""A file's name with its folders; shown, never opened."""
METADATA_BYTES: Final = 3_072
"""The header Upload-Metadata; the whole request head has 4 KiB a line."""

CHILD_MEMORY_BYTES: Final = 3_072 * MIB
"""RLIMIT_AS of the child: a NIfTI is held once as it is and once as numbers."""
CHILD_CPU_SECONDS: Final = 300
CHILD_WALL_SECONDS: Final = 600.0
CHILD_OPEN_FILES: Final = 64
CHILD_ANSWER_BYTES: Final = 16 * MIB
"""What the parent reads of the child: a table of elements for each of 64 series."""
SERIES: Final = 64
"""Series in one upload; the scanner's scouts and reconstructions of a study are fewer."""
ISSUES: Final = 50
"""Faults told for one upload; whoever has more has one cause."""
TABLE_LINES: Final = 400
"""Elements shown of one series."""
VALUE_CHARACTERS: Final = 64
"""Of an element's value, as the uploader sees it before it is removed."""
PREVIEW_SIDE: Final = 384
"""Rows or columns of a series' small picture."""
PREVIEW_CHARACTERS: Final = 262_144
NIFTI_VOXELS: Final = 256 * MIB
"""Voxels of one NIfTI volume: 1,000 slices of 512 x 512."""
