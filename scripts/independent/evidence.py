"""Evidence: two messages that one member signed and that contradict each other.

Carries out the part of R-GOV5 that is about `evidence`, and R-SIM11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from .acts import Evidence
from .batches import leader_number, read_batch_header
from .canonical import NUMBER_MAX, RECORD, Fault, Fields, decode
from .certificates import ordering_digest
from .charter import Charter
from .crypto import Signatures, tagged
from .votes import check_signed, read_vote

ORDERING_VOTE_FIELDS: Final = ("epoch", "hash", "kind", "signature", "signer", "slot")
CONTRADICTIONS: Final = {
    "two_notars": ("notar", "notar"),
    "skip_and_final": ("final", "skip"),
    "two_finals": ("final", "final"),
    "notar_and_final": ("final", "notar"),
}

# Culprit, kind, and either the epoch or the proposal: one evidence of each is enough.
Occasion: TypeAlias = tuple[bytes, str, int] | tuple[bytes, str, bytes]


@dataclass(frozen=True, slots=True)
class OrderingVote:
    """One doctor's ordering vote (R-ORD10)."""

    epoch: int
    hash: bytes | None
    kind: str
    signature: bytes
    signer: int
    slot: int


def check_evidence(act: Evidence, charters: Sequence[Charter], signatures: Signatures) -> Occasion:
    """Return what the evidence is about; raise `Fault` where it proves nothing.

    `charters` are those of every epoch so far, the one in force last.
    """
    if act.first >= act.second:
        raise Fault("R-GOV5", "the two messages of an evidence do not ascend")
    if act.kind == "two_votes":
        return _check_votes(act, charters[-1], signatures)
    if act.kind == "two_proposals":
        return _check_batches(act, charters, signatures)
    return _check_ordering(act, charters, signatures)


def _charter_of(epoch: int, charters: Sequence[Charter]) -> Charter:
    if epoch >= len(charters):
        raise Fault("R-GOV5", "an evidence of an epoch that has not begun")
    return charters[epoch]


def _check_ordering(act: Evidence, charters: Sequence[Charter], signatures: Signatures) -> Occasion:
    first, second = _read_ordering_vote(act.first), _read_ordering_vote(act.second)
    if (first.epoch, first.slot) != (second.epoch, second.slot) or first.hash == second.hash:
        raise Fault("R-GOV5", "two ordering votes that do not contradict each other")
    if tuple(sorted((first.kind, second.kind))) != CONTRADICTIONS[act.kind]:
        raise Fault("R-GOV5", f"the two ordering votes are not {act.kind}")
    charter = _charter_of(first.epoch, charters)
    for vote in (first, second):
        if not 0 <= vote.signer < len(charter.doctors):
            raise Fault("R-GOV5", "an ordering vote of a doctor who does not exist")
        doctor = charter.doctors[vote.signer]
        if doctor.address != act.culprit:
            raise Fault("R-GOV5", "an ordering vote of another than the culprit")
        digest = ordering_digest(vote.epoch, vote.hash, vote.kind, vote.slot, charter.network)
        what = "an evidence"
        signatures.check(doctor.consensus, digest, vote.signature, rule="R-GOV5", what=what)
    return act.culprit, act.kind, first.epoch


def _read_ordering_vote(encoded: bytes) -> OrderingVote:
    fields = Fields(decode(encoded, RECORD), "an ordering vote", ORDERING_VOTE_FIELDS)
    vote = OrderingVote(
        epoch=fields.integer("epoch", high=NUMBER_MAX),
        hash=fields.optional_binary("hash", 32),
        kind=fields.choice("kind", ("notar", "skip", "final")),
        signature=fields.binary("signature", 64),
        signer=fields.integer("signer"),
        slot=fields.integer("slot", 1, NUMBER_MAX),
    )
    if (vote.hash is None) != (vote.kind == "skip"):
        raise Fault("R-ORD10", "an ordering vote has no hash exactly where it skips a slot")
    return vote


def _check_batches(act: Evidence, charters: Sequence[Charter], signatures: Signatures) -> Occasion:
    network = charters[0].network
    shown = []
    for encoded in (act.first, act.second):
        fields = Fields(decode(encoded, RECORD), "a signed batch", ("header", "signature"))
        header = read_batch_header(fields.binary("header"), network)
        shown.append((header, fields.binary("signature", 64)))
    (first, _), (second, _) = shown
    if (first.epoch, first.slot) != (second.epoch, second.slot) or first.hash == second.hash:
        raise Fault("R-GOV5", "two batches that do not contradict each other")
    charter = _charter_of(first.epoch, charters)
    number = leader_number(first.epoch, first.slot, charter)
    leader = charter.doctors[number]
    if leader.address != act.culprit:
        raise Fault("R-GOV5", "two batches of a slot that the culprit did not lead")
    for header, signature in shown:
        if header.network != network or header.leader != number:
            raise Fault("R-GOV5", "a batch of another network, or that names another leader")
        digest = tagged("batch-proposal", network, header.hash)
        what = "an evidence"
        signatures.check(leader.consensus, digest, signature, rule="R-GOV5", what=what)
    return act.culprit, act.kind, first.epoch


def _check_votes(act: Evidence, charter: Charter, signatures: Signatures) -> Occasion:
    first, second = read_vote(act.first, charter.network), read_vote(act.second, charter.network)
    if first.proposal != second.proposal or first.digest == second.digest:
        raise Fault("R-GOV5", "two votes that do not contradict each other")
    culprit = charter.members.get(act.culprit)
    if culprit is None or culprit.role != "doctor":
        raise Fault("R-GOV5", "two votes of somebody who is not a doctor of the charter")
    for vote in (first, second):
        if vote.voter != act.culprit:
            raise Fault("R-GOV5", "a vote of another than the culprit")
        what = "an evidence"
        check_signed(vote, culprit, signatures, rule="R-GOV5", what=what)
    return act.culprit, act.kind, first.proposal
