"""Machines in virtual time, joined by a network of which the scenario decides every message.

Deterministic: the same scenario gives the same run. Delivery takes one hop; what the rule does not
let through is lost. After every commit the log of an honest machine is compared with the others'.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from medquorum.consensus.effects import (
    Broadcast,
    CeaseVoting,
    Commit,
    Convict,
    Effect,
    Halt,
    Send,
)
from medquorum.consensus.messages import (
    BatchBody,
    BatchProposal,
    CertificateMessage,
    Message,
    OrderingVoteMessage,
    Sync,
)
from medquorum.consensus.ordering.evidence import contradiction
from medquorum.ledger.certificate import Electorate, OrderingVote, Statement
from medquorum.ledger.keys import Address
from medquorum.ledger.types import BatchHash
from medquorum.simulation.crypto import START_MS
from medquorum.simulation.twins.machine import Machine, doctor_address

HOP_MS: Final = 2
MOST_EVENTS: Final = 50_000
"""A run that has not come to an end by then is not going to."""

Rule = Callable[[Machine, Machine, Message], bool]
"""Whether a message gets through."""
Toll = Callable[[Machine], bool]
"""Asked before every step of a machine that others could notice; False: it dies just there."""


class Crashed(Exception):
    """The machine died between two steps."""


def slot_of_message(message: Message, sender: Machine) -> int:
    """The slot a message is about; the sender's own where it is about none."""
    match message:
        case BatchProposal():
            return message.header.slot
        case OrderingVoteMessage(vote):
            return vote.statement.slot
        case CertificateMessage(certificate):
            return certificate.statement.slot
        case Sync() | BatchBody():
            return message.batch.header.slot
    return 0 if sender.ordering is None else sender.ordering.current_slot


@dataclass(slots=True)
class Arena:
    """The machines, the messages under way, and what went wrong so far."""

    electorate: Electorate
    machines: Sequence[Machine]
    within_bound: bool = True
    """Whether the liars are few enough: a fork is a fault only then."""
    now_ms: int = START_MS
    delivers: Rule = lambda sender, receiver, message: True
    pays: Toll = lambda machine: True
    messages: int = 0
    faults: list[str] = field(default_factory=list)
    chain: list[BatchHash] = field(default_factory=list)
    """What honest machines made final."""
    _queue: list[tuple[int, int, int, int, Message]] = field(default_factory=list)
    _signed: dict[tuple[int, int], dict[Statement, OrderingVote]] = field(default_factory=dict)
    _sequence: int = 0

    @property
    def honest(self) -> list[Machine]:
        """The machines of doctors who do not lie."""
        return [machine for machine in self.machines if not machine.liar]

    def start(self, *machines: Machine) -> None:
        """Start these, or all, and connect each to every other that is up."""
        for machine in machines or self.machines:
            machine.start(self.electorate)
        for machine in machines or self.machines:
            self._tick(machine)
        self.connect(*machines)

    def connect(self, *machines: Machine) -> None:
        """Connect these, or all, to every other machine that is up, in both directions."""
        for machine in machines or self.machines:
            for other in self.machines:
                if other.doctor != machine.doctor:
                    self._greet(machine, other)
                    if machines:
                        self._greet(other, machine)

    def submit(self, machine: Machine, numbers: Sequence[int]) -> None:
        """Verdicts are reached, in the order in which this machine hears of them."""
        machine.ward.learn(numbers)
        if machine.ordering is not None:
            self._perform(machine, machine.ordering.work_changed(self.now_ms))

    def hand(self, machine: Machine, message: Message, sender: Address) -> None:
        """Give a machine a message now."""
        if machine.ordering is not None:
            self._perform(machine, machine.ordering.receive(message, sender, self.now_ms))

    def run(self, until_ms: int, done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, or until all is done."""
        for _ in range(MOST_EVENTS):
            if done():
                return
            if not self._step(until_ms):
                self.now_ms = max(self.now_ms, until_ms)
                return
        self.faults.append(f"still busy after {MOST_EVENTS} events")

    @property
    def quiet(self) -> bool:
        """Whether no message is under way."""
        return not self._queue

    # --- how it works -----------------------------------------------------------------------

    def _greet(self, machine: Machine, peer: Machine) -> None:
        if machine.ordering is not None and peer.ordering is not None:
            address = doctor_address(peer.doctor)
            self._perform(machine, machine.ordering.connected(address, self.now_ms))

    def _step(self, until_ms: int) -> bool:
        arrival_ms = self._queue[0][0] if self._queue else until_ms + 1
        due_ms, place = min(
            (
                (machine.deadline_ms, machine.place)
                for machine in self.machines
                if machine.ordering is not None and machine.deadline_ms is not None
            ),
            default=(until_ms + 1, 0),
        )
        if min(arrival_ms, due_ms) > until_ms:
            return False
        if due_ms < arrival_ms:
            self.now_ms = max(due_ms, self.now_ms)
            self._tick(self.machines[place])
            return True
        self.now_ms, _, origin, target, message = heapq.heappop(self._queue)
        sender = doctor_address(self.machines[origin].doctor)
        self.hand(self.machines[target], message, sender)
        return True

    def _tick(self, machine: Machine) -> None:
        if machine.ordering is None:
            return
        self._perform(machine, machine.ordering.tick(self.now_ms))
        if machine.deadline_ms is not None and machine.deadline_ms <= self.now_ms:
            self.faults.append(f"machine {machine.place} is due again at once")
            machine.deadline_ms = self.now_ms + 1

    def _perform(self, machine: Machine, effects: tuple[Effect, ...]) -> None:
        try:
            for effect in effects:
                self._effect(machine, effect)
        except Crashed:
            machine.ordering = None
        ordering = machine.ordering
        machine.deadline_ms = None if ordering is None else ordering.next_deadline_ms()

    def _pay(self, machine: Machine) -> None:
        if not self.pays(machine):
            raise Crashed

    def _effect(self, machine: Machine, effect: Effect) -> None:
        match effect:
            case Send(to, message):
                for peer in self.machines:
                    if doctor_address(peer.doctor) == to and peer.doctor != machine.doctor:
                        self._send(machine, peer, message)
            case Broadcast(message):
                for peer in self.machines:
                    if peer.doctor != machine.doctor:
                        self._send(machine, peer, message)
            case _:
                self._pay(machine)
                machine.keep(effect)
                self._check(machine, effect)

    def _send(self, sender: Machine, receiver: Machine, message: Message) -> None:
        self._pay(sender)
        self.messages += 1
        if isinstance(message, OrderingVoteMessage) and not sender.liar:
            self._check_vote(message.vote)
        if self.delivers(sender, receiver, message):
            self._sequence += 1
            arrival = (self.now_ms + HOP_MS, self._sequence, sender.place, receiver.place, message)
            heapq.heappush(self._queue, arrival)

    def _check_vote(self, vote: OrderingVote) -> None:
        """R-SIM11: no correct machine ever signs two votes that contradict each other."""
        signed = self._signed.setdefault((vote.signer, vote.statement.slot), {})
        for earlier in signed.values():
            how = contradiction(earlier, vote)
            if how is not None:
                self.faults.append(f"honest doctor {vote.signer} signs {how}")
        signed[vote.statement] = vote

    def _check(self, machine: Machine, effect: Effect) -> None:
        honest = [one.doctor for one in self.honest]
        match effect:
            case Commit(batch) if self.within_bound and not machine.liar:
                index = len(machine.ward.log) - 1
                if index == len(self.chain):
                    self.chain.append(batch.hash)
                if self.chain[index] != batch.hash:
                    self.faults.append(f"machine {machine.place} forks at batch {index}")
            case Halt(reason) if self.within_bound and not machine.liar:
                self.faults.append(f"machine {machine.place} halts: {reason}")
            case Convict(evidence) if evidence.signer in honest:
                self.faults.append(f"honest doctor {evidence.signer} is convicted")
            case CeaseVoting() if not machine.liar:
                self.faults.append(f"machine {machine.place} ceases to vote")
            case _:
                return
