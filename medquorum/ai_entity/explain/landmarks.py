"""A coarse map of a patient's tissues by which a later study finds the same places again.

Each examination usually has a DICOM frame of reference of its own, so coordinates of two studies
mean nothing to each other. Ten kilobytes of tissue classes at 8 mm (air or lung, fat, soft tissue,
bone), kept with the overlay in the sealed attachment, are enough to shift one onto the other
without keeping or reading the earlier images. The frame of reference travels as a digest.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.tumour.grid import Affine, Placed, Volume, block_average

STEP_MM: Final = 8.0
FAT_HU: Final = -300.0
SOFT_HU: Final = -30.0
BONE_HU: Final = 150.0
"""Below textbook cortex: a voxel of 8 mm averages bone with marrow."""

CLASSES: Final = 4
MAX_LANDMARK_VOXELS: Final = 2_000_000
"""The largest analysis grid, an eighth of its voxels."""

MAX_SIDE: Final = 1_000
NM_PER_MM: Final = 1_000_000
FRAME_BYTES: Final = 32
PIECE_BYTES: Final = 65_536
"""The codec's limit on one byte string in a record (R-CAN3)."""

Classes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Tissue classes [z,y,x] with an affine in nanometres."""

    shape: tuple[int, int, int]
    affine_nm: tuple[int, ...]
    """Twelve numbers: the first three rows of (z,y,x,1) -> LPS."""
    compressed: bytes
    frame: bytes
    """SHA-256 of the frame of reference; empty where the series names none."""

    def __repr__(self) -> str:
        return f"Landmarks({self.shape}, {len(self.compressed)} bytes)"

    def classes(self) -> Classes:
        """The uint8 array [z,y,x]. Raises ValueError when the bytes are not exactly that."""
        size = int(np.prod(self.shape, dtype=np.int64))
        if min(self.shape) < 1 or max(self.shape) > MAX_SIDE or size > MAX_LANDMARK_VOXELS:
            raise ValueError("landmarks of this shape are not read")
        unpacker = zlib.decompressobj()
        try:
            plain = unpacker.decompress(self.compressed, size + 1)
        except zlib.error as error:
            raise ValueError("the bytes of the landmarks are not compressed") from error
        if len(plain) != size or not unpacker.eof or unpacker.unused_data:
            raise ValueError("the landmarks' bytes do not match their shape")
        found = np.frombuffer(plain, dtype=np.uint8).reshape(self.shape)
        if int(found.max()) >= CLASSES:
            raise ValueError("the landmarks name a tissue that is not known")
        return found

    def affine(self) -> Affine:
        """4 x 4 affine in millimetres."""
        affine = np.eye(4)
        affine[:3] = np.asarray(self.affine_nm, dtype=np.float64).reshape(3, 4) / NM_PER_MM
        return affine

    def to_content(self) -> dict[str, Any]:
        """A canonical map."""
        pieces = range(0, len(self.compressed), PIECE_BYTES)
        return {
            "affine_nm": list(self.affine_nm),
            "classes_zlib": [self.compressed[start : start + PIECE_BYTES] for start in pieces],
            "frame": self.frame,
            "shape": list(self.shape),
        }


def landmarks_from_content(content: Mapping[str, Any]) -> Landmarks:
    """The inverse of ``to_content``. Raises ValueError."""
    try:
        z, y, x = (int(size) for size in content["shape"])
        affine = tuple(int(number) for number in content["affine_nm"])
        compressed = b"".join(content["classes_zlib"])
        frame = bytes(content["frame"])
    except (KeyError, TypeError) as error:
        raise ValueError("the landmarks map is malformed") from error
    if len(affine) != 12 or len(frame) not in (0, FRAME_BYTES):
        raise ValueError("the landmarks' affine or frame has the wrong length")
    return Landmarks((z, y, x), affine, compressed, frame)


def make_landmarks(hu: Volume, affine: Affine, frame: bytes = b"") -> Landmarks:
    """Landmarks of a CT [HU] on the analysis grid, cut to the box that holds tissue."""
    coarse = block_average(Placed(hu, affine), STEP_MM)
    classes = np.digitize(coarse.voxels, (FAT_HU, SOFT_HU, BONE_HU)).astype(np.uint8)
    held = np.argwhere(classes > 0)
    low, high = (held.min(axis=0), held.max(axis=0) + 1) if len(held) else ((0, 0, 0), (1, 1, 1))
    cut = classes[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    placed = coarse.affine.copy()
    placed[:3, 3] = (coarse.affine @ np.append(low, 1.0))[:3]
    z, y, x = cut.shape
    numbers = tuple(round(float(value) * NM_PER_MM) for value in placed[:3].ravel())
    return Landmarks((z, y, x), numbers, zlib.compress(cut.tobytes(), 9), frame)
