"""When a healed network has finished, and what it may never have lost."""

from __future__ import annotations

from collections.abc import Iterator

from medquorum.consensus.replica import Replica
from medquorum.simulation.faults import Story
from medquorum.simulation.machine import Machine
from medquorum.simulation.scenario import FaultKind
from medquorum.simulation.voters import Matter
from medquorum.simulation.world import World


class Recovery:
    """The last questions to a world."""

    def __init__(self, world: World, story: Story) -> None:
        self._world = world
        self._story = story

    @property
    def expected(self) -> bool:
        """Whether enough doctors' nodes are up and honest for ordering to go on.

        By the newest charter any of them knows, and by the founding one.
        """
        story, world = self._story, self._world
        places = {*story.liars, *story.twins, *story.outdated, *story.silent}
        gone = {world.machines[place].identity.address for place in places}
        known = [one.replica.state.charter for one in world.machines if one.replica]
        newest = max(known, key=lambda charter: charter.version, default=None)
        if len(gone) > world.scenario.tolerance.absences_for_liveness or newest is None:
            return False
        active = gone & newest.doctor_addresses
        return len(active) <= newest.tolerance.absences_for_liveness

    def _running(self) -> list[Machine]:
        return [one for one in self._world.machines if one.honest and not one.away]

    def finished(self) -> bool:
        """Every honest node has the same chain and nothing is left to do or to say.

        Where somebody contradicts himself for ever, every slot may bring forth another piece of
        evidence, and that another slot: then it is enough that all else is final everywhere.
        """
        return next(self._open_reasons(), None) is None

    def _open_reasons(self) -> Iterator[str]:
        world, story = self._world, self._story
        if world.people.errands:
            yield f"{world.people.errands} people still wait for an answer"
        for machine in self._running():
            name, replica = world.name(machine), machine.replica
            if replica is None:
                yield f"{name} is down"
                continue
            if replica.ordering.listening:
                yield f"{name} still listens"
            if story.liars or story.twins:
                yield from self._missing(name, replica)
            else:
                yield from self._unlike(name, machine, replica)
        if not (story.liars or story.twins):
            yield from self._different_pools()

    def _missing(self, name: str, replica: Replica) -> Iterator[str]:
        """What people brought about that this node has not made final."""
        for identifier, matter in self._world.people.matters.items():
            is_final = replica.state.height_of(identifier) is not None
            if matter.final_ms is not None and not is_final:
                yield f"{name} lacks a final block"
            decided = matter.final_ms is None and replica.pool.decided(identifier)
            if decided and not (matter.contested or _too_late(matter)):
                yield f"{name} has a verdict that is not ordered"

    def _unlike(self, name: str, machine: Machine, replica: Replica) -> Iterator[str]:
        ordering, log = replica.ordering, len(self._world.checks.ledger.batches)
        if ordering.final.log_length != log:
            yield f"{name} has {ordering.final.log_length} of {log} batches"
        if machine.writing:
            yield f"{name} is still writing"
        waiting = ordering.waiting
        if waiting.missing is not None and machine.is_doctor and not self._contested(replica):
            yield f"{name}: {waiting.sentence()}"

    def _different_pools(self) -> Iterator[str]:
        """But for what somebody voted on twice: rejected here it stays, stale there it goes.

        And but for what has expired: it stays where it is until a later batch, and goes nowhere.
        """
        if not self._world.scenario.follower_gossip:
            return
        matters = self._world.people.matters
        now_ms = self._world.line.now_ms
        aside = {
            identifier
            for identifier, matter in matters.items()
            if matter.contested or matter.proposal.core.expires_at_ms < now_ms
        }
        pools = {
            frozenset(entry.proposal.id for entry in machine.replica.pool) - aside
            for machine in self._running()
            if machine.replica is not None
        }
        if len(pools) > 1:
            yield f"open proposals differ: {sorted(len(pool) for pool in pools)}"

    def _contested(self, replica: Replica) -> bool:
        """Whether all it waits for is decided here but maybe not elsewhere.

        Who votes twice may bring about a verdict at some nodes only; the others have no work and
        see no reason to give a silent leader's slot up (R-SIM4, R-SIM7). The next verdict that
        everybody shares, at the latest the evidence of the double vote, moves them on.
        """
        matters = self._world.people.matters
        decided = [
            entry.proposal.id for entry in replica.pool if replica.pool.decided(entry.proposal.id)
        ]
        return bool(decided) and all(one in matters and matters[one].contested for one in decided)

    def conclude(self, stalled: bool) -> None:
        """Write down what is missing."""
        world = self._world
        if stalled:
            reasons = list(self._open_reasons())
            world.checks.unfinished(reasons[:5])
        for machine in self._running():
            self._same_in_memory_and_on_disk(machine)
        self._nothing_lost()

    def _same_in_memory_and_on_disk(self, machine: Machine) -> None:
        replica = machine.replica
        if replica is None or machine.writing:
            return
        if len(machine.disk.chain) != replica.ordering.final.log_length:
            self._world.checks.broken(
                "R-SIM10", f"{self._world.name(machine)} holds another chain on disk"
            )
        in_memory = {entry.proposal.id for entry in replica.pool}
        on_disk = machine.disk.open.keys()
        # A torn unit may hold a batch without what it made stale; the next start lets that go.
        if in_memory != on_disk and (machine.habits.atomic or not in_memory <= on_disk):
            self._world.checks.broken(
                "R-SIM10", f"{self._world.name(machine)} holds another pool on disk"
            )

    def _nothing_lost(self) -> None:
        """What a sound node acknowledged is in the chain, still open, or let go with a reason."""
        world = self._world
        sound = [one for one in self._running() if not one.impaired and one.replica is not None]
        for identifier, matter in world.people.matters.items():
            if not matter.acknowledged or identifier in world.checks.ledger.heights:
                continue
            if matter.forgotten is not None:
                continue
            held = any(one.replica.pool.get(identifier) for one in sound if one.replica)
            if not held and FaultKind.SILENT_DOCTOR not in self._story.kinds:
                world.checks.broken("R-SIM10", "an acknowledged proposal is lost")


def _too_late(matter: Matter) -> bool:
    """Whether its verdict came after it had expired: nobody orders it, a later batch drops it."""
    expires_at_ms = matter.proposal.core.expires_at_ms
    return matter.verdict_ms is not None and expires_at_ms < matter.verdict_ms
