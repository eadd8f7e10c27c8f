"""Brings a story's faults over a world, and takes them away again."""

from __future__ import annotations

from medquorum.simulation.disk import Disk
from medquorum.simulation.faults import WEATHER, Fault, Story
from medquorum.simulation.machine import Machine
from medquorum.simulation.scenario import FaultKind
from medquorum.simulation.world import World

_RARELY_MS = 60_000


class Storm:
    """The faults of one run."""

    def __init__(self, world: World, story: Story) -> None:
        self._world = world
        self._story = story
        self._snapshots: dict[int, Disk] = {}
        self._twins = len(world.machines) - len(story.twins)

    def begin(self) -> None:
        """Plan everything that strikes."""
        world, line = self._world, self._world.line
        world.network.raining = self._story.kinds & WEATHER
        for fault in self._story.schedule:
            line.after(fault.at_ms, self._strike, fault)
            if fault.kind is FaultKind.OLD_SNAPSHOT:
                line.after(max(0, fault.at_ms - fault.amount), self._remember, fault.target)
        dice = world.dice("silent")
        for place in self._story.silent:
            line.after(dice.randrange(1 + world.scenario.duration_ms), self._silence, place)

    def end(self) -> None:
        """Heal everything: links, clocks, disks; whoever is not away for good comes back."""
        world = self._world
        world.healed = True
        world.trace.note(world.line.now_ms, "heal", 0)
        world.trace.tell(world.line.now_ms, lambda: "everything is healed")
        world.network.heal()
        for machine in world.machines:
            machine.habits.write_ms = min(machine.habits.write_ms, self._story.write_ms)
            machine.habits.fails_next, machine.effects_left = False, None
            self._set_clock(machine, ahead_ms=0, drift_ppm=0)
        for machine in world.machines:
            if not machine.away:
                world.boot(machine)
        world.reconnect()

    def _strike(self, fault: Fault) -> None:
        world = self._world
        if world.healed:
            return
        world.trace.note(world.line.now_ms, fault.kind.value, fault.target)
        world.trace.tell(world.line.now_ms, lambda: f"fault: {fault}")
        machine = world.machines[fault.target % len(world.machines)]
        match fault.kind:
            case FaultKind.PARTITION | FaultKind.ONE_WAY_CUT | FaultKind.SLOW_NODE:
                self._network(fault)
            case FaultKind.CRASH:
                world.crash(machine, fault.length_ms)
            case FaultKind.CRASH_BETWEEN_EFFECTS:
                machine.effects_left, machine.down_ms = fault.amount, fault.length_ms
            case FaultKind.FSYNC_ERROR:
                machine.habits.fails_next, machine.down_ms = True, fault.length_ms
            case FaultKind.SLOW_DISK:
                machine.habits.write_ms = fault.amount
                world.line.after(fault.length_ms, self._quick_disk, machine)
            case FaultKind.OLD_SNAPSHOT | FaultKind.WIPED_DISK:
                self._replace_disk(machine, fault)
            case FaultKind.CLOCK_STEP:
                ahead_ms = machine.clock.now_ms(world.line.now_ms) - world.line.now_ms
                self._set_clock(machine, ahead_ms + fault.amount, machine.clock.drift_ppm)
            case _:
                pass

    def _set_clock(self, machine: Machine, ahead_ms: int, drift_ppm: int) -> None:
        machine.clock.set(self._world.line.now_ms, ahead_ms=ahead_ms, drift_ppm=drift_ppm)
        machine.tick_ms = None
        self._world.plan_tick(machine)

    def _network(self, fault: Fault) -> None:
        world, network = self._world, self._world.network
        match fault.kind:
            case FaultKind.SLOW_NODE:
                network.slow.add(fault.target)
                world.line.after(fault.length_ms, network.slow.discard, fault.target)
            case FaultKind.ONE_WAY_CUT:
                cut = fault.target, fault.amount
                network.cuts.add(cut)
                world.line.after(fault.length_ms, network.cuts.discard, cut)
            case _:
                sides = {one.place: fault.target >> one.place & 1 for one in world.machines}
                network.sides = sides
                world.line.after(fault.length_ms, self._reunite, sides)
                if self._story.breaks_links:
                    self._break_links(sides)

    def _break_links(self, sides: dict[int, int]) -> None:
        world = self._world
        for machine in world.machines:
            for place in sorted(machine.peers):
                if sides[place] != sides[machine.place]:
                    world.disconnect(machine, world.machines[place])

    def _reunite(self, sides: dict[int, int]) -> None:
        network = self._world.network
        if network.sides is sides:
            network.sides = {}
            self._world.reconnect()

    def _quick_disk(self, machine: Machine) -> None:
        machine.habits.write_ms = self._story.write_ms

    def _remember(self, place: int) -> None:
        if not self._world.healed:
            self._snapshots[place] = self._world.machines[place].disk.copy()

    def _replace_disk(self, machine: Machine, fault: Fault) -> None:
        world = self._world
        world.crash(machine, None)
        world.people.disk_lost(machine)
        before = self._snapshots.get(fault.target)
        wiped = fault.kind is FaultKind.WIPED_DISK or before is None
        machine.disk = Disk() if wiped or before is None else before.copy()
        world.line.after(fault.length_ms, self._back, machine)

    def _back(self, machine: Machine) -> None:
        if not machine.away:
            self._world.boot(machine)

    def _silence(self, place: int) -> None:
        machine = self._world.machines[place]
        machine.away = True
        self._world.crash(machine, None)
