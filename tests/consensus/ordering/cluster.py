"""A whole cluster in memory: virtual time, a network one can bend, disks that outlive crashes.

Deterministic: the same calls give the same story. Agreement is checked at every commit.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from medquorum.consensus.effects import (
    Broadcast,
    CeaseVoting,
    Commit,
    Convict,
    Effect,
    Halt,
    Persist,
    Send,
)
from medquorum.consensus.messages import (
    Message,
    OrderingVoteMessage,
    decode_message,
    encode_message,
)
from medquorum.consensus.ordering.application import FinalPoint, Seat, Timing
from medquorum.consensus.ordering.evidence import contradiction
from medquorum.consensus.ordering.journal import (
    JournalRecord,
    decode_record,
    encode_record,
    slot_of,
)
from medquorum.consensus.ordering.simplex import Ordering
from medquorum.ledger.certificate import Electorate, OrderingVote, Statement
from medquorum.ledger.keys import Address
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import BatchHash
from tests.consensus.ordering import toy
from tests.consensus.ordering.story import Story
from tests.consensus.ordering.toy import START_MS, TIMING, ToyLedger, ToyView

HOP_MS = 2
Rule = Callable[[str, str, Message], tuple[int, ...]]
"""Delays in ms at which copies of a message arrive; none: it is lost."""


class Crashed(Exception):
    """The node died between two effects."""


@dataclass
class Node:
    """One node: what is on its disk, and its running part."""

    name: str
    address: Address
    seat: Seat | None
    ledger: ToyLedger = field(default_factory=ToyLedger)
    journal: list[JournalRecord] = field(default_factory=list)
    ordering: Ordering[ToyView] | None = None
    effects_left: int | None = None
    """Crash after so many more effects."""
    told: list[Convict | Halt | CeaseVoting] = field(default_factory=list)

    @property
    def up(self) -> bool:
        return self.ordering is not None

    def spend_effect(self) -> None:
        """One more effect, or death just before it."""
        if self.effects_left is not None:
            if self.effects_left == 0:
                raise Crashed
            self.effects_left -= 1


def _hop(sender: str, receiver: str, message: Message) -> tuple[int, ...]:
    return (HOP_MS,)


class Cluster:
    """Doctors d0.. and observers o0.., all connected, with everything under the test's control."""

    def __init__(
        self,
        count: int,
        *,
        quorum: int | None = None,
        observers: int = 0,
        timing: Timing = TIMING,
        story: Story | None = None,
        wire: bool = False,
    ) -> None:
        self.electorate: Electorate = toy.electorate(count, quorum or 2 * count // 3 + 1)
        self.doctors = toy.doctors(count)
        self.timing = timing
        self.verify: Verifier = toy.toy_verify
        self.now_ms = START_MS
        self.rule: Rule = _hop
        self.wire = wire
        self.story = story or Story(enabled=False)
        self.chain: list[BatchHash] = []
        self.sent = 0
        self.liars: frozenset[str] = frozenset()
        self._signed: dict[tuple[str, int], dict[Statement, OrderingVote]] = {}
        self._queue: list[tuple[int, int, str, str, Message]] = []
        self._sequence = 0
        self.nodes = {
            f"d{number}": Node(f"d{number}", address, toy.seat(number))
            for number, address in enumerate(self.doctors)
        }
        for number in range(observers):
            name = f"o{number}"
            self.nodes[name] = Node(name, toy.address_of(name), None)
        self.names = {node.address: name for name, node in self.nodes.items()}

    # --- what a test does -------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start these nodes, or all."""
        for name in names or tuple(self.nodes):
            self._boot(self.nodes[name])
        for name in names or tuple(self.nodes):
            self.connect(name)

    def crash(self, name: str) -> None:
        """Lose everything that is not on disk."""
        self.nodes[name].ordering = None
        self.nodes[name].effects_left = None
        self.story.event(self.now_ms, name, "crashes")

    def connect(self, name: str) -> None:
        """Connect a node to every other that is up, in both directions."""
        for other in sorted(self.nodes):
            if other != name and self.nodes[name].up and self.nodes[other].up:
                self._connected(name, other)
                self._connected(other, name)

    def submit(self, number: int, *names: str) -> None:
        """A certified verdict reaches these nodes, or all that are up."""
        self.story.event(self.now_ms, "", f"verdict {number} reaches {' '.join(names) or 'all'}")
        for name in names or tuple(self.nodes):
            node = self.nodes[name]
            node.ledger.learn(number)
            if node.ordering is not None:
                self._perform(node, node.ordering.work_changed(self.now_ms))

    def deliver(self, sender: str, receiver: str, message: Message) -> None:
        """Hand over one message now."""
        node = self.nodes[receiver]
        if node.ordering is None:
            return
        if self.wire:
            message = decode_message(*encode_message(message))
        self.story.heard(self.now_ms, receiver, sender, message)
        effects = node.ordering.receive(message, self.nodes[sender].address, self.now_ms)
        self._perform(node, effects)

    def run(self, duration_ms: int) -> None:
        """Let time pass."""
        until_ms = self.now_ms + duration_ms
        while self._step(until_ms):
            pass
        self.now_ms = until_ms

    def logs(self) -> dict[str, int]:
        """How many batches each node has."""
        return {name: len(node.ledger.log) for name, node in self.nodes.items()}

    def blocks(self, name: str) -> int:
        """How many blocks a node has."""
        return sum(len(batch.blocks) for batch, _ in self.nodes[name].ledger.log)

    def send(self, sender: str, receiver: str, message: Message) -> None:
        """Put a message on the network."""
        if sender == receiver or receiver not in self.nodes:
            return
        self.sent += 1
        if isinstance(message, OrderingVoteMessage) and sender not in self.liars:
            self._check_honest(sender, message.vote)
        for delay_ms in self.rule(sender, receiver, message):
            self._sequence += 1
            entry = (self.now_ms + delay_ms, self._sequence, sender, receiver, message)
            heapq.heappush(self._queue, entry)

    # --- how it works -----------------------------------------------------------------------

    def _boot(self, node: Node) -> None:
        final: FinalPoint[ToyView] = node.ledger.final_point()
        kept = [record for record in node.journal if slot_of(record) >= final.slot]
        node.journal = [decode_record(*encode_record(record)) for record in kept]
        node.ordering = Ordering(
            seat=node.seat,
            electorate=self.electorate,
            doctors=self.doctors,
            timing=self.timing,
            application=node.ledger,
            final=final,
            journal=node.journal,
            verify=self.verify,
        )
        self.story.event(self.now_ms, node.name, f"starts at slot {node.ordering.current_slot}")
        self._perform(node, node.ordering.tick(self.now_ms))

    def _check_honest(self, sender: str, vote: OrderingVote) -> None:
        """R-SIM11: no correct node ever signs two votes that contradict each other."""
        signed = self._signed.setdefault((sender, vote.statement.slot), {})
        for earlier in signed.values():
            how = contradiction(earlier, vote)
            assert how is None, f"{sender} signs {how} in slot {vote.statement.slot}"
        signed[vote.statement] = vote

    def _connected(self, name: str, peer: str) -> None:
        node = self.nodes[name]
        if node.ordering is not None:
            effects = node.ordering.connected(self.nodes[peer].address, self.now_ms)
            self._perform(node, effects)

    def _deadline(self) -> tuple[int, str] | None:
        deadlines = [
            (max(due_ms, self.now_ms), name)
            for name, node in self.nodes.items()
            if node.ordering is not None
            and (due_ms := node.ordering.next_deadline_ms()) is not None
        ]
        return min(deadlines, default=None)

    def _step(self, until_ms: int) -> bool:
        deadline = self._deadline()
        arrival_ms = self._queue[0][0] if self._queue else until_ms + 1
        if deadline is not None and deadline[0] < arrival_ms:
            if deadline[0] > until_ms:
                return False
            self.now_ms = deadline[0]
            node = self.nodes[deadline[1]]
            assert node.ordering is not None
            self.story.heard(self.now_ms, node.name, None, None)
            self._perform(node, node.ordering.tick(self.now_ms))
            assert self._next_ms(node) > self.now_ms, "a deadline that a tick does not meet"
            return True
        if arrival_ms > until_ms:
            return False
        self.now_ms, _, sender, receiver, message = heapq.heappop(self._queue)
        self.deliver(sender, receiver, message)
        return True

    def _next_ms(self, node: Node) -> int:
        due_ms = None if node.ordering is None else node.ordering.next_deadline_ms()
        return self.now_ms + 1 if due_ms is None else due_ms

    def _perform(self, node: Node, effects: tuple[Effect, ...]) -> None:
        try:
            for effect in effects:
                self._effect(node, effect)
        except Crashed:
            self.crash(node.name)

    def _effect(self, node: Node, effect: Effect) -> None:
        node.spend_effect()
        self.story.effect(self.names, effect)
        match effect:
            case Persist(record):
                node.journal.append(record)
            case Send(to, message):
                self.send(node.name, self.names[to], message)
            case Broadcast(message):
                for address in self.doctors:
                    self.send(node.name, self.names[address], message)
            case Commit():
                self._commit(node, effect)
            case Convict() | Halt() | CeaseVoting():
                node.told.append(effect)

    def _commit(self, node: Node, commit: Commit) -> None:
        index = len(node.ledger.log)
        if index == len(self.chain):
            self.chain.append(commit.batch.hash)
        assert self.chain[index] == commit.batch.hash, f"{node.name} forks at batch {index}"
        parent = self.chain[index - 1] if index else toy.NETWORK
        assert commit.batch.header.parent_hash == parent
        node.ledger.log.append((commit.batch, commit.certificate))
        slot = commit.batch.header.slot
        node.journal = [record for record in node.journal if slot_of(record) >= slot]
