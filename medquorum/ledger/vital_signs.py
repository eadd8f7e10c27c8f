"""V_IND: measured vital signs with fixed units and plausible ranges (R-CON1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import RECORD
from medquorum.ledger.schema import Reader, decoded

SIGNS: Final = 64
"""Measurements in one form: every code some times over."""
LATEST_MS: Final = 2**53


class SignCode(StrEnum):
    """What was measured."""

    BODY_TEMPERATURE = "body_temperature"
    HEART_RATE = "heart_rate"
    SYSTOLIC_PRESSURE = "systolic_pressure"
    DIASTOLIC_PRESSURE = "diastolic_pressure"
    RESPIRATORY_RATE = "respiratory_rate"
    OXYGEN_SATURATION = "oxygen_saturation"
    BODY_WEIGHT = "body_weight"
    BODY_HEIGHT = "body_height"
    BLOOD_GLUCOSE = "blood_glucose"


@dataclass(frozen=True, slots=True)
class Plausibility:
    """The unit of a code and the values that a living patient can have, in thousandths."""

    unit: str
    low_milli: int
    high_milli: int


PLAUSIBLE: Final[Mapping[SignCode, Plausibility]] = {
    SignCode.BODY_TEMPERATURE: Plausibility("degC", 25_000, 45_000),
    SignCode.HEART_RATE: Plausibility("/min", 20_000, 300_000),
    SignCode.SYSTOLIC_PRESSURE: Plausibility("mmHg", 40_000, 300_000),
    SignCode.DIASTOLIC_PRESSURE: Plausibility("mmHg", 20_000, 200_000),
    SignCode.RESPIRATORY_RATE: Plausibility("/min", 4_000, 80_000),
    SignCode.OXYGEN_SATURATION: Plausibility("%", 40_000, 100_000),
    SignCode.BODY_WEIGHT: Plausibility("kg", 300, 400_000),
    SignCode.BODY_HEIGHT: Plausibility("cm", 20_000, 260_000),
    SignCode.BLOOD_GLUCOSE: Plausibility("mmol/L", 500, 60_000),
}
"""The table of R-CON1."""


@dataclass(frozen=True, slots=True, repr=False)
class VitalSign:
    """One measurement in thousandths of its code's unit; CodecError when implausible."""

    code: SignCode
    value_milli: int

    def __post_init__(self) -> None:
        plausible = PLAUSIBLE[self.code]
        if not plausible.low_milli <= self.value_milli <= plausible.high_milli:
            raise CodecError(
                f"R-CON1: {self.code.value} is not from {plausible.low_milli} to "
                f"{plausible.high_milli} thousandths of {plausible.unit}; check value and unit"
            )

    @property
    def unit(self) -> str:
        """The unit of the code, in UCUM's letters."""
        return PLAUSIBLE[self.code].unit


@dataclass(frozen=True, slots=True, repr=False)
class VitalSigns:
    """The content of V_IND."""

    observed_at_ms: int
    signs: tuple[VitalSign, ...]
    anamnesis: str

    def encoded(self) -> bytes:
        """`enc` of R-CON1."""
        return canonical.encode(
            {
                "anamnesis": self.anamnesis,
                "observed_at_ms": self.observed_at_ms,
                "signs": [
                    {"code": sign.code.value, "unit": sign.unit, "value_milli": sign.value_milli}
                    for sign in self.signs
                ],
            }
        )


def parse_vital_signs(encoded: bytes) -> VitalSigns:
    """Read V_IND; CodecError names the field that is wrong, never its value."""
    reader = Reader(decoded(encoded), ("anamnesis", "observed_at_ms", "signs"), "V_IND")
    return VitalSigns(
        observed_at_ms=reader.integer("observed_at_ms", 0, LATEST_MS),
        signs=reader.listed("signs", SIGNS, _parse_sign),
        anamnesis=reader.text("anamnesis", RECORD.text),
    )


def _parse_sign(value: object) -> VitalSign:
    reader = Reader(value, ("code", "unit", "value_milli"), "V_IND.signs")
    code = reader.closed("code", SignCode)
    if reader.text("unit") != PLAUSIBLE[code].unit:
        raise CodecError(f"R-CON1: the unit of {code.value} is {PLAUSIBLE[code].unit}")
    return VitalSign(code, reader.integer("value_milli"))
