"""The small pieces every FHIR resource is made of: identifiers, codings, references, instants."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

Resource = dict[str, Any]
"""One FHIR resource or data type as JSON."""

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
BLOCK_SYSTEM: Final = "urn:medquorum:block"
MEMBER_SYSTEM: Final = "urn:medquorum:member"
PATIENT_SYSTEM: Final = "urn:medquorum:patient"
RECORD_SYSTEM: Final = "urn:medquorum:record"
_NAMESPACE: Final = uuid.UUID("6f2d1f4e-7c1b-5d0e-9a35-2b8f5a0c4d61")


@dataclass(frozen=True, slots=True)
class Names:
    """Gives every resource of one network the same name each time."""

    network: str
    """Network id, hex."""

    def urn(self, kind: str, key: object) -> str:
        """The full URL of a resource, a UUID of its kind and key (RFC 9562, version 5)."""
        return f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{self.network}/{kind}/{key}')}"

    def reference(self, kind: str, key: object) -> Resource:
        """A reference to another resource of the bundle."""
        return {"reference": self.urn(kind, key), "type": kind}

    def entry(self, kind: str, key: object, fields: Mapping[str, Any]) -> Resource:
        """A bundle's entry; fields without a value are left out."""
        urn = self.urn(kind, key)
        shown = {name: value for name, value in fields.items() if value not in (None, [], "")}
        resource = {"resourceType": kind, "id": urn.removeprefix("urn:uuid:"), **shown}
        return {"fullUrl": urn, "resource": resource}


def instant(ms: int) -> str:
    """A moment as FHIR writes it, UTC with milliseconds."""
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds")


def coded(system: str, code: str, text: str) -> Resource:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def said(text: str) -> Resource:
    """A CodeableConcept in words only."""
    return {"text": text}


def identifier(system: str, value: str) -> Resource:
    """An Identifier."""
    return {"system": system, "value": value}


def quantity(value_milli: int, unit: str) -> Resource:
    """A Quantity of thousandths; the unit is UCUM's where its letters are plain."""
    shown: Resource = {"value": value_milli / 1_000}
    if unit:
        shown |= {"unit": unit, "system": UCUM, "code": UCUM_LETTERS.get(unit, unit)}
    return shown


UCUM_LETTERS: Final[Mapping[str, str]] = {"degC": "Cel", "mmHg": "mm[Hg]"}
"""Where UCUM writes a unit of R-CON1 otherwise."""
