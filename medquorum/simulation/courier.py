"""Carries what nodes say: ordering messages, gossip of proposals and votes, and its repair.

An accepted object goes to every connected node at once; whoever missed it finds out when pools are
compared, which every node with something open does with one peer after another (R-NET3 in short).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from medquorum.consensus.events import Event, OrderingArrived, ProposalArrived, VoteArrived
from medquorum.consensus.messages import Message
from medquorum.consensus.pool import OpenProposal
from medquorum.consensus.replica import Replica
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import ProposalId
from medquorum.ledger.vote import Vote
from medquorum.simulation.machine import Machine
from medquorum.simulation.wire import Parcel, PoolDigest, brief, encoded, kind_of, reread, size_of

if TYPE_CHECKING:
    from medquorum.simulation.world import World

COMPARED_MS: Final = 1_000
"""Between two comparisons of a node's pool with a peer's, at least; else 2/5 of retransmit_ms."""
COMPARED_LARGE_MS: Final = 5_000
"""The same in networks where not everybody is connected with everybody."""


class Courier:
    """Everything between the machines of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.counts: Counter[str] = Counter()
        self.bytes = 0
        self._serial = 0
        self._machines = world.machines
        self._places: dict[Address, list[int]] = {}
        for machine in world.machines:
            self._places.setdefault(machine.identity.address, []).append(machine.place)
        self._doctors = [machine.place for machine in world.machines if machine.is_doctor]

    # --- sending --------------------------------------------------------------------------------

    def send(self, machine: Machine, to: Address, message: Message) -> None:
        """One ordering message to one peer; dropped when it is not connected."""
        places = [place for place in self._places.get(to, ()) if place in machine.peers]
        self._dispatch(machine, places, message)

    def broadcast(self, machine: Machine, message: Message) -> None:
        """One ordering message to every other doctor's node."""
        places = [place for place in self._doctors if place in machine.peers]
        self._dispatch(machine, places, message)

    def _dispatch(self, machine: Machine, places: list[int], message: Message) -> None:
        if not places:
            return
        liar = self._world.liars.get(machine.place)
        if liar is None:
            self._world.checks.said(machine, message)
            self.ship(machine, places, message)
            return
        if machine.replica is not None:
            liar.believe(machine.replica.state.charter)
        for place, parcel in liar.distorted(places, message):
            self.ship(machine, [place], parcel)

    def ship(self, machine: Machine, places: list[int], parcel: Parcel) -> None:
        """Put one parcel on the links to these places."""
        world, sender = self._world, machine.place
        now_ms = world.line.now_ms
        self._serial += 1
        serial, kind = self._serial, kind_of(parcel)
        self.counts[kind] += len(places)
        self.bytes += size_of(parcel) * len(places)
        world.trace.note(now_ms, kind, sender, brief(parcel))
        for place in places:
            carried: Parcel | None = parcel
            if world.network.corrupts():
                carried = self._damaged(parcel)
                if carried is None:
                    continue
            for arrival_ms in world.network.arrivals(sender, place, now_ms):
                world.line.at(arrival_ms, self._arrive, sender, place, carried, serial)

    def _damaged(self, parcel: Parcel) -> Parcel | None:
        """What a receiver reads after the bytes were changed, or were not."""
        made = encoded(parcel)
        if made is None:
            return parcel
        kind, payload = made
        if self._world.network.spares():
            return reread(kind, payload)
        return reread(kind, self._world.network.damage(payload))

    # --- arriving -------------------------------------------------------------------------------

    def _arrive(self, sender: int, place: int, parcel: Parcel, serial: int) -> None:
        world = self._world
        receiver = self._machines[place]
        if receiver.replica is None or sender not in receiver.peers:
            return
        world.trace.note(world.line.now_ms, "<", place, b"%d" % serial)
        origin = self._machines[sender]
        liar = world.liars.get(place)
        if liar is not None:
            liar.hear(parcel)
        address = origin.identity.address
        match parcel:
            case Proposal():
                world.take(receiver, ProposalArrived(parcel, address))
            case Vote():
                world.take(receiver, VoteArrived(parcel, address))
            case PoolDigest():
                self._compare(receiver, origin, parcel)
            case _:
                watched = origin.impaired and not receiver.waits_for_disk
                if watched:
                    world.checks.hears(receiver, origin, parcel)
                world.take(receiver, OrderingArrived(parcel, address))
                if watched:
                    world.checks.heard(receiver, origin, parcel)

    # --- gossip ---------------------------------------------------------------------------------

    def relay(self, machine: Machine, event: Event, record: Proposal | Vote) -> None:
        """Pass an accepted object on to those who do not get it from where it came from."""
        world, sender = self._world, None
        if isinstance(event, ProposalArrived | VoteArrived):
            sender = event.sender
        if sender is not None and (world.full_mesh or not machine.is_doctor):
            return
        from_doctor = any(
            self._machines[place].is_doctor
            for place in self._places.get(sender or Address(b""), ())
        )
        places = [
            place
            for place in sorted(machine.peers)
            if self._wants(place, from_doctor) and self._machines[place].identity.address != sender
        ]
        if places:
            self.ship(machine, places, record)

    def _wants(self, place: int, from_doctor: bool) -> bool:
        """Doctors have what doctors send each other; followers take part where they gossip."""
        if self._machines[place].is_doctor:
            return not from_doctor
        return self._world.scenario.follower_gossip

    def start_comparing(self, machine: Machine) -> None:
        """From now on a process compares its pool with its peers'."""
        self._world.line.after(
            machine.dice.randint(1, COMPARED_MS), self._offer, machine, machine.life
        )

    def _offer(self, machine: Machine, life: int) -> None:
        if machine.life != life or machine.replica is None:
            return
        world = self._world
        least_ms = COMPARED_MS if world.full_mesh else COMPARED_LARGE_MS
        every_ms = max(least_ms, world.scenario.timing.retransmit_ms * 2 // 5)
        world.line.after(every_ms, self._offer, machine, life)
        gossips = machine.is_doctor or world.scenario.follower_gossip
        peers = [place for place in sorted(machine.peers) if self._wants(place, False)]
        if gossips and peers and len(machine.replica.pool):
            known = {entry.proposal.id: tuple(entry.votes) for entry in machine.replica.pool}
            self.ship(machine, [machine.dice.choice(peers)], PoolDigest(known, answer=False))

    def _compare(self, machine: Machine, peer: Machine, digest: PoolDigest) -> None:
        """Send what the peer lacks; say what this node lacks, unless it has just been said."""
        replica = machine.replica
        if replica is None or machine.lying:
            return
        if digest.answer:
            named = [replica.pool.get(identifier) for identifier in digest.known]
            entries = [entry for entry in named if entry is not None]
        else:
            entries = list(replica.pool)
        for entry in entries:
            theirs = digest.known.get(entry.proposal.id)
            if digest.answer:
                theirs = theirs or None  # named without a voter: it has not got the proposal
            self._supply(machine, peer.place, entry, theirs)
        lacking = {} if digest.answer else _lacking(replica, digest)
        if lacking and peer.place in machine.peers:
            self.ship(machine, [peer.place], PoolDigest(lacking, answer=True))

    def _supply(
        self, machine: Machine, to: int, entry: OpenProposal, theirs: tuple[Address, ...] | None
    ) -> None:
        """Everything of one open proposal that the other does not name."""
        if theirs is None:
            self.ship(machine, [to], entry.proposal)
        for voter, vote in entry.votes.items():
            if theirs is None or voter not in theirs:
                self.ship(machine, [to], vote)


def _lacking(replica: Replica, digest: PoolDigest) -> dict[ProposalId, tuple[Address, ...]]:
    """Of what a peer names, the open proposals with the voters known here."""
    lacking: dict[ProposalId, tuple[Address, ...]] = {}
    for identifier, voters in digest.known.items():
        entry = replica.pool.get(identifier)
        if entry is None:
            if replica.state.height_of(identifier) is None:
                lacking[identifier] = ()
        elif not entry.votes.keys() >= set(voters):
            lacking[identifier] = tuple(entry.votes)
    return lacking
