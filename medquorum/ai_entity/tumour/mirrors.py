"""A network asked about every window and its mirror images; its word is their mean.

Patches are mirrored in training too, hence no mirror image is strange to the network; the errors of
the passes differ, and their mean errs less. The price is time: one run of the network per pass.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Volume = npt.NDArray[np.float32]
Run = Callable[[Volume], tuple[Volume, ...]]
"""Images [n,c,z,y,x] to lesion logits [n,m,...] and organ logits [n,k,...]."""
AXES: Final = {"z": 2, "y": 3, "x": 4}
MAX_PASSES: Final = 8
"""All the mirror images there are."""
UNMIRRORED: Final[tuple[str, ...]] = ("",)


def mirrors_from(stated: object) -> tuple[str, ...]:
    """The passes as a card states them: the axes that each mirrors. Raises ValueError."""
    if not isinstance(stated, list) or not 1 <= len(stated) <= MAX_PASSES:
        raise ValueError("mirrors are a list of one to eight passes")
    passes = tuple(str(one) for one in stated)
    if any(set(one) - set(AXES) or len(set(one)) < len(one) for one in passes):
        raise ValueError("a pass names axes of x, y and z, each at most once")
    if len({frozenset(one) for one in passes}) < len(passes):
        raise ValueError("two passes are the same")
    return passes


def mirrored(run: Run, passes: Sequence[str]) -> Run:
    """``run`` as the mean over mirrored passes, each turned back."""
    if tuple(passes) == UNMIRRORED:
        return run
    flips = [tuple(AXES[axis] for axis in one) for one in passes]

    def ask(windows: Volume) -> tuple[Volume, ...]:
        sums: list[Volume] = []
        for axes in flips:
            answers = run(np.ascontiguousarray(np.flip(windows, axes)))
            if not sums:
                sums = [np.zeros_like(answer) for answer in answers]
            for so_far, answer in zip(sums, answers, strict=True):
                np.add(so_far, np.flip(answer, axes), out=so_far)
        for so_far in sums:
            np.divide(so_far, np.float32(len(flips)), out=so_far)
        return tuple(sums)

    return ask
