"""Voting and verifying from the command line, with real keys."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medquorum.ledger.ceremony import CharterFile, sign_charter
from medquorum.ledger.keys import Purpose, address_of, public_key
from medquorum.ledger.types import BlockType, Decision, VoterRole
from medquorum.ledger.vote import parse_vote
from medquorum.node.cli import member_home
from medquorum.node.cli.outcome import Exit
from medquorum.node.desk import DeskError
from medquorum.node.keystore import KdfCost, KdfLimits, write_keystore
from medquorum.node.private_files import write_private_file
from tests.ledger.charter_kit import make_charter, private_key, signer_of
from tests.node.api.conftest import House
from tests.node.cli.conftest import Command
from tests.node.test_clinical import core, signed

CHARTER = make_charter()
DOCTOR = CHARTER.doctors[0]
CHEAP = KdfCost(memory_kib=64, iterations=1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A doctor's home: her clinical keystore with its passphrase, and the signed charter."""
    monkeypatch.setattr(
        member_home, "KDF_LIMITS", KdfLimits(memory_kib=(64, 64), iterations=(1, 1))
    )
    folder = tmp_path / "doctor"
    folder.mkdir()
    secrets = {"clinical": Purpose.CLINICAL, "node": Purpose.CONSENSUS}
    for name, purpose in secrets.items():
        key = private_key(DOCTOR.name, purpose)
        write_keystore(
            folder / f"{name}-keystore.json",
            {purpose.value: key},
            "a doctor's passphrase",
            address_of=lambda _: DOCTOR.address,
            cost=CHEAP,
        )
    write_private_file(folder / "passphrase", b"a doctor's passphrase", replace=False)
    signatures = tuple(
        sign_charter(CHARTER, member.address, signer_of(member.name, Purpose.CLINICAL))
        for member in CHARTER.members
    )
    (folder / "charter.bin").write_bytes(CharterFile(CHARTER, signatures).encoded())
    assert address_of(public_key(private_key(DOCTOR.name, Purpose.CLINICAL))) == DOCTOR.address
    return folder


def show(house: House) -> str:
    """Let the node show one real proposal; its id."""
    proposal = signed(core(BlockType.MEDICAL_FORM, "Hospital St. Mary"), "Hospital St. Mary")

    async def proposal_bytes(identifier: str) -> bytes:
        return proposal.encoded()

    house.desk.proposal_bytes = proposal_bytes  # type: ignore[method-assign]
    return proposal.id.hex()


def options(home: Path) -> tuple[str, ...]:
    return (
        *("--home", str(home), "--charter", str(home / "charter.bin")),
        *("--clinical-passphrase-file", str(home / "passphrase")),
    )


async def test_a_vote_is_signed_here_and_cast_there(
    house: House, command: Command, home: Path
) -> None:
    identifier = show(house)
    done = await command("vote", identifier, "approve", *options(home))
    assert done.exit_code == 0, done.output
    ballot = parse_vote(house.desk.votes[0]).ballot
    assert ballot.proposal.hex() == identifier
    assert (ballot.decision, ballot.role) == (Decision.APPROVE, VoterRole.ATTENDING)
    assert ballot.voter == DOCTOR.address


async def test_a_comment_stays_here_with_its_salt(
    house: House, command: Command, home: Path
) -> None:
    identifier = show(house)
    comment = ("--comment", "second reading advised")
    done = await command("vote", identifier, "reject", *comment, *options(home))
    assert done.exit_code == 0, done.output
    kept = json.loads((home / f"comment-{identifier[:16]}.json").read_text())
    assert kept["comment"] == "second reading advised"
    encoded = house.desk.votes[0]
    assert b"second reading" not in encoded
    assert len(parse_vote(encoded).ballot.comment or b"") == 32


async def test_another_proposal_under_the_id_is_not_voted_on(
    house: House, command: Command, home: Path
) -> None:
    show(house)
    refused = await command("vote", "12" * 32, "approve", *options(home))
    assert (refused.exit_code, "R-PRO2" in refused.stderr) == (Exit.VERIFICATION, True)
    assert house.desk.votes == []


async def test_a_refused_vote_says_why(house: House, command: Command, home: Path) -> None:
    identifier = show(house)
    house.desk.refusal = DeskError(409, "body_not_opened", "wait until the body is here")
    refused = await command("vote", identifier, "approve", *options(home))
    assert refused.exit_code == Exit.FAILED
    assert "wait until the body is here" in refused.stderr


async def test_a_home_that_is_no_doctors_says_so_and_asks_for_no_passphrase(
    house: House, command: Command, home: Path
) -> None:
    identifier = show(house)
    (home / "clinical-keystore.json").unlink()
    refused = await command("vote", identifier, "approve", "--home", str(home))
    assert refused.exit_code == Exit.NOT_FOUND
    assert "is no doctor's home: it has no clinical-keystore.json" in refused.stderr
    assert "assphrase" not in refused.output
    assert house.desk.votes == []


def test_without_a_terminal_a_passphrase_is_not_asked_for(home: Path, repository: Path) -> None:
    words = ("vote", "12" * 32, "approve", "--home", str(home), "--node", "http://127.0.0.1:9")
    program = "from medquorum.node.cli import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert run.returncode == Exit.USAGE
    assert "Warning" not in run.stderr
    assert "give --clinical-passphrase-file FILE" in run.stderr


async def test_an_unsigned_charter_is_not_trusted(
    house: House, command: Command, home: Path
) -> None:
    identifier = show(house)
    (home / "charter.bin").write_bytes(CharterFile(CHARTER).encoded())
    refused = await command("vote", identifier, "approve", *options(home))
    assert refused.exit_code == Exit.VERIFICATION


async def test_verifying_a_file_that_is_no_export_ends_with_five(
    command: Command, home: Path, tmp_path: Path
) -> None:
    export = tmp_path / "chain.mqx"
    export.write_bytes(b"\x00\x00\x00\x01\xc0")
    charter = ("--charter", str(home / "charter.bin"))
    found = await command("chain", "verify", str(export), *charter)
    assert found.exit_code == Exit.VERIFICATION
    assert found.stdout.startswith("TAMPERED at height 0")
    told = await command("chain", "verify", str(export), *charter, "--json")
    assert json.loads(told.stdout)["valid"] is False
    gone = await command("chain", "verify", str(tmp_path / "none"), *charter)
    assert gone.exit_code == Exit.NOT_FOUND
