"""Sending the hunters after mutants: copies of the repository, one bug in each, one at a time."""

from __future__ import annotations

import compileall
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import Final

from tests.mutants.arguments import WORKERS
from tests.mutants.mutant import UNMUTATED, Mutant

CPU_SECONDS: Final = 120
"""Of one mutant's hunters; a hunt that has not ended by then met an endless loop."""
WALL_SECONDS: Final = 1_500
"""Beyond this the machine is too busy to say anything."""
MEMORY_BYTES: Final = 4 * 2**30
COPIED: Final = ("medquorum", "tests", "pyproject.toml")
LEFT_OUT: Final = ("__pycache__", "ai_entity", "browser", "interop", "vendor", "*.onnx")
"""What no hunter of the table looks at, and what weighs most."""
COMPILED: Final = ("medquorum", "tests/consensus", "tests/ledger", "tests/mutants", "tests/support")
_DETECT: Final = "import runpy; runpy.run_module('tests.mutants.detect', run_name='__main__')"
_LIMITED: Final = """
import resource
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds} + 5))
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
"""
"""An endless loop ends by the processor's time, however busy the machine is."""


class HuntError(Exception):
    """A hunt that says nothing about the suite: a mutant that does not run, or no time."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one mutant."""

    name: str
    killer: str | None
    """Who noticed it first; None when it survived."""
    reason: str | None
    seconds: float

    @property
    def survived(self) -> bool:
        """Whether no hunter noticed anything."""
        return self.killer is None


def mutated(root: Path, mutant: Mutant) -> dict[Path, str]:
    """The files that change, with their new text; HuntError where a text is not found once."""
    texts: dict[Path, str] = {}
    for edit in mutant.edits:
        path = root / edit.file
        text = texts.get(path) or path.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            raise HuntError(f"{edit.file} has changed: adapt the text of {mutant.name}")
        texts[path] = text.replace(edit.old, edit.new)
    return texts


def hunt(
    root: Path,
    mutants: Sequence[Mutant | None],
    *,
    seeds: int | None = None,
    workers: int = WORKERS,
    told: Callable[[Verdict], None] = lambda verdict: None,
) -> list[Verdict]:
    """Hunt mutants, None for the unmutated copy; verdicts in the order given.

    `seeds` sends the stories below that number first, whatever the table says.
    """
    with TemporaryDirectory(prefix="mutants-") as folder:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for copy in _copies(root, Path(folder), min(workers, len(mutants))):
            copies.put(copy)

        def one(mutant: Mutant | None) -> Verdict:
            copy = copies.get()
            try:
                verdict = _hunted(copy, mutant, seeds)
            finally:
                copies.put(copy)
            told(verdict)
            return verdict

        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(one, mutants))


def _copies(root: Path, folder: Path, count: int) -> Iterator[Path]:
    """Working copies; bytecode goes by the text's hash, so that an edit is never overlooked."""
    first = folder / "0"
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, first / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copy2(root / name, first / name)
    for name in COMPILED:
        compileall.compile_dir(
            first / name, quiet=2, workers=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH
        )
    yield first
    for number in range(1, count):
        yield Path(shutil.copytree(first, folder / str(number)))


@contextmanager
def _edited(copy: Path, mutant: Mutant | None) -> Iterator[None]:
    """The copy with the bug in it; restored afterwards."""
    texts = {} if mutant is None else mutated(copy, mutant)
    before = {path: path.read_text(encoding="utf-8") for path in texts}
    try:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        yield
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")


def _hunted(copy: Path, mutant: Mutant | None, seeds: int | None) -> Verdict:
    name = UNMUTATED if mutant is None else mutant.name
    most = CPU_SECONDS + 2 * (seeds or 0)
    begin = "" if mutant is None else _LIMITED.format(seconds=most, memory=MEMORY_BYTES)
    command = [sys.executable, "-c", begin + _DETECT, name]
    command += [] if seeds is None or mutant is None else [str(seeds)]
    started = time.monotonic()
    with _edited(copy, mutant):
        try:
            run = subprocess.run(
                command,
                cwd=copy,
                env=_environment(copy),
                capture_output=True,
                text=True,
                timeout=WALL_SECONDS + 20 * (seeds or 0),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HuntError(f"{name}: no answer after {WALL_SECONDS} s") from None
    seconds = time.monotonic() - started
    if run.returncode == -signal.SIGXCPU:
        return Verdict(name, "the clock", "did not end", seconds)
    if run.returncode != 0:
        raise HuntError(f"{name} cannot be hunted:\n{(run.stdout + run.stderr)[-2_000:]}")
    said = json.loads(run.stdout.splitlines()[-1])
    return Verdict(name, said["killer"], said["reason"], seconds)


def _environment(copy: Path) -> dict[str, str]:
    """Without what an outer pytest was told; with `CI`, so that the same examples are drawn."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return kept | {"CI": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)}
