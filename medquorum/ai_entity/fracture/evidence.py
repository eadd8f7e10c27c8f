"""The picture behind the numbers: edges, suspicious contours, and the network's map as heat.

Labels of the overlay, at working size: 1 an edge, 2 a suspicious contour (of those that count),
HEAT_LABEL + k where the network's log-odds of a fracture lie between k and k + 1 (k from 0 to 7).
Edges cover heat. Heat and boxes are shown on the limb alone: a letter beside it is no finding.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.fracture.edges import EdgeMaps, Suspicion, find_body, off_the_rim
from medquorum.ai_entity.fracture.fused import TileOpinion
from medquorum.ai_entity.overlay import Overlay, make_overlay

EDGE_LABEL, SUSPICION_LABEL = 1, 2
HEAT_LABEL: Final = 16
HEAT_LEVELS: Final = 8
BOX_LEVEL: Final = 1.0
"""Log-odds from which a place belongs to the network's box."""

QUICK: Final = 6
"""Of zlib: half the time of 9 for a twentieth more bytes."""

MAX_BOXES: Final = 32
MAX_NETWORK_BOXES: Final = 4

MIN_PIECE: Final = 0.1
"""Of the largest piece denser than air: fingers count as limb, letters and clips do not."""

ON_LIMB: Final = 0.5
"""Share of a box that must lie on the limb."""

Heat = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Evidence:
    """Edges and contours of the rule, and the network's log-odds by place."""

    maps: EdgeMaps
    contours: tuple[Suspicion, ...]
    heat: Heat | None
    """At working size; None where the network took no part."""

    @cached_property
    def limb(self) -> Mask:
        """Where the limb lies, at working size; everywhere where the picture is not at hand."""
        small = self.maps.small
        if small is None:
            return np.ones(self.maps.edges.shape, dtype=np.bool_)
        return _large_pieces(find_body(small.grey, off_the_rim(small.exposed)))

    def boxes(self) -> tuple[Box, ...]:
        """Where a fracture is suspected, in pixels of the original: the network's, then the rule's.

        The network's are hottest first, the rule's longest first.
        """
        found = [*self._hot, *self._on_limb(one.box for one in self.contours)]
        scale = self.maps.scale
        return tuple(
            (round(x / scale), round(y / scale), round(w / scale), round(h / scale))
            for x, y, w, h in found[:MAX_BOXES]
        )

    def places(self) -> tuple[int, int]:
        """How many of the boxes are the network's and how many the rule's."""
        hot = len(self._hot)
        return hot, len(self.boxes()) - hot

    @cached_property
    def _hot(self) -> list[Box]:
        """The network's boxes on the limb."""
        return [] if self.heat is None else self._on_limb(_hot_boxes(self.heat))

    def _on_limb(self, boxes: Iterable[Box]) -> list[Box]:
        return [box for box in boxes if self.limb[_inside(box)].mean() >= ON_LIMB]

    def overlay(self) -> Overlay:
        """The label map; its affine leads to original pixels."""
        if self.heat is None:
            labels = np.zeros(self.maps.edges.shape, dtype=np.uint8)
        else:
            level = np.clip(self.heat, -1.0, HEAT_LEVELS - 0.5) + np.float32(HEAT_LABEL)
            labels = np.where((self.heat >= 0.0) & self.limb, level, 0.0).astype(np.uint8)
        labels[self.maps.edges] = EDGE_LABEL
        for one in self.contours:
            part = _inside(one.box)
            labels[part][self.maps.across[part]] = SUSPICION_LABEL
        affine = np.diag([1.0, 1.0 / self.maps.scale, 1.0 / self.maps.scale, 1.0])
        return make_overlay(labels[None], affine, QUICK)


def spread_activation(tiles: TileOpinion, shape: tuple[int, ...], scale: float) -> Heat:
    """Class-activation maps of the tiles on one plane of ``shape``, averaged where tiles overlap.

    ``scale`` is that plane's pixels per pixel of the original; places without a tile are -1.
    """
    total = np.zeros(shape, dtype=np.float32)
    count = np.zeros(shape, dtype=np.float32)
    side = max(round(tiles.grid.side * scale), 1)
    for (x, y), activation in zip(tiles.grid.centres, tiles.activation, strict=True):
        large = cv2.resize(activation, (side, side), interpolation=cv2.INTER_LINEAR)
        left, top = round(x * scale - side / 2.0), round(y * scale - side / 2.0)
        rows = slice(max(top, 0), min(top + side, shape[0]))
        columns = slice(max(left, 0), min(left + side, shape[1]))
        part = large[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        total[rows, columns] += part
        count[rows, columns] += 1.0
    return np.asarray(np.where(count > 0.0, total / np.maximum(count, 1.0), -1.0))


def _inside(box: Box) -> tuple[slice, slice]:
    x, y, width, height = box
    return slice(y, y + height), slice(x, x + width)


def _large_pieces(body: Mask) -> Mask:
    """The pieces of at least MIN_PIECE of the largest."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(body.view(np.uint8), ltype=cv2.CV_32S)
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0
    kept = areas >= max(MIN_PIECE * int(areas.max()), 1)
    return np.asarray(kept[labels])


def _hot_boxes(heat: Heat) -> list[Box]:
    """Bounding boxes of the hottest pieces."""
    hot = (heat >= BOX_LEVEL).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hot, ltype=cv2.CV_16U)
    pieces = []
    for number in range(1, count):
        x, y, width, height = (int(side) for side in stats[number, :4])
        part = slice(y, y + height), slice(x, x + width)
        peak = float(heat[part][labels[part] == number].max())
        pieces.append((-peak, (x, y, width, height)))
    return [box for _, box in sorted(pieces)[:MAX_NETWORK_BOXES]]
