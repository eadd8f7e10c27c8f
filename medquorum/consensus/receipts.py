"""A receipt of a vote, checked offline with the charter and, if at hand, a proof (R-EXP4)."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.consensus.proofs import verify_proof
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.proof import Proof, parse_proof
from medquorum.ledger.receipt import Receipt, parse_receipt
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BlockType, Role
from medquorum.ledger.vote_claim import verify_vote


@dataclass(frozen=True, slots=True)
class ReceiptCheck:
    """What a receipt shows."""

    valid: bool
    reason: str
    """The rule it breaks, or that it breaks none."""
    n_bc: int | None = None
    """The block of the proof that was given."""
    counted: bool | None = None
    """Whether that block's verdict rests on this vote too; None without a proof."""


def check_receipt(encoded: bytes, charter: Charter, proof: bytes | None = None) -> ReceiptCheck:
    """Check a receipt from its bytes; never raises on hostile input."""
    try:
        receipt = parse_receipt(encoded)
        shown = None if proof is None else parse_proof(proof)
    except LedgerError as error:
        return ReceiptCheck(False, str(error))
    fault = _content_fault(receipt, charter) or _proof_fault(receipt, charter, shown)
    if fault is not None:
        return ReceiptCheck(False, fault)
    votes = () if shown is None else tuple(vote.encoded() for vote in shown.witness.votes)
    counted = receipt.vote.encoded() in votes
    fault = _signature_fault(receipt, charter, shown, counted=counted)
    if shown is None:
        return ReceiptCheck(fault is None, fault or "every rule holds")
    n_bc = shown.block.header.n_bc
    return ReceiptCheck(fault is None, fault or "every rule holds", n_bc, counted)


def _content_fault(receipt: Receipt, charter: Charter) -> str | None:
    ballot, comment = receipt.vote.ballot, receipt.comment
    if receipt.network != charter.network_id:
        return "R-EXP4: the receipt is of another network; use its charter"
    if receipt.proposal.core.network != receipt.network:
        return "R-PRO1: the proposal is of another network"
    if ballot.proposal != receipt.proposal.id:
        return "R-EXP4: the vote is about another proposal"
    if ballot.comment != (None if comment is None else comment.digest()):
        return "R-EXP4: the comment is not the one the vote was given with"
    return None


def _proof_fault(receipt: Receipt, charter: Charter, proof: Proof | None) -> str | None:
    if proof is None:
        return None
    verified = verify_proof(proof, charter)
    if not verified.valid:
        return f"R-EXP3: the proof is refused: {verified.reason}"
    if proof.block.proposal.encoded() != receipt.proposal.encoded():
        return "R-EXP4: the proof is of another proposal's block"
    return None


def _signature_fault(
    receipt: Receipt, charter: Charter, proof: Proof | None, *, counted: bool
) -> str | None:
    core, ballot = receipt.proposal.core, receipt.vote.ballot
    if proof is None:
        key = _key(charter, core.issuer, consensus=core.type is BlockType.EVIDENCE)
        if key is None or not verify(key, receipt.proposal.id, receipt.proposal.signature):
            return "R-PRO2: no member of the founding charter signed the proposal so"
    if counted:
        return None
    voter = charter.member(ballot.voter)
    doctor = voter is not None and voter.role is Role.DOCTOR
    if voter is None or not doctor or not verify_vote(receipt.vote, voter, receipt.network):
        return "R-VOT1: no doctor of the founding charter signed the vote so"
    return None


def _key(
    charter: Charter,
    address: Address,
    *,
    consensus: bool = False,
) -> PublicKey | None:
    member = charter.member(address)
    if member is None:
        return None
    return member.keys.consensus if consensus else member.keys.clinical
