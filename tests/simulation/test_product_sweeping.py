"""Sweeps: order, totals, failures one can repeat, whoever does the work."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import pytest

from medquorum.simulation import sweeping
from medquorum.simulation.cluster import WAITING_PER_SLOT, ClusterError, Crew, Job, perform_all
from medquorum.simulation.results import RunRow
from medquorum.simulation.sweeping import Totals, broken_rule, jobs_of, replay_command, sweep
from medquorum.simulation.toml import Study, parse_study
from tests.simulation.product_rows import made_up_row

HERE = Crew(None, 1, "1 process")
STUDY = parse_study('shows = "x"\n[vary]\ndoctors = [4, 7]', "study", "dir/my study.toml")


def made_up(job: Job) -> RunRow:
    return made_up_row(job.seed, variant=job.variant.label, doctors=job.variant.scenario.doctors)


def test_jobs_are_every_variant_under_every_seed() -> None:
    jobs = [(job.variant.label, job.seed) for job in jobs_of(STUDY, range(5, 7))]
    assert jobs == [("doctors=4", 5), ("doctors=4", 6), ("doctors=7", 5), ("doctors=7", 6)]


def test_rows_come_in_order_though_later_jobs_end_first() -> None:
    first_may_end = threading.Event()

    def unequal(job: Job) -> RunRow:
        if job.seed == 1:
            assert first_may_end.wait(20)
        elif job.seed == 4:
            first_may_end.set()
        return made_up(job)

    study = parse_study('shows = "x"', "one", "one")
    with ThreadPoolExecutor(4) as pool:
        rows = list(perform_all(jobs_of(study, range(1, 9)), Crew(pool, 4, "threads"), unequal))
    assert [row.seed for row in rows] == list(range(1, 9))


def test_no_more_jobs_are_handed_out_than_workers_can_take_soon() -> None:
    handed_out = 0

    def jobs() -> Iterator[Job]:
        nonlocal handed_out
        for job in jobs_of(STUDY, range(10**9)):
            handed_out += 1
            yield job

    with ThreadPoolExecutor(2) as pool:
        rows = perform_all(jobs(), Crew(pool, 2, "threads"), made_up)
        for _ in range(5):
            next(rows)
        assert handed_out <= 5 + WAITING_PER_SLOT * 2
        rows.close()


class Dying(Executor):
    """Workers that are killed at once."""

    def submit(self, *_: object, **__: object) -> Future[RunRow]:  # type: ignore[override]
        future: Future[RunRow] = Future()
        future.set_exception(BrokenExecutor("killed"))
        return future


def test_a_worker_that_dies_ends_the_sweep_with_advice() -> None:
    with pytest.raises(ClusterError, match="want of memory; try fewer with --workers"):
        sweep(STUDY, range(9), Crew(Dying(), 1, "mortals"), lambda row, totals: None)


def swept(monkeypatch: pytest.MonkeyPatch, study: Study, rows: list[RunRow]) -> Totals:
    monkeypatch.setattr(sweeping, "perform_all", lambda jobs, crew: iter(rows))
    return sweep(study, range(len(rows)), HERE, lambda row, totals: None)


def test_the_summary_for_programs_has_exactly_the_agreed_fields(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [
        made_up_row(1),
        made_up_row(2, violations=("agreement", "durability"), stalled=True),
        made_up_row(3, variant="doctors=7", stalled=True),
        made_up_row(4, halted=True),
    ]
    summary = json.loads(swept(monkeypatch, STUDY, rows).as_json())
    assert summary.pop("seeds_per_second") > 0
    again = "medquorum simulate replay 'dir/my study.toml' --seed"
    assert summary == {
        "runs": 4,
        "violations": 1,
        "stalls": 2,
        "failures": [
            {"seed": 2, "invariant": "agreement", "replay": f"{again} 2"},
            {
                "seed": 3,
                "invariant": "liveness",
                "replay": f"{again} 3 --variant doctors=7",
            },
            {"seed": 4, "invariant": "halt", "replay": f"{again} 4"},
        ],
    }


def test_ctrl_c_keeps_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(jobs: object, crew: object) -> Iterator[RunRow]:
        yield made_up_row(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeping, "perform_all", interrupted)
    totals = sweep(STUDY, range(9), HERE, lambda row, totals: None)
    assert (totals.runs, totals.interrupted) == (1, True)


def test_a_replay_command_can_be_pasted_into_a_shell() -> None:
    assert replay_command("one-ward", 7, "") == "medquorum simulate replay one-ward --seed 7"
    assert replay_command("a", 1, "x=1 y=2").endswith("--variant 'x=1 y=2'")


def test_a_run_is_named_by_the_worst_that_happened() -> None:
    assert broken_rule(made_up_row(violations=("agreement",), stalled=True)) == "agreement"
    assert broken_rule(made_up_row(stalled=True, halted=True)) == "liveness"
    assert broken_rule(made_up_row(halted=True)) == "halt"
