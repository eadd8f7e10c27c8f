"""Contents of structured parts: typed, in range, silent about values (R-CON1 to R-CON5)."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from medquorum.ledger import canonical
from medquorum.ledger.contents import (
    PLAUSIBLE,
    AnalyteResult,
    AuthorKind,
    Conclusion,
    Flag,
    LaboratoryResults,
    MedicalReport,
    NextStep,
    PatientName,
    Prescription,
    PrescriptionKind,
    PrescriptionLine,
    SignCode,
    VitalSign,
    VitalSigns,
    parse_medical_report,
    parse_patient_name,
    parse_prescription,
    parse_test_results,
    parse_vital_signs,
)
from medquorum.ledger.errors import CodecError
from tests.conftest import REPOSITORY
from tests.ledger.mutations import mutations
from tests.ledger.record_kit import ISSUED_MS, digest

VITAL_SIGNS = VitalSigns(
    ISSUED_MS,
    (
        VitalSign(SignCode.BODY_TEMPERATURE, 37_200),
        VitalSign(SignCode.OXYGEN_SATURATION, 98_000),
    ),
    "Cough for three weeks.",
)
TEST_RESULTS = LaboratoryResults(
    ISSUED_MS,
    "serum",
    (
        AnalyteResult("C-reactive protein", 12_500, "mg/L", Flag.HIGH, None, 5_000),
        AnalyteResult("base excess", -1_200, "mmol/L", Flag.NORMAL, -2_000, 2_000),
    ),
)
REPORT = MedicalReport(
    AuthorKind.MACHINE,
    Conclusion.TUMOUR,
    NextStep.PET,
    "A lesion of the left lung.",
    {"lesions": [{"organ": "lung", "score_ppm": 910_000}], "volume_microlitre": 4_200},
)
PRESCRIPTION = Prescription(
    PrescriptionKind.CT, (PrescriptionLine("CT of the thorax", "without contrast"),)
)
NAME = PatientName("Zoë Example", digest("name salt"))
CONTENTS: dict[str, tuple[Any, Callable[[bytes], Any]]] = {
    "V_IND": (VITAL_SIGNS, parse_vital_signs),
    "TEST_RES": (TEST_RESULTS, parse_test_results),
    "M_REPORT": (REPORT, parse_medical_report),
    "PRESC": (PRESCRIPTION, parse_prescription),
    "PAT_NAME": (NAME, parse_patient_name),
}
each_content = pytest.mark.parametrize(("content", "parse"), CONTENTS.values(), ids=CONTENTS.keys())


@each_content
def test_contents_are_read_back(content: Any, parse: Callable[[bytes], Any]) -> None:
    """R-CON1 to R-CON5: value, bytes, value."""
    assert parse(content.encoded()) == content


@each_content
def test_contents_have_exactly_their_fields(content: Any, parse: Callable[[bytes], Any]) -> None:
    """R-CON1 to R-CON5, R-CAN5: any change is refused or another content."""
    refused = 0
    for where, changed in mutations(canonical.decode(content.encoded())):
        try:
            other = parse(canonical.encode(changed))
        except CodecError as error:
            assert str(error).startswith("R-C"), where
            refused += 1
            continue
        assert other != content, where
        assert other.encoded() == canonical.encode(changed), where
    assert refused > 10


@each_content
def test_contents_show_nothing(content: Any, parse: Callable[[bytes], Any]) -> None:
    """R-BOD9: not by repr, not in an error."""
    shown = repr(content)
    for secret in ("37200", "98000", "Cough", "serum", "protein", "lesion", "thorax", "Zoë"):
        assert secret not in shown
    fields = canonical.decode(content.encoded())
    for name in fields:
        with pytest.raises(CodecError) as refusal:
            parse(canonical.encode({**fields, name: ["Zoë secret"]}))
        assert "secret" not in str(refusal.value)
        assert name in str(refusal.value)


def test_plausible_ranges_are_those_of_the_rule() -> None:
    """R-CON1: code, unit and range, read from the page itself."""
    page = (REPOSITORY / "PROTOCOL.md").read_text(encoding="utf-8")
    rule = next(line for line in page.splitlines() if "**R-CON1**" in line)
    stated = re.findall(r"`([a-z_]+)` (\S+) (\d+)\.\.(\d+)", rule)
    assert stated == [
        (code.value, row.unit, str(row.low_milli), str(row.high_milli))
        for code, row in PLAUSIBLE.items()
    ]


@pytest.mark.parametrize("code", SignCode)
def test_implausible_signs_are_refused(code: SignCode) -> None:
    """R-CON1: the range includes its ends; the message names code, range and unit only."""
    row = PLAUSIBLE[code]
    assert VitalSign(code, row.low_milli).unit == VitalSign(code, row.high_milli).unit == row.unit
    for value in (row.low_milli - 1, row.high_milli + 1):
        with pytest.raises(CodecError, match=f"R-CON1: {code.value}") as refusal:
            VitalSign(code, value)
        assert str(value) not in str(refusal.value)


def test_a_sign_in_another_unit_is_refused() -> None:
    """R-CON1: a temperature in degF is no temperature here."""
    fields = canonical.decode(VITAL_SIGNS.encoded())
    fields["signs"][0]["unit"] = "degF"
    with pytest.raises(CodecError, match="R-CON1: the unit of body_temperature is degC"):
        parse_vital_signs(canonical.encode(fields))
    fields["signs"][0] = {"code": "body_temperature", "unit": "degC", "value_milli": 98_600}
    with pytest.raises(CodecError, match="R-CON1: body_temperature"):
        parse_vital_signs(canonical.encode(fields))


CLOSED_SETS = {
    "TEST_RES flag": (Flag, "R-CON2", "flag"),
    "M_REPORT author": (AuthorKind, "R-CON3", "author_kind"),
    "M_REPORT conclusion": (Conclusion, "R-CON3", "conclusion"),
    "M_REPORT next step": (NextStep, "R-CON3", "next_step"),
    "PRESC kind": (PrescriptionKind, "R-CON4", "kind"),
}


@pytest.mark.parametrize(("kinds", "rule", "field"), CLOSED_SETS.values(), ids=CLOSED_SETS.keys())
def test_closed_sets_are_those_of_the_rule(kinds: Any, rule: str, field: str) -> None:
    """R-CON2 to R-CON4: the words of the page, in its order."""
    page = (REPOSITORY / "PROTOCOL.md").read_text(encoding="utf-8")
    line = next(line for line in page.splitlines() if f"**{rule}**" in line)
    stated = re.search(rf'\b{field}: ((?:"\w+"\|?)+)', line)
    assert stated is not None
    assert re.findall(r'"(\w+)"', stated[1]) == [kind.value for kind in kinds]


def test_findings_are_any_canonical_map_within_bounds() -> None:
    """R-CON3, R-CAN3: a map, of canonical values, no deeper than a record."""
    with pytest.raises(CodecError, match=r"R-CON3: M_REPORT\.findings"):
        fields = canonical.decode(REPORT.encoded())
        parse_medical_report(canonical.encode({**fields, "findings": []}))
    deep: object = 1
    for _ in range(8):
        deep = {"a": deep}
    for findings, rule in ((deep, "R-CAN3"), ({"score": 0.5}, "R-CAN1")):
        with pytest.raises(CodecError, match=rule):
            MedicalReport(
                AuthorKind.HUMAN,
                Conclusion.NEGATIVE,
                NextStep.NONE,
                "",
                findings,  # type: ignore[arg-type]
            ).encoded()
