"""A transcript short enough to read: what several nodes do alike within seconds is one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

TOGETHER_MS: Final = 5_000
"""Nodes that do the same within this are told of in one line."""
NAMED: Final = 4
"""Up to so many nodes are named one by one."""
_SAID: Final = re.compile(r"\s*(\d+) ms  ([df]\d+'?) (.+)")


@dataclass(slots=True)
class _Told:
    """One line to be, and who has done the same since."""

    line: str
    started_ms: int = 0
    ended_ms: int = 0
    what: str = ""
    names: list[str] = field(default_factory=list)

    def in_words(self) -> str:
        """The line, or one for all who did the same."""
        if len(self.names) < 2:
            return self.line
        who = " ".join(self.names)
        if len(self.names) > NAMED:
            who = f"{len(self.names)} nodes, {self.names[0]} first"
        after = self.ended_ms - self.started_ms
        last = f", last {after} ms later" if after else ""
        return f"{self.started_ms:>8} ms  {who}: {self.what}{last}"


def condensed(lines: Iterable[str]) -> Iterator[str]:
    """The lines in the order of their first event; a line of no node stays as it is."""
    told: list[_Told] = []
    latest: dict[str, _Told] = {}
    for line in lines:
        said = _SAID.fullmatch(line)
        if said is None:
            told.append(_Told(line))
            continue
        at_ms, name, what = int(said[1]), said[2], said[3]
        alike = latest.get(what)
        late = alike is not None and at_ms - alike.started_ms > TOGETHER_MS
        if alike is None or late or name in alike.names:
            alike = latest[what] = _Told(line, at_ms, at_ms, what)
            told.append(alike)
        alike.names.append(name)
        alike.ended_ms = at_ms
    return (one.in_words() for one in told)
