"""Replicas of a small network that talk to each other in order, with real keys and no clock."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from medquorum.consensus.effects import Broadcast, Commit, Persist, Send
from medquorum.consensus.events import (
    Accepted,
    Effect,
    Event,
    OrderingArrived,
    PeerConnected,
    PeerLost,
    ProposalArrived,
    Tick,
    VoteArrived,
)
from medquorum.consensus.messages import Message, decode_message, encode_message
from medquorum.consensus.ordering.application import LoggedBatch, Seat
from medquorum.consensus.ordering.journal import JournalRecord
from medquorum.consensus.replica import Remembered, Replica
from medquorum.ledger.chain import genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address, Purpose, public_key
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.signature import verify
from medquorum.ledger.vote import Vote
from tests.ledger.charter_kit import private_key, signer_of
from tests.support.network import START_MS, Network, address


@dataclass
class Peer:
    """One member's replica with its disk."""

    name: str
    key_label: str
    network: Network
    log: list[LoggedBatch] = field(default_factory=list)
    journal: list[tuple[int, JournalRecord]] = field(default_factory=list)
    told: list[Effect] = field(default_factory=list)
    replica: Replica | None = None

    def start(self) -> None:
        """From what the disk holds (R-SIM10)."""
        state, slot = genesis(self.network.charter), 0
        for one in self.log:
            state, slot = state.extend(one.batch), one.batch.header.slot
            state.absorb()
            if state.amended is not None:
                state, slot = state.next_epoch(), 0
        epoch = state.charter.version
        journal = [record for of, record in self.journal if of == epoch]
        remembered = Remembered(state, slot, len(self.log), journal)
        self.replica = Replica(remembered, self.seat_of, verify, self.history)

    def seat_of(self, charter: Charter) -> Seat | None:
        number = charter.doctor_number(address(self.name))
        sign = signer_of(self.key_label, Purpose.CONSENSUS)
        if number is None or not _is_key(charter, number, self.key_label):
            return None
        return Seat(number, sign)

    def history(self, log_index: int) -> LoggedBatch | None:
        return self.log[log_index] if 0 <= log_index < len(self.log) else None


def _is_key(charter: Charter, number: int, label: str) -> bool:
    held = public_key(private_key(label, Purpose.CONSENSUS))
    return charter.doctors[number].keys.consensus == held


Rule = Callable[[str, str, Message], bool]
"""Whether a message from one to another gets through."""


class Ward:
    """Everybody's replica; messages are delivered one by one, through their bytes."""

    def __init__(self, network: Network, names: Iterable[str]) -> None:
        self.network = network
        self.now_ms = START_MS
        self.rule: Rule = lambda sender, receiver, message: True
        self.peers = {name: Peer(name, name, network) for name in names}
        self._queue: deque[tuple[str, str, Message]] = deque()

    def start(self, *names: str) -> None:
        """Start these (all by default) and link them with everybody who is up."""
        for name in names or tuple(self.peers):
            self.peers[name].start()
            self.step(name, Tick())
            for other in self.up():
                if other != name:
                    self.step(name, PeerConnected(address(other)))
                    self.step(other, PeerConnected(address(name)))
        self.settle()

    def stop(self, name: str) -> None:
        """The process dies."""
        self.peers[name].replica = None
        self._queue = deque(one for one in self._queue if name not in one[:2])
        for other in self.up():
            self.step(other, PeerLost(address(name)))

    def up(self) -> list[str]:
        return [name for name, peer in self.peers.items() if peer.replica is not None]

    def submit(self, *records: Proposal | Vote) -> None:
        """Everybody who is up gets them, as gossip brings them."""
        for record in records:
            for name in self.up():
                arrived: Event = (
                    ProposalArrived(record, None)
                    if isinstance(record, Proposal)
                    else VoteArrived(record, None)
                )
                self.step(name, arrived)
        self.settle()

    def step(self, name: str, event: Event) -> None:
        """One event, its effects in order."""
        peer = self.peers[name]
        assert peer.replica is not None
        effects = peer.replica.step(event, self.now_ms)
        for effect in effects:
            self._perform(peer, effect)

    def _perform(self, peer: Peer, effect: Effect) -> None:
        match effect:
            case Persist(record, epoch):
                peer.journal.append((epoch, record))
            case Send(to, message):
                self._send(peer.name, self._name(to), message)
            case Broadcast(message):
                assert peer.replica is not None
                for doctor in peer.replica.state.charter.doctors:
                    self._send(peer.name, doctor.name, message)
            case Commit(batch, certificate, tail):
                peer.log.append(LoggedBatch(batch, certificate, tail))
                peer.told.append(effect)
            case Accepted(record):
                peer.told.append(effect)
                if isinstance(record, Proposal) and record.core.issuer == address(peer.name):
                    for other in self.up():
                        if other != peer.name:
                            self.step(other, ProposalArrived(record, address(peer.name)))
            case _:
                peer.told.append(effect)

    def _name(self, of: Address) -> str:
        return next(name for name in self.peers if address(name) == of)

    def _send(self, sender: str, receiver: str, message: Message) -> None:
        if sender != receiver and receiver in self.up() and self.rule(sender, receiver, message):
            self._queue.append((sender, receiver, message))

    def settle(self) -> None:
        """Deliver until nothing is on its way."""
        while self._queue:
            sender, receiver, message = self._queue.popleft()
            if receiver in self.up():
                again = decode_message(*encode_message(message))
                self.step(receiver, OrderingArrived(again, address(sender)))

    def pass_ms(self, duration_ms: int, step_ms: int = 100) -> None:
        """Time goes by; timers go off when due."""
        until = self.now_ms + duration_ms
        while self.now_ms < until:
            self.now_ms += step_ms
            for name in self.up():
                replica = self.peers[name].replica
                assert replica is not None
                due_ms = replica.next_deadline_ms()
                if due_ms is not None and due_ms <= self.now_ms:
                    self.step(name, Tick())
            self.settle()

    def replica(self, name: str) -> Replica:
        """The running replica of a member."""
        replica = self.peers[name].replica
        assert replica is not None
        return replica

    def epochs(self) -> dict[str, int]:
        """In which epoch everybody is."""
        return {name: self.replica(name).epoch for name in self.up()}

    def tips(self) -> set[bytes]:
        """The last block of everybody's chain."""
        return {self.replica(name).state.tip for name in self.up()}

    def told(self, name: str, kind: type) -> list[Effect]:
        """Effects of a kind beside messages and records."""
        return [one for one in self.peers[name].told if isinstance(one, kind)]
