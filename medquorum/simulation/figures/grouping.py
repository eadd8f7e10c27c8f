"""Rows in groups, groups in reading order."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from medquorum.simulation.results import RunRow

Key = TypeVar("Key", bound=Hashable)


def grouped(rows: Iterable[RunRow], key: Callable[[RunRow], Key]) -> dict[Key, list[RunRow]]:
    """Rows by a key, groups in the order in which they first come."""
    groups: dict[Key, list[RunRow]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def in_reading_order(labels: Iterable[str]) -> list[str]:
    """Sorted so that `doctors=10` comes after `doctors=4`."""
    return sorted(labels, key=_numbers_as_numbers)


def _numbers_as_numbers(label: str) -> tuple[tuple[str, int], ...]:
    parts = re.findall(r"(\D*)(\d*)", label)
    return tuple((text, int(digits) if digits else -1) for text, digits in parts)
