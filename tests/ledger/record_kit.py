"""One of each record with keys that never change: scalars are SHA-256 of a label."""

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.approved_model import ApprovedModel
from medquorum.ledger.batch import Batch, BatchHeader, registry_hash
from medquorum.ledger.block import Block, BlockHeader, Witness, place
from medquorum.ledger.body import PartDescriptor, body_root
from medquorum.ledger.certificate import Certificate, OrderingVote, Statement, certify, state
from medquorum.ledger.change import ApproveModel, WithdrawModel
from medquorum.ledger.envelope import (
    Complaint,
    Grievance,
    PartKeys,
    SealedPart,
    complain,
    patient_name_commitment,
    registration_payload,
    registration_proof,
    seal_part,
)
from medquorum.ledger.governance import Amendment
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import CURVE_ORDER, Address, PublicKey, address_of, public_key
from medquorum.ledger.member import Member, MemberKeys, MemberProofs
from medquorum.ledger.merkle import root
from medquorum.ledger.proposal import Core, GovernanceIssue, Proposal, governance_core, issue
from medquorum.ledger.provenance import FindingKind, Provenance
from medquorum.ledger.signature import Signature, signer
from medquorum.ledger.types import (
    BatchHash,
    BlockHash,
    BlockType,
    Decision,
    NetworkId,
    OrderingKind,
    Outcome,
    PartName,
    RecordId,
    Role,
    VoterRole,
)
from medquorum.ledger.vote import Ballot, Vote, cast

ISSUED_MS = 1_800_000_000_000
DAY_MS = 86_400_000


def digest(label: str) -> bytes:
    """32 bytes that stand for a label."""
    return hashlib.sha256(label.encode()).digest()


NETWORK = NetworkId(digest("network"))
OTHER_NETWORK = NetworkId(digest("another network"))
RECORD = RecordId(digest("record"))


@cache
def private_key(label: str) -> ec.EllipticCurvePrivateKey:
    """The private key of a label, e.g. `doctor 0 clinical`."""
    scalar = int.from_bytes(digest(f"key {label}"), "big") % (CURVE_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def key(label: str) -> PublicKey:
    """The public key of a label."""
    return public_key(private_key(label))


def address(label: str) -> Address:
    """The address of a member by its label, e.g. `doctor 0`."""
    return address_of(key(f"{label} clinical"))


def part_keys(label: str) -> PartKeys:
    """Content key and salt of a label."""
    return PartKeys(digest(f"content {label}"), digest(f"salt {label}"))


def sealed(name: PartName = PartName.V_IND, plaintext: bytes = b"plaintext") -> SealedPart:
    """A sealed part of the sample record."""
    return seal_part(NETWORK, RECORD, name, part_keys(name.value), plaintext)


def registration_core() -> Core:
    """A first medical form, with PAT_NAME and a registration."""
    parts: tuple[PartDescriptor, ...] = (
        sealed(PartName.PAT_NAME, b"name").descriptor,
        sealed(PartName.V_IND, b"signs").descriptor,
    )
    payload = registration_payload(
        encryption_key=key("patient encryption"),
        issuer=address("hospital"),
        patient_key=key("patient clinical"),
    )
    return Core(
        type=BlockType.MEDICAL_FORM,
        network=NETWORK,
        issuer=address("hospital"),
        doctor=address("doctor 0"),
        patient=None,
        patient_key=key("patient clinical"),
        patient_name=patient_name_commitment(NETWORK, digest("name salt"), "Zoë Example"),
        record=RECORD,
        parts=parts,
        body_root=body_root(parts),
        seen_head=BlockHash(ZERO),
        issued_at_ms=ISSUED_MS,
        expires_at_ms=ISSUED_MS + 30 * DAY_MS,
        registration=registration_proof(NETWORK, payload, signer(private_key("patient clinical"))),
    )


def report_core() -> Core:
    """An AI entity's report on one image block, replacing an earlier report."""
    parts = (sealed(PartName.M_REPORT, b"report").descriptor,)
    image = BlockHash(digest("image block"))
    return Core(
        type=BlockType.REPORT,
        network=NETWORK,
        issuer=address("ai entity"),
        doctor=address("doctor 0"),
        patient=1,
        patient_key=key("patient clinical"),
        patient_name=digest("patient name"),
        record=RecordId(digest("report record")),
        parts=parts,
        body_root=body_root(parts),
        seen_head=image,
        issued_at_ms=ISSUED_MS,
        expires_at_ms=ISSUED_MS + DAY_MS,
        references=(image,),
        replaces=BlockHash(digest("earlier report")),
        ai=Provenance(
            kind=FindingKind.TUMOUR,
            model_name="organ lesions",
            model_version="1.0",
            model_digest=digest("model"),
            training_digest=digest("training"),
            preprocessing="1",
            confidence_ppm=910_000,
            inputs=(image,),
        ),
    )


def registration_proposal() -> Proposal:
    """The first medical form, signed by the hospital."""
    return issue(registration_core(), signer(private_key("hospital clinical")))


def report_proposal() -> Proposal:
    """The report, signed by the AI entity."""
    return issue(report_core(), signer(private_key("ai entity clinical")))


def approved_model(label: str = "model") -> ApprovedModel:
    """The model of the report, or another."""
    digests = (digest(label), digest(f"{label} card"), digest("training"))
    return ApprovedModel(FindingKind.TUMOUR, *digests)


def machine() -> Member:
    """The AI entity as a charter lists it with a model; leaf and proofs are only bytes here."""
    return Member(
        name="AI entity",
        role=Role.AI_ENTITY,
        endpoint="ai.example.org:7600",
        address=address("ai entity"),
        keys=MemberKeys(*(key(f"ai entity {use}") for use in ("clinical", "consensus", "policy"))),
        tls_certificate=b"leaf",
        proofs=MemberProofs(Signature(bytes(64)), Signature(bytes(64))),
        models=(approved_model(),),
    )


def models_proposal() -> Proposal:
    """The AI entity asks for another model, and to be rid of the first."""
    changes = (
        ApproveModel(address("ai entity"), approved_model("another model")),
        WithdrawModel(address("ai entity"), approved_model().digest),
    )
    record = RecordId(digest("amendment record"))
    asked = GovernanceIssue(NETWORK, address("ai entity"), record, ISSUED_MS, ISSUED_MS + DAY_MS)
    core = governance_core(Amendment(3, changes), asked)
    return issue(core, signer(private_key("ai entity clinical")))


def vote(doctor: int = 0, decision: Decision = Decision.APPROVE) -> Vote:
    """Doctor 0 is the attending; every vote is graded."""
    role = VoterRole.PEER if doctor else VoterRole.ATTENDING
    ballot = Ballot(
        report_proposal().id, address(f"doctor {doctor}"), decision, role, 1, comment=digest("note")
    )
    return cast(ballot, NETWORK, signer(private_key(f"doctor {doctor} clinical")))


def block() -> Block:
    """The registration in its place, as the first block of all."""
    proposal = registration_proposal()
    header = BlockHeader(
        1, BlockHash(NETWORK), 1, 1, BlockHash(ZERO), Outcome.ACCEPTED, proposal.id
    )
    return place(header, proposal)


def witness() -> Witness:
    """Three votes, ascending by voter."""
    return Witness(tuple(sorted(map(vote, range(3)), key=lambda one: one.ballot.voter)))


def ordering_vote(doctor: int = 0, kind: OrderingKind = OrderingKind.NOTAR) -> OrderingVote:
    """A statement of slot 4 by one doctor's node."""
    named = None if kind is OrderingKind.SKIP else BatchHash(digest("batch"))
    consensus = signer(private_key(f"doctor {doctor} consensus"))
    return state(Statement(0, 4, kind, named), doctor, NETWORK, consensus)


def certificate(kind: OrderingKind = OrderingKind.NOTAR) -> Certificate:
    """Three doctors' nodes on slot 4."""
    votes = [ordering_vote(doctor, kind) for doctor in range(3)]
    return certify(votes[0].statement, votes)


def batch() -> Batch:
    """Slot 5 on slot 3, with slot 4 skipped: one block, one witness, two certificates."""
    justification = (certificate(), certificate(OrderingKind.SKIP))
    header = BatchHeader(
        network=NETWORK,
        epoch=0,
        slot=5,
        leader=2,
        parent_slot=3,
        parent_hash=BatchHash(digest("batch")),
        first_nbc=1,
        count=1,
        blocks_root=root([block().encoded()]),
        witness_root=root([witness().encoded()]),
        justification_root=root([one.encoded() for one in justification]),
        last_block_hash=block().hash,
        registry_hash=registry_hash(NETWORK, []),
        charter_version=0,
        time_ms=ISSUED_MS + 1,
    )
    return Batch(header, (block(),), (witness(),), justification)


def complaint() -> Complaint:
    """A laboratory that could not match a commitment."""
    return complain(
        NETWORK,
        member=address("laboratory"),
        proposal=report_proposal().id,
        part=PartName.M_REPORT,
        reason=Grievance.COMMITMENT,
        sign=signer(private_key("laboratory consensus")),
    )
