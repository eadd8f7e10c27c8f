"""A limit on everything the AI entity reads, in one place, each with its reason."""

import os
from typing import Final

MAX_SERIES_FILES: Final = 2_000
"""A whole-body CT at 1 mm has some 1,900 slices."""

MAX_FOLDER_ENTRIES: Final = 20_000
"""Names in a series' folder before one of them is opened; a series has 2,000 at most."""

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""One slice or radiograph; the largest digital radiographs are about 40 MiB."""

MAX_SERIES_BYTES: Final = 2 * 1024 * 1024 * 1024
"""The ledger's limit on one body part."""

MAX_SIDE_PIXELS: Final = 4_096
"""Rows or columns of a slice or radiograph."""

MAX_VOLUME_VOXELS: Final = 320_000_000
"""1,220 slices of 512 x 512: 1.3 GB as float32, inside the child's memory limit."""

MAX_GRID_VOXELS: Final = 16_000_000
"""The 4 mm analysis grid: 64 mL voxels of a box 2 m x 0.7 m x 0.7 m are 15.3 million."""

MAX_CASE_VOXELS: Final = 64_000_000
"""One case of an evaluation: 400 slices of 400 x 400, 0.6 GB with CT, PET and contour."""

MAX_ARCHIVE_CASES: Final = 2_000
"""Cases of one evaluation archive: autoPET has 1,014."""

MAX_CONTOURS: Final = 20_000
"""Closed planar contours of one RTSTRUCT region."""

MAX_CONTOUR_POINTS: Final = 20_000
"""Points of one contour."""

MAX_LESIONS: Final = 64
"""Lesions listed in a report, largest first; the rest are counted."""

MAX_XRAY_CONTOURS: Final = 256
"""Contours kept after filtering: white noise gives tens of thousands."""

MAX_MODEL_BYTES: Final = 512 * 1024 * 1024
"""A ResNet-50 is 94 MB, a large 3-D network 470 MB."""

MAX_MODEL_NODES: Final = 20_000
"""Graph nodes over all nesting."""

MAX_MODEL_NESTING: Final = 8
"""If / Loop bodies inside each other."""

MAX_TYPED_ELEMENTS: Final = 1_048_576
"""Elements of a tensor written number by number; weights are raw bytes."""

MAX_REGISTRY_MODELS: Final = 64
"""Models of one registry file."""

CHILD_MEMORY_BYTES: Final = 6 * 1024 * 1024 * 1024
"""RLIMIT_AS of the analysis child: 1.3 GB of CT, its resampling and the graph's activations."""

CHILD_RESIDENT_BYTES: Final = 3 * 1024 * 1024 * 1024
"""What the analysis child may really hold; a hospital's node works on the same machine."""

CHILD_CPU_SECONDS: Final = 600
"""RLIMIT_CPU of the analysis child; a whole-body pair takes about a minute."""

CHILD_WALL_SECONDS: Final = 900
"""After this the child is killed even if it sleeps."""

CHILD_OPEN_FILES: Final = 64
"""RLIMIT_NOFILE of the analysis child."""

CHILD_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""The child's answer, unpacked; an overlay is compressed inside it to some tens of kilobytes."""

MAX_THREADS: Final = 2
"""Threads of a model by default: the machine's other work goes on."""

THREADS_VARIABLE: Final = "MEDQUORUM_MODEL_THREADS"
"""How the analysis child is told its threads."""


def model_threads() -> int:
    """Threads a model may use in this process; one outside of an analysis child."""
    told = os.environ.get(THREADS_VARIABLE, "1")
    return min(max(int(told), 1), 64) if told.isdecimal() else 1
