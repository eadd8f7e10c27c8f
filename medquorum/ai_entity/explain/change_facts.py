"""What changed since the last study of the same patient, as typed values without a float.

The ``changes`` map of a machine's findings (R-CON3): volumes in microlitres, uptake and glycolysis
in thousandths, shares in ppm (a relative change may be negative or above a million), places in
micrometres. A value that cannot be compared is None and never 0.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

PPM: Final = 1_000_000


class Alignment(StrEnum):
    """How the two studies were brought onto one another."""

    SAME_FRAME = "same_frame"
    """One DICOM frame of reference: the scanner's own coordinates are compared."""
    REGISTERED = "registered"
    """Different frames: shifted so that body, fat, soft tissue and bone agree; never turned."""
    NONE = "none"
    """No place of one can be found in the other; only totals are compared."""


class Fate(StrEnum):
    """What became of a lesion."""

    PERSISTS = "persists"
    NEW = "new"
    VANISHED = "vanished"
    OUTSIDE_BEFORE = "outside_before"
    """Seen now where the earlier study did not look."""
    OUTSIDE_NOW = "outside_now"
    """Seen before where this study does not look."""
    UNPLACED = "unplaced"
    """The studies could not be aligned."""


class Course(StrEnum):
    """What published thresholds would call the change; no response assessment."""

    COMPLETE = "complete_decrease"
    PARTIAL = "partial_decrease"
    STABLE = "stable"
    PROGRESSIVE = "progressive"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number then and now."""

    before: int | None
    now: int | None

    @property
    def change_ppm(self) -> int | None:
        """Relative change; None where there is nothing to relate it to."""
        if self.before is None or self.now is None or self.before <= 0:
            return None
        return round((self.now - self.before) * PPM / self.before)


@dataclass(frozen=True, slots=True)
class LesionChange:
    """One lesion, or several that joined or split, then and now."""

    fate: Fate
    region: str
    numbers: tuple[int, ...]
    """Labels in this study's overlay; empty when vanished."""
    numbers_before: tuple[int, ...]
    volume_ul: Measure
    suv_max_milli: Measure
    suv_peak_milli: Measure
    glycolysis_milli: Measure


@dataclass(frozen=True, slots=True)
class LevelChange:
    """An organ whose level is another one than before."""

    region: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The alignment with what speaks for it."""

    alignment: Alignment
    reason: str
    """A sentence for the reader."""
    shift_um: tuple[int, int, int] | None = None
    """LPS; added to a place of the earlier study to find it in this one."""
    likeness_ppm: int | None = None
    """Correlation of the two bodies at that shift."""


@dataclass(frozen=True, slots=True)
class Changes:
    """This study against the earlier one."""

    previous_report: str
    """Hash of the block that holds the earlier report, hex."""
    days: int | None
    """Between the two image blocks in the ledger's time, which is not the time of the scan."""
    same_model: bool
    same_modality: bool
    """Both with PET or both without."""
    placement: Placement
    total_tumour_volume_ul: Measure
    total_lesion_glycolysis_milli: Measure
    hottest_suv_max_milli: Measure
    hottest_suv_peak_milli: Measure
    lesions: tuple[LesionChange, ...]
    levels: tuple[LevelChange, ...]
    by_percist: Course
    by_eortc: Course

    def of_fate(self, fate: Fate) -> tuple[LesionChange, ...]:
        """The lesions of one fate."""
        return tuple(lesion for lesion in self.lesions if lesion.fate is fate)

    def to_content(self) -> dict[str, Any]:
        """Only str, int, bool, None, list and dict; three containers deep."""
        content: dict[str, Any] = _plain(asdict(self))
        return content


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return value.value if isinstance(value, StrEnum) else value
