"""Every limit on images that are shown, each with its reason."""

from __future__ import annotations

from typing import Final

from medquorum.node.intake.limits import FILES, MIB

CACHE_BYTES: Final = 4_096 * MIB
"""Decoded images on disk at once: some twenty-five CTs of 300 slices; the longest unread goes."""
IMAGE_BYTES: Final = 2_048 * MIB
"""One decoded image: a whole-body CT of 1,500 slices has 786 MB."""
PLANES: Final = FILES
"""Slices of a series, or films and frames of a radiograph."""
FILM_PIXELS: Final = 64 * MIB
"""One radiograph: decoded it needs four times as many bytes in the child."""
IDLE_SECONDS: Final = 1_800.0
"""An image that nobody looked at for this long is no longer kept decoded."""
SWEEP_SECONDS: Final = 15.0
"""How often images that are idle, or whose body is gone, are removed."""
OPENING_SECONDS: Final = 4 * 3_600.0
"""How long one entry of the access log stands for slices of the same image to the same user."""
OPENINGS: Final = 4_096
"""Openings remembered; the oldest is forgotten, and its reader logged anew."""
PROJECTION_SIDE: Final = 512
"""Rows and columns of a projection: more than the screen gives it; both views take 1 MiB."""

CHILD_MEMORY_BYTES: Final = 1_536 * MIB
"""RLIMIT_AS of the child that decodes: numpy and pydicom reserve 300 MiB, a film 512 MiB."""
CHILD_CPU_SECONDS: Final = 600
"""A thousand slices of JPEG 2000 take about a minute."""
CHILD_WALL_SECONDS: Final = 900.0
"""After this the child is killed, whatever it is doing."""
DESCRIBED_SECONDS: Final = 120.0
"""An image is described within this, or is refused."""
CHILD_OPEN_FILES: Final = 64
ANSWER_LINE_BYTES: Final = 4 * MIB
"""One line of the child: ten thousand positions with fifteen digits each."""
CHILDREN: Final = 2
"""Images decoded at once."""
FACTS: Final = (
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "BodyPartExamined",
    "ViewPosition",
    "PatientPosition",
    "KVP",
    "ConvolutionKernel",
    "SliceThickness",
    "ReconstructionMethod",
    "Units",
    "CorrectedImage",
)
"""Elements that say how an image was made and nothing of whom."""
FACT_CHARACTERS: Final = 64
BYTES_PER_VOXEL: Final = 2
WARNINGS: Final = 16

OVERLAY_BYTES: Final = 1_048_576
"""The part ATTACHMENT of a report that is an overlay: one frame (R-CAN3)."""
OVERLAY_VOXELS: Final = 16_000_000
"""Labels of one overlay; the analysis grid has no more."""
OVERLAYS: Final = 16
"""Overlays held in memory, unpacked; the longest unread goes."""
