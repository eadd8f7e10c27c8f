"""A PET at one look: the highest uptake along each line of sight, from the front and from the side.

Lines of sight run along the axis of the volume that lies nearest to the patient's front and back,
or left and right; rows and columns keep the volume's own directions, turned so that the head is up,
the patient's right on the left from the front and the front on the left from the side. Numbers stay
those that are stored, so that slope and windows of the slices hold for them. Slices go where their
positions say: a gap is filled with what lies nearest to it. What is too fine for the limit is
joined by its highest number, so that no hot spot is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.node.viewing.grids import Array
from medquorum.node.viewing.limits import PROJECTION_SIDE
from medquorum.node.viewing.sights import SightName, SightView
from medquorum.node.viewing.told import Description

Projections = Mapping[SightName, bytes]
Pixels = npt.NDArray[Any]
Places = npt.NDArray[np.intp]

LEAST_MM: Final = 1e-3
"""Steps below this are none."""
LEAST_VOLUME: Final = 0.05
"""Of the box of three directions; flatter ones do not span a body."""
_UP: Final = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a volume, drawn."""

    step_mm: Array
    """From a pixel to the next, LPS."""
    places: Places
    """The pixel of each index."""
    start: float
    """Where on the axis the first pixel's centre lies, in pixels from the first index."""
    count: int
    """Pixels."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A view: which axes of [slices, rows, columns] run down, across and along the line of sight,
    and which of the first two are turned round."""

    name: SightName
    down: int
    across: int
    along: int
    turned: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Body:
    """The axes of a PET and the two views of it."""

    axes: tuple[Axis, Axis, Axis]
    origin: Array
    """Centre of the first voxel, mm LPS."""
    sights: tuple[Sight, Sight]

    def view(self, sight: Sight) -> SightView:
        """Where the pixels of a view lie."""
        down, across, along = (self.axes[one] for one in (sight.down, sight.across, sight.along))
        middle = self.origin + along.step_mm * (along.count - 1) / 2
        steps = []
        for axis, turned in zip((down, across), sight.turned, strict=True):
            last = axis.start + axis.count - 1
            middle = middle + axis.step_mm * (last if turned else axis.start)
            steps.append(-axis.step_mm if turned else axis.step_mm)
        depth = along.step_mm / np.linalg.norm(along.step_mm)
        towards = depth if depth[1 if sight.name == "front" else 0] > 0 else -depth
        return SightView(
            name=sight.name,
            columns=across.count,
            rows=down.count,
            origin=_triple(middle),
            across=_triple(steps[1]),
            down=_triple(steps[0]),
            depth=_triple(towards),
        )


def body_of(image: Description) -> Body:
    """How a PET is drawn. ValueError for another kind, and where its directions span no body."""
    if image.kind != "pet" or image.orientation is None or image.spacing_mm is None:
        raise ValueError("projections are made of a PET")
    cosines = np.array(image.orientation, dtype=np.float64).reshape(2, 3)
    lengths = np.linalg.norm(cosines, axis=1)
    if lengths.min() < LEAST_MM:
        raise ValueError("its directions are none")
    across, down = cosines / lengths[:, None]
    column_mm, row_mm = (mm if mm > LEAST_MM else 1.0 for mm in image.spacing_mm[:2])
    slices = _slice_axis(image, np.cross(across, down), row_mm)
    axes = (
        slices,
        _even_axis(down * row_mm, image.rows),
        _even_axis(across * column_mm, image.columns),
    )
    return Body(axes, np.array(image.positions[0], dtype=np.float64), _sights(axes))


def views_of(image: Description) -> list[SightView]:
    """The views of a PET. ValueError for what has none."""
    body = body_of(image)
    return [body.view(sight) for sight in body.sights]


def projected(image: Description, read: Callable[[int], bytes]) -> Projections:
    """Every view, int16 row by row; `read` gives a plane as the description says. ValueError."""
    body = body_of(image)
    shape = (image.slices, image.rows, image.columns)
    found: dict[SightName, bytes] = {}
    drawn: dict[SightName, Pixels] = {}
    for sight in body.sights:
        rest = [shape[one] if one else body.axes[0].count for one in _rest(sight)]
        drawn[sight.name] = np.full(rest, np.iinfo(np.int16).min, dtype=np.int16)
    for index, place in enumerate(body.axes[0].places):
        plane = np.frombuffer(read(index), "<i2").reshape(image.rows, image.columns)
        for sight in body.sights:
            seen = drawn[sight.name]
            held = seen if sight.along == 0 else seen[place]
            np.maximum(held, plane if sight.along == 0 else plane.max(sight.along - 1), out=held)
    for sight in body.sights:
        pixels = _joined(drawn[sight.name], body, sight)
        found[sight.name] = _standing(pixels, sight).astype("<i2").tobytes()
    return found


def _sights(axes: tuple[Axis, Axis, Axis]) -> tuple[Sight, Sight]:
    """The axes nearest to those of the patient. ValueError where they span no body."""
    steps_mm = np.array([one.step_mm for one in axes])
    towards = steps_mm / np.maximum(np.linalg.norm(steps_mm, axis=1), LEAST_MM)[:, None]
    if not abs(float(np.linalg.det(towards))) > LEAST_VOLUME:
        raise ValueError("its directions span no body")
    head, back, left = max(
        permutations(range(3)), key=lambda order: sum(abs(towards[order, (2, 1, 0)]))
    )
    upside_down = bool(towards[head] @ _UP > 0)
    return (
        Sight("front", head, left, back, (upside_down, bool(towards[left, 0] < 0))),
        Sight("side", head, back, left, (upside_down, bool(towards[back, 1] < 0))),
    )


def _even_axis(step_mm: Array, count: int) -> Axis:
    joined = -(-count // PROJECTION_SIDE)
    places = np.arange(count) // joined
    return Axis(step_mm * joined, places, (joined - 1) / (2 * joined), int(places[-1]) + 1)


def _slice_axis(image: Description, normal: Array, row_mm: float) -> Axis:
    """Slices by their heights; as far apart as most are, or as the limit asks."""
    positions = np.array(image.positions, dtype=np.float64)
    heights = (positions - positions[0]) @ normal
    span = float(heights[-1])
    usual = image.spacing_mm[2] if image.spacing_mm is not None else None
    if abs(span) < LEAST_MM or usual is None or usual < LEAST_MM:
        return Axis(normal * row_mm, np.zeros(len(heights), dtype=np.intp), 0.0, 1)
    pitch = max(usual, abs(span) / (PROJECTION_SIDE - 1))
    count = min(round(abs(span) / pitch) + 1, PROJECTION_SIDE)
    places = np.clip(np.rint(heights / (np.sign(span) * pitch)), 0, count - 1)
    step_mm = (positions[-1] - positions[0]) * (pitch / abs(span))
    return Axis(step_mm, places.astype(np.intp), 0.0, count)


def _rest(sight: Sight) -> tuple[int, int]:
    """The axes that are drawn, in the volume's order."""
    return min(sight.down, sight.across), max(sight.down, sight.across)


def _joined(pixels: Pixels, body: Body, sight: Sight) -> Pixels:
    """One pixel for each place of both axes."""
    for number, one in enumerate(_rest(sight)):
        places = body.axes[one].places
        if one == 0:
            taken = np.unique(places)
            between = (taken[1:] + taken[:-1]) / 2
            pixels = pixels[taken[np.searchsorted(between, np.arange(len(pixels)))]]
        else:
            starts = np.searchsorted(places, np.arange(body.axes[one].count))
            pixels = np.maximum.reduceat(pixels, starts, axis=number)
    return pixels


def _standing(pixels: Pixels, sight: Sight) -> Pixels:
    upright = pixels if sight.down < sight.across else pixels.T
    rows, columns = (slice(None, None, -1 if turned else 1) for turned in sight.turned)
    return np.asarray(upright[rows, columns])


def _triple(vector: Array) -> tuple[float, float, float]:
    return (float(vector[0]), float(vector[1]), float(vector[2]))
