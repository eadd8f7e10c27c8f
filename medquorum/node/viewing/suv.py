"""The number that turns rescaled PET voxels into SUVbw, by the QIBA pseudo-code.

SUVbw [g/mL] = activity concentration [Bq/mL] x weight [g] / dose left at the scan [Bq].
Source: QIBA FDG-PET profile, "SUV vendor-neutral pseudo-code": decayed to the series time where
DecayCorrection is START, not at all where it is ADMIN. What is missing is refused by its tag and
never guessed. `intake.pet` has checked that the elements are there; here the whole series counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydicom.valuerep import DA, DT, TM

from medquorum.node.intake.elements import Elements
from medquorum.node.intake.faults import Fault, IntakeRefused

_PHILIPS: Final = (0x7053, "Philips PET Private Group")
_GE: Final = (0x0009, "GEMS_PETD_01", 0x0D)
_DAY: Final = timedelta(days=1)
UPTAKE_MOST: Final = timedelta(hours=12)
"""FDG has a half-life of 1.8 h: a scan later than this after the injection is a wrong date."""


@dataclass(frozen=True, slots=True, repr=False)
class PetSlice:
    """One slice's elements."""

    dataset: Any
    elements: Elements


def suv_factor(slices: Sequence[PetSlice]) -> float:
    """SUVbw for each unit of a rescaled voxel. Raises IntakeRefused naming the tag."""
    first = slices[0].elements
    units = first.word("Units")
    if units == "GML":
        return 1.0
    if units == "CNTS":
        direct = first.private_number(*_PHILIPS, 0x00)
        if direct is not None:
            return direct
        activity = first.private_number(*_PHILIPS, 0x09)
        if activity is None:
            raise first.missing("PhilipsSuvScaleFactor")
        return activity * _by_dose(slices)
    if units == "BQML":
        return _by_dose(slices)
    raise first.missing("Units") if units is None else first.bad("Units")


def _by_dose(slices: Sequence[PetSlice]) -> float:
    first = slices[0].elements
    drug = first.within("RadiopharmaceuticalInformationSequence")
    weight_g = first.positive("PatientWeight") * 1_000.0
    dose_bq = drug.positive("RadionuclideTotalDose")
    if first.words("DecayCorrection") == ("ADMIN",):
        return weight_g / dose_bq
    if first.words("DecayCorrection") != ("START",):
        raise first.bad("DecayCorrection")
    half_life_s = drug.positive("RadionuclideHalfLife")
    scan = _scan_start(slices)
    elapsed = scan - _injection(drug, scan)
    if not timedelta(0) <= elapsed <= UPTAKE_MOST:
        raise IntakeRefused(Fault.SUV_TIME, first.ordinal, "RadiopharmaceuticalStartDateTime")
    left = 2.0 ** (-elapsed.total_seconds() / half_life_s)
    return float(weight_g / (dose_bq * left))


def _scan_start(slices: Sequence[PetSlice]) -> datetime:
    """The series time where it is not after the first acquisition, else GE's private scan time."""
    first = slices[0]
    series = _moment(first.elements, "Series")
    acquired = min(_moment(one.elements, "Acquisition") for one in slices)
    if series <= acquired:
        return series
    group, creator, element = _GE
    try:
        value = first.dataset.private_block(group, creator)[element].value
        return _wall(DT(str(value)))
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        raise IntakeRefused(Fault.SUV_TIME, first.elements.ordinal, "SeriesTime") from None


def _injection(drug: Elements, scan: datetime) -> datetime:
    if drug.moment("RadiopharmaceuticalStartDateTime"):
        return _wall(DT(str(drug.word("RadiopharmaceuticalStartDateTime"))))
    if not drug.time("RadiopharmaceuticalStartTime"):
        raise drug.missing("RadiopharmaceuticalStartDateTime")
    clock = TM(str(drug.word("RadiopharmaceuticalStartTime")))
    same_day = datetime.combine(scan.date(), clock, UTC)
    return same_day if same_day <= scan else same_day - _DAY


def _moment(elements: Elements, stem: str) -> datetime:
    for suffix, there in (("Date", elements.date), ("Time", elements.time)):
        if not there(f"{stem}{suffix}"):
            raise elements.missing(f"{stem}{suffix}")
    day, clock = DA(str(elements.word(f"{stem}Date"))), TM(str(elements.word(f"{stem}Time")))
    return datetime.combine(day, clock, UTC)


def _wall(moment: datetime) -> datetime:
    """Wall-clock time as if the scanner stood in UTC: only differences count."""
    return moment.replace(tzinfo=UTC)
