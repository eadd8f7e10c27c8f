"""The picture that goes with findings: a compressed label map and its place in the patient.

Label 0 is nothing; in a tumour overlay label n is lesion n, in a fracture overlay 1 is an edge,
2 a suspicious contour and 16 to 23 the network's heat (``fracture.evidence``). The bytes are
``zlib`` of the uint8 array in C order [z,y,x] (or [1,y,x]).
A tumour overlay may carry landmarks, a coarse map of the body by which a later study is aligned,
and organs: one label of ``phantom.organs.Organ`` per voxel of the same grid, compressed likewise.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.explain.landmarks import Landmarks, landmarks_from_content
from medquorum.ai_entity.limits import MAX_GRID_VOXELS

COMPRESSION_LEVEL: Final = 9
NM_PER_MM: Final = 1_000_000
MAX_ORGANS_BYTES: Final = 614_400
"""Compressed organs that fit into a frame (R-CAN3) beside the rest; larger ones stay out of it."""
PIECE_BYTES: Final = 65_536
"""The codec's limit on one byte string in a record (R-CAN3)."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A label map [z,y,x] with an affine in nanometres."""

    shape: tuple[int, int, int]
    affine_nm: tuple[int, ...]
    """Twelve numbers: the first three rows of (z,y,x,1) -> LPS, row by row."""
    compressed: bytes
    landmarks: Landmarks | None = None
    organs: bytes | None = None
    """Organ labels, compressed; None where nobody told organs apart."""

    def __repr__(self) -> str:
        return f"Overlay({self.shape}, {len(self.compressed)} bytes)"

    def labels(self) -> npt.NDArray[np.uint8]:
        """The uint8 array [z,y,x]. Raises ValueError when the bytes are not exactly that."""
        return self._unpacked(self.compressed)

    def organ_labels(self) -> npt.NDArray[np.uint8] | None:
        """The uint8 array [z,y,x] of organs, or None. Raises ValueError like ``labels``."""
        return None if self.organs is None else self._unpacked(self.organs)

    def _unpacked(self, compressed: bytes) -> npt.NDArray[np.uint8]:
        size = int(np.prod(self.shape, dtype=np.int64))
        if min(self.shape) < 1 or size > MAX_GRID_VOXELS:
            raise ValueError("an overlay of this shape is not read")
        unpacker = zlib.decompressobj()
        try:
            plain = unpacker.decompress(compressed, size + 1)
        except zlib.error as error:
            raise ValueError("the overlay's bytes are not compressed as they should be") from error
        if len(plain) != size or not unpacker.eof or unpacker.unused_data:
            raise ValueError("the overlay's bytes do not match its shape")
        return np.frombuffer(plain, dtype=np.uint8).reshape(self.shape)

    def affine(self) -> npt.NDArray[np.float64]:
        """4 x 4 affine in millimetres."""
        affine = np.eye(4)
        affine[:3] = np.asarray(self.affine_nm, dtype=np.float64).reshape(3, 4) / NM_PER_MM
        return affine

    def to_content(self) -> dict[str, Any]:
        """A canonical map: shape, affine and the compressed bytes in pieces."""
        content: dict[str, Any] = {
            "affine_nm": list(self.affine_nm),
            "labels_zlib": _pieces(self.compressed),
            "shape": list(self.shape),
        }
        if self.landmarks is not None:
            content["landmarks"] = self.landmarks.to_content()
        if self.organs is not None and len(self.organs) <= MAX_ORGANS_BYTES:
            content["organs_zlib"] = _pieces(self.organs)
        return content


def overlay_from_content(content: Mapping[str, Any]) -> Overlay:
    """The inverse of ``to_content``. Raises ValueError."""
    try:
        z, y, x = (int(size) for size in content["shape"])
        affine = tuple(int(number) for number in content["affine_nm"])
        compressed = b"".join(content["labels_zlib"])
        organs = b"".join(content["organs_zlib"]) if "organs_zlib" in content else None
    except (KeyError, TypeError) as error:
        raise ValueError("the overlay map is malformed") from error
    if len(affine) != 12:
        raise ValueError("the overlay's affine has not twelve numbers")
    overlay = Overlay((z, y, x), affine, compressed, organs=organs)
    if content.get("landmarks") is None:
        return overlay
    return replace(overlay, landmarks=landmarks_from_content(content["landmarks"]))


def make_overlay(
    labels: npt.NDArray[Any], affine: npt.NDArray[np.float64], level: int = COMPRESSION_LEVEL
) -> Overlay:
    """Compress ``labels`` [z,y,x] (values above 255 become 255) with its affine in mm."""
    z, y, x = labels.shape
    numbers = tuple(round(float(value) * NM_PER_MM) for value in affine[:3].ravel())
    return Overlay((z, y, x), numbers, _packed(labels, level))


def with_organs(overlay: Overlay, organs: npt.NDArray[Any]) -> Overlay:
    """``overlay`` with organ labels [z,y,x] of its own grid. Raises ValueError."""
    if organs.shape != overlay.shape:
        raise ValueError("organs and overlay must lie on one grid")
    return replace(overlay, organs=_packed(organs))


def _packed(labels: npt.NDArray[Any], level: int = COMPRESSION_LEVEL) -> bytes:
    return zlib.compress(np.minimum(labels, 255).astype(np.uint8).tobytes(), level)


def _pieces(compressed: bytes) -> list[bytes]:
    starts = range(0, len(compressed), PIECE_BYTES)
    return [compressed[start : start + PIECE_BYTES] for start in starts]
