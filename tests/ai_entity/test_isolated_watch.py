"""A child while it runs: progress, stop, memory really used, and what is left when it is gone."""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from medquorum.ai_entity.errors import IsolationError, Reason
from medquorum.ai_entity.isolated import ChildLimits, WarmWorkers, Watch, run_isolated
from medquorum.ai_entity.isolated_watch import MAX_PROGRESS_BYTES, ProgressReader, part_of
from medquorum.ai_entity.isolated_worker import Worker, default_threads
from medquorum.ai_entity.working_folder import PREFIX, WorkingFolder, sweep_abandoned

PROBES = "medquorum.ai_entity.isolation_probes"
MIB = 1024 * 1024
PATIENT_SECONDS = 30.0


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Temporary folders of this test alone, so that what is left can be counted."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def eventually(happened: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + PATIENT_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.01)


def gone(process: int) -> bool:
    """Ended; an orphan may stay as a zombie until somebody collects it."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return True
    return "State:\tZ" in status


def test_progress_grows_and_ends_at_one() -> None:
    heard: list[float] = []
    answer = run_isolated(f"{PROBES}:work", {"steps": 50}, watch=Watch(heard.append))
    assert answer.plain == {"steps": 50}
    assert heard[-1] == 1.0
    assert heard == sorted(set(heard))


def test_stop_ends_the_child_and_its_own_children_at_once(tmp_path: Path, own_place: Path) -> None:
    mark = tmp_path / "mark"
    watch = Watch(lambda share: stopper.set() if share == 0.5 else None)
    stopper = threading.Event()
    stopped_at: list[float] = []

    def stop() -> None:
        assert stopper.wait(PATIENT_SECONDS)
        stopped_at.append(time.monotonic())
        watch.cancel()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:linger", {"mark": str(mark)}, watch=watch)
    assert time.monotonic() - stopped_at[0] < 1.0
    thread.join()
    assert caught.value.reason is Reason.CANCELLED
    for process in mark.read_text().split():
        eventually(lambda process=process: gone(int(process)))  # type: ignore[misc]
    assert list(own_place.iterdir()) == []


def test_an_interrupt_of_the_parent_leaves_nothing(tmp_path: Path, own_place: Path) -> None:
    mark = tmp_path / "mark"

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_isolated(f"{PROBES}:linger", {"mark": str(mark)}, watch=Watch(interrupt))
    for process in mark.read_text().split():
        eventually(lambda process=process: gone(int(process)))  # type: ignore[misc]
    assert list(own_place.iterdir()) == []


def test_the_child_ends_when_its_parent_is_gone() -> None:
    """The parent's end of the pipe closes as the kernel closes it for a killed parent."""
    worker = Worker()
    process = worker._process
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENT_SECONDS) == 70
    worker.close()


def test_memory_that_is_really_used_is_bounded_below_the_address_space() -> None:
    limits = ChildLimits(memory_bytes=2_048 * MIB, resident_bytes=300 * MIB)
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:hold", {"size": 600 * MIB}, limits)
    assert caught.value.reason is Reason.OUT_OF_MEMORY
    assert "300 MiB" in caught.value.message


def test_waiting_is_bounded_by_the_clock(tmp_path: Path) -> None:
    limits = ChildLimits(wall_seconds=1)
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:linger", {"mark": str(tmp_path / "mark")}, limits)
    assert caught.value.reason is Reason.OUT_OF_TIME
    assert "1 s of wall time" in caught.value.message


def test_computing_is_bounded_by_processor_time() -> None:
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:spin", {}, ChildLimits(cpu_seconds=1))
    assert caught.value.reason is Reason.OUT_OF_TIME
    assert "1 s of processor time" in caught.value.message


@pytest.mark.parametrize(
    ("words", "repeat"),
    [("hello\n", 1), ("99999", 1), ("1001\n", 1), ("-1\n", 1), ("\n", 1), ("7\n", 40_000)],
)
def test_a_child_that_says_anything_else_is_ended(words: str, repeat: int) -> None:
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:babble", {"words": words, "repeat": repeat})
    assert caught.value.reason is Reason.CHILD_DIED
    assert "other than its progress" in caught.value.message


def test_lines_come_in_any_pieces() -> None:
    reader = ProgressReader()
    assert [reader.feed(piece) for piece in (b"1", b"0\n2", b"0\n15\n", b"1000\n")] == [
        None,
        0.01,
        0.02,
        1.0,
    ]
    with pytest.raises(IsolationError):
        ProgressReader().feed(b"1\n" * MAX_PROGRESS_BYTES)


def test_stages_share_the_whole() -> None:
    heard: list[float] = []
    told = part_of(heard.append, 0.2, 0.6)
    for share in (0.0, 0.5, 1.0, 7.0):
        told(share)
    assert heard == pytest.approx([0.2, 0.4, 0.6, 0.6])
    part_of(None, 0.0, 1.0)(0.5)


@pytest.mark.parametrize(
    "plain",
    [
        "[]",
        "{}",
        "[" * 5_000,
        '{"failure": 7}',
        '{"failure": {"kind": "OSError", "reason": "no_such", "message": ""}}',
        '{"result": 7, "peak_memory_bytes": 1}',
        '{"result": {}, "peak_memory_bytes": "many"}',
    ],
)
def test_a_forged_answer_is_refused(plain: str) -> None:
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:forge", {"plain": plain})
    assert caught.value.reason is Reason.CHILD_DIED


def test_a_forged_failure_cannot_name_a_class_outside_the_closed_set() -> None:
    forged = '{"failure": {"kind": "KeyboardInterrupt", "reason": "oversize", "message": "x"}}'
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:forge", {"plain": forged})
    assert caught.value.reason is Reason.OVERSIZE


def test_a_warm_child_has_its_libraries_and_serves_once(own_place: Path) -> None:
    with WarmWorkers(("medquorum.ai_entity.fracture.pipeline",)) as workers:
        first = workers.run(f"{PROBES}:modules", {}).plain
        second = workers.run(f"{PROBES}:modules", {}).plain
        assert "cv2" not in first["names"], "nothing was started ahead of the first"
        assert "cv2" in second["names"]
        assert first["pid"] != second["pid"]
        with pytest.raises(IsolationError):
            workers.run(f"{PROBES}:die", {})
        assert workers.run(f"{PROBES}:echo", {"number": 3, "size": 1}).plain["number"] == 3
    assert list(own_place.iterdir()) == []


def test_a_warm_child_that_died_waiting_is_replaced() -> None:
    with WarmWorkers(()) as workers:
        workers.warm()
        waiting = workers._next
        assert waiting is not None
        waiting._process.kill()
        waiting._process.wait()
        assert workers.run(f"{PROBES}:echo", {"number": 3, "size": 1}).plain["number"] == 3


def test_the_model_is_told_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_threads() in (1, 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert default_threads() == 1
    answer = run_isolated(f"{PROBES}:limits", {}, ChildLimits(threads=3))
    assert answer.plain["threads"] == 3


def test_only_abandoned_folders_are_swept(own_place: Path) -> None:
    held = WorkingFolder("test")
    (held.path / "image").write_bytes(b"x")
    abandoned = own_place / f"{PREFIX}child-dead"
    (abandoned / "deep").mkdir(parents=True)
    (own_place / f"{PREFIX}link").symlink_to(held.path)
    (own_place / "other").mkdir()
    assert sweep_abandoned() == 1
    assert not abandoned.exists()
    assert (held.path / "image").exists()
    assert (own_place / "other").exists()
    held.close()
    held.close()
    assert not held.path.exists()
