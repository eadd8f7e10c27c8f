"""A whole network in virtual time: machines take events, perform effects, die and come back."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from medquorum.consensus.effects import Broadcast, CeaseVoting, Commit, Halt, Send
from medquorum.consensus.events import (
    Accepted,
    Effect,
    Event,
    Forgotten,
    PeerConnected,
    PeerLost,
    Refused,
    Tick,
)
from medquorum.ledger.keys import Address
from medquorum.simulation.amendments import Chancery
from medquorum.simulation.clock import Timeline, stream
from medquorum.simulation.courier import Courier
from medquorum.simulation.invariants import Invariants
from medquorum.simulation.liars import Liar
from medquorum.simulation.machine import Machine, Writing, durable_of
from medquorum.simulation.network import Network
from medquorum.simulation.people import People
from medquorum.simulation.scenario import FaultKind, Scenario
from medquorum.simulation.trace import Trace

TICK: Final = Tick()
FULL_MESH: Final = 24
"""Up to so many machines everybody is linked with everybody; beyond, followers with FOLLOWED."""
FOLLOWED: Final = 3


class World:
    """All machines and what happens to them."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        machines: Sequence[Machine],
        network: Network,
        trace: Trace,
    ) -> None:
        self.scenario = scenario
        self.seed = seed
        self.kinds: frozenset[FaultKind] = frozenset()
        self.line = Timeline()
        self.machines = machines
        self.network = network
        self.trace = trace
        self.steps = self.crashes = self.restarts = 0
        self.liars: dict[int, Liar] = {}
        self.healed = False
        self.full_mesh = len(machines) <= FULL_MESH
        self.links = [self._wanted(machine) for machine in machines]
        self.chancery = Chancery(machines[0].identity.cryptography, frozenset(), 0)
        """Who writes amendments, knowing whom this seed's story weakens."""
        self.courier = Courier(self)
        self.checks = Invariants(self)
        self.people = People(self)

    def dice(self, purpose: str) -> random.Random:
        """The random numbers of one purpose in this run."""
        return stream(self.seed, purpose)

    def _wanted(self, machine: Machine) -> tuple[int, ...]:
        """Whom a machine is to be connected with: never another of the same key."""
        doctors = [one for one in self.machines if one.is_doctor]
        if self.full_mesh:
            known = list(self.machines)
        elif machine.is_doctor:
            known = doctors
        else:
            known = [doctors[(machine.place + turn) % len(doctors)] for turn in range(FOLLOWED)]
        own = machine.identity.address
        return tuple(sorted({one.place for one in known if one.identity.address != own}))

    def say(self, machine: Machine, what: str) -> None:
        """A sentence about a machine for the transcript."""
        self.trace.tell(self.line.now_ms, lambda: f"{self.name(machine)} {what}")

    def name(self, machine: Machine) -> str:
        """Short for transcripts: d3, its twin d3', or f0."""
        number = machine.identity.charter.doctor_number(machine.identity.address)
        if number is None:
            return f"f{machine.place - self.scenario.doctors}"
        return f"d{number}" if machine.place < self.scenario.doctors else f"d{number}'"

    # --- processes ------------------------------------------------------------------------------

    def boot(self, machine: Machine) -> None:
        """Start a process from the disk and connect it."""
        if machine.up:
            return
        fault = machine.start()
        self.restarts += 1
        self.trace.note(self.line.now_ms, "boot", machine.place)
        self.say(machine, f"starts with {machine.logged} batches")
        if fault is not None:
            self.checks.broken("R-SIM10", f"{self.name(machine)}: {fault}")
            return
        self.plan_tick(machine)
        for place in self.links[machine.place]:
            self.connect(machine, self.machines[place])
        for other in self.machines:
            if machine.place in self.links[other.place]:
                self.connect(other, machine)
        self.courier.start_comparing(machine)

    def connect(self, one: Machine, other: Machine) -> None:
        """Link two machines that are up and can reach each other."""
        if not (one.up and other.up) or other.place in one.peers:
            return
        if self.network.severed(one.place, other.place):
            return
        one.peers.add(other.place)
        other.peers.add(one.place)
        self.take(one, PeerConnected(other.identity.address))
        self.take(other, PeerConnected(one.identity.address))

    def disconnect(self, one: Machine, other: Machine) -> None:
        """End a link; each side notices."""
        for machine, peer in ((one, other), (other, one)):
            if peer.place in machine.peers:
                machine.peers.discard(peer.place)
                self.take(machine, PeerLost(peer.identity.address))

    def reconnect(self) -> None:
        """Every link that can be is there again."""
        for machine in self.machines:
            for place in self.links[machine.place]:
                self.connect(machine, self.machines[place])

    def crash(self, machine: Machine, down_ms: int | None) -> None:
        """End a process now; it comes back after that time, if at all."""
        if not machine.up:
            return
        peers, replica = sorted(machine.peers), machine.replica
        machine.die()
        if replica is not None:
            self.checks.written(machine, replica, torn=True)
        self.crashes += 1
        self.trace.note(self.line.now_ms, "crash", machine.place)
        self.say(machine, f"crashes with {len(machine.disk.chain)} batches on disk")
        for place in peers:
            peer = self.machines[place]
            if machine.place in peer.peers:
                peer.peers.discard(machine.place)
                self.take(peer, PeerLost(machine.identity.address))
        if down_ms is not None and not machine.away:
            self.line.after(down_ms, self._come_back, machine, machine.life)

    def _come_back(self, machine: Machine, life: int) -> None:
        if machine.life == life and not machine.away:
            self.boot(machine)

    # --- steps ----------------------------------------------------------------------------------

    def take(self, machine: Machine, event: Event) -> None:
        """One event of one machine, with everything that follows at once."""
        replica = machine.replica
        if replica is None:
            return
        if machine.waits_for_disk:
            machine.inbox.append(event)
            return
        self.steps += 1
        effects = replica.step(event, machine.clock.now_ms(self.line.now_ms))
        if effects:
            self.checks.stepped(machine, effects)
            self._perform(machine, event, effects)
        if machine.replica is replica:
            self.plan_tick(machine)

    def plan_tick(self, machine: Machine) -> None:
        """See to it that the next deadline is met."""
        if machine.replica is None:
            return
        due_ms = machine.replica.next_deadline_ms()
        if due_ms is None:
            return
        when_ms = max(machine.clock.when(due_ms), self.line.now_ms)
        if machine.tick_ms is None or when_ms < machine.tick_ms:
            machine.tick_ms = when_ms
            self.line.at(when_ms, self._tick, machine, machine.life, when_ms)

    def _tick(self, machine: Machine, life: int, when_ms: int) -> None:
        if machine.life != life or machine.tick_ms != when_ms or machine.replica is None:
            return
        machine.tick_ms = None
        due_ms = machine.replica.next_deadline_ms()
        if due_ms is None or machine.clock.when(due_ms) > self.line.now_ms:
            self.plan_tick(machine)
            return
        self.trace.note(when_ms, "tick", machine.place)
        self.checks.ticked(machine, when_ms)
        self.take(machine, TICK)

    # --- effects --------------------------------------------------------------------------------

    def _perform(self, machine: Machine, event: Event, effects: tuple[Effect, ...]) -> None:
        durable = durable_of(effects)
        writing = machine.writing
        if not writing and (not durable or not machine.habits.write_ms):
            self._finish(machine, event, effects, durable)
            return
        before_ms = writing[-1].done_ms if writing else self.line.now_ms
        done_ms = before_ms + (machine.habits.write_ms if durable else 0)
        writing.append(Writing(event, effects, durable, done_ms))
        self.line.at(done_ms, self._written, machine, machine.life)

    def _written(self, machine: Machine, life: int) -> None:
        if machine.life == life:
            unit = machine.writing.popleft()
            self._finish(machine, unit.event, unit.effects, unit.durable)
            while machine.inbox and machine.life == life and not machine.waits_for_disk:
                self.take(machine, machine.inbox.popleft())

    def _finish(
        self,
        machine: Machine,
        event: Event,
        effects: tuple[Effect, ...],
        durable: tuple[Effect, ...],
    ) -> None:
        """Write, then perform in order; the process may die at any point."""
        if durable:
            if self._spent(machine) or not machine.write(durable):
                machine.lose(durable)
                self.crash(machine, machine.down_ms)
                return
            if machine.replica is not None:
                self.checks.written(machine, machine.replica)
        life = machine.life
        for effect in effects:
            if self._spent(machine):
                self.crash(machine, machine.down_ms)
            if machine.life != life:
                return
            self._one(machine, event, effect)

    def _spent(self, machine: Machine) -> bool:
        """Whether the process dies before its next effect."""
        if machine.effects_left is None:
            return False
        machine.effects_left -= 1
        return machine.effects_left < 0

    def _one(self, machine: Machine, event: Event, effect: Effect) -> None:
        match effect:
            case Send(to, message):
                self.courier.send(machine, to, message)
            case Broadcast(message):
                self.courier.broadcast(machine, message)
            case Accepted(record):
                self.courier.relay(machine, event, record)
                self.people.accepted(machine, record)
            case Refused(record, judgement, sender):
                self.people.refused(machine, record, judgement, sender)
            case Commit(batch, _):
                self.trace.note(
                    self.line.now_ms, "commit", machine.place, batch.hash[:8].hex().encode()
                )
                self.say(
                    machine, f"holds final {_batch_text(batch.header.slot, len(batch.blocks))}"
                )
                self.people.committed(machine, batch)
            case Forgotten(identifier, why):
                self.people.forgot(machine, identifier, why)
            case CeaseVoting():
                machine.ceased = True
                self.say(machine, "ceases to vote: a peer shows a vote its journal lacks")
            case Halt(reason, _):
                self.say(machine, f"halts: {reason.value}")
            case _:
                pass

    def at_address(self, address: Address) -> list[Machine]:
        """A member's machine, or both of a doctor with a twin."""
        return [one for one in self.machines if one.identity.address == address]

    def somewhere(self, dice: random.Random, address: Address | None) -> Machine | None:
        """The node of a member, else any honest node that runs."""
        machines = self.at_address(address) if address else []
        running = [one for one in machines if one.up and one.honest]
        if not running:
            running = [one for one in self.machines if one.up and one.honest]
        return dice.choice(running) if running else None


def _batch_text(slot: int, blocks: int) -> str:
    return f"batch of slot {slot} with {blocks} block{'' if blocks == 1 else 's'}"
