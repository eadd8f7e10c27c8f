"""One run: one scenario, one seed, one whole story, with every invariant watched."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.ledger.types import Role
from medquorum.simulation.amendments import Chancery
from medquorum.simulation.clock import stream
from medquorum.simulation.contact import Identity
from medquorum.simulation.crypto import START_MS, CharterShape, Cryptography, charter_for
from medquorum.simulation.faults import Story, draw_story, drift_ppm
from medquorum.simulation.liars import Liar
from medquorum.simulation.machine import Machine
from medquorum.simulation.network import Network
from medquorum.simulation.recovery import Recovery
from medquorum.simulation.report import RunReport
from medquorum.simulation.scenario import FaultKind, Scenario
from medquorum.simulation.storm import Storm
from medquorum.simulation.trace import Trace
from medquorum.simulation.world import World

_FOLLOWERS = (Role.HOSPITAL, Role.LABORATORY, Role.RADIOLOGIST, Role.AI_ENTITY)
LOOKED_EVERY_MS = 500
"""Between two looks whether a healed network has finished."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is watched, and what of its story is kept."""

    told: bool = False
    """Whether a transcript is made."""
    story: Story | None = None
    """Instead of the one the seed draws: a story that was cut down."""


def run(scenario: Scenario, seed: int, options: RunOptions | None = None) -> RunReport:
    """Tell the story of one seed from start to recovery."""
    return simulate(scenario, seed, options or RunOptions())[0]


def simulate(
    scenario: Scenario, seed: int, options: RunOptions
) -> tuple[RunReport, tuple[str, ...]]:
    """The report and, where one was asked for, the transcript."""
    story = options.story or draw_story(scenario, seed)
    world = build(scenario, seed, story, told=options.told)
    storm, recovery = Storm(world, story), Recovery(world, story)
    ends_ms = START_MS + scenario.duration_ms
    for machine in world.machines:
        world.boot(machine)
    world.people.begin(ends_ms)
    storm.begin()
    world.line.advance(ends_ms)
    storm.end()
    recovered_ms = None
    while world.line.now_ms < ends_ms + scenario.healing_ms and not world.checks.halted:
        world.line.advance(world.line.now_ms + LOOKED_EVERY_MS)
        if recovery.finished():
            recovered_ms = world.line.now_ms - ends_ms
            break
    stalled = recovered_ms is None and recovery.expected
    recovery.conclude(stalled)
    report = _report(world, story, stalled, recovered_ms)
    return report, tuple(world.trace.lines or ())


def build(scenario: Scenario, seed: int, story: Story, *, told: bool = False) -> World:
    """The network of a scenario before anything has happened."""
    counts = dict.fromkeys(_FOLLOWERS, 0)
    for place in range(scenario.followers):
        counts[_FOLLOWERS[place % len(_FOLLOWERS)]] += 1
    timing = scenario.timing
    charter = charter_for(
        CharterShape(
            scenario.doctors,
            scenario.mode,
            hospitals=max(1, counts[Role.HOSPITAL]),
            laboratories=max(1, counts[Role.LABORATORY]),
            radiologists=max(1, counts[Role.RADIOLOGIST]),
            ai_entities=max(1, counts[Role.AI_ENTITY]),
            panel=scenario.panel,
            slot_timeout_ms=timing.slot_timeout_ms,
            slot_timeout_max_ms=timing.slot_timeout_max_ms,
            idle_status_ms=timing.idle_status_ms,
            retransmit_ms=timing.retransmit_ms,
            batch_blocks=timing.batch_blocks,
        )
    )
    cryptography = Cryptography(story.signatures)
    addresses = [doctor.address for doctor in charter.doctors]
    waiting = {role: iter([m for m in charter.members if m.role is role]) for role in _FOLLOWERS}
    members = [next(waiting[_FOLLOWERS[n % 4]]) for n in range(scenario.followers)]
    addresses += [member.address for member in members]
    addresses += [addresses[place] for place in story.twins]
    machines = []
    for place, address in enumerate(addresses):
        member = charter.member(address)
        if member is None:
            raise LookupError("every simulated address is a member's")
        machines.append(
            Machine(
                place,
                Identity(charter, address, cryptography),
                member.role,
                stream(seed, f"machine {place}"),
            )
        )
    network = Network(scenario.latency, scenario.weather, len(machines), stream(seed, "network"))
    world = World(scenario, seed, machines, network, Trace(told=told))
    _endow(world, story)
    return world


def _endow(world: World, story: Story) -> None:
    """Give machines what the story says of them."""
    world.kinds = story.kinds
    impaired = {world.machines[place].identity.address for place in story.impaired}
    silent = {world.machines[place].identity.address for place in story.silent}
    cryptography = world.machines[0].identity.cryptography
    world.chancery = Chancery(cryptography, frozenset(impaired | silent), len(impaired))
    for machine in world.machines:
        machine.habits.write_ms, machine.habits.atomic = story.write_ms, story.atomic
        machine.impaired = machine.identity.address in impaired
        drift = drift_ppm(story.kinds, machine.dice)
        machine.clock.set(START_MS, ahead_ms=0, drift_ppm=drift)
    for place in story.liars:
        machine = world.machines[place]
        identity = machine.identity
        seat = identity.seat_of(identity.charter)
        if seat is not None:
            machine.lying = True
            dice = stream(world.seed, f"liar {place}")
            world.liars[place] = Liar(identity.charter, identity.address, seat.sign, dice)


def _report(world: World, story: Story, stalled: bool, recovered_ms: int | None) -> RunReport:
    matters = list(world.people.matters.values())
    return RunReport(
        scenario=world.scenario.name,
        seed=world.seed,
        violations=tuple(world.checks.violations),
        stalled=stalled,
        halted=world.checks.halted,
        trace_hash=world.trace.digest(),
        virtual_ms=world.line.now_ms - START_MS,
        steps=world.steps,
        messages=sum(world.courier.counts.values()),
        bytes=world.courier.bytes,
        blocks=world.checks.ledger.blocks,
        crashes=world.crashes,
        restarts=world.restarts - len(world.machines),
        epochs=max(
            (one.replica.epoch for one in world.machines if one.replica and one.honest), default=0
        ),
        recovery_ms=recovered_ms,
        latencies_ms=tuple(
            one.final_ms - one.verdict_ms
            for one in matters
            if one.final_ms is not None and one.verdict_ms is not None
        ),
        verdicts_ms=tuple(
            one.verdict_ms - one.submitted_ms for one in matters if one.verdict_ms is not None
        ),
        message_counts=tuple(sorted(world.courier.counts.items())),
        faults_used=tuple(kind for kind in FaultKind if kind in story.kinds),
        largest_queue=world.checks.largest_queue,
    )
