"""Proposals of simulated consultations: real cores and signatures over bodies nobody sealed.

A patient is registered, gets a CT prescribed and taken, is assessed, has blood tested, a PET, a
second assessment and a treatment. Bodies are commitments only.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

from medquorum.ledger.body import PartDescriptor, body_root, chunk_count
from medquorum.ledger.chain import ChainState
from medquorum.ledger.chain_index import PatientState
from medquorum.ledger.charter import Charter
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address, PublicKey, Purpose
from medquorum.ledger.proposal import Core, Proposal, issue
from medquorum.ledger.provenance import FindingKind, Provenance
from medquorum.ledger.registration import (
    patient_name_commitment,
    registration_payload,
    registration_proof,
)
from medquorum.ledger.types import (
    IMAGE_PARTS,
    REQUIRED_PART,
    BlockHash,
    BlockType,
    PartName,
    RecordId,
    Role,
)
from medquorum.simulation.crypto import Cryptography, addresses_of, patient_key

STEPS: Final = (
    BlockType.MEDICAL_FORM,
    BlockType.PRESCRIPTION,
    BlockType.CT,
    BlockType.REPORT,
    BlockType.TEST_RESULT,
    BlockType.PRESCRIPTION,
    BlockType.PET,
    BlockType.REPORT,
    BlockType.PRESCRIPTION,
)
"""One consultation, in order; afterwards it begins anew with a revised form."""
ISSUER: Final = {
    BlockType.MEDICAL_FORM: Role.HOSPITAL,
    BlockType.CT: Role.RADIOLOGIST,
    BlockType.PET: Role.RADIOLOGIST,
    BlockType.TEST_RESULT: Role.LABORATORY,
    BlockType.REPORT: Role.AI_ENTITY,
    BlockType.PRESCRIPTION: Role.DOCTOR,
}
"""Who issues what here; a report without an image comes from the patient's doctor."""


@cache
def _part(name: PartName) -> PartDescriptor:
    size = 1_310_720 if name in IMAGE_PARTS else 4_096
    label = name.value.encode()
    return PartDescriptor(
        name,
        size,
        chunk_count(size),
        hashlib.sha256(b"commitment " + label).digest(),
        hashlib.sha256(b"root " + label).digest(),
    )


@cache
def _parts(kind: BlockType, registers: bool) -> tuple[tuple[PartDescriptor, ...], bytes]:
    names = {REQUIRED_PART[kind]} | ({PartName.PAT_NAME} if registers else set())
    parts = tuple(_part(name) for name in sorted(names, key=lambda one: one.value))
    return parts, body_root(parts)


class Clinic:
    """Issues proposals under one charter, in the name of any member."""

    def __init__(self, charter: Charter, cryptography: Cryptography, lifetime_ms: int) -> None:
        self._charter = charter
        self._cryptography = cryptography
        self._lifetime_ms = lifetime_ms
        self._members = {role: addresses_of(charter, role) for role in Role}
        self._records = 0

    def register(self, patient: int, doctor: Address, now_ms: int) -> Proposal:
        """The first medical form of a patient, by number in the run."""
        issuer = self._one(Role.HOSPITAL, patient)
        key = patient_key(patient)
        payload = registration_payload(
            encryption_key=patient_key(patient, Purpose.ENCRYPTION),
            issuer=issuer,
            patient_key=key,
        )
        network = self._charter.network_id
        parts, root = _parts(BlockType.MEDICAL_FORM, True)
        core = Core(
            type=BlockType.MEDICAL_FORM,
            network=network,
            issuer=issuer,
            doctor=doctor,
            patient=None,
            patient_key=key,
            patient_name=patient_name_commitment(
                network, hashlib.sha256(b"salt %d" % patient).digest(), f"patient {patient}"
            ),
            record=self._record(),
            parts=parts,
            body_root=root,
            seen_head=BlockHash(ZERO),
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + self._lifetime_ms,
            registration=registration_proof(network, payload, self._cryptography.signer(key)),
        )
        return self._signed(core)

    def next_step(
        self, kind: BlockType, patient: PatientState, seen: BlockHash, view: ChainState, now_ms: int
    ) -> Proposal:
        """A further proposal on a registered patient, made by somebody who saw that head."""
        attending = view.attending_of(patient.number) or patient.attending
        issuer, ai = attending, None
        references: tuple[BlockHash, ...] = ()
        if kind is BlockType.REPORT and view.type_of_block(seen) in (BlockType.CT, BlockType.PET):
            issuer = self._one(Role.AI_ENTITY, patient.number)
            references = (seen,)
            ai = _provenance(seen)
        elif kind not in (BlockType.REPORT, BlockType.PRESCRIPTION):
            issuer = self._one(ISSUER[kind], patient.number)
        parts, root = _parts(kind, False)
        core = Core(
            type=kind,
            network=self._charter.network_id,
            issuer=issuer,
            doctor=attending,
            patient=patient.number,
            patient_key=patient.key,
            patient_name=patient.name,
            record=self._record(),
            parts=parts,
            body_root=root,
            seen_head=seen,
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + self._lifetime_ms,
            references=references,
            ai=ai,
        )
        return self._signed(core)

    def _one(self, role: Role, patient: int) -> Address:
        members = self._members[role]
        return members[patient % len(members)]

    def _record(self) -> RecordId:
        self._records += 1
        return RecordId(hashlib.sha256(b"record %d" % self._records).digest())

    def _signed(self, core: Core) -> Proposal:
        return issue(core, self._cryptography.signer(self._clinical(core.issuer)))

    def _clinical(self, address: Address) -> PublicKey:
        member = self._charter.member(address)
        if member is None:
            raise LookupError("a simulated issuer is a member of the charter")
        return member.keys.clinical


def _provenance(image: BlockHash) -> Provenance:
    return Provenance(
        kind=FindingKind.TUMOUR,
        model_name="simulated",
        model_version="1",
        model_digest=hashlib.sha256(b"model").digest(),
        training_digest=hashlib.sha256(b"training").digest(),
        preprocessing="1",
        confidence_ppm=900_000,
        inputs=(image,),
    )
