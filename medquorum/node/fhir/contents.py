"""Structured parts as clinical resources: observations, reports, studies, prescriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from medquorum.ledger.contents import (
    Flag,
    MedicalReport,
    PrescriptionKind,
    parse_medical_report,
    parse_prescription,
    parse_test_results,
)
from medquorum.ledger.types import PartName
from medquorum.ledger.vital_signs import SignCode, parse_vital_signs
from medquorum.node.fhir.forms import (
    DICOM,
    LOINC,
    RECORD_SYSTEM,
    TERMINOLOGY,
    Names,
    Resource,
    coded,
    identifier,
    instant,
    quantity,
    said,
)
from medquorum.node.views import BlockView

SIGN_CODES: Final[Mapping[SignCode, tuple[str, str]]] = {
    SignCode.BODY_TEMPERATURE: ("8310-5", "Body temperature"),
    SignCode.HEART_RATE: ("8867-4", "Heart rate"),
    SignCode.SYSTOLIC_PRESSURE: ("8480-6", "Systolic blood pressure"),
    SignCode.DIASTOLIC_PRESSURE: ("8462-4", "Diastolic blood pressure"),
    SignCode.RESPIRATORY_RATE: ("9279-1", "Respiratory rate"),
    SignCode.OXYGEN_SATURATION: ("2708-6", "Oxygen saturation in Arterial blood"),
    SignCode.BODY_WEIGHT: ("29463-7", "Body weight"),
    SignCode.BODY_HEIGHT: ("8302-2", "Body height"),
    SignCode.BLOOD_GLUCOSE: ("15074-8", "Glucose [Moles/volume] in Blood"),
}
"""LOINC codes of the vital signs of R-CON1."""
MODALITIES: Final = {
    "ct": ("CT", "Computed Tomography"),
    "pet": ("PT", "Positron emission"),
    "xray": ("DX", "Digital Radiography"),
}
"""DICOM's codes (PS3.16, CID 29) of the image types."""
_FLAGS: Final = {Flag.NORMAL: ("N", "Normal"), Flag.LOW: ("L", "Low"), Flag.HIGH: ("H", "High")}


@dataclass(frozen=True, slots=True)
class Told:
    """One accepted block with the structured parts that could be read."""

    names: Names
    block: BlockView
    parts: Mapping[PartName, bytes]

    @property
    def subject(self) -> Resource:
        """The patient."""
        return self.names.reference("Patient", self.block.n_pb)

    def entry(self, kind: str, place: object, fields: Mapping[str, Any]) -> Resource:
        """An entry of this block; `place` tells several of one kind apart."""
        return self.names.entry(kind, f"{self.block.hash}/{place}", fields)

    @property
    def final(self) -> str:
        """The status of what doctors accepted: a correction says so."""
        return "final" if self.block.replaces is None else "corrected"


def clinical_entries(told: Told) -> list[Resource]:
    """The resources of one block, of the parts at hand; CodecError where a part is malformed."""
    match told.block.proposal_type:
        case "medical_form":
            return _form(told)
        case "ct" | "pet" | "xray":
            return [_study(told)]
        case "test_result":
            return _results(told)
        case "report":
            return _report(told)
        case "prescription":
            return _prescription(told)
        case _:
            return []


def _category(code: str) -> list[Resource]:
    return [{"coding": [{"system": f"{TERMINOLOGY}observation-category", "code": code}]}]


def _form(told: Told) -> list[Resource]:
    part = told.parts.get(PartName.V_IND)
    if part is None:
        return []
    signs = parse_vital_signs(part)
    common = {
        "status": told.final,
        "subject": told.subject,
        "effectiveDateTime": instant(signs.observed_at_ms),
    }
    entries = [
        told.entry(
            "Observation",
            f"sign{place}",
            {
                **common,
                "category": _category("vital-signs"),
                "code": coded(LOINC, *SIGN_CODES[sign.code]),
                "valueQuantity": quantity(sign.value_milli, sign.unit),
            },
        )
        for place, sign in enumerate(signs.signs)
    ]
    if signs.anamnesis.strip():
        history = coded(LOINC, "10164-2", "History of Present illness Narrative")
        fields = {**common, "code": history, "valueString": signs.anamnesis}
        entries.append(told.entry("Observation", "anamnesis", fields))
    return entries


def _study(told: Told) -> Resource:
    code, text = MODALITIES[told.block.proposal_type]
    return told.entry(
        "ImagingStudy",
        "study",
        {
            "identifier": [identifier(RECORD_SYSTEM, told.block.record)],
            "status": "available",
            "modality": [{"system": DICOM, "code": code, "display": text}],
            "subject": told.subject,
            "started": instant(told.block.issued_at_ms),
        },
    )


def _results(told: Told) -> list[Resource]:
    part = told.parts.get(PartName.TEST_RES)
    if part is None:
        return []
    laboratory = parse_test_results(part)
    entries = []
    for place, result in enumerate(laboratory.results):
        low, high = result.reference_low_milli, result.reference_high_milli
        limits: Resource = {}
        if low is not None:
            limits["low"] = quantity(low, result.unit)
        if high is not None:
            limits["high"] = quantity(high, result.unit)
        flag = coded(f"{TERMINOLOGY}v3-ObservationInterpretation", *_FLAGS[result.flag])
        fields = {
            "status": told.final,
            "category": _category("laboratory"),
            "code": said(result.analyte),
            "subject": told.subject,
            "effectiveDateTime": instant(laboratory.collected_at_ms),
            "valueQuantity": quantity(result.value_milli, result.unit),
            "interpretation": [flag],
            "referenceRange": [limits] if limits else [],
        }
        entries.append(told.entry("Observation", f"result{place}", fields))
    report = {
        "status": told.final,
        "category": [coded(f"{TERMINOLOGY}v2-0074", "LAB", "Laboratory")],
        "code": coded(LOINC, "11502-2", "Laboratory report"),
        "subject": told.subject,
        "effectiveDateTime": instant(laboratory.collected_at_ms),
        "issued": instant(told.block.issued_at_ms),
        "result": [{"reference": entry["fullUrl"]} for entry in entries],
    }
    return [*entries, told.entry("DiagnosticReport", "laboratory", report)]


def _report(told: Told) -> list[Resource]:
    part = told.parts.get(PartName.M_REPORT)
    if part is None:
        return []
    report = parse_medical_report(part)
    scores = _scores(told, report)
    studies = [
        told.names.reference("ImagingStudy", f"{block}/study") for block in told.block.references
    ]
    fields = {
        "status": told.final,
        "category": [coded(f"{TERMINOLOGY}v2-0074", "RAD", "Radiology")],
        "code": coded(LOINC, "18748-4", "Diagnostic imaging study"),
        "subject": told.subject,
        "effectiveDateTime": instant(told.block.issued_at_ms),
        "issued": instant(told.block.batch_time_ms),
        "result": [{"reference": entry["fullUrl"]} for entry in scores],
        "imagingStudy": studies,
        "conclusion": report.text,
        "conclusionCode": [said(report.conclusion.value)],
    }
    return [*scores, told.entry("DiagnosticReport", "report", fields)]


def _scores(told: Told, report: MedicalReport) -> list[Resource]:
    """What a machine scored, each a share from 0 to 1; none in a person's report."""
    scores = report.findings.get("scores_ppm")
    if not isinstance(scores, dict):
        return []
    fields = {
        "status": told.final,
        "category": _category("imaging"),
        "code": said("Scores of a machine, confirmed by doctors' vote"),
        "subject": told.subject,
        "effectiveDateTime": instant(told.block.issued_at_ms),
        "device": told.names.reference("Device", model_key(told.block)),
        "component": [
            {
                "code": said(name),
                "valueQuantity": {
                    "value": ppm / 1_000_000,
                    "unit": "1",
                    "system": "http://unitsofmeasure.org",
                    "code": "1",
                },
            }
            for name, ppm in sorted(scores.items())
            if isinstance(ppm, int)
        ],
    }
    return [told.entry("Observation", "scores", fields)] if fields["component"] else []


def model_key(block: BlockView) -> str:
    """What tells models apart: the digest of the file."""
    return str((block.ai or {}).get("model_digest", "unknown"))


def _prescription(told: Told) -> list[Resource]:
    part = told.parts.get(PartName.PRESC)
    if part is None:
        return []
    prescription = parse_prescription(part)
    common = {
        "status": "active",
        "intent": "order",
        "subject": told.subject,
        "authoredOn": instant(told.block.issued_at_ms),
        "requester": told.names.reference("Practitioner", told.block.issuer),
    }
    if prescription.kind is PrescriptionKind.TREATMENT:
        return [
            told.entry(
                "MedicationRequest",
                f"line{place}",
                {
                    **common,
                    "medicationCodeableConcept": said(line.text),
                    "dosageInstruction": [{"text": line.instruction}] if line.instruction else [],
                },
            )
            for place, line in enumerate(prescription.lines)
        ]
    code, text = MODALITIES[prescription.kind.value]
    notes = [f"{line.text}: {line.instruction}".strip(": ") for line in prescription.lines]
    fields = {
        **common,
        "code": coded(DICOM, code, text),
        "note": [{"text": note} for note in notes if note],
    }
    return [told.entry("ServiceRequest", "image", fields)]
