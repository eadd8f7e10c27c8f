"""Standardized uptake value by body weight, as the QIBA pseudo-code states it.

SUVbw = activity concentration [Bq/mL] x weight [g] / injected dose decayed to the scan [Bq].
Source: QIBA FDG-PET profile, "SUV vendor-neutral pseudo-code" (happy and robust path); decay to the
series time when DecayCorrection is START, no decay when it is ADMIN, refused when it is NONE. A
missing field is refused by name and never guessed (errors of 32 % are published, arXiv 2410.13348).
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pydicom.valuerep import DT, TM

from medquorum.ai_entity.dicom_slice import bad_tag, optional
from medquorum.ai_entity.errors import Reason, SeriesError, SuvError
from medquorum.ai_entity.tracer import names_fdg

MS_PER_DAY: Final = 86_400_000
MAX_UPTAKE_MS: Final = 12 * 3_600_000
"""FDG has a half-life of 1.8 h: a scan later than this after injection is a wrong date."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Wall-clock times are counted as if the scanner stood in UTC: only differences are used."""


@dataclass(frozen=True, slots=True, repr=False)
class PetFacts:
    """What the formula needs, exactly as found: None means absent. Times are ms of local time."""

    units: str | None
    corrected_image: tuple[str, ...]
    decay_correction: str | None
    series_ms: int | None
    acquisition_ms: int | None
    """The earliest of the series' slices."""
    ge_scan_ms: int | None
    """GE private (0009,100D), PET scan date and time."""
    injection_ms: int | None
    injection_time_of_day_ms: int | None
    dose_bq: float | None
    half_life_s: float | None
    weight_kg: float | None
    philips_suv_factor: float | None
    philips_activity_factor: float | None
    names_fdg: bool | None = None
    """Whether the tracer is FDG; no part of the formula."""


def read_pet_facts(dataset: Any, ordinal: int) -> PetFacts:
    """The fields of one slice. Raises SeriesError when one cannot be parsed."""
    sequence = optional(dataset, "RadiopharmaceuticalInformationSequence", ordinal)
    drug: Any = sequence[0] if sequence else {}
    corrected = optional(dataset, "CorrectedImage", ordinal)
    words = () if corrected is None else corrected
    words = (words,) if isinstance(words, str) else words
    return PetFacts(
        units=_text(dataset, "Units", ordinal),
        corrected_image=tuple(str(word).upper() for word in words),
        decay_correction=_text(dataset, "DecayCorrection", ordinal),
        series_ms=_moment(dataset, "Series", ordinal),
        acquisition_ms=_moment(dataset, "Acquisition", ordinal),
        ge_scan_ms=_private_moment(dataset, ordinal),
        injection_ms=_date_time(drug, "RadiopharmaceuticalStartDateTime", ordinal),
        injection_time_of_day_ms=_time_of_day(drug, "RadiopharmaceuticalStartTime", ordinal),
        dose_bq=_positive(drug, "RadionuclideTotalDose", ordinal),
        half_life_s=_positive(drug, "RadionuclideHalfLife", ordinal),
        weight_kg=_positive(dataset, "PatientWeight", ordinal),
        philips_suv_factor=_private_number(dataset, 0x00),
        philips_activity_factor=_private_number(dataset, 0x09),
        names_fdg=names_fdg(dataset, ordinal),
    )


def merge_pet_facts(facts: list[PetFacts]) -> PetFacts:
    """One for the series; fields that must agree are compared, the earliest acquisition is kept."""
    times = [one.acquisition_ms for one in facts if one.acquisition_ms is not None]
    earliest = min(times) if len(times) == len(facts) else None
    merged = {replace(one, acquisition_ms=earliest) for one in facts}
    if len(merged) != 1:
        raise SeriesError(
            Reason.MIXED_SERIES, "the slices disagree on dose, weight, times, tracer or corrections"
        )
    return merged.pop()


def suv_factor(facts: PetFacts) -> float:
    """The number that turns rescaled voxels into SUVbw [g/mL]. Raises SuvError naming the field."""
    if facts.units == "GML":
        return 1.0
    if facts.units == "CNTS":
        if facts.philips_suv_factor:
            return facts.philips_suv_factor
        if not facts.philips_activity_factor:
            raise _missing("the Philips SUV factor (7053,1000) or activity factor (7053,1009)")
        return facts.philips_activity_factor * _activity_factor(facts)
    if facts.units == "BQML":
        return _activity_factor(facts)
    if facts.units is None:
        raise _missing("Units (0054,1001)")
    raise SuvError(Reason.BAD_TAG, "Units (0054,1001) is none of BQML, GML, CNTS")


def _activity_factor(facts: PetFacts) -> float:
    if "ATTN" not in facts.corrected_image:
        raise SuvError(Reason.DECAY_UNKNOWN, "CorrectedImage (0028,0051) lacks ATTN")
    if not {"DECY", "DECAY"} & set(facts.corrected_image):
        raise SuvError(Reason.DECAY_UNKNOWN, "CorrectedImage (0028,0051) lacks DECY")
    if facts.weight_kg is None:
        raise _missing("PatientWeight (0010,1030)")
    if facts.dose_bq is None:
        raise _missing("RadionuclideTotalDose (0018,1074)")
    return facts.weight_kg * 1000.0 / (facts.dose_bq * _remaining(facts))


def _remaining(facts: PetFacts) -> float:
    """The share of the dose left at the time to which the image is decay corrected."""
    if facts.decay_correction == "ADMIN":
        return 1.0
    if facts.decay_correction is None:
        raise _missing("DecayCorrection (0054,1102)")
    if facts.decay_correction != "START":
        raise SuvError(
            Reason.DECAY_UNKNOWN, "DecayCorrection (0054,1102) is neither START nor ADMIN"
        )
    if facts.half_life_s is None:
        raise _missing("RadionuclideHalfLife (0018,1075)")
    scan_ms = _scan_ms(facts)
    elapsed_ms = scan_ms - _injection_ms(facts, scan_ms)
    if not 0 <= elapsed_ms <= MAX_UPTAKE_MS:
        raise SuvError(
            Reason.IMPLAUSIBLE_TIME,
            "injection (0018,1078 or 0018,1072) is not within 12 h before the scan",
        )
    return float(2.0 ** (-(elapsed_ms / 1000.0) / facts.half_life_s))


def _scan_ms(facts: PetFacts) -> int:
    if facts.series_ms is None:
        raise _missing("SeriesDate / SeriesTime (0008,0021 / 0008,0031)")
    if facts.acquisition_ms is None:
        raise _missing("AcquisitionDate / AcquisitionTime (0008,0022 / 0008,0032)")
    if facts.series_ms <= facts.acquisition_ms:
        return facts.series_ms
    if facts.ge_scan_ms is None:
        raise SuvError(
            Reason.IMPLAUSIBLE_TIME,
            "SeriesTime (0008,0031) is after AcquisitionTime (0008,0032): the series was derived "
            "later and no private scan time (0009,100D) is present",
        )
    return facts.ge_scan_ms


def _injection_ms(facts: PetFacts, scan_ms: int) -> int:
    if facts.injection_ms is not None:
        return facts.injection_ms
    if facts.injection_time_of_day_ms is None:
        raise _missing("RadiopharmaceuticalStartDateTime (0018,1078) or StartTime (0018,1072)")
    same_day = scan_ms - scan_ms % MS_PER_DAY + facts.injection_time_of_day_ms
    return same_day if same_day <= scan_ms else same_day - MS_PER_DAY


def _missing(field: str) -> SuvError:
    return SuvError(Reason.MISSING_TAG, f"no SUV without {field}; it is absent or zero")


def _text(dataset: Any, keyword: str, ordinal: int) -> str | None:
    value = optional(dataset, keyword, ordinal)
    return None if value is None else str(value).strip().upper()


def _positive(dataset: Any, keyword: str, ordinal: int) -> float | None:
    value = optional(dataset, keyword, ordinal)
    try:
        found = None if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise bad_tag(keyword, ordinal) from error
    return found if found is not None and 0.0 < found < 1e15 else None


def _milliseconds(moment: datetime) -> int:
    return (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def _moment(dataset: Any, stem: str, ordinal: int) -> int | None:
    day = optional(dataset, f"{stem}Date", ordinal)
    time_ms = _time_of_day(dataset, f"{stem}Time", ordinal)
    if day is None or time_ms is None:
        return None
    try:
        parsed = date.fromisoformat(str(day))
    except ValueError as error:
        raise bad_tag(f"{stem}Date", ordinal) from error
    midnight = datetime(parsed.year, parsed.month, parsed.day, tzinfo=UTC)
    return _milliseconds(midnight) + time_ms


def _time_of_day(dataset: Any, keyword: str, ordinal: int) -> int | None:
    value = optional(dataset, keyword, ordinal)
    if value is None:
        return None
    try:
        parsed = TM(str(value))
    except ValueError as error:
        raise bad_tag(keyword, ordinal) from error
    seconds = (parsed.hour * 60 + parsed.minute) * 60 + parsed.second
    return seconds * 1000 + parsed.microsecond // 1000


def _date_time(dataset: Any, keyword: str, ordinal: int) -> int | None:
    value = optional(dataset, keyword, ordinal)
    try:
        parsed = None if value is None else DT(str(value))
    except ValueError as error:
        raise bad_tag(keyword, ordinal) from error
    return None if parsed is None else _milliseconds(parsed)


def _private_moment(dataset: Any, ordinal: int) -> int | None:
    try:
        value = dataset.private_block(0x0009, "GEMS_PETD_01")[0x0D].value
        parsed = DT(str(value))
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return _milliseconds(parsed)


def _private_number(dataset: Any, element: int) -> float | None:
    try:
        value = float(dataset.private_block(0x7053, "Philips PET Private Group")[element].value)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return value if 0.0 < value < 1e15 else None
