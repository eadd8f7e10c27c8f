"""What the command tells of the charter's history: each act with the block that proves it."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.independent.main import main
from scripts.independent.names import address_text

from .governing import absence, founded, peers
from .primitives import START_MS, address, charter_file, enc, joined
from .test_epochs import LEDGER


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """An export of four epochs, its founding charter, and the proof of its last block."""
    (tmp_path / "export").write_bytes(joined(LEDGER.export_frames()))
    (tmp_path / "charter").write_bytes(charter_file(LEDGER.charter))
    (tmp_path / "proof").write_bytes(enc(LEDGER.proof(len(LEDGER.blocks))))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    """The JSON object the command prints."""
    assert main([*map(str, arguments), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("name", ["export", "proof"])
def test_every_version_is_told_with_its_block(
    files: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    named = ("--proof", files / name) if name == "proof" else (files / name,)
    found = told(capsys, *named, "--charter", files / "charter")
    assert found["charter_version"] == 3
    history = found["charter_history"]
    assert [one.get("n_bc") for one in history] == [None, 2, 5, 7]
    assert [one["doctors"] for one in history] == [4, 4, 5, 5]
    assert [[change["change"] for change in one["changes"]] for one in history[1:]] == [
        ["set_absence_rule"],
        ["admit"],
        ["rotate_key"],
    ]
    assert history[3]["changes"][0]["keys"] == ["consensus"]
    assert history[2]["changes"][0]["name"] == "doctor-4"
    assert len(history[1]["approved_by"]) == 3
    assert history[1]["block_hash"] == LEDGER.blocks[1].hash.hex()
    assert "governance" not in found


def test_people_read_the_same(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(files / "export"), "--charter", str(files / "charter")]
    assert main(arguments) == 0
    short = capsys.readouterr().out
    assert "  charter version: 3\n" in short
    assert "  charter version 2 at block 5: admit\n" in short
    assert main([*arguments, "--charter-history"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "    change admit" in lines
    assert "      name: doctor-4" in lines
    assert "other acts of governance" not in lines


def test_a_stop_tells_only_what_is_final(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, files / "export", "--charter", files / "charter", "--height", "2")
    assert found["charter_version"] == 1


def test_other_acts_are_told_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = founded()
    ledger.govern("absence", "doctor-0", absence(), peers(d1="a"))
    votes = [ledger.ordering_vote("doctor-1", "notar", bytes([one]) * 32) for one in (1, 2)]
    evidence = ledger.evidence("doctor-1", "two_notars", *votes)
    ledger.govern("evidence", "doctor-2", evidence, {})
    ledger.close()
    (tmp_path / "export").write_bytes(joined(ledger.export_frames()))
    (tmp_path / "charter").write_bytes(charter_file(ledger.charter))
    named = (tmp_path / "export", "--charter", tmp_path / "charter", "--charter-history")
    first, second = told(capsys, *named)["governance"]
    assert (first["type"], first["n_bc"], first["from_ms"]) == ("absence", 2, START_MS)
    assert first["delegate"] == address_text(address("doctor-1"), "doctor")
    assert (second["type"], second["kind"]) == ("evidence", "two_notars")
    assert second["culprit"] == first["delegate"]
    assert main(list(map(str, named))) == 0
    assert "other acts of governance" in capsys.readouterr().out


def test_an_address_is_read_as_bech32m() -> None:
    """R-KEY3; the checksum is that of BIP 350, over a prefix of the role."""
    assert address_text(bytes(32), "doctor").startswith("mqdoc1" + "q" * 52)
    texts = {address_text(bytes(32), role) for role in ("doctor", "hospital", "ai_entity")}
    assert len({text[-6:] for text in texts}) == 3
