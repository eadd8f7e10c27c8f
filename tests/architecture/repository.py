"""The repository as the architecture tests see it: its Python sources and its committed files."""

import ast
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
TREES_KEPT: Final = 4
"""Of the file at hand: all of them would take hundreds of megabytes."""


@dataclass(frozen=True, slots=True)
class Source:
    """One Python source file: its path from the root, its text and its syntax tree."""

    path: Path
    text: str

    @property
    def tree(self) -> ast.Module:
        """Parsed when first asked for; a syntax error ends the test run with its place."""
        return _parsed(self.path, self.text)

    @property
    def package(self) -> str:
        """The dotted package the module stands in (a package's own `__init__` stands in itself)."""
        return ".".join(self.path.parent.parts)

    @property
    def room(self) -> str:
        """The room of the package: `ledger` for medquorum/ledger/..., empty at its root."""
        parts = self.path.parts
        return parts[1] if parts[0] == "medquorum" and len(parts) > 2 else ""


@lru_cache(maxsize=TREES_KEPT)
def _parsed(path: Path, text: str) -> ast.Module:
    return ast.parse(text, filename=str(ROOT / path))


def read_source(path: Path) -> Source:
    """One file of the repository."""
    return Source(path.relative_to(ROOT), path.read_text(encoding="utf-8"))


def is_python_program(path: Path) -> bool:
    """Whether a file without a suffix is Python by its first line."""
    if not path.is_file() or path.suffix:
        return False
    first_line = path.read_bytes().split(b"\n", 1)[0]
    return first_line.startswith(b"#!") and b"python" in first_line


def python_sources(*folders: str) -> Iterator[Source]:
    """Every Python source below the folders, in order; programs without a suffix included."""
    for folder in folders:
        yield from _sources_below(folder)


@cache
def _sources_below(folder: str) -> tuple[Source, ...]:
    """Read once in a run: no test changes the repository."""
    return tuple(
        read_source(path)
        for path in sorted((ROOT / folder).rglob("*"))
        if "__pycache__" not in path.parts and (path.suffix == ".py" or is_python_program(path))
    )


def committed_files() -> list[Path]:
    """The files git keeps, as they stand in the work tree."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = [name for name in listing.stdout.decode().split("\0") if name]
    return [path for name in names if (path := ROOT / name).is_file()]


def committed_texts() -> Iterator[tuple[Path, str]]:
    """The committed files that are UTF-8 text, with their path from the root."""
    for path in committed_files():
        try:
            yield path.relative_to(ROOT), path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue


def findings(sources: Iterator[Source], check: Callable[[Source], list[str]]) -> list[str]:
    """What `check` found, each sentence behind its file."""
    return [f"{source.path}: {finding}" for source in sources for finding in check(source)]
