"""Lying doctors: a replica whose words are twisted on the way out, and a pen that signs anything.

A liar has its own key and nobody else's. It never invents other doctors' signatures, but it may
sign two batches for a slot, vote for everything and against it, propose on wrong parents or over
slots nobody skipped, vote for what nobody has seen, keep back what others need, and send garbage.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from medquorum.consensus.messages import (
    BatchProposal,
    CertificateMessage,
    Message,
    OrderingVoteMessage,
    Status,
    Sync,
)
from medquorum.ledger import merkle
from medquorum.ledger.batch import BatchHeader
from medquorum.ledger.certificate import Certificate, Electorate, OrderingVote, Statement, state
from medquorum.ledger.charter import Charter
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import Address
from medquorum.ledger.signature import Signature, Signer
from medquorum.ledger.types import BatchHash, OrderingKind
from medquorum.simulation.wire import Parcel

_HEARD = 32
"""Batch hashes a liar remembers to vote for."""
Outgoing = list[tuple[int, Parcel]]


class Lie(StrEnum):
    """What a liar is given to; a run draws some for each."""

    EQUIVOCATE = "equivocate"
    """Two batches for its slot, one for each half of the doctors."""
    DOUBLE_VOTE = "double_vote"
    """To some another vote than to the others."""
    VOTE_FOR_ALL = "vote_for_all"
    """Notar and final for every batch it hears of, and skip as well."""
    WRONG_PARENT = "wrong_parent"
    """A batch on the start of the epoch, without what lies between."""
    BARE_GAP = "bare_gap"
    """A batch whose skipped slots nobody certified."""
    UNSEEN = "unseen"
    """Votes for batches and slots that do not exist."""
    WITHHOLD = "withhold"
    """Certificates, log and bodies stay with it."""
    MUTE_SOMETIMES = "mute_sometimes"
    """Every other message is not sent."""
    BOAST = "boast"
    """Claims to be further than anybody."""
    GARBAGE = "garbage"
    """Signatures that do not hold, certificates of too few."""


class Liar:
    """The tongue of one lying doctor's node."""

    def __init__(self, charter: Charter, address: Address, sign: Signer, dice: random.Random):
        self._address = address
        self._sign = sign
        self.believe(charter)
        self._dice = dice
        self._heard: list[tuple[int, BatchHash]] = []
        self.lies = frozenset(lie for lie in Lie if dice.random() < 0.4)

    def believe(self, charter: Charter) -> None:
        """Speak under this charter from now on; a suspended liar keeps its old number."""
        self._electorate: Electorate = charter.electorate()
        self._number: int = charter.doctor_number(self._address) or 0

    def hear(self, parcel: Parcel) -> None:
        """Remember what could be voted for."""
        if isinstance(parcel, BatchProposal):
            self._heard.append((parcel.header.slot, parcel.hash))
            del self._heard[:-_HEARD]

    def distorted(self, places: list[int], message: Message) -> Outgoing:
        """What really leaves, and to whom."""
        if Lie.MUTE_SOMETIMES in self.lies and self._dice.random() < 0.5:
            return []
        match message:
            case BatchProposal():
                self.hear(message)
                sent = self._proposed(places, message)
            case OrderingVoteMessage(vote):
                sent = self._voted(places, vote)
            case CertificateMessage() | Sync() if Lie.WITHHOLD in self.lies:
                sent = []
            case Status():
                sent = [(place, self._status(message)) for place in places]
            case _:
                sent = [(place, message) for place in places]
        return sent + self._extra(places)

    def _proposed(self, places: list[int], proposal: BatchProposal) -> Outgoing:
        changes: list[Callable[[BatchProposal], BatchProposal]] = []
        for lie, change in (
            (Lie.EQUIVOCATE, self._later),
            (Lie.WRONG_PARENT, self._on_nothing),
            (Lie.BARE_GAP, self._without_proof),
        ):
            if lie in self.lies:
                changes.append(change)
        if not changes:
            return [(place, proposal) for place in places]
        other = self._dice.choice(changes)(proposal)
        self._heard.append((other.header.slot, other.hash))
        both = self._dice.random() < 0.3
        sent: Outgoing = []
        for place in places:
            first = self._dice.random() < 0.5
            if first or both:
                sent.append((place, proposal))
            if not first or both:
                sent.append((place, other))
        return sent

    def _signed(self, proposal: BatchProposal, header: BatchHeader) -> BatchProposal:
        network = self._electorate.network
        signature = self._sign(tagged(Kind.BATCH_PROPOSAL, network, header.hash()))
        return replace(proposal, header_bytes=header.encoded(), signature=signature)

    def _later(self, proposal: BatchProposal) -> BatchProposal:
        header = proposal.header
        return self._signed(proposal, replace(header, time_ms=header.time_ms + 1))

    def _on_nothing(self, proposal: BatchProposal) -> BatchProposal:
        header = replace(
            proposal.header,
            parent_slot=0,
            parent_hash=BatchHash(self._electorate.network),
            justification_root=merkle.root([]),
        )
        return self._signed(replace(proposal, justification=()), header)

    def _without_proof(self, proposal: BatchProposal) -> BatchProposal:
        kept = proposal.justification[:-1]
        root = merkle.root([one.encoded() for one in kept])
        header = replace(proposal.header, justification_root=root)
        return self._signed(replace(proposal, justification=kept), header)

    def _voted(self, places: list[int], vote: OrderingVote) -> Outgoing:
        own: Message = OrderingVoteMessage(vote)
        if Lie.DOUBLE_VOTE not in self.lies:
            return [(place, own) for place in places]
        other: Message = OrderingVoteMessage(self._contradicting(vote))
        sent: Outgoing = []
        for place in places:
            if self._dice.random() < 0.7:
                sent.append((place, own))
            if self._dice.random() < 0.5:
                sent.append((place, other))
        return sent

    def _contradicting(self, vote: OrderingVote) -> OrderingVote:
        slot = vote.statement.slot
        known = [digest for at, digest in self._heard if at == slot]
        known = [digest for digest in known if digest != vote.statement.hash]
        digest = self._dice.choice(known) if known else BatchHash(self._dice.randbytes(32))
        match vote.statement.kind:
            case OrderingKind.FINAL:
                if self._dice.random() < 0.5:
                    return self._vote(slot, OrderingKind.SKIP, None)
                return self._vote(slot, OrderingKind.FINAL, digest)
            case OrderingKind.SKIP:
                return self._vote(slot, OrderingKind.FINAL, digest)
            case OrderingKind.NOTAR:
                return self._vote(slot, OrderingKind.NOTAR, digest)

    def _vote(self, slot: int, kind: OrderingKind, digest: BatchHash | None) -> OrderingVote:
        statement = Statement(self._electorate.epoch, max(1, slot), kind, digest)
        return state(statement, self._number, self._electorate.network, self._sign)

    def _status(self, status: Status) -> Status:
        if Lie.WITHHOLD in self.lies:
            status = replace(status, certificates=())
        if Lie.BOAST in self.lies and self._dice.random() < 0.5:
            ahead = self._dice.randint(1, 100)
            status = replace(
                status,
                log_length=status.log_length + ahead,
                final_slot=status.final_slot + ahead,
            )
        return status

    def _extra(self, places: list[int]) -> Outgoing:
        """Words nobody asked for."""
        made: list[Message] = []
        slot, digest = self._heard[-1] if self._heard else (1, BatchHash(bytes(32)))
        if Lie.VOTE_FOR_ALL in self.lies and self._dice.random() < 0.4:
            for kind in OrderingKind:
                named = None if kind is OrderingKind.SKIP else digest
                made.append(OrderingVoteMessage(self._vote(slot, kind, named)))
        if Lie.UNSEEN in self.lies and self._dice.random() < 0.2:
            far = slot + self._dice.randint(1, 200)
            unseen = BatchHash(self._dice.randbytes(32))
            made.append(OrderingVoteMessage(self._vote(far, OrderingKind.NOTAR, unseen)))
            made.append(OrderingVoteMessage(self._vote(far, OrderingKind.SKIP, None)))
        if Lie.GARBAGE in self.lies and self._dice.random() < 0.2:
            made.extend(self._garbage(slot, digest))
        return [(self._dice.choice(places), message) for message in made if places]

    def _garbage(self, slot: int, digest: BatchHash) -> list[Message]:
        good = self._vote(slot, OrderingKind.FINAL, digest)
        forged = replace(good, signature=Signature(self._dice.randbytes(64)))
        foreign = replace(forged, signer=self._dice.randrange(len(self._electorate.keys)))
        few = Certificate(good.statement, ((self._number, good.signature),))
        everybody = Certificate(
            good.statement,
            tuple((number, good.signature) for number in range(len(self._electorate.keys))),
        )
        return [
            OrderingVoteMessage(forged),
            OrderingVoteMessage(foreign),
            CertificateMessage(few),
            CertificateMessage(everybody),
        ]
