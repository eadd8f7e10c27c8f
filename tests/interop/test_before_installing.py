"""What a program can answer without its packages it answers before it installs any."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOMS = {
    "bench": "scripts/benchmarks",
    "chaos": "scripts/chaos_network",
    "demo": "scripts/demonstration",
    "federated": "scripts/federation",
    "mutants": "tests/mutants",
}
"""Programs, and where their arguments are read."""
COPIED = (
    "scripts/__init__.py",
    "scripts/test",
    "scripts/lib/environment.sh",
    "tests/__init__.py",
    *(f"scripts/{name}" for name in ROOMS),
    *(f"{room}/{part}.py" for room in ROOMS.values() for part in ("__init__", "arguments")),
)


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """Programs, and nothing that they could install: a try would fail."""
    for name in COPIED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / name, tmp_path / name)
    return tmp_path


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "MEDQUORUM_PYTHON": sys.executable,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [program, *words], capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [(name, (word,)) for name in ("test", *ROOMS) for word in ("--help", "-h")]
    + [(name, ("--ct", "x", "--help")) for name in ("test", "demo")],
)
def test_help_is_answered_at_once(checkout: Path, name: str, words: tuple[str, ...]) -> None:
    ended = run(checkout / "scripts" / name, *words)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: scripts/{name}")
    assert not list(checkout.glob(".venv*"))


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("demo", ("--pet", "x"), "--pet needs --ct"),
        ("demo", ("--mri", "x"), "unrecognized"),
        ("bench", ("--only", "everything"), "invalid choice"),
        ("chaos", ("--minutes", "0"), "between 0.1 and 1440"),
        ("federated", ("--hospitals", "1"), "between 2 and 8"),
        ("mutants", (), "required"),
    ],
)
def test_wrong_arguments_are_refused_at_once(
    checkout: Path, name: str, words: tuple[str, ...], said: str
) -> None:
    ended = run(checkout / "scripts" / name, *words)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not list(checkout.glob(".venv*"))


@pytest.mark.parametrize("name", ["bench", "chaos", "demo", "federated", "test"])
def test_an_environment_of_another_checkout_is_left_alone(checkout: Path, name: str) -> None:
    other = checkout / "elsewhere"
    other.mkdir()
    (checkout / ".venv").symlink_to(other, target_is_directory=True)
    ended = run(checkout / "scripts" / name)
    assert ended.returncode == 1
    assert ".venv is a symbolic link" in ended.stderr
    assert f"rm {checkout / '.venv'}" in ended.stderr
    assert list(other.iterdir()) == []
    assert not (checkout / ".venv.lock").exists()
