"""The command itself: what it prints, its exit codes, and never a traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.independent.main import main

from .primitives import CAST, charter_file, charter_map, enc, joined
from .story import consultation

LEDGER = consultation()
CONTENT = joined(LEDGER.export_frames())


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with an export, a charter, a proof, and damaged ones of each."""
    (tmp_path / "export").write_bytes(CONTENT)
    damaged = bytearray(CONTENT)
    damaged[len(CONTENT) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(damaged)
    (tmp_path / "charter").write_bytes(charter_file(charter_map()))
    (tmp_path / "unsigned").write_bytes(charter_file(charter_map(), CAST[1:]))
    (tmp_path / "proof").write_bytes(enc(LEDGER.proof(5)))
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 40)
    return tmp_path


def run(*arguments: str | Path) -> int:
    """The exit code in this process."""
    return main([str(argument) for argument in arguments])


def test_a_valid_export_is_told_with_what_was_checked(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files / "export", "--charter", files / "charter", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["blocks"], told["batches"]) == ("VALID", 9, 5)
    assert told["signatures"] > 80
    assert told["network"] == LEDGER.network.hex()
    assert told["seconds"] >= 0
    assert run(files / "export", "--charter", files / "charter") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "VALID"
    assert "  blocks: 9" in lines


def test_a_tampered_export_is_told_with_height_and_rule(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files / "damaged", "--charter", files / "charter") == 5
    line = capsys.readouterr().out
    assert line.startswith("TAMPERED at height ")
    assert "(R-" in line
    assert run(files / "damaged", "--charter", files / "charter", "--json") == 5
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "TAMPERED"
    assert told["rule"].startswith("R-")


def test_a_proof_is_checked(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--proof", files / "proof", "--charter", files / "charter", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["height"], told["block_hash"]) == (5, LEDGER.blocks[4].hash.hex())


@pytest.mark.parametrize("height", [1, 2, 3, 9])
def test_a_height_stops_the_check_once_its_block_is_final(
    files: Path, capsys: pytest.CaptureFixture[str], height: int
) -> None:
    named = ("--height", str(height), "--json")
    assert run(files / "export", "--charter", files / "charter", *named) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["block_hash"] == LEDGER.blocks[height - 1].hash.hex()
    # Block 3 lies in a batch without a certificate, so that the next batch must be read too.
    assert told["batches"] == {1: 1, 2: 1, 3: 3, 9: 5}[height]


@pytest.mark.parametrize(
    "arguments",
    [
        ("{}/export",),
        ("--charter", "{}/charter"),
        ("{}/export", "--proof", "{}/proof", "--charter", "{}/charter"),
        ("{}/export", "--charter", "{}/charter", "--height", "0"),
        ("{}/export", "--charter", "{}/charter", "--height", "x"),
        ("--proof", "{}/proof", "--charter", "{}/charter", "--height", "1"),
        ("{}/export", "--charter", "{}/charter", "--height", "10"),
    ],
)
def test_wrong_usage_leaves_with_two(files: Path, arguments: tuple[str, ...]) -> None:
    try:
        code = run(*(argument.format(files) for argument in arguments))
    except SystemExit as leaving:
        code = int(str(leaving.code))
    assert code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("{}/missing", "--charter", "{}/charter"),
        ("{}/export", "--charter", "{}/missing"),
        ("--proof", "{}/missing", "--charter", "{}/charter"),
        ("{}", "--charter", "{}/charter"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_with_four(
    files: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run(*(argument.format(files) for argument in arguments)) == 4
    assert capsys.readouterr().err.startswith("audit: ")


@pytest.mark.parametrize("name", ["noise", "proof", "charter", "export"])
def test_files_of_another_kind_are_tampered(
    files: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    charter = ("--charter", files / "charter")
    if name != "export":
        assert run(files / name, *charter) == 5
    if name != "proof":
        assert run("--proof", files / name, *charter) == 5
    if name != "charter":
        assert run(files / "export", "--charter", files / name) == 5
    assert "TAMPERED at height 0: " in capsys.readouterr().out


def test_an_incomplete_charter_checks_nothing(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files / "export", "--charter", files / "unsigned") == 5
    assert "TAMPERED at height 0: charter: " in capsys.readouterr().out


def test_the_launcher_runs_from_anywhere(files: Path, repository: Path) -> None:
    """One process from a foreign folder, with only the standard interpreter named."""
    launcher = str(repository / "scripts" / "audit")
    command = [sys.executable, launcher, "damaged", "--charter", "charter"]
    ended = subprocess.run(command, cwd=files, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 5
    assert ended.stdout.startswith("TAMPERED at height ")
    assert ended.stderr == ""
