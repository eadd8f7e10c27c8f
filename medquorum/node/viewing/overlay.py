"""The overlay of an AI report: labels on a grid of their own, unpacked under bounds.

Format of the part ATTACHMENT: canonical bytes of a map with `shape` (z, y, x), `affine_nm` (the
first three rows of (z, y, x, 1) to LPS in nanometres, or to a film's pixels), and `labels_zlib`
(pieces of the zlib stream of the uint8 array in C order). In a tumour overlay label n is lesion n;
in a fracture overlay 1 is an edge, 2 a suspicious contour, 16 to 23 the network's activation.
`organs_zlib`, where it is there, is a map of organs on the same grid.
Whoever issued it may lie: nothing here is believed before it is measured.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import FRAME
from medquorum.node.desk import DeskError
from medquorum.node.viewing.grids import Array, Grid, grid_of, nearest_labels
from medquorum.node.viewing.labels import Kind, LabelView
from medquorum.node.viewing.limits import OVERLAY_VOXELS
from medquorum.node.viewing.told import Description

NM_PER_MM: Final = 1_000_000
ACTIVATION: Final = range(16, 24)
_FILM_KINDS: Final[dict[int, Kind]] = {1: "edge", 2: "contour"}
_MANY_VOXELS: Final = 200_000
"""Labels of more are found on every fourth row and column: where they begin does not change."""
_FARTHEST_NM: Final = 1_000_000 * NM_PER_MM


@dataclass(frozen=True, slots=True, repr=False)
class Overlay:
    """A label map [z, y, x] and the 4 x 4 map of its voxels to mm LPS, or to film pixels."""

    labels: npt.NDArray[np.uint8]
    affine: npt.NDArray[np.float64]
    organs: npt.NDArray[np.uint8] | None = None
    """On the same grid; None where nobody told organs apart."""

    def of_organs(self) -> Overlay | None:
        """The map of organs as an overlay of its own."""
        return None if self.organs is None else replace(self, labels=self.organs, organs=None)

    @property
    def to_voxel(self) -> npt.NDArray[np.float64]:
        """The inverse of the affine."""
        return np.asarray(np.linalg.inv(self.affine))

    def plane_on(self, image: Description, index: int) -> bytes:
        """The labels of an image's slice, one byte for each voxel, nearest neighbour."""
        points: Array
        if image.kind == "xray":
            rows, columns = image.shape_of(index)
            places = np.meshgrid([index], np.arange(rows), np.arange(columns), indexing="ij")
            points = np.stack(places, axis=-1)[0].astype(np.float64)
        else:
            points = grid_of(image).plane(index)
        return nearest_labels(self.labels, self.to_voxel, points).tobytes()

    def views_on(self, image: Description, kind: Kind = "lesion") -> list[LabelView]:
        """Every label but 0, ascending, and where on an image it lies."""
        counts = np.bincount(self.labels.ravel(), minlength=256)
        present = (label for label in range(1, 256) if counts[label])
        return [self._view(image, label, int(counts[label]), kind) for label in present]

    def _view(self, image: Description, label: int, voxels: int, kind: Kind) -> LabelView:
        first, central, last = 0, 0, 0
        if image.kind == "xray":
            kind = _FILM_KINDS.get(label, "activation")
        else:
            every = 4 if voxels > _MANY_VOXELS else 1
            first, central, last = self._slices(grid_of(image), label, every)
        return LabelView(
            label=label,
            kind=kind,
            level=label - ACTIVATION.start if kind == "activation" else None,
            voxels=voxels,
            first_slice=first,
            central_slice=central,
            last_slice=last,
        )

    def _slices(self, grid: Grid, label: int, every: int) -> tuple[int, int, int]:
        """First, central and last slice of a label, by every n-th row and column."""
        where = np.argwhere(self.labels[:, ::every, ::every] == label) * (1, every, every)
        heights = grid.normal @ (self.affine[:3, :3] @ where.T + self.affine[:3, 3:4])
        planes, counts = np.unique(where[:, 0], return_counts=True)
        central = heights[where[:, 0] == planes[counts.argmax()]].mean()
        apart = np.abs(grid.heights[:, None] - (heights.min(), central, heights.max()))
        first, middle, last = (int(place) for place in apart.argmin(axis=0))
        return min(first, last), middle, max(first, last)


def unreadable(why: str) -> DeskError:
    """The refusal of an attachment that is no overlay."""
    return DeskError(422, "overlay", f"the report's attachment is no overlay: {why}")


def read_overlay(attachment: bytes) -> Overlay:
    """Unpack an overlay. Raises DeskError."""
    try:
        content = canonical.decode(attachment, FRAME)
    except CodecError:
        raise unreadable("it is not in canonical form") from None
    if not isinstance(content, dict):
        raise unreadable("it is no map")
    shape = _whole(content.get("shape"), 3, OVERLAY_VOXELS)
    affine_nm = _whole(content.get("affine_nm"), 12, _FARTHEST_NM)
    if min(shape) < 1 or int(np.prod(shape, dtype=object)) > OVERLAY_VOXELS:
        raise unreadable("its grid is empty or too large")
    affine = np.eye(4)
    affine[:3] = np.array(affine_nm, dtype=np.float64).reshape(3, 4) / NM_PER_MM
    if not 1e-9 < abs(float(np.linalg.det(affine[:3, :3]))) < 1e9:
        raise unreadable("its grid lies nowhere")
    organs = content.get("organs_zlib")
    labels = _unpacked(content.get("labels_zlib"), shape)
    return Overlay(labels, affine, None if organs is None else _unpacked(organs, shape))


def _whole(value: Any, count: int, most: int) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) != count:
        raise unreadable("its grid is not described")
    if not all(type(one) is int and abs(one) <= most for one in value):
        raise unreadable("its grid is not described")
    return tuple(value)


def _unpacked(pieces: Any, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    if not isinstance(pieces, list) or not all(isinstance(one, bytes) for one in pieces):
        raise unreadable("it has no labels")
    size = int(np.prod(shape))
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(b"".join(pieces), size + 1)
    except zlib.error:
        raise unreadable("its labels do not unpack") from None
    if len(plain) != size or not stream.eof or stream.unused_data:
        raise unreadable("its labels do not fill its grid")
    return np.frombuffer(plain, dtype=np.uint8).reshape(shape)
