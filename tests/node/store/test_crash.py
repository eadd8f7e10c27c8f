"""Nothing acknowledged is lost: kill -9 in a write loop, and a disk that fills up (R-SIM10)."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from medquorum.node.store.engine import default_storage_url, open_store
from tests.node.store import journal

ROOT = Path(__file__).parents[3]
KILL_ROUNDS = 12


def _child(home: Path, versions: Path, *, first: int, limit: int) -> subprocess.Popen[str]:
    arguments = [str(home), str(versions), str(first), str(limit)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.node.store.journal", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


async def _stored(home: Path, versions: Path) -> set[int]:
    store = open_store(home, default_storage_url(home), versions=versions)
    try:
        return set(await store.read(journal.entries))
    finally:
        await store.close()


async def test_kill_9_loses_nothing_acknowledged(home: Path, versions: Path) -> None:
    acknowledged: set[int] = set()
    for attempt in range(KILL_ROUNDS):
        child = _child(home, versions, first=attempt * 1_000_000, limit=0)
        assert child.stdout is not None
        # A different number of answers each round moves the kill to another point.
        for line in itertools.islice(child.stdout, 5 + 13 * attempt):
            acknowledged.add(int(line))
        child.kill()
        rest = child.stdout.read()
        child.wait()
        acknowledged.update(int(line) for line in rest.splitlines(keepends=True) if "\n" in line)
        assert acknowledged <= await _stored(home, versions)
    assert len(acknowledged) > KILL_ROUNDS * 5


@pytest.mark.parametrize("limit", [200_000, 900_000])
async def test_a_full_disk_fails_loudly_and_keeps_what_was_acknowledged(
    home: Path, versions: Path, limit: int
) -> None:
    assert await _stored(home, versions) == set()
    child = _child(home, versions, first=0, limit=limit)
    output, _ = child.communicate(timeout=60)
    lines = output.splitlines()
    assert child.returncode == 3
    assert lines[-1].startswith("failure storage failed")
    acknowledged = {int(line) for line in lines[:-1]}
    assert acknowledged
    assert acknowledged <= await _stored(home, versions)
