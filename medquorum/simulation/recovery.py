"""When a healed network has finished, and what it may never have lost."""

from __future__ import annotations

from collections.abc import Iterator

from medquorum.ledger.types import ProposalId
from medquorum.simulation.faults import Story
from medquorum.simulation.machine import Machine
from medquorum.simulation.scenario import FaultKind
from medquorum.simulation.world import World


class Recovery:
    """The last questions to a world."""

    def __init__(self, world: World, story: Story) -> None:
        self._world = world
        gone = len({*story.liars, *story.twins, *story.outdated, *story.silent})
        self.expected = gone <= world.scenario.tolerance.absences_for_liveness
        """Whether enough doctors' nodes are up and honest for ordering to go on."""
        self._story = story

    def _running(self) -> list[Machine]:
        return [one for one in self._world.machines if one.honest and not one.away]

    def finished(self) -> bool:
        """Every honest node has the same chain and nothing is left to do or to say."""
        return next(self._open_reasons(), None) is None

    def _open_reasons(self) -> Iterator[str]:
        world, running = self._world, self._running()
        if world.people.errands:
            yield f"{world.people.errands} people still wait for an answer"
        log = len(world.checks.ledger.batches)
        known: set[ProposalId] | None = None
        for machine in running:
            name, replica = world.name(machine), machine.replica
            if replica is None:
                yield f"{name} is down"
                continue
            ordering = replica.ordering
            if ordering.final.log_length != log:
                yield f"{name} has {ordering.final.log_length} of {log} batches"
            if machine.writing:
                yield f"{name} is still writing"
            waiting = ordering.waiting
            if waiting.missing is not None and machine.is_doctor and not self._contested(machine):
                yield f"{name}: {waiting.sentence()}"
            if ordering.listening:
                yield f"{name} still listens"
            open_now = {entry.proposal.id for entry in replica.pool}
            if known is not None and open_now != known and world.scenario.follower_gossip:
                yield f"{name} has {len(open_now)} open proposals, another {len(known)}"
            known = open_now if known is None else known

    def _contested(self, machine: Machine) -> bool:
        """Whether all it waits for is decided here but maybe not elsewhere.

        Who votes twice may bring about a verdict at some nodes only; the others have no work and
        see no reason to give a silent leader's slot up (R-SIM4, R-SIM7). The next verdict that
        everybody shares, at the latest the evidence of the double vote, moves them on.
        """
        replica, matters = machine.replica, self._world.people.matters
        if replica is None:
            return False
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
        # A torn unit may hold a batch without what it made stale; the next start forgets that again.
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
