"""Whether two images can be of one patient: identifiers are compared, never shown.

Names and dates are compared only where a number is lacking: a name may be spelt in two ways, and
patients marry. What an anonymiser leaves in place of an identifier names nobody.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from medquorum.ai_entity.dicom_slice import optional
from medquorum.ai_entity.errors import SeriesError

DUMMIES: Final = re.compile(
    r"[\W_0]*|x+|(de-?identified|anon(ym(ous|i[sz]ed)?)?|unknown|none|null|n/?a|no ?name|removed|"
    r"patient|test)[\W_0]*"
)
"""Whole identifiers, in lower case, that stand for none; ``anon 7`` may tell two patients apart."""


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Whose image it is, as its header says; None where it says nothing."""

    number: str | None = None
    """PatientID."""
    name: str | None = None
    birth_date: str | None = None

    def may_be(self, other: "Identity") -> bool:
        """Whether nothing that both state tells them apart."""
        if self.number is not None and other.number is not None:
            return self.number == other.number
        return not (_differ(self.birth_date, other.birth_date) or _differ(self.name, other.name))

    def known_with(self, other: "Identity") -> "Identity":
        """What either of two images of one patient states."""
        return Identity(
            self.number or other.number,
            self.name or other.name,
            self.birth_date or other.birth_date,
        )


NOBODY: Final = Identity()
"""Of an image that names no patient."""


def read_identity(dataset: Any, ordinal: int) -> Identity:
    """The identity in a header; a field that cannot be read states nothing."""
    return Identity(
        number=_stated(dataset, "PatientID", ordinal),
        name=_stated(dataset, "PatientName", ordinal),
        birth_date=_stated(dataset, "PatientBirthDate", ordinal),
    )


def _stated(dataset: Any, keyword: str, ordinal: int) -> str | None:
    try:
        value = optional(dataset, keyword, ordinal)
    except SeriesError:
        return None
    words = "" if value is None else str(getattr(value, "alphabetic", value))
    plain = " ".join(words.replace("^", " ").split()).casefold()
    return None if DUMMIES.fullmatch(plain) else plain


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other
