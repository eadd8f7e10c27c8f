"""One TOML table read key by key, collecting every fault with its path instead of stopping.

A faulty key yields a value in bounds, so that reading goes on; whoever reads the last table looks
at the faults before using anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

Closed = TypeVar("Closed", bound=StrEnum)
Value = TypeVar("Value")


class SourceTable:
    """A table at a dotted path; `finish` reports the keys nobody asked for."""

    __slots__ = ("_known", "_path", "_values", "faults")

    def __init__(self, values: object, path: str, faults: list[str]) -> None:
        self.faults = faults
        self._path = path
        self._known: set[str] = set()
        self._values: Mapping[str, object] = {}
        if isinstance(values, dict):
            self._values = values
        else:
            faults.append(f"{path}: must be a table")

    def at(self, name: str) -> str:
        """The dotted path of a key."""
        return f"{self._path}.{name}" if self._path else name

    def refuse(self, name: str, expected: str) -> None:
        """Note that a key is not as expected."""
        self.faults.append(f"{self.at(name)}: {expected}")

    def take(self, name: str, default: object = None) -> object:
        """The value of a key, or the default; None without a default is a fault."""
        self._known.add(name)
        if name in self._values:
            return self._values[name]
        if default is None:
            self.refuse(name, "is missing")
        return default

    def whole_number(self, name: str, bounds: tuple[int, int], default: int) -> int:
        """An int within bounds."""
        value = self.take(name, default)
        low, high = bounds
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.refuse(name, f"must be a whole number from {low} to {high}")
            return default
        return value

    def text(self, name: str) -> str:
        """A str that is not empty; empty when faulty."""
        value = self.take(name)
        if isinstance(value, str) and value:
            return value
        if value is not None:
            self.refuse(name, "must be text in quotes, and not empty")
        return ""

    def flag(self, name: str, default: bool) -> bool:
        """A bool."""
        value = self.take(name, default)
        if not isinstance(value, bool):
            self.refuse(name, "must be true or false")
            return default
        return value

    def choice(self, name: str, kinds: type[Closed], default: Closed | None = None) -> Closed:
        """A member of a closed set; the first one when faulty."""
        value = self.take(name, default.value if default is not None else None)
        if isinstance(value, str) and value in {kind.value for kind in kinds}:
            return kinds(value)
        if value is not None:
            self.refuse(name, "must be one of " + ", ".join(kind.value for kind in kinds))
        return next(iter(kinds))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of str; empty when it is absent or faulty."""
        value = self.take(name, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            self.refuse(name, "must be a list of texts in quotes")
            return ()
        return tuple(value)

    def moment_ms(self, name: str) -> int:
        """A date and time with its offset from UTC, as milliseconds since 1970."""
        value = self.take(name)
        if isinstance(value, datetime) and value.tzinfo is not None and value.year >= 1970:
            return int(value.timestamp()) * 1_000 + value.microsecond // 1_000
        if value is not None:
            self.refuse(name, "must be a date and time with offset, like 2026-01-31T12:00:00Z")
        return 0

    def table(self, name: str) -> SourceTable:
        """A table below this one; empty when it is absent."""
        return SourceTable(self.take(name, {}), self.at(name), self.faults)

    def tables(self, name: str, longest: int) -> tuple[SourceTable, ...]:
        """An array of tables, `[[name]]`."""
        value = self.take(name)
        if not isinstance(value, list) or not value or len(value) > longest:
            if value is not None:
                self.refuse(name, f"must be 1 to {longest} tables [[{name}]]")
            return ()
        return tuple(
            SourceTable(entry, f"{self.at(name)}[{place}]", self.faults)
            for place, entry in enumerate(value, 1)
        )

    def ignore(self, name: str) -> None:
        """Accept a key that is somebody else's."""
        self._known.add(name)

    def finish(self) -> None:
        """Note every key that nobody asked for: a misspelt rule must not be silently lost."""
        for name in sorted(set(self._values) - self._known):
            self.refuse(name, "is unknown; correct or remove it")
