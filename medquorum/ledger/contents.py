"""What the structured parts of a body hold, typed (R-CON1 to R-CON5).

Each type has `encoded()` and a `parse_…` of the plaintext of its part. Parse errors name the field
and never its value, and nothing here shows a value by `repr`: these are patients' contents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import RECORD
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.vital_signs import (
    LATEST_MS,
    PLAUSIBLE,
    SignCode,
    VitalSign,
    VitalSigns,
    parse_vital_signs,
)

RESULTS: Final = 256
"""Analytes of one specimen: the widest panels have about a hundred."""
LINES: Final = 64
"""Lines of one prescription."""
NAME_CHARACTERS: Final = 200
SALT_BYTES: Final = 32
LARGEST_MILLI: Final = 2**53


class Flag(StrEnum):
    """How a result lies to its reference range."""

    NORMAL = "normal"
    LOW = "low"
    HIGH = "high"


class AuthorKind(StrEnum):
    """Who wrote a report."""

    HUMAN = "human"
    MACHINE = "machine"


class Conclusion(StrEnum):
    """What a report concludes."""

    NEGATIVE = "negative"
    TUMOUR = "tumour"
    FRACTURE = "fracture"
    INCONCLUSIVE = "inconclusive"


class NextStep(StrEnum):
    """What a report advises."""

    NONE = "none"
    CT = "ct"
    PET = "pet"
    XRAY = "xray"
    TREATMENT = "treatment"


class PrescriptionKind(StrEnum):
    """What is prescribed."""

    CT = "ct"
    PET = "pet"
    XRAY = "xray"
    TREATMENT = "treatment"


@dataclass(frozen=True, slots=True, repr=False)
class AnalyteResult:
    """One analyte's value, in thousandths of its unit, with its reference range."""

    analyte: str
    value_milli: int
    unit: str
    flag: Flag
    reference_low_milli: int | None = None
    reference_high_milli: int | None = None

    def as_map(self) -> dict[str, object]:
        """The canonical map of one result."""
        return {
            "analyte": self.analyte,
            "flag": self.flag.value,
            "reference_high_milli": self.reference_high_milli,
            "reference_low_milli": self.reference_low_milli,
            "unit": self.unit,
            "value_milli": self.value_milli,
        }


@dataclass(frozen=True, slots=True, repr=False)
class LaboratoryResults:
    """The content of TEST_RES."""

    collected_at_ms: int
    specimen: str
    results: tuple[AnalyteResult, ...]

    def encoded(self) -> bytes:
        """`enc` of R-CON2."""
        return canonical.encode(
            {
                "collected_at_ms": self.collected_at_ms,
                "results": [result.as_map() for result in self.results],
                "specimen": self.specimen,
            }
        )


def parse_test_results(encoded: bytes) -> LaboratoryResults:
    """Read TEST_RES; CodecError names the field that is wrong."""
    reader = Reader(decoded(encoded), ("collected_at_ms", "results", "specimen"), "TEST_RES")
    return LaboratoryResults(
        collected_at_ms=reader.integer("collected_at_ms", 0, LATEST_MS),
        specimen=reader.text("specimen"),
        results=reader.listed("results", RESULTS, _parse_result),
    )


_RESULT_FIELDS: Final = (
    "analyte",
    "flag",
    "reference_high_milli",
    "reference_low_milli",
    "unit",
    "value_milli",
)


def _parse_result(value: object) -> AnalyteResult:
    reader = Reader(value, _RESULT_FIELDS, "TEST_RES.results")

    def milli(name: str) -> int:
        return reader.integer(name, -LARGEST_MILLI, LARGEST_MILLI)

    return AnalyteResult(
        analyte=reader.text("analyte", shortest=1),
        value_milli=milli("value_milli"),
        unit=reader.text("unit"),
        flag=reader.closed("flag", Flag),
        reference_low_milli=reader.optional("reference_low_milli", milli),
        reference_high_milli=reader.optional("reference_high_milli", milli),
    )


@dataclass(frozen=True, slots=True, repr=False)
class MedicalReport:
    """The content of M_REPORT; `findings` is any canonical map, bounded by R-CAN3."""

    author_kind: AuthorKind
    conclusion: Conclusion
    next_step: NextStep
    text: str
    findings: Mapping[str, object] = field(default_factory=dict, hash=False)

    def encoded(self) -> bytes:
        """`enc` of R-CON3."""
        return canonical.encode(
            {
                "author_kind": self.author_kind.value,
                "conclusion": self.conclusion.value,
                "findings": self.findings,
                "next_step": self.next_step.value,
                "text": self.text,
            }
        )


def parse_medical_report(encoded: bytes) -> MedicalReport:
    """Read M_REPORT; CodecError names the field that is wrong."""
    names = ("author_kind", "conclusion", "findings", "next_step", "text")
    reader = Reader(decoded(encoded), names, "M_REPORT")
    return MedicalReport(
        author_kind=reader.closed("author_kind", AuthorKind),
        conclusion=reader.closed("conclusion", Conclusion),
        next_step=reader.closed("next_step", NextStep),
        text=reader.text("text", RECORD.text),
        findings=reader.nested("findings", _parse_findings),
    )


def _parse_findings(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise CodecError("R-CON3: M_REPORT.findings is not a map")
    return value


@dataclass(frozen=True, slots=True, repr=False)
class PrescriptionLine:
    """What is to be done or taken, and how."""

    text: str
    instruction: str


@dataclass(frozen=True, slots=True, repr=False)
class Prescription:
    """The content of PRESC."""

    kind: PrescriptionKind
    lines: tuple[PrescriptionLine, ...]

    def encoded(self) -> bytes:
        """`enc` of R-CON4."""
        return canonical.encode(
            {
                "kind": self.kind.value,
                "lines": [
                    {"instruction": line.instruction, "text": line.text} for line in self.lines
                ],
            }
        )


def parse_prescription(encoded: bytes) -> Prescription:
    """Read PRESC; CodecError names the field that is wrong."""
    reader = Reader(decoded(encoded), ("kind", "lines"), "PRESC")
    return Prescription(
        kind=reader.closed("kind", PrescriptionKind),
        lines=reader.listed("lines", LINES, _parse_line),
    )


def _parse_line(value: object) -> PrescriptionLine:
    reader = Reader(value, ("instruction", "text"), "PRESC.lines")
    return PrescriptionLine(
        text=reader.text("text", RECORD.text, 1),
        instruction=reader.text("instruction", RECORD.text),
    )


@dataclass(frozen=True, slots=True, repr=False)
class PatientName:
    """The content of PAT_NAME: the name and the salt of its commitment (R-PRO5)."""

    name: str
    salt: bytes

    def encoded(self) -> bytes:
        """`enc` of R-CON5."""
        return canonical.encode({"name": self.name, "salt": self.salt})


def parse_patient_name(encoded: bytes) -> PatientName:
    """Read PAT_NAME; CodecError names the field that is wrong."""
    reader = Reader(decoded(encoded), ("name", "salt"), "PAT_NAME")
    return PatientName(reader.text("name", NAME_CHARACTERS, 1), reader.octets("salt", SALT_BYTES))


__all__ = [
    "AnalyteResult",
    "AuthorKind",
    "Conclusion",
    "Flag",
    "LaboratoryResults",
    "MedicalReport",
    "NextStep",
    "PLAUSIBLE",
    "PatientName",
    "Prescription",
    "PrescriptionKind",
    "PrescriptionLine",
    "SignCode",
    "VitalSign",
    "VitalSigns",
    "parse_medical_report",
    "parse_patient_name",
    "parse_prescription",
    "parse_test_results",
    "parse_vital_signs",
]
