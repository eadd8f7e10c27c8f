"""Consents and the access log as FHIR: Consent, and AuditEvent for every reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from medquorum.node.dossier_views import ConsentView
from medquorum.node.fhir.forms import (
    MEMBER_SYSTEM,
    RECORD_SYSTEM,
    TERMINOLOGY,
    Names,
    Resource,
    coded,
    identifier,
    instant,
    said,
)

_REASON: Final = f"{TERMINOLOGY}v3-ActReason"
PURPOSE_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "treatment": ("TREAT", "treatment"),
    "emergency": ("ETREAT", "Emergency Treatment"),
    "quality": ("HQUALIMP", "health quality improvement"),
    "research": ("HRESCH", "healthcare research"),
    "request": ("PATRQT", "patient requested"),
}
"""Purposes of use as HL7 v3 codes them."""


def _purpose(name: str) -> Resource:
    code, text = PURPOSE_CODES[name]
    return {"system": _REASON, "code": code, "display": text}


def consent_entry(names: Names, consent: ConsentView) -> Resource | None:
    """A grant; a revocation shows in the grant it takes back."""
    if consent.kind != "grant":
        return None
    actor = {
        "role": coded(f"{TERMINOLOGY}v3-ParticipationType", "IRCP", "information recipient"),
        "reference": {"identifier": identifier(MEMBER_SYSTEM, consent.grantee or "every member")},
    }
    fields = {
        "identifier": [identifier("urn:medquorum:consent", consent.id)],
        "status": "active" if consent.in_force else "inactive",
        "scope": coded(f"{TERMINOLOGY}consentscope", "patient-privacy", "Privacy Consent"),
        "category": [coded("http://loinc.org", "59284-0", "Consent Document")],
        "patient": names.reference("Patient", consent.patient),
        "dateTime": instant(consent.issued_at_ms),
        "policyRule": said("Rules R-CST1 to R-CST3 of the Medquorum protocol"),
        "provision": {
            "type": "permit",
            "period": {"start": instant(consent.from_ms), "end": instant(consent.until_ms)},
            "actor": [actor],
            "purpose": [_purpose(name) for name in consent.purposes],
        },
    }
    return names.entry("Consent", consent.id, fields)


def access_entry(names: Names, access: Mapping[str, object], patient: int) -> Resource:
    """One reading of one part, or its refusal."""
    purpose, at_us = str(access["purpose"]), int(str(access["at_us"]))
    fields = {
        "type": {
            "system": f"{TERMINOLOGY}audit-event-type",
            "code": "rest",
            "display": "RESTful Operation",
        },
        "action": "R",
        "recorded": instant(at_us // 1_000),
        "outcome": "0" if access["granted"] else "4",
        "purposeOfEvent": [{"coding": [_purpose(purpose)]}] if purpose in PURPOSE_CODES else [],
        "agent": [
            {
                "requestor": True,
                "altId": str(access["user_name"]),
                "role": [said(str(access["user_role"]))],
            }
        ],
        "source": {
            "observer": {"identifier": identifier(MEMBER_SYSTEM, str(access["organisation"]))}
        },
        "entity": [
            {
                "what": {"identifier": identifier(RECORD_SYSTEM, str(access["record"]))},
                "name": str(access["part"]),
            },
            {"what": names.reference("Patient", patient)},
        ],
    }
    return names.entry("AuditEvent", access["sequence"], fields)
