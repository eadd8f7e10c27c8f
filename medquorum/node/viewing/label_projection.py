"""The labels of a report as they stand on a projection of its PET.

Lines of sight run along the label map's own axis nearest to them: for the grids of one scanner,
which are parallel, that is the same line. Of labels behind each other the smallest is drawn.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum.node.viewing.grids import Array
from medquorum.node.viewing.overlay import Overlay
from medquorum.node.viewing.projection import views_of
from medquorum.node.viewing.sights import SightName, SightView
from medquorum.node.viewing.told import Description

Labels = npt.NDArray[np.uint8]


def labels_seen(overlay: Overlay, image: Description, name: SightName) -> bytes:
    """A label for each pixel of a view of the image, one byte each, row by row.

    Raises ValueError for an image that has no such view.
    """
    view = next(one for one in views_of(image) if one.name == name)
    flat, along = _flattened(overlay, np.array(view.depth))
    seen = _sampled(flat, _to_flat(overlay, view), along, view)
    _keep_small(seen, flat, along, overlay.affine, view)
    return seen.tobytes()


def _flattened(overlay: Overlay, depth: Array) -> tuple[Labels, int]:
    """The label map along its axis nearest to a direction, and that axis."""
    steps = overlay.affine[:3, :3] / np.linalg.norm(overlay.affine[:3, :3], axis=0)
    along = int(np.abs(depth @ steps).argmax())
    counts = np.bincount(overlay.labels.ravel(), minlength=256)
    counts[0] = counts.max() + 1
    largest_first = np.argsort(-counts, kind="stable").astype(np.uint8)
    rank = np.empty(256, dtype=np.uint8)
    rank[largest_first] = np.arange(256)
    return largest_first[rank[overlay.labels].max(axis=along)], along


def _to_flat(overlay: Overlay, view: SightView) -> Array:
    """Where the pixels of a view lie in the label map [rows, columns, 3], half deep in it."""
    origin, across, down, depth = map(np.array, (view.origin, view.across, view.down, view.depth))
    middle = overlay.affine[:3] @ [*((np.array(overlay.labels.shape) - 1) / 2), 1.0]
    start = origin + depth * float((middle - origin) @ depth)
    rows = np.arange(view.rows)[:, None, None] * down
    points = start + rows + np.arange(view.columns)[None, :, None] * across
    return np.asarray(points @ overlay.to_voxel[:3, :3].T + overlay.to_voxel[:3, 3])


def _sampled(flat: Labels, places: Array, along: int, view: SightView) -> Labels:
    """The nearest label of each pixel."""
    near = np.clip(np.rint(np.delete(places, along, axis=-1)), -1, flat.shape).astype(np.intp)
    inside = ((near >= 0) & (near < flat.shape)).all(axis=-1)
    row, column = (np.where(inside, near[..., one], 0) for one in (0, 1))
    return np.where(inside, flat[row, column], 0).astype(np.uint8)


def _keep_small(seen: Labels, flat: Labels, along: int, affine: Array, view: SightView) -> None:
    """Draw the labels that lie between the middles of all pixels: none is too small to be seen."""
    missing = np.setdiff1d(np.unique(flat), [0, *np.unique(seen)])
    where = np.argwhere(np.isin(flat, missing))
    if not len(where):
        return
    middle = np.insert(where.astype(np.float64), along, 0.0, axis=1)
    points = middle @ affine[:3, :3].T + affine[:3, 3] - np.array(view.origin)
    steps = np.array([view.down, view.across, view.depth]).T
    near = np.rint(points @ np.linalg.inv(steps).T)[:, :2]
    inside = ((near >= 0) & (near < seen.shape)).all(axis=1)
    row, column = near[inside].astype(np.intp).T
    seen[row, column] = flat[tuple(where[inside].T)]
