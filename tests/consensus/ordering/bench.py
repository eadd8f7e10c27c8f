"""One node under test, and whatever its peers might say to it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from medquorum.consensus.effects import Broadcast, Commit, Effect, Persist, Send
from medquorum.consensus.messages import (
    BatchProposal,
    CertificateMessage,
    Message,
    OrderingVoteMessage,
    Status,
)
from medquorum.consensus.ordering.application import FinalPoint
from medquorum.consensus.ordering.compact import compact_of
from medquorum.consensus.ordering.journal import JournalRecord
from medquorum.consensus.ordering.simplex import Ordering
from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch, BatchHeader, registry_hash
from medquorum.ledger.block import Witness
from medquorum.ledger.certificate import Certificate, OrderingVote, Statement, certify, state
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.types import BatchHash, OrderingKind
from tests.consensus.ordering import toy
from tests.consensus.ordering.toy import EMPTY, NETWORK, START_MS, ToyLedger, ToyView

COUNT, QUORUM = 4, 3
DOCTORS = toy.doctors(COUNT)
ELECTORATE = toy.electorate(COUNT, QUORUM)
GENESIS = BatchHash(NETWORK)
NOTAR, SKIP, FINAL = OrderingKind.NOTAR, OrderingKind.SKIP, OrderingKind.FINAL


def vote(kind: OrderingKind, slot: int, digest: BatchHash | None, signer: int) -> OrderingVote:
    """A doctor's ordering vote."""
    return state(Statement(0, slot, kind, digest), signer, NETWORK, toy.toy_signer(signer))


def certificate(
    kind: OrderingKind, slot: int, digest: BatchHash | None, signers: Iterable[int] = (1, 2, 3)
) -> Certificate:
    """A certificate of these doctors."""
    votes = [vote(kind, slot, digest, signer) for signer in signers]
    return certify(votes[0].statement, votes)


def batch(
    slot: int,
    numbers: Sequence[int] = (),
    *,
    parent: Batch | None = None,
    view: ToyView = EMPTY,
    skipped: Sequence[int] = (),
    time_ms: int = START_MS,
) -> Batch:
    """A sound batch of these proposals, with the justification R-ORD12 wants."""
    blocks = toy.placed(view, [toy.toy_proposal(number) for number in numbers])
    witnesses = tuple(Witness(()) for _ in blocks)
    skips = tuple(certificate(SKIP, one, None) for one in skipped)
    proof = (
        skips if parent is None else (certificate(NOTAR, parent.header.slot, parent.hash), *skips)
    )
    header = BatchHeader(
        network=NETWORK,
        epoch=0,
        slot=slot,
        leader=slot % COUNT,
        parent_slot=0 if parent is None else parent.header.slot,
        parent_hash=GENESIS if parent is None else parent.hash,
        first_nbc=view.count + 1,
        count=len(blocks),
        blocks_root=merkle.root([one.encoded() for one in blocks]),
        witness_root=merkle.root([one.encoded() for one in witnesses]),
        justification_root=merkle.root([one.encoded() for one in proof]),
        last_block_hash=blocks[-1].hash if blocks else view.last,
        registry_hash=registry_hash(NETWORK, ()),
        charter_version=0,
        time_ms=time_ms,
    )
    return Batch(header, blocks, witnesses, proof)


def view_after(*batches: Batch) -> ToyView:
    """The toy view after these batches."""
    view = EMPTY
    for one in batches:
        view = ToyLedger().extend(view, one)
    return view


def proposal(of: Batch, *, signer: int | None = None) -> BatchProposal:
    """The batch as its leader (or another) proposes it."""
    leader = of.header.leader if signer is None else signer
    signature = toy.toy_signer(leader)(tagged(Kind.BATCH_PROPOSAL, NETWORK, of.hash))
    compact = compact_of(of.blocks, of.witnesses, DOCTORS)
    return BatchProposal(of.header.encoded(), compact, of.justification, signature)


class Bench:
    """Doctor 0 of four (or a follower), alone with a script."""

    def __init__(
        self,
        *,
        known: Iterable[int] = (),
        journal: Sequence[JournalRecord] = (),
        final: FinalPoint[ToyView] | None = None,
        number: int | None = 0,
        listening: bool = False,
        epoch: int = 0,
    ) -> None:
        self.ledger = ToyLedger()
        for each in known:
            self.ledger.learn(each)
        self.now_ms = START_MS
        self.ordering = Ordering(
            seat=None if number is None else toy.seat(number),
            electorate=replace(ELECTORATE, epoch=epoch),
            doctors=DOCTORS,
            timing=toy.TIMING,
            application=self.ledger,
            final=final or toy.start(),
            journal=journal,
            verify=toy.toy_verify,
        )
        self.effects: tuple[Effect, ...] = self.ordering.tick(self.now_ms)
        if number is not None and not listening:
            others = [one for one in range(COUNT) if one != number][: QUORUM - 1]
            for other in others:
                self.effects += self.hear(Status(epoch, 0, 0, shows=True), other)

    def hear(self, message: Message, sender: int) -> tuple[Effect, ...]:
        """A message from a doctor."""
        self.effects = self.ordering.receive(message, DOCTORS[sender], self.now_ms)
        return self.effects

    def hear_votes(self, *votes: OrderingVote) -> tuple[Effect, ...]:
        """Votes, each from its signer; the effects of all."""
        effects = [effect for one in votes for effect in self.hear(_message(one), one.signer)]
        self.effects = tuple(effects)
        return self.effects

    def hear_certificate(self, of: Certificate, sender: int = 3) -> tuple[Effect, ...]:
        """A certificate from anyone."""
        return self.hear(CertificateMessage(of), sender)

    def pass_ms(self, duration_ms: int) -> tuple[Effect, ...]:
        """Time passes; the timer goes off at the end."""
        self.now_ms += duration_ms
        self.effects = self.ordering.tick(self.now_ms)
        return self.effects

    def learn(self, *numbers: int) -> tuple[Effect, ...]:
        """Verdicts reach the pool."""
        for number in numbers:
            self.ledger.learn(number)
        self.effects = self.ordering.work_changed(self.now_ms)
        return self.effects

    def votes(self) -> list[OrderingVote]:
        """Ordering votes this node just sent to all."""
        return [
            one.message.vote
            for one in self.effects
            if isinstance(one, Broadcast) and isinstance(one.message, OrderingVoteMessage)
        ]

    def kinds(self) -> list[OrderingKind]:
        """Their kinds."""
        return [one.statement.kind for one in self.votes()]

    def sent(self, to: int) -> list[Message]:
        """What this node just sent to one doctor alone."""
        return [
            one.message for one in self.effects if isinstance(one, Send) and one.to == DOCTORS[to]
        ]

    def records(self) -> list[JournalRecord]:
        """What this node just wrote."""
        return [one.record for one in self.effects if isinstance(one, Persist)]

    def committed(self) -> list[Batch]:
        """What this node just made final."""
        return [one.batch for one in self.effects if isinstance(one, Commit)]


def _message(one: OrderingVote) -> OrderingVoteMessage:
    return OrderingVoteMessage(one)
