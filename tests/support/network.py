"""A small network with real keys, and chains it really agreed on; keys follow from labels.

Charters, proposals, votes, batches and certificates are all signed; sealed bodies are only named,
by made-up roots and commitments. Chains stand in `chains`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from medquorum.consensus.pool import Candidate
from medquorum.ledger.block import Witness
from medquorum.ledger.body import PartDescriptor, body_root, chunk_count
from medquorum.ledger.ceremony import CharterFile, CharterSignature, sign_charter
from medquorum.ledger.chain import ChainState
from medquorum.ledger.charter import Charter, OrderingPolicy, TypePolicy
from medquorum.ledger.charter_rules import default_policies
from medquorum.ledger.envelope import (
    patient_name_commitment,
    registration_payload,
    registration_proof,
)
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address, PublicKey, Purpose, public_key
from medquorum.ledger.proposal import Core, Proposal, issue
from medquorum.ledger.provenance import FindingKind, Provenance
from medquorum.ledger.types import (
    IMAGE_PARTS,
    REQUIRED_PART,
    BlockHash,
    BlockType,
    Decision,
    NetworkId,
    Outcome,
    PartName,
    QuorumMode,
    RecordId,
    Role,
    VoterRole,
)
from medquorum.ledger.vote import HUMAN, Ballot, Vote, cast
from tests.ledger.charter_kit import (
    CREATED_AT_MS,
    address_of_name,
    by_address,
    make_member,
    private_key,
    signer_of,
)

HOSPITAL = "Hospital St. Mary"
LABORATORY = "Laboratory North"
RADIOLOGIST = "Radiology Center"
AI_ENTITY = "AI entity Aurora"
INSTITUTIONS = {
    HOSPITAL: Role.HOSPITAL,
    LABORATORY: Role.LABORATORY,
    RADIOLOGIST: Role.RADIOLOGIST,
    AI_ENTITY: Role.AI_ENTITY,
}
START_MS = CREATED_AT_MS + 86_400_000
LIFETIME_MS = 30 * 86_400_000
USUAL_ISSUER = {
    BlockType.MEDICAL_FORM: HOSPITAL,
    BlockType.CT: RADIOLOGIST,
    BlockType.PET: RADIOLOGIST,
    BlockType.XRAY: RADIOLOGIST,
    BlockType.TEST_RESULT: LABORATORY,
}
"""Doctors issue the others."""


def digest(label: str) -> bytes:
    """32 bytes that stand for a label."""
    return hashlib.sha256(label.encode()).digest()


@dataclass(frozen=True, eq=False)
class Network:
    """A charter with the names behind it; `doctors` stand in order of their numbers (R-CHA8)."""

    charter: Charter
    doctors: tuple[str, ...]

    @property
    def id(self) -> NetworkId:
        """The network id."""
        return self.charter.network_id

    def charter_file(self) -> bytes:
        """The complete charter file, signed by everybody."""
        return _charter_file(self.charter)


@cache
def _charter_file(charter: Charter) -> bytes:
    signatures: Sequence[CharterSignature] = [
        sign_charter(charter, member.address, signer_of(member.name, Purpose.CLINICAL))
        for member in charter.members
    ]
    return CharterFile(charter, tuple(signatures)).encoded()


def make_network(
    doctors: int = 4,
    mode: QuorumMode = QuorumMode.BYZANTINE,
    policies: Mapping[BlockType, TypePolicy] | None = None,
    **charter_fields: Any,
) -> Network:
    """A network of n doctors, all with policy keys, and one institution of each other role."""
    names = [f"Dr. Number {number}" for number in range(doctors)]
    members = [make_member(name, Role.DOCTOR, with_policy=True) for name in names]
    members += [make_member(name, role) for name, role in INSTITUTIONS.items()]
    ordering = OrderingPolicy(mode, batch_blocks=charter_fields.pop("batch_blocks", 256))
    charter = Charter(
        name="Test network",
        created_at_ms=CREATED_AT_MS,
        ordering=ordering,
        members=by_address(members),
        policies={**default_policies(), **(policies or {})},
        **charter_fields,
    )
    return Network(charter, tuple(doctor.name for doctor in charter.doctors))


def part(name: PartName, size: int | None = None) -> PartDescriptor:
    """A descriptor of a body nobody sealed; images have two chunks."""
    padded = size or (1_310_720 if name in IMAGE_PARTS else 4_096)
    return PartDescriptor(
        name, padded, chunk_count(padded), digest(f"commitment {name}"), digest(f"root {name}")
    )


def sign_core(core: Core, issuer: str, /, **changes: Any) -> Proposal:
    """The proposal of a core with other field values; `body_root` follows the parts."""
    changed = replace(core, **changes)
    if "body_root" not in changes:
        changed = replace(changed, body_root=body_root(changed.parts))
    return issue(changed, signer_of(issuer, Purpose.CLINICAL))


def registration(
    network: Network,
    patient: str = "patient 1",
    /,
    *,
    issuer: str = HOSPITAL,
    doctor: str | None = None,
    **changes: Any,
) -> Proposal:
    """The first medical form of a patient, issued now: at START_MS unless `changes` say else."""
    key = public_key(private_key(patient, Purpose.CLINICAL))
    payload = registration_payload(
        encryption_key=public_key(private_key(patient, Purpose.ENCRYPTION)),
        issuer=address_of_name(issuer),
        patient_key=key,
    )
    core = Core(
        type=BlockType.MEDICAL_FORM,
        network=network.id,
        issuer=address_of_name(issuer),
        doctor=address_of_name(doctor or network.doctors[0]),
        patient=None,
        patient_key=key,
        patient_name=patient_name_commitment(network.id, digest(f"salt {patient}"), patient),
        record=RecordId(digest(f"record of {patient}")),
        parts=(part(PartName.PAT_NAME), part(PartName.V_IND)),
        body_root=ZERO,
        seen_head=BlockHash(ZERO),
        issued_at_ms=START_MS,
        expires_at_ms=START_MS + LIFETIME_MS,
        registration=registration_proof(network.id, payload, signer_of(patient, Purpose.CLINICAL)),
    )
    return sign_core(core, issuer, **changes)


def propose(
    network: Network,
    view: ChainState,
    block_type: BlockType,
    patient: int = 1,
    /,
    *,
    issuer: str | None = None,
    **changes: Any,
) -> Proposal:
    """A proposal that fits the patient's chain in `view`, by the type's usual issuer."""
    known = view.patient(patient)
    name = issuer or USUAL_ISSUER.get(block_type, network.doctors[0])
    head = known.head if known else BlockHash(digest("no head"))
    core = Core(
        type=block_type,
        network=network.id,
        issuer=address_of_name(name),
        doctor=known.attending if known else address_of_name(network.doctors[0]),
        patient=patient,
        patient_key=known.key if known else _unregistered(patient),
        patient_name=known.name if known else ZERO,
        record=RecordId(digest(f"record {block_type} {name} {head.hex()}")),
        parts=_usual_parts(block_type),
        body_root=ZERO,
        seen_head=head,
        issued_at_ms=START_MS,
        expires_at_ms=START_MS + LIFETIME_MS,
    )
    return sign_core(core, name, **changes)


def _usual_parts(block_type: BlockType) -> tuple[PartDescriptor, ...]:
    if block_type is BlockType.ATTENDING:
        return ()
    return (part(REQUIRED_PART.get(block_type, PartName.ATTACHMENT)),)


def _unregistered(patient: int) -> PublicKey:
    return public_key(private_key(f"nobody {patient}", Purpose.CLINICAL))


def ai_report(
    network: Network, view: ChainState, image: BlockHash, patient: int = 1, /, **changes: Any
) -> Proposal:
    """An AI entity's report on one image block."""
    provenance = Provenance(
        kind=FindingKind.TUMOUR,
        model_name="organ lesions",
        model_version="1.0",
        model_digest=digest("model"),
        training_digest=digest("training"),
        preprocessing="1",
        confidence_ppm=910_000,
        inputs=(image,),
    )
    named = {"references": (image,), "ai": provenance, **changes}
    return propose(network, view, BlockType.REPORT, patient, issuer=AI_ENTITY, **named)


def vote(
    network: Network,
    proposal: Proposal,
    doctor: str,
    decision: Decision = Decision.APPROVE,
    /,
    **fields: Any,
) -> Vote:
    """One doctor's vote; a peer's and a human's unless `fields` of the ballot say otherwise."""
    ballot = Ballot(proposal.id, address_of_name(doctor), decision, **fields)
    purpose = Purpose.CLINICAL if ballot.mode == HUMAN else Purpose.POLICY
    return cast(ballot, network.id, signer_of(doctor, purpose))


def votes(
    network: Network,
    proposal: Proposal,
    view: ChainState,
    decisions: Mapping[str, Decision] | None = None,
) -> tuple[Vote, ...]:
    """The votes of the doctors named, the attending as such; of all, approving, by default."""
    attending = view.attending_for(proposal.core)
    said = decisions or dict.fromkeys(network.doctors, Decision.APPROVE)
    return tuple(
        vote(
            network,
            proposal,
            doctor,
            decision,
            role=VoterRole.ATTENDING if address_of_name(doctor) == attending else VoterRole.PEER,
        )
        for doctor, decision in said.items()
    )


def witness(cast_votes: Iterable[Vote]) -> Witness:
    """The votes ascending by voter (R-ORD6)."""
    return Witness(tuple(sorted(cast_votes, key=lambda one: one.ballot.voter)))


def candidate(
    network: Network,
    proposal: Proposal,
    view: ChainState,
    decisions: Mapping[str, Decision] | None = None,
    outcome: Outcome = Outcome.ACCEPTED,
) -> Candidate:
    """A decided proposal; all approve unless told, and all reject where that is the outcome."""
    if decisions is None and outcome is Outcome.REJECTED:
        decisions = dict.fromkeys(network.doctors, Decision.REJECT)
    return Candidate(proposal, outcome, witness(votes(network, proposal, view, decisions)))


def address(doctor: str) -> Address:
    """The address of anybody by name."""
    return address_of_name(doctor)
