"""The same sweep on a Dask cluster: a scheduler and a worker of this process, over real TCP."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster
from typer.testing import CliRunner

from medquorum.simulation.catalogue import built_in
from medquorum.simulation.cluster import ClusterError, Job, dask_crew, local_crew, perform_all
from medquorum.simulation.commands import app
from medquorum.simulation.scenario import Scenario
from medquorum.simulation.toml import parse_study

QUICK = """
shows = "a cluster test"
doctors = 3
mode = "majority"
duration_s = 5
[workload]
vote_delay_ms = 100
"""


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with one worker of two threads."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster.scheduler_address


def jobs(count: int) -> list[Job]:
    (variant,) = parse_study(QUICK, "quick", "quick.toml").variants
    return [Job(variant, seed) for seed in range(count)]


def test_a_cluster_makes_the_rows_this_process_makes(scheduler: str) -> None:
    with local_crew(1) as crew:
        here = list(perform_all(jobs(8), crew))
    with dask_crew(scheduler) as crew:
        assert crew.slots == 2
        there = list(perform_all(jobs(8), crew))
    assert [(row.seed, row.trace_hash) for row in there] == [
        (row.seed, row.trace_hash) for row in here
    ]


def test_a_sweep_takes_the_address_of_a_scheduler(scheduler: str, tmp_path: Path) -> None:
    path = tmp_path / "quick.toml"
    path.write_text(QUICK, encoding="utf-8")
    words = ["sweep", str(path), "--seeds", "3", "--dask", scheduler, "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["runs"], summary["failures"]) == (3, [])


def test_an_error_of_the_program_comes_back_with_its_seed(
    scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(scenario: Scenario, seed: int) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("medquorum.simulation.run.run", broken)
    with dask_crew(scheduler) as crew, pytest.raises(RuntimeError, match="a defect") as raised:
        list(perform_all(jobs(2)[1:], crew))
    assert raised.value.__notes__ == ["in quick seed 1"]


def test_a_scheduler_without_workers_says_how_to_start_one() -> None:
    with (
        LocalCluster(
            n_workers=0,
            processes=False,
            protocol="tcp://",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as empty,
        pytest.raises(ClusterError, match="has no workers; start some: dask worker tcp://"),
        dask_crew(empty.scheduler_address),
    ):
        pass


def test_no_scheduler_is_told_from_a_broken_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medquorum.simulation.cluster.CONNECT_S", 1)
    with (
        pytest.raises(ClusterError, match="started with: dask scheduler"),
        dask_crew("tcp://127.0.0.1:9"),
    ):
        pass


def test_jobs_travel_whatever_their_scenario() -> None:
    with local_crew(2) as crew:
        (variant,) = built_in("one-ward").variants
        (row,) = perform_all([Job(variant, 1)], crew)
    assert row.scenario == "one-ward"
