"""A receipt of a vote: what a doctor signed, and on what.

Carries out R-EXP4. Without a proof of the block the keys are those of the founding charter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .acts import GovernanceCore
from .canonical import FRAME, RECORD, Fault, Fields, Tampered, decode
from .charter import Charter
from .crypto import Signatures, sha256, tagged
from .members import Member
from .proof import PROOF_FIELDS, audit_proof
from .proposals import read_core
from .votes import Vote, check_signed, read_vote

RECEIPT_FIELDS: Final = ("accepted_at_us", "comment", "format", "network", "proposal", "vote")
COMMENT_MAX: Final = 2_000
TIME_MAX_US: Final = 2**53


@dataclass(frozen=True, slots=True)
class Received:
    """A receipt that is genuine; `height` and `counted` only where a proof was given."""

    vote: Vote
    height: int | None = None
    counted: bool | None = None


@dataclass(frozen=True, slots=True)
class _Proposal:
    core: bytes
    issuer: bytes
    with_consensus_key: bool
    identity: bytes
    signature: bytes


def audit_receipt(
    encoded: bytes, charter: Charter, signatures: Signatures, proof: bytes | None = None
) -> Received:
    """Return what a receipt shows; raise `Tampered` at height 0."""
    try:
        fields = Fields(decode(encoded, RECORD), "the receipt", RECEIPT_FIELDS)
        proposal, vote = _read(fields, charter)
        if proof is None:
            key = _issuing_key(proposal, charter)
            digest, what = proposal.identity, "the issuer"
            signatures.check(key, digest, proposal.signature, rule="R-PRO2", what=what)
            _check_vote(vote, charter, signatures)
            return Received(vote)
        height, votes = _proven(proposal, proof, charter, signatures)
        counted = fields.binary("vote") in votes
        if not counted:
            _check_vote(vote, charter, signatures)
        return Received(vote, height, counted)
    except Fault as fault:
        raise Tampered(0, fault) from None


def _read(fields: Fields, charter: Charter) -> tuple[_Proposal, Vote]:
    if fields.text("format") != "medquorum/receipt/1":
        raise Fault("R-EXP4", "the file is not of format medquorum/receipt/1")
    fields.integer("accepted_at_us", high=TIME_MAX_US)
    if fields.binary("network", 32) != charter.network:
        raise Fault("R-EXP4", "the receipt is of another network")
    proposal = _read_proposal(fields.binary("proposal"), charter.network)
    encoded_vote = fields.binary("vote")
    vote = read_vote(encoded_vote, charter.network)
    if vote.proposal != proposal.identity:
        raise Fault("R-EXP4", "the vote is about another proposal")
    signed = decode(encoded_vote, RECORD)
    said = signed.get("comment") if isinstance(signed, dict) else None
    if said != _comment_digest(fields):
        raise Fault("R-EXP4", "the comment is not the one the vote was given with")
    return proposal, vote


def _read_proposal(encoded: bytes, network: bytes) -> _Proposal:
    fields = Fields(decode(encoded, RECORD), "the proposal", ("core", "signature"))
    encoded_core = fields.binary("core")
    core = read_core(encoded_core)
    if core.network != network:
        raise Fault("R-PRO1", "the proposal is of another network")
    return _Proposal(
        core=encoded_core,
        issuer=core.issuer,
        with_consensus_key=isinstance(core, GovernanceCore) and core.type == "evidence",
        identity=tagged("proposal", network, encoded_core),
        signature=fields.binary("signature", 64),
    )


def _comment_digest(fields: Fields) -> bytes | None:
    values = fields.value("comment")
    if values is None:
        return None
    comment = Fields(values, "the comment", ("salt", "text"))
    text = comment.text("text", COMMENT_MAX)
    if not text:
        raise Fault("R-EXP4", "an empty comment")
    return sha256(comment.binary("salt", 32) + text.encode())


def _issuing_key(proposal: _Proposal, charter: Charter) -> bytes:
    member: Member | None = charter.members.get(proposal.issuer)
    if member is None:
        raise Fault("R-PRO2", "the issuer is no member of the founding charter")
    return member.consensus if proposal.with_consensus_key else member.clinical


def _check_vote(vote: Vote, charter: Charter, signatures: Signatures) -> None:
    member = charter.members.get(vote.voter)
    if member is None or member.role != "doctor":
        raise Fault("R-VOT1", "the voter is no doctor of the founding charter")
    check_signed(vote, member, signatures, rule="R-VOT1", what="the vote")


def _proven(
    proposal: _Proposal, encoded: bytes, charter: Charter, signatures: Signatures
) -> tuple[int, tuple[bytes, ...]]:
    """Return the block's number and the votes of its witness, as bytes."""
    block = audit_proof(encoded, charter, signatures).block
    if (block.encoded_core, block.signature) != (proposal.core, proposal.signature):
        raise Fault("R-EXP4", "the proof is of another proposal's block")
    fields = Fields(decode(encoded, FRAME), "the proof", PROOF_FIELDS)
    witness = Fields(decode(fields.binary("witness"), RECORD), "the witness", ("votes",))
    return block.header.n_bc, witness.binaries("votes")
