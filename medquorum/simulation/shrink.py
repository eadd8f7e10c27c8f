"""A failing story cut down: fewer faults, fewer people, fewer nodes, still the same breach.

Delta debugging over the schedule, then over the rest of the story. Every attempt is a whole run of
the same seed; a cut stays when the first broken invariant is still the one looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from medquorum.simulation.faults import Fault, Story, draw_story
from medquorum.simulation.report import RunReport
from medquorum.simulation.run import RunOptions, run, simulate
from medquorum.simulation.scenario import Scenario

ATTEMPTS = 400
"""Runs at most: a cut-down story is for reading, not a proof of smallness."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest failing story found."""

    scenario: Scenario
    story: Story
    report: RunReport
    transcript: tuple[str, ...]
    attempts: int


class Shrinker:
    """Looks for smaller stories of one seed that break the same invariant."""

    def __init__(self, scenario: Scenario, seed: int, story: Story, invariant: str) -> None:
        self._seed = seed
        self._invariant = invariant
        self.scenario, self.story = scenario, story
        self.attempts = 0

    def fails(self, scenario: Scenario, story: Story) -> bool:
        """Whether this smaller story still shows the breach; it is kept then."""
        if self.attempts >= ATTEMPTS:
            return False
        self.attempts += 1
        report = run(scenario, self._seed, RunOptions(story=story))
        if first_breach(report) != self._invariant:
            return False
        self.scenario, self.story = scenario, story
        return True

    def cut_schedule(self) -> None:
        """Leave strokes out, half of them at a time, then quarters, then one by one."""
        parts = 2
        while self.story.schedule:
            schedule = self.story.schedule
            size = -(-len(schedule) // parts)
            starts = range(0, len(schedule), size)
            if any(self._without(schedule, start, size) for start in starts):
                parts = max(2, parts - 1)
            elif size == 1:
                return
            else:
                parts = min(len(schedule), parts * 2)

    def _without(self, schedule: tuple[Fault, ...], start: int, size: int) -> bool:
        left = schedule[:start] + schedule[start + size :]
        return self.fails(self.scenario, replace(self.story, schedule=left))

    def cut_rest(self) -> bool:
        """Take away one thing after another; whether anything could go."""
        before = self.scenario, self.story
        for cut in _CUTS:
            for scenario, story in cut(self.scenario, self.story):
                if (scenario, story) != (self.scenario, self.story):
                    self.fails(scenario, story)
        return (self.scenario, self.story) != before


Candidates = Iterator[tuple[Scenario, Story]]


def _fewer_kinds(scenario: Scenario, story: Story) -> Candidates:
    for kind in sorted(story.kinds):
        yield scenario, replace(story, kinds=story.kinds - {kind})


def _fewer_impaired(scenario: Scenario, story: Story) -> Candidates:
    for place in story.liars:
        yield scenario, replace(story, liars=tuple(one for one in story.liars if one != place))
    for place in story.twins:
        yield scenario, replace(story, twins=tuple(one for one in story.twins if one != place))
    for place in story.silent:
        yield scenario, replace(story, silent=tuple(one for one in story.silent if one != place))


def _fewer_people(scenario: Scenario, story: Story) -> Candidates:
    workload = scenario.workload
    for consultations in (1, workload.consultations // 2):
        fewer = replace(workload, consultations=consultations)
        yield replace(scenario, workload=fewer), story


def _shorter(scenario: Scenario, story: Story) -> Candidates:
    for divisor in (4, 2):
        duration_ms = scenario.duration_ms // divisor
        if all(fault.at_ms < duration_ms for fault in story.schedule):
            yield replace(scenario, duration_ms=duration_ms), story


def _fewer_followers(scenario: Scenario, story: Story) -> Candidates:
    if scenario.followers and not story.twins:
        most = scenario.doctors
        if all(fault.target < most for fault in story.schedule):
            yield replace(scenario, followers=0), story


def _simple_disks(scenario: Scenario, story: Story) -> Candidates:
    yield scenario, replace(story, write_ms=0, atomic=True)


_CUTS: tuple[Callable[[Scenario, Story], Candidates], ...] = (
    _fewer_kinds,
    _fewer_impaired,
    _fewer_people,
    _shorter,
    _fewer_followers,
    _simple_disks,
)


def first_breach(report: RunReport) -> str | None:
    """The first broken invariant of a run."""
    return report.violations[0].invariant if report.violations else None


def shrink(scenario: Scenario, seed: int) -> Shrunk | None:
    """The smallest story of a failing seed that was found; None when the seed does not fail."""
    story = draw_story(scenario, seed)
    invariant = first_breach(run(scenario, seed))
    if invariant is None:
        return None
    shrinker = Shrinker(scenario, seed, story, invariant)
    shrinker.cut_schedule()
    while shrinker.cut_rest():
        shrinker.cut_schedule()
    options = RunOptions(told=True, story=shrinker.story)
    report, transcript = simulate(shrinker.scenario, seed, options)
    return Shrunk(shrinker.scenario, shrinker.story, report, transcript, shrinker.attempts)
