"""What a doctor does on her own machine, with a key no node ever sees (R-VOT1, R-PRO2, R-BOD7).

A node is believed in nothing that is signed: the id is computed from the proposal's bytes, the
issuer's signature and the network are checked against the charter, and what is sealed is sealed
here for the recipients of the charter.
"""

from __future__ import annotations

from medquorum.ledger.approved_model import may_report
from medquorum.ledger.ceremony import open_charter
from medquorum.ledger.charter import Charter, Member
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Core, Proposal, parse_proposal
from medquorum.ledger.signature import signer, verify
from medquorum.ledger.types import ISSUERS, BlockType, Decision, Role, VoterRole
from medquorum.ledger.vote import Ballot, Vote, cast
from medquorum.node.charters_proven import CharterUnproven, proven_charters
from medquorum.node.client import NodeClient
from medquorum.node.clinical_orders import (
    ClinicalError,
    Order,
    SealedOrder,
    propose_sealed,
    seal_for,
)
from medquorum.node.desk import Receipt
from medquorum.node.keystore import Keystore
from medquorum.node.sealing import Grantor

__all__ = [
    "ClinicalError",
    "Order",
    "SealedOrder",
    "build_vote",
    "charter_in_force",
    "checked_proposal",
    "hand_of",
    "node_charter",
    "propose_sealed",
    "seal_and_submit",
    "seal_order",
]


def hand_of(keystore: Keystore) -> Grantor:
    """A doctor's address and signing capability from her open clinical keystore."""
    return Grantor(Address(keystore.public.owner), signer(keystore.private_key("clinical")))


async def node_charter(client: NodeClient) -> Charter:
    """The charter as the node serves it, complete and verified.

    Compare its fingerprint once, or hand in the charter file from the ceremony.
    """
    return open_charter(await client.charter_bytes())


async def charter_in_force(client: NodeClient, founding: Charter) -> Charter:
    """The newest version this node knows, proven from the founding charter; else ClinicalError."""
    try:
        return (await proven_charters(client, founding))[-1]
    except CharterUnproven as error:
        raise ClinicalError(str(error)) from None


def _doctor_of(charter: Charter, address: Address) -> Member:
    member = charter.member(address)
    if member is None or member.role is not Role.DOCTOR:
        raise ClinicalError("R-VOT3: this key is no doctor's of this network; use another home")
    if not charter.is_active(address):
        raise ClinicalError("R-GOV7: this doctor is suspended; an amendment reinstates her")
    return member


async def checked_proposal(client: NodeClient, identifier: str, charter: Charter) -> Proposal:
    """The proposal of this id, every claim of it that needs no body checked."""
    try:
        proposal = parse_proposal(await client.proposal_bytes(identifier))
    except LedgerError as error:
        raise ClinicalError(f"{error}; do not vote, tell the node's operator") from None
    core = proposal.core
    if core.network != charter.network_id:
        raise ClinicalError("R-PRO1: the proposal is of another network; do not vote")
    if proposal.id.hex() != identifier:
        raise ClinicalError("R-PRO2: the node shows another proposal under this id; do not vote")
    issuer = charter.member(core.issuer)
    active = issuer is not None and charter.is_active(core.issuer)
    if issuer is None or not active or issuer.role not in ISSUERS.get(core.type, ()):
        raise ClinicalError("R-BLK2: its issuer may not issue this type; do not vote")
    evidence = core.type is BlockType.EVIDENCE
    key = issuer.keys.consensus if evidence else issuer.keys.clinical
    if not verify(key, proposal.id, proposal.signature):
        raise ClinicalError("R-PRO2: its issuer did not sign it; do not vote")
    if core.ai is not None and not may_report(issuer.models, core.ai):
        raise ClinicalError("R-AI4: its model is not one the charter approves; do not vote")
    return proposal


async def build_vote(
    client: NodeClient,
    proposal_id: str,
    decision: Decision,
    grade: int | None,
    doctor: Grantor,
    *,
    charter: Charter | None = None,
    comment: bytes | None = None,
) -> Vote:
    """A signed vote on what the proposal's bytes say; ClinicalError when it must not be signed.

    The role is attending where the doctor is the patient's attending, delegate where she stands in
    for the attending now (R-VOT4). `charter` is the founding one; without it the node's is used,
    verified. Later versions are believed for their proof only. `comment` is a 32-byte digest.
    """
    charter = await charter_in_force(client, charter or await node_charter(client))
    member = _doctor_of(charter, doctor.address)
    proposal = await checked_proposal(client, proposal_id, charter)
    if grade is not None and (proposal.core.type is not BlockType.REPORT or not 1 <= grade <= 4):
        raise ClinicalError("R-VOT4: a grade from 1 to 4 is given on reports only")
    role = await _voter_role(client, proposal, member, charter)
    ballot = Ballot(
        proposal=proposal.id,
        voter=doctor.address,
        decision=decision,
        role=role,
        grade=grade,
        comment=comment,
    )
    return cast(ballot, charter.network_id, doctor.sign)


async def _voter_role(
    client: NodeClient, proposal: Proposal, member: Member, charter: Charter
) -> VoterRole:
    """In which capacity a doctor votes now (R-VOT4, R-GOV1)."""
    core = proposal.core
    if core.act is not None:
        return VoterRole.PEER
    attending = await _attending(client, core, charter)
    if attending == member.address_text:
        return VoterRole.ATTENDING
    stands_in = any(
        entry.in_force
        and (entry.attending, entry.delegate) == (attending, member.address_text)
        and entry.patient in (None, core.patient)
        and entry.proposal in (None, proposal.id.hex())
        for entry in await client.registry()
    )
    return VoterRole.DELEGATE if stands_in else VoterRole.PEER


async def _attending(client: NodeClient, core: Core, charter: Charter) -> str | None:
    """Who attends the patient; on a registration the doctor the form names."""
    if core.patient is not None:
        return (await client.patient(core.patient)).attending
    doctor = charter.member(core.doctor)
    return None if doctor is None else doctor.address_text


async def seal_order(
    client: NodeClient, charter: Charter, order: Order, doctor: Grantor
) -> SealedOrder:
    """Seal and sign here, and put the chunks; nothing is proposed yet.

    `charter` is the founding one; the recipients are those of the version in force.
    """
    charter = await charter_in_force(client, charter)
    member = _doctor_of(charter, doctor.address)
    if member.role not in ISSUERS.get(order.type, ()):
        raise ClinicalError(f"R-BLK2: a doctor does not issue {order.type.value}")
    return await seal_for(client, charter, order, doctor)


async def seal_and_submit(
    client: NodeClient, charter: Charter, order: Order, doctor: Grantor
) -> Receipt:
    """Seal and sign here, put the chunks, propose; the receipt's id is the one computed here.

    Called again it is another proposal: whoever may lose the answer keeps what `seal_order` made.
    """
    return await propose_sealed(client, await seal_order(client, charter, order, doctor))
