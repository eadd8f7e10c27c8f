"""The child process: limits hold, errors come back as themselves, words of a crash do not."""

import os
import resource
import time

import numpy as np
import pytest

from medquorum.ai_entity.errors import IsolationError, Reason, SeriesError
from medquorum.ai_entity.isolated import ChildLimits, run_isolated

PROBES = "medquorum.ai_entity.isolation_probes"
SMALL = ChildLimits(memory_bytes=512 * 1024 * 1024, cpu_seconds=5, wall_seconds=30)


def test_values_and_arrays_come_back() -> None:
    answer = run_isolated(f"{PROBES}:echo", {"number": 7, "size": 5}, SMALL)
    assert answer.plain["number"] == 7
    assert np.array_equal(answer.arrays["squares"], np.arange(5) ** 2)
    assert answer.peak_memory_bytes > 1_000_000


def test_limits_are_lowered_in_the_child_only() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    answer = run_isolated(f"{PROBES}:limits", {}, SMALL)
    assert answer.plain["memory"] == SMALL.memory_bytes
    assert answer.plain["cpu"] == SMALL.cpu_seconds
    assert answer.plain["files"] == SMALL.open_files
    assert answer.plain["core"] == 0
    assert answer.plain["pid"] != os.getpid()
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_the_environment_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "secret")
    assert "CANARY_TOKEN" not in run_isolated(f"{PROBES}:limits", {}, SMALL).plain["environment"]


def test_too_much_memory() -> None:
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:allocate", {"size": 2 * 1024**3}, SMALL)
    assert caught.value.reason is Reason.OUT_OF_MEMORY


def test_too_much_time() -> None:
    hasty = ChildLimits(memory_bytes=512 * 1024 * 1024, cpu_seconds=1, wall_seconds=60)
    started = time.monotonic()
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:spin", {}, hasty)
    assert caught.value.reason is Reason.OUT_OF_TIME
    assert time.monotonic() - started < 50


def test_a_child_that_dies() -> None:
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:die", {}, SMALL)
    assert caught.value.reason is Reason.CHILD_DIED


def test_own_errors_keep_class_and_reason() -> None:
    with pytest.raises(SeriesError) as caught:
        run_isolated(f"{PROBES}:refuse", {}, SMALL)
    assert caught.value.reason is Reason.MIXED_SERIES


def test_unforeseen_errors_lose_their_words() -> None:
    with pytest.raises(IsolationError) as caught:
        run_isolated(f"{PROBES}:blunder", {"secret": "Canary^Patient"}, SMALL)
    assert caught.value.reason is Reason.UNEXPECTED
    assert "Canary" not in str(caught.value)
    assert "RuntimeError" in str(caught.value)


@pytest.mark.parametrize(
    "function", ["os:system", "medquorum.ledger.keys:x", "medquorum.ai_entity"]
)
def test_only_functions_of_this_room_can_be_named(function: str) -> None:
    with pytest.raises(ValueError, match="isolated"):
        run_isolated(function, {}, SMALL)
