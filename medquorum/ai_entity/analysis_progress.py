"""How a command shows an analysis at work: a bar on a terminal, lines elsewhere, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from medquorum.ai_entity.isolated_watch import Watch
from medquorum.ai_entity.telling import telling


@contextmanager
def watched(step: str, quiet: bool) -> Iterator[Watch]:
    """A watch whose progress the user sees on stderr, unless ``quiet``."""
    if quiet:
        yield Watch()
    elif sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(step, total=1.0)
            yield Watch(lambda share: bar.update(task, completed=share))
    else:
        with telling(step):
            yield Watch()


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
