"""`medquorum simulate`: what people type, what they read, and the exit code programs get."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from medquorum.simulation.cluster import Job
from medquorum.simulation.commands import app
from medquorum.simulation.results import COLUMNS, RunRow
from medquorum.simulation.tables import read_tables
from tests.simulation.product_rows import made_up_row

SMALL = """
shows = "the smallest network with a quorum, half a minute"
doctors = 3
followers = 1
mode = "majority"
faults = ["crash", "loss"]
duration_s = 20
[workload]
blocks_per_minute = 15
vote_delay_ms = 300
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A scenario of one's own that runs in a tenth of a second."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


def simulate(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(words), prog_name="medquorum simulate")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_the_list_says_what_each_scenario_shows() -> None:
    shown = simulate("list").stdout
    assert "thousand-nodes" in shown
    assert "A thousand nodes, a hundred of them doctors" in shown
    listed = json.loads(simulate("list", "--json").stdout)
    study = next(one for one in listed if one["name"] == "messages-against-n")
    assert study["variants"][:2] == ["doctors=4", "doctors=7"]


@pytest.mark.parametrize("verb", ["run", "sweep", "replay", "plot", "list"])
def test_every_verb_explains_itself(verb: str) -> None:
    assert f"medquorum simulate {verb}" in simulate(verb, "--help").stdout


def test_help_has_examples() -> None:
    assert "medquorum simulate sweep seven-doctors-swarm --seeds 1000" in simulate("--help").stdout


def test_a_run_tells_the_same_story_again(small: str, tmp_path: Path) -> None:
    trace = tmp_path / "story.txt"
    shown = simulate("run", small, "--seed", "5", "--trace", str(trace)).stdout
    assert "small, seed 5: every rule held and all work became final" in shown
    assert "3 doctors of 4 nodes" in shown
    assert "everything is healed" in trace.read_text(encoding="utf-8")
    first, second = (
        json.loads(simulate("run", small, "--seed", "5", "--json").stdout) for _ in range(2)
    )
    assert first["trace_hash"] in shown
    assert {**first, "wall_ms": 0} == {**second, "wall_ms": 0}
    assert set(first) == set(COLUMNS)
    other = json.loads(simulate("run", small, "--seed", "6", "--json").stdout)
    assert other["trace_hash"] != first["trace_hash"]


def test_a_study_is_run_by_variant(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(SMALL.replace("doctors = 3", "") + "[vary]\ndoctors = [3, 5]", encoding="utf-8")
    first = simulate("run", str(path))
    assert 'study is a study; this is "doctors=3"' in first.stderr
    chosen = simulate("run", str(path), "--variant", "doctors=5", "--json")
    assert json.loads(chosen.stdout)["doctors"] == 5
    summary = json.loads(simulate("sweep", str(path), "--seeds", "2", "--json").stdout)
    assert summary["runs"] == 4


def test_a_sweep_writes_a_table_that_plot_draws(small: str, tmp_path: Path) -> None:
    out, figures = tmp_path / "results", tmp_path / "figures"
    shown = simulate("sweep", small, "--seeds", "4", "--workers", "1", "--out", str(out)).stdout
    assert "small: 4 runs in" in shown
    assert "violations 0, stalls 0" in shown
    rows = read_tables([out / "small-1-4.parquet"])
    assert [row.seed for row in rows] == [1, 2, 3, 4]
    drawn = simulate("plot", str(out), "--out", str(figures))
    assert str(figures / "latency.svg") in drawn.stdout
    assert "not drawn: traffic: needs runs with two or more numbers of doctors" in drawn.stderr


def test_processes_make_the_same_rows_as_this_one(small: str, tmp_path: Path) -> None:
    for workers in ("1", "2"):
        out = str(tmp_path / workers)
        simulate("sweep", small, "--seeds", "3", "--workers", workers, "--csv", "--out", out)
    alone, together = (
        [(row.seed, row.trace_hash) for row in read_tables([tmp_path / workers])]
        for workers in ("1", "2")
    )
    assert alone == together
    assert len(alone) == 3


def test_csv_goes_to_stdout_and_the_summary_beside_it(small: str) -> None:
    result = simulate("sweep", small, "--seeds", "2", "--workers", "1", "--csv")
    lines = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [line["seed"] for line in lines] == ["1", "2"]
    assert "small: 2 runs in" in result.stderr


HOPELESS = (
    SMALL.replace("duration_s = 20", "duration_s = 10\nhealing_s = 1")
    + """
vote_spread = 0
reject_share = 0
abstain_share = 0
"""
)


def test_replay_tells_a_story_in_sentences(small: str) -> None:
    told = simulate("replay", small, "--seed", "5").stdout
    assert "d0 d1 d2 f0: starts with 0 batches" in told
    assert "everything is healed" in told
    assert "small, seed 5: every rule held" in told
    whole = simulate("replay", small, "--seed", "5", "--shrink")
    assert "there is nothing to shrink" in whole.stderr
    assert whole.stdout.split("\n  story")[0] == told.split("\n  story")[0]


def test_replay_shrinks_a_story_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "hopeless.toml"
    path.write_text(HOPELESS.replace("vote_delay_ms = 300", "vote_delay_s = 60"), encoding="utf-8")
    smaller = simulate("replay", str(path), "--seed", "5", "--shrink", code=1)
    assert "0 faults left of kinds none" in smaller.stderr
    assert "*** liveness" in smaller.stdout
    assert "hopeless, seed 5: FAILED" in smaller.stdout


def failing(job: Job) -> RunRow:
    return made_up_row(job.seed, violations=("agreement",) if job.seed == 8 else ())


@pytest.mark.parametrize("as_json", [True, False])
def test_a_broken_rule_is_told_with_the_command_that_shows_it(
    monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    monkeypatch.setattr("medquorum.simulation.cluster.perform_all.__defaults__", (failing,))
    words = ["sweep", "one-ward", "--first-seed", "7", "--seeds", "3", "--workers", "1"]
    shown = simulate(*words, *(["--json"] if as_json else []), code=1).stdout
    replay = "medquorum simulate replay one-ward --seed 8"
    if as_json:
        summary = json.loads(shown)
        assert list(summary) == ["runs", "violations", "stalls", "seeds_per_second", "failures"]
        assert summary["failures"] == [{"seed": 8, "invariant": "agreement", "replay": replay}]
    else:
        assert f"seed 8: agreement; {replay}" in shown


@pytest.mark.parametrize(
    ("words", "code", "advice"),
    [
        (["run", "one-wrad"], 2, "did you mean one-ward?"),
        (["run", "one-ward", "--variant", "x=1"], 2, "leave --variant out"),
        (["run", "/nowhere/at-all.toml"], 2, "check the path"),
        (["sweep", "one-ward", "--workers", "2", "--dask", "tcp://[::1]:1"], 2, "give one of them"),
        (["sweep", "one-ward", "--csv", "--json"], 2, "both write to stdout"),
        (["sweep", "one-ward", "--seeds", "0"], 2, "--seeds"),
        (["sweep", "one-ward", "--dask", "nonsense"], 3, "no Dask scheduler answers at nonsense"),
        (["plot", "/nowhere", "--out", "/nowhere/figures"], 1, "results are .parquet or .csv"),
        (["replay", "one-ward"], 2, "--seed"),
    ],
)
def test_a_mistake_gets_one_sentence_of_advice(words: list[str], code: int, advice: str) -> None:
    shown = simulate(*words, code=code).stderr
    assert advice in " ".join(shown.split())
    assert "Traceback" not in shown
