"""Run a windowed network over a whole grid: overlapping windows, blended, in bounded memory.

A network with instance normalisation answers by what is in its window, so windows have the size of
its training. They are laid evenly over the box of what is not air, clamped to the grid, and read in
batches; a window of nothing but air is left out, one with a single voxel of tissue never. Logits
are blended with a Gaussian weight that falls off towards the window's border, where the network
sees least (Isensee et al., Nature Methods 2021). Sums are kept for one row of windows only: planes
that no later window touches are finished at once, so that memory grows with the area of a slice.
A grid smaller than the window is padded with air on both sides.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.model_card import Multitask
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.grid import AIR_HU, Volume

Run = Callable[[Volume], tuple[Volume, ...]]
"""Images [n,c,z,y,x] to lesion logits [n,m,...] and organ logits [n,k,...]."""
Progress = Callable[[float], None]
"""Called with the share that is done, 0..1, ascending."""
Corner = tuple[int, int, int]
Organs = npt.NDArray[np.uint8]

BATCH: Final = 2
"""Windows per call: more takes more memory and is hardly faster on two cores."""
SIGMA_SHARE: Final = 0.125
"""Standard deviation of the weight over the window's side."""
LEAST_WEIGHT: Final = 1e-3
TISSUE_HU: Final = -500.0
"""Anything denser is never left out; thinner and air on average (next line) is no body."""
AIR_MEAN_HU: Final = -950.0
"""Lung at its thinnest has -910."""
NO_LESION: Final = -30.0
"""Logit of voxels that no window read."""


@dataclass(frozen=True, slots=True)
class Blended:
    """What the windows said together."""

    lesion: Volume
    """Logit [z,y,x], mean over the members asked for."""
    organs: Organs
    """Label of the highest logit [z,y,x]; air where no window was read."""


def run_windows(
    run: Run,
    images: Volume,
    plan: Multitask,
    members: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Blended:
    """Blend the network's windows over ``images`` [c,z,y,x] (HU first).

    ``members`` are the channels of the lesion output to average, None all. Raises ModelError when
    the network changes the size of its input.
    """
    padded, inner = _padded(images, plan.window)
    corners = _corners(padded[0], plan)
    depth, rows, columns = padded.shape[1:]
    lesion = np.full(padded.shape[1:], NO_LESION, dtype=np.float32)
    organs = np.full(padded.shape[1:], Organ.AIR, dtype=np.uint8)
    sums = _Sums((plan.window[0], rows, columns), plan.window)
    total = sum(len(row) for row in corners.values())
    done = 0
    firsts = sorted(corners)
    for first, following in zip(firsts, [*firsts[1:], depth], strict=True):
        sums.move_to(first)
        for batch in _batched(corners[first]):
            answers = run(np.stack([padded[(slice(None), *_box(at, plan.window))] for at in batch]))
            sums.add(batch, answers, members)
            done += len(batch)
            if progress is not None:
                progress(done / total)
        finished = slice(first, min(following, first + plan.window[0]))
        lesion[finished], organs[finished] = sums.planes(finished.stop - first)
    return Blended(lesion[inner], organs[inner])


class _Sums:
    """Weighted sums of one row of windows; plane 0 lies at ``start``."""

    def __init__(self, shape: tuple[int, int, int], window: tuple[int, int, int]) -> None:
        self.shape = shape
        self.window = window
        self.start = 0
        self.weight = gaussian_weight(window)
        self.weighted = np.empty_like(self.weight)
        self.total = np.zeros(shape, dtype=np.float32)
        self.logits = np.zeros((1 + len(Organ), *shape), dtype=np.float32)

    def move_to(self, start: int) -> None:
        """Forget the planes before ``start``, keep the others, begin the new ones at zero."""
        gone = min(start - self.start, self.shape[0])
        if gone > 0:
            for sums in (self.total[None], self.logits):
                sums[:, : self.shape[0] - gone] = sums[:, gone:].copy()
                sums[:, self.shape[0] - gone :] = 0.0
        self.start = start

    def add(
        self,
        corners: list[Corner],
        answers: tuple[Volume, ...],
        members: Sequence[int] | None,
    ) -> None:
        lesion, organs = answers
        if lesion.shape[2:] != self.window or organs.shape[2:] != self.window:
            raise ModelError(Reason.WRONG_OUTPUT, "the model changed the size of its input")
        asked = lesion if members is None else lesion[:, list(members)]
        chosen = asked.mean(axis=1)
        for index, (_, y, x) in enumerate(corners):
            place = (slice(None), slice(y, y + self.window[1]), slice(x, x + self.window[2]))
            self.total[place] += self.weight
            for sums, said in zip(self.logits, (chosen[index], *organs[index]), strict=True):
                np.multiply(self.weight, said, out=self.weighted)  # label by label: it stays near
                sums[place] += self.weighted

    def planes(self, count: int) -> tuple[Volume, Organs]:
        """The first ``count`` planes: lesion logits and organ labels."""
        read = self.total[:count] > 0.0
        share = np.where(read, self.total[:count], 1.0)
        lesion = np.where(read, self.logits[0, :count] / share, NO_LESION)
        labels = highest_label(self.logits[1:, :count])
        return np.nan_to_num(lesion.astype(np.float32), nan=NO_LESION), np.where(
            read, labels, np.uint8(Organ.AIR)
        )


def highest_label(logits: Volume) -> Organs:
    """``logits.argmax(axis=0)`` [z,y,x] of [k,z,y,x], for numbers; plane by plane it stays near."""
    labels = np.zeros(logits.shape[1:], dtype=np.uint8)
    for plane, found in enumerate(labels):
        best = logits[0, plane].copy()
        for label in range(1, len(logits)):
            higher = logits[label, plane] > best
            np.maximum(best, logits[label, plane], out=best)
            np.maximum(found, np.multiply(higher, np.uint8(label)), out=found)
    return labels


def gaussian_weight(window: tuple[int, int, int]) -> Volume:
    """Weight [z,y,x] of a window's voxels, highest in the middle, above zero everywhere."""
    sides = []
    for side in window:
        away = (np.arange(side) - (side - 1) / 2.0) / (SIGMA_SHARE * side)
        sides.append(np.exp(-0.5 * away**2))
    weight = sides[0][:, None, None] * sides[1][None, :, None] * sides[2][None, None, :]
    return np.asarray(np.maximum(weight, LEAST_WEIGHT), dtype=np.float32)


def window_starts(low: int, high: int, window: int, overlap: float) -> tuple[int, ...]:
    """Even starts of windows that cover ``low`` .. ``high``; consecutive ones overlap enough."""
    span = high - low
    if span <= window:
        return (low,)
    stride = max(int(window * (1.0 - overlap)), 1)
    count = -(-(span - window) // stride) + 1
    return tuple(round(low + (span - window) * index / (count - 1)) for index in range(count))


def _corners(hu: Volume, plan: Multitask) -> dict[int, list[Corner]]:
    """The windows to read, by their first plane; at least one."""
    axes = [
        window_starts(*_span(hu, axis, side), side, plan.overlap)
        for axis, side in enumerate(plan.window)
    ]
    found: dict[int, list[Corner]] = {}
    for z in axes[0]:
        row = [(z, y, x) for y in axes[1] for x in axes[2]]
        kept = [corner for corner in row if not is_air(hu[_box(corner, plan.window)])]
        if kept:
            found[z] = kept
    return found or {axes[0][0]: [(axes[0][0], axes[1][0], axes[2][0])]}


def is_air(hu: Volume) -> bool:
    """Whether nothing of a body is in it: no tissue, and thinner than lung on average."""
    return not bool((hu > TISSUE_HU).any()) and float(hu.mean()) < AIR_MEAN_HU


def _span(hu: Volume, axis: int, side: int) -> tuple[int, int]:
    """First and last + 1 plane of an axis that is not air, at least a window wide."""
    others = tuple(other for other in range(3) if other != axis)
    held = (hu > TISSUE_HU).any(axis=others) | (hu.mean(axis=others) >= AIR_MEAN_HU)
    planes = np.flatnonzero(held)
    length = hu.shape[axis]
    if len(planes) == 0:
        return 0, length
    low, high = int(planes[0]), int(planes[-1]) + 1
    missing = max(side - (high - low), 0)
    low = min(max(low - missing // 2, 0), length - max(high - low, side))
    return low, max(high, low + side)


def _padded(
    images: Volume, window: tuple[int, int, int]
) -> tuple[Volume, tuple[slice, slice, slice]]:
    """Images of at least a window's size, and where the original lies in them."""
    sizes = images.shape[1:]
    before = [max(side - size, 0) // 2 for size, side in zip(sizes, window, strict=True)]
    after = [
        max(side - size, 0) - first for size, side, first in zip(sizes, window, before, strict=True)
    ]
    pads = list(zip(before, after, strict=True))
    hu = np.pad(images[:1], ((0, 0), *pads), constant_values=AIR_HU)
    rest = np.pad(images[1:], ((0, 0), *pads))
    z, y, x = (slice(first, first + size) for first, size in zip(before, sizes, strict=True))
    return np.concatenate([hu, rest]).astype(np.float32), (z, y, x)


def _box(corner: Corner, window: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    z, y, x = (slice(start, start + side) for start, side in zip(corner, window, strict=True))
    return z, y, x


def _batched(corners: list[Corner]) -> Iterator[list[Corner]]:
    for start in range(0, len(corners), BATCH):
        yield corners[start : start + BATCH]
