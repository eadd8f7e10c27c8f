"""Two patients' real histories: sealed bodies, votes, certificates, a day or so apart."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from medquorum.ledger.contents import PatientName
from medquorum.ledger.keys import PublicKey, Purpose, public_key
from medquorum.ledger.signature import Signer
from medquorum.ledger.types import BlockType, Decision, Outcome, PartName
from medquorum.node.structured_parts import encode_structured
from tests.ledger.charter_kit import make_charter, private_key, signer_of
from tests.node.sealed_bodies import Sealed, seal
from tests.support.chains import Chain
from tests.support.network import (
    AI_ENTITY,
    HOSPITAL,
    LABORATORY,
    RADIOLOGIST,
    Network,
    ai_report,
    digest,
    propose,
    registration,
)

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
CHARTER = make_charter()
NETWORK = Network(CHARTER, tuple(doctor.name for doctor in CHARTER.doctors))
DOCTOR = NETWORK.doctors[0]
BEGAN_MS = time.time_ns() // 1_000_000 - 60 * DAY_MS
HUMAN: dict[str, object] = {"author_kind": "human", "findings": {}}
SIGNS = [
    {"code": "body_temperature", "unit": "degC", "value_milli": 36_900},
    {"code": "heart_rate", "unit": "/min", "value_milli": 78_000},
    {"code": "systolic_pressure", "unit": "mmHg", "value_milli": 132_000},
    {"code": "diastolic_pressure", "unit": "mmHg", "value_milli": 84_000},
    {"code": "body_weight", "unit": "kg", "value_milli": 64_500},
]
RESULTS = [
    {
        "analyte": "Haemoglobin",
        "value_milli": 118_000,
        "unit": "g/L",
        "flag": "low",
        "reference_low_milli": 120_000,
        "reference_high_milli": 160_000,
    },
    {
        "analyte": "Lactate dehydrogenase",
        "value_milli": 412_000,
        "unit": "U/L",
        "flag": "high",
        "reference_low_milli": 135_000,
        "reference_high_milli": 225_000,
    },
]


@dataclass
class Record:
    """Grows real blocks, a day or so apart, and remembers the sealed bodies."""

    chain: Chain = field(default_factory=lambda: Chain(NETWORK, time_ms=BEGAN_MS))
    bodies: list[Sealed] = field(default_factory=list)
    latest: dict[int, bytes] = field(default_factory=dict)

    def place(
        self,
        sealed: Sealed,
        days: float,
        decisions: Mapping[str, Decision] | None = None,
        outcome: Outcome = Outcome.ACCEPTED,
    ) -> bytes:
        """A block this many days after the beginning; its hash."""
        self.chain.time_ms = BEGAN_MS + int(days * DAY_MS)
        block = self.chain.stage(sealed.proposal, decisions, outcome)
        self.chain.close()
        self.bodies.append(sealed)
        return block.hash

    def times(self, days: float) -> dict[str, Any]:
        """Issued two hours before the block."""
        issued = BEGAN_MS + int(days * DAY_MS) - 2 * HOUR_MS
        return {"issued_at_ms": issued, "expires_at_ms": issued + 7 * DAY_MS}

    def register(self, patient: str, days: float) -> bytes:
        """A first form with vital signs."""
        name = PatientName(patient.title(), digest(f"salt {patient}"))
        form = {
            "observed_at_ms": BEGAN_MS + int(days * DAY_MS) - 3 * HOUR_MS,
            "signs": SIGNS,
            "anamnesis": "Swelling of the left thigh for three months, no fever.",
        }
        contents = {
            PartName.PAT_NAME: name.encoded(),
            PartName.V_IND: encode_structured(PartName.V_IND, form),
        }
        drafted = registration(NETWORK, patient)
        return self.place(seal(NETWORK, drafted, contents, HOSPITAL, **self.times(days)), days)

    def write(
        self,
        kind: BlockType,
        fields: Mapping[str, object],
        days: float,
        *seen: bytes,
        patient: int = 1,
        issuer: str = DOCTOR,
        decisions: Mapping[str, Decision] | None = None,
    ) -> bytes:
        """A structured part."""
        drafted = propose(NETWORK, self.chain.view, kind, patient, issuer=issuer)
        part = drafted.core.parts[0].name
        named = {**self.times(days), "references": seen}
        sealed = seal(NETWORK, drafted, {part: encode_structured(part, fields)}, issuer, **named)
        return self.place(sealed, days, decisions)

    def image(self, kind: BlockType, days: float, patient: int = 1) -> bytes:
        """An image of a few bytes: nobody looks into it here."""
        drafted = propose(NETWORK, self.chain.view, kind, patient)
        part = drafted.core.parts[0].name
        sealed = seal(NETWORK, drafted, {part: b"pixels" * 99}, RADIOLOGIST, **self.times(days))
        return self.place(sealed, days)

    def machine(self, image: bytes, days: float, outcome: Outcome = Outcome.ACCEPTED) -> bytes:
        """A report of the AI entity."""
        drafted = ai_report(NETWORK, self.chain.view, image)  # type: ignore[arg-type]
        findings = {"machine_generated": True, "scores_ppm": {"thigh_left": 912_000}}
        report = {
            "author_kind": "machine",
            "conclusion": "tumour",
            "next_step": "pet",
            "text": "One lesion, left thigh.",
            "findings": findings,
        }
        contents = {PartName.M_REPORT: encode_structured(PartName.M_REPORT, report)}
        sealed = seal(NETWORK, drafted, contents, AI_ENTITY, **self.times(days))
        return self.place(sealed, days, outcome=outcome)


def grown() -> Record:
    """Two tumour consultations of patient 1, an X-ray of patient 2."""
    record, dissent = Record(), dict.fromkeys(NETWORK.doctors, Decision.APPROVE)
    dissent[NETWORK.doctors[2]] = Decision.REJECT
    lines = [{"text": "CT of the thigh", "instruction": "with contrast"}]
    record.register("patient 1", 1)
    record.write(BlockType.PRESCRIPTION, {"kind": "ct", "lines": lines}, 2)
    laboratory = {"collected_at_ms": BEGAN_MS + 2 * DAY_MS, "specimen": "blood", "results": RESULTS}
    record.write(BlockType.TEST_RESULT, laboratory, 3, issuer=LABORATORY)
    ct = record.image(BlockType.CT, 4)
    record.machine(ct, 4.2, Outcome.REJECTED)
    record.machine(ct, 4.4)
    unsure = {"conclusion": "inconclusive", "next_step": "pet", "text": "Unclear mass.", **HUMAN}
    record.write(BlockType.REPORT, unsure, 5, ct, decisions=dissent)
    record.register("patient 2", 6)
    three = dict.fromkeys([DOCTOR, *NETWORK.doctors[2:]], Decision.APPROVE)
    record.write(BlockType.PRESCRIPTION, {"kind": "pet", "lines": []}, 7, decisions=three)
    pet = record.image(BlockType.PET, 9)
    tumour = {"conclusion": "tumour", "next_step": "treatment", "text": "Sarcoma.", **HUMAN}
    record.write(BlockType.REPORT, tumour, 10, ct, pet)
    dose = [{"text": "Doxorubicin", "instruction": "75 mg/m² every 21 days"}]
    record.write(BlockType.PRESCRIPTION, {"kind": "treatment", "lines": dose}, 11)
    xray = record.image(BlockType.XRAY, 12, patient=2)
    broken = {"conclusion": "fracture", "next_step": "treatment", "text": "Radius.", **HUMAN}
    record.write(BlockType.REPORT, broken, 13, xray, patient=2)
    record.write(BlockType.PRESCRIPTION, {"kind": "ct", "lines": lines}, 50)
    record.image(BlockType.CT, 52)
    return record


def wallet_signer(patient: str = "patient 1") -> Signer:
    """The signing capability of a patient's key."""
    return signer_of(patient, Purpose.CLINICAL)


def patient_key(patient: str = "patient 1") -> PublicKey:
    """Kp."""
    return public_key(private_key(patient, Purpose.CLINICAL))
