"""What the viewer sees: one line per thing that happened, with the time since the start."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

MARKS: Final = {"approve": "[green]✓[/]", "reject": "[red]✗[/]", "abstain": "[yellow]–[/]"}


class Timeline:
    """Prints as things happen; `picture` saves the same as an SVG."""

    def __init__(self, width: int = 118) -> None:
        self.console = Console(record=True, highlight=False, width=width)
        self._started = time.monotonic()

    def heading(self, text: str) -> None:
        """A part of the story begins."""
        self.console.print(Rule(f"[bold]{text}[/]", style="cyan"))

    def note(self, text: str, style: str = "") -> None:
        """One line with the time since the start; a long one goes on under its own beginning."""
        self._row(f"{self._elapsed():7.1f} s", Text.from_markup(text, style=style))

    def detail(self, text: str) -> None:
        """A line that belongs to the one before."""
        self._row("", Text.from_markup(text, style="dim"))

    def _row(self, when: str, what: Text) -> None:
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=9, style="dim")
        row.add_column()
        row.add_row(when, what)
        self.console.print(row)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show that something takes a while; a plain line where there is no terminal."""
        if not self.console.is_terminal:
            self.note(f"[dim]{text} …[/]")
            yield
            return
        with self.console.status(f"[dim]{text} …[/]"):
            yield

    def picture(self, path: Path, title: str) -> None:
        """Everything printed so far as an SVG that asks no other host for fonts."""
        drawn = self.console.export_svg(title=title, clear=False)
        path.write_text(re.sub(r"@font-face\s*{[^}]*}", "", drawn), encoding="utf-8")

    def _elapsed(self) -> float:
        return time.monotonic() - self._started


def ballots_line(cast: list[tuple[str, str, str]]) -> str:
    """`(name, decision, role)` of each vote as one coloured line."""
    shown = []
    for name, decision, role in cast:
        star = "[bold]*[/]" if role == "attending" else ""
        shown.append(f"{MARKS[decision]} {name}{star}")
    return "   ".join(shown)
