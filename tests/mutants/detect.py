"""Hunting in the place where one is: `python -m tests.mutants.detect NAME` in a mutated copy.

The last line written is a JSON object: `killer` and `reason`, or `killer` null when every hunter
came back with nothing. Exit 3 when the copy cannot even be run: that is no kill, but a mutant that
is badly written.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

import pytest

from medquorum.simulation.explore.model import model_of
from medquorum.simulation.explore.search import explore
from medquorum.simulation.run import run
from medquorum.simulation.twins.crashes import play_crash
from medquorum.simulation.twins.play import Played, play
from medquorum.simulation.twins.scenarios import scenario
from tests.mutants.mutant import (
    UNMUTATED,
    Crashes,
    Explored,
    Hunter,
    Stories,
    Suite,
    Twins,
)
from tests.mutants.table import every_hunter, named
from tests.simulation.stories import scenario_for

BADLY_WRITTEN = 3
"""Exit status: the mutant does not run."""
SLIPS = (ImportError, NameError, SyntaxError)
"""What only a badly written mutant raises."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Who noticed what."""

    killer: str
    reason: str


class BadlyWritten(Exception):
    """The mutant's text does not run."""


def detect(hunters: Iterable[Hunter]) -> Kill | None:
    """Send the hunters in order until one comes back with something; BadlyWritten."""
    return next((kill for one in hunters if (kill := _hunt(one)) is not None), None)


def _hunt(hunter: Hunter) -> Kill | None:
    match hunter:
        case Stories(seeds):
            return next((kill for seed in seeds if (kill := story(seed)) is not None), None)
        case Twins(numbers):
            return _first((f"twins {one}", partial(play, scenario(one))) for one in numbers)
        case Crashes(scenarios):
            return _first(
                (
                    f"crash in story {one.story} of machine {one.place} before step {one.step}",
                    partial(play_crash, one),
                )
                for one in scenarios
            )
        case Explored():
            return _explored(hunter)
        case Suite(ids):
            return _tested(ids)
    assert_never(hunter)


def story(seed: int) -> Kill | None:
    """One story of the sweep."""
    killer = f"story {seed}"
    try:
        report = run(scenario_for(seed), seed)
    except Exception as error:
        return _raised(killer, error)
    if not report.failed:
        return None
    first = next(iter(report.violations), None)
    return Kill(killer, f"{first.invariant} {first.detail}" if first else "stalled")


def _first(plays: Iterable[tuple[str, Callable[[], Played]]]) -> Kill | None:
    for killer, playing in plays:
        try:
            told = playing()
        except Exception as error:
            return _raised(killer, error)
        if told.faults:
            return Kill(killer, told.faults[0])
    return None


def _explored(hunter: Explored) -> Kill | None:
    killer = f"exploration of {hunter.doctors} doctors, {hunter.mode.value}"
    if hunter.liars:
        killer += f", {hunter.liars} lying"
    try:
        found = explore(
            model_of(
                hunter.mode,
                hunter.doctors,
                hunter.liars,
                slots=hunter.slots,
                rivals=hunter.rivals,
            )
        )
    except Exception as error:
        return _raised(killer, error)
    return None if found.violation is None else Kill(killer, "two final batches on two branches")


def _raised(killer: str, error: Exception) -> Kill:
    if isinstance(error, SLIPS):
        raise BadlyWritten(f"{type(error).__name__}: {error}") from error
    return Kill(killer, f"raises {type(error).__name__}: {str(error)[:120]}")


class _Witness:
    """A pytest plugin that remembers the first test that failed."""

    def __init__(self) -> None:
        self.kill: Kill | None = None
        self.slip: str | None = None
        self.passed = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self.passed += report.when == "call" and report.passed
        if report.failed and self.kill is None and call.excinfo is not None:
            if call.excinfo.errisinstance(SLIPS):
                self.slip = call.excinfo.exconly()
            said = (call.excinfo.exconly().splitlines() or [""])[0]
            self.kill = Kill(item.nodeid, said[:160])
        return report


def _tested(ids: Sequence[str]) -> Kill | None:
    witness = _Witness()
    quiet = ["-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no", "-W", "ignore"]
    quiet += ["--assert=plain"]  # writing every assertion anew takes longer than most of the tests
    quiet += ["-o", "timeout=900"]  # a busy machine must not pass for a kill
    status = pytest.main([*quiet, *ids], plugins=[witness])
    if witness.slip is not None or status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise BadlyWritten(witness.slip or f"pytest ends with {status!r} on {', '.join(ids)}")
    if status == pytest.ExitCode.OK and witness.passed == 0:
        raise BadlyWritten(f"no test ran among {', '.join(ids)}")
    return witness.kill


def main(arguments: Sequence[str]) -> int:
    """NAME [SEEDS]: the mutant's own hunters, before them the stories below SEEDS."""
    hunters = every_hunter() if arguments[0] == UNMUTATED else named(arguments[0]).hunters
    if len(arguments) > 1:
        hunters = (Stories(tuple(range(int(arguments[1])))), *hunters)
    try:
        kill = detect(hunters)
    except BadlyWritten as slip:
        print(slip, file=sys.stderr)
        return BADLY_WRITTEN
    told = {"killer": kill and kill.killer, "reason": kill and kill.reason}
    print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # threads and pools of what was hunted are of no interest any more
