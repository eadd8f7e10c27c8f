"""Independent numeric steps on the cores that this process may use.

The network has its own threads; what is done before and after it is one filter after the other, and
numpy and scipy let go of Python's lock while they work. What is answered does not depend on how
many threads there are.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from medquorum.ai_entity.limits import MAX_THREADS, THREADS_VARIABLE, model_threads

Answer = TypeVar("Answer")


def threads_told() -> int:
    """As many as an analysis child was told for its model; elsewhere two, where there are two."""
    told = model_threads() if THREADS_VARIABLE in os.environ else os.cpu_count() or 1
    return min(told, MAX_THREADS)


def side_by_side(steps: Iterable[Callable[[], Answer]]) -> list[Answer]:
    """What the steps answer, in their order; the first to fail raises."""
    with ThreadPoolExecutor(threads_told()) as pool:
        running = [pool.submit(step) for step in steps]
        return [one.result() for one in running]
