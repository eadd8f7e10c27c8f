"""Enrolling an authenticator from the command line: what is signed, shown and refused (R-CHA9)."""

import json
from pathlib import Path
from typing import Any

import pytest

from medquorum.ledger.amendment import apply, verify_amendment
from medquorum.ledger.ceremony import parse_request
from medquorum.ledger.change import RotateKey
from medquorum.ledger.charter import Charter
from medquorum.ledger.governance import Amendment
from medquorum.node.cli.outcome import Exit
from tests.node.api.conftest import House
from tests.node.cli.conftest import Command
from tests.node.cli.governance_kit import CHARTER, DOCTOR, act, doctors_home, keys
from tests.support.authenticator import enrolment_of

__all__ = ["doctors_home"]

ENROLMENT = enrolment_of(DOCTOR.name)


def written(path: Path, **changes: Any) -> Path:
    """The file that the page saves."""
    fields = {
        "backup": ENROLMENT.backup,
        "format": "medquorum/webauthn/1",
        "key": ENROLMENT.key.hex(),
        "origins": list(ENROLMENT.origins),
        "rp_id": ENROLMENT.rp_id,
    }
    path.write_text(json.dumps(fields | changes))
    return path


async def test_an_enrolment_is_proposed_as_the_doctors_own_change(
    house: House, command: Command, home: Path, tmp_path: Path
) -> None:
    """R-GOV7: her keys stay, her proofs cover it; it applies and can be taken out."""
    path = written(tmp_path / "enrolment.json")
    done = await command("charter", "amend", "enrol", "--enrolment", str(path), *keys(home))
    assert done.exit_code == 0, done.output
    assert "webauthn" in done.stdout
    made = act(house)
    assert isinstance(made, Amendment)
    (change,) = made.changes
    assert isinstance(change, RotateKey)
    assert (change.member.webauthn, change.member.keys) == (ENROLMENT, DOCTOR.keys)
    assert verify_amendment(made)
    after = apply(CHARTER, made, DOCTOR.address)
    assert isinstance(after, Charter)
    assert not list(home.glob("*.next.json")), "no key was made"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"format": "medquorum/webauthn/2"}, Exit.USAGE),
        ({"more": 1}, Exit.USAGE),
        ({"key": "zz"}, Exit.USAGE),
        ({"key": 1}, Exit.USAGE),
        ({"origins": ["http://node.example.org"]}, Exit.VERIFICATION),
        ({"rp_id": "example.com"}, Exit.VERIFICATION),
    ],
)
async def test_another_file_is_refused(
    house: House, command: Command, home: Path, tmp_path: Path, changes: dict[str, Any], code: Exit
) -> None:
    path = written(tmp_path / "enrolment.json", **changes)
    refused = await command("charter", "amend", "enrol", "--enrolment", str(path), *keys(home))
    assert refused.exit_code == code, refused.output
    assert house.desk.governance.carried == []


async def test_one_is_enrolled_or_removed_not_both_nor_neither(
    house: House, command: Command, home: Path, tmp_path: Path
) -> None:
    path = str(written(tmp_path / "enrolment.json"))
    for words in ((), ("--remove", "--enrolment", path)):
        refused = await command("charter", "amend", "enrol", *words, *keys(home))
        assert refused.exit_code == Exit.USAGE
    nothing = await command("charter", "amend", "enrol", "--remove", *keys(home))
    assert nothing.exit_code != 0
    assert "as before" in nothing.stderr
    assert house.desk.governance.carried == []


async def test_a_request_brings_it_along(command: Command, home: Path, tmp_path: Path) -> None:
    path, out = written(tmp_path / "enrolment.json"), tmp_path / "doctor.request"
    done = await command(
        *("charter", "request", "--home", str(home), "--name", DOCTOR.name, "--role", "doctor"),
        *("--endpoint", "127.0.0.1:7600", "--webauthn", str(path), "--out", str(out)),
        *keys(home, yes=False)[4:],
    )
    assert done.exit_code == 0, done.output
    assert parse_request(out.read_bytes()).webauthn == ENROLMENT
