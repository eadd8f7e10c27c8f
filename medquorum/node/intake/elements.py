"""The values of one file's elements, each typed and bounded as it is asked for.

A value that is absent or empty is *missing*, one that cannot be what its keyword says is *bad*;
either is told by file and tag, never by value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydicom.valuerep import DA, DT, TM

from medquorum.node.intake.faults import Fault, IntakeRefused

_IDENTIFIER_CHARACTERS: Final = 64
_WORD_CHARACTERS: Final = 1_024


class Elements:
    """Typed reading of a dataset; every method raises IntakeRefused."""

    def __init__(self, dataset: Any, ordinal: int) -> None:
        self._dataset = dataset
        self.ordinal: Final = ordinal

    def missing(self, keyword: str) -> IntakeRefused:
        """The refusal of a file without this element."""
        return IntakeRefused(Fault.MISSING, self.ordinal, keyword)

    def bad(self, keyword: str) -> IntakeRefused:
        """The refusal of a file where this element cannot be used."""
        return IntakeRefused(Fault.BAD, self.ordinal, keyword)

    def found(self, keyword: str) -> Any | None:
        """The value, None when absent or empty."""
        try:
            value = self._dataset.get(keyword)
            empty = value is None or (hasattr(value, "__len__") and len(value) == 0)
        except MemoryError:
            raise
        except Exception:
            raise self.bad(keyword) from None
        return None if empty else value

    def word(self, keyword: str) -> str | None:
        """One text, stripped; None when absent."""
        value = self.found(keyword)
        if value is None:
            return None
        text = str(value).strip() if isinstance(value, str) or not _many(value) else ""
        if not 0 < len(text) <= _WORD_CHARACTERS:
            raise self.bad(keyword)
        return text

    def words(self, keyword: str) -> tuple[str, ...]:
        """Every text of a multi-valued element in upper case."""
        value = self.found(keyword)
        if value is None:
            return ()
        several = value if _many(value) else (value,)
        return tuple(str(each).strip().upper() for each in several)

    def uid(self, keyword: str) -> str:
        """An identifier that must be there; it is only compared, so any characters will do."""
        value = self.word(keyword)
        if value is None:
            raise self.missing(keyword)
        if len(value) > _IDENTIFIER_CHARACTERS:
            raise self.bad(keyword)
        return value

    def numbers(self, keyword: str, count: int) -> tuple[float, ...]:
        """This many finite decimals that must be there."""
        value = self.found(keyword)
        if value is None:
            raise self.missing(keyword)
        several = list(value) if _many(value) else [value]
        try:
            numbers = tuple(float(each) for each in several)
        except (TypeError, ValueError, OverflowError):
            raise self.bad(keyword) from None
        if len(numbers) != count or not all(math.isfinite(each) for each in numbers):
            raise self.bad(keyword)
        return numbers

    def positive(self, keyword: str) -> float:
        """A decimal above zero that must be there: zero is how scanners write *unknown*."""
        number = self.numbers(keyword, 1)[0]
        if number == 0.0:
            raise self.missing(keyword)
        if not 0.0 < number < 1e15:
            raise self.bad(keyword)
        return number

    def whole(self, keyword: str, default: int | None = None) -> int:
        """A whole number."""
        if default is not None and self.found(keyword) is None:
            return default
        number = self.numbers(keyword, 1)[0]
        if number != int(number):
            raise self.bad(keyword)
        return int(number)

    def date(self, keyword: str) -> bool:
        """Whether there is a date; refused when it is none."""
        return self._readable(keyword, DA)

    def time(self, keyword: str) -> bool:
        """Whether there is a time of day; refused when it is none."""
        return self._readable(keyword, TM)

    def moment(self, keyword: str) -> bool:
        """Whether there is a date with a time; refused when it is none."""
        return self._readable(keyword, DT)

    def within(self, keyword: str) -> Elements:
        """The first entry of a sequence that must be there."""
        sequence = self.found(keyword)
        if sequence is None:
            raise self.missing(keyword)
        if isinstance(sequence, str) or not hasattr(sequence[0], "private_block"):
            raise self.bad(keyword)
        return Elements(sequence[0], self.ordinal)

    def private_number(self, group: int, creator: str, element: int) -> float | None:
        """A private decimal above zero; None when it is absent or none."""
        try:
            number = float(self._dataset.private_block(group, creator)[element].value)
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
            return None
        return number if 0.0 < number < 1e15 else None

    def _readable(self, keyword: str, parse: Callable[[str], object]) -> bool:
        value = self.word(keyword)
        if value is None:
            return False
        try:
            parse(value)
        except (TypeError, ValueError, OverflowError):
            raise self.bad(keyword) from None
        return True


def _many(value: Any) -> bool:
    return not isinstance(value, (str, bytes)) and isinstance(value, Sequence)
