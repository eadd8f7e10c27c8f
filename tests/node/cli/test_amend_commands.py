"""Changing the charter from the command line: what is signed, asked and refused."""

import json
from pathlib import Path

import pytest

from medquorum.ledger.amendment import apply, verify_amendment
from medquorum.ledger.ceremony import CharterFile, encode_request, sign_charter
from medquorum.ledger.change import (
    Admit,
    Revoke,
    RotateKey,
    SetAbsenceRule,
    SetMode,
    SetPolicy,
    Suspend,
)
from medquorum.ledger.charter import AbsenceRule, Charter
from medquorum.ledger.charter_members import keys_of
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Purpose
from medquorum.ledger.limits import DAY_MS
from medquorum.ledger.types import BlockType, Panel, QuorumMode
from medquorum.node.account_records import UserRole
from medquorum.node.cli.outcome import Exit
from medquorum.node.keystore import read_public
from tests.ledger.charter_kit import signer_of
from tests.node.api.conftest import House
from tests.node.cli.conftest import Command
from tests.node.cli.governance_kit import (
    CHARTER,
    DOCTOR,
    NEW,
    SECOND,
    THIRD,
    act,
    carried,
    doctors_home,
    keys,
)
from tests.node.cli.test_commands import as_institution

__all__ = ["doctors_home"]

# --- amendments -----------------------------------------------------------------------------


async def test_several_changes_make_one_amendment(
    house: House, command: Command, home: Path, tmp_path: Path
) -> None:
    request = tmp_path / "elm.request"
    request.write_bytes(encode_request(NEW))
    done = await command(
        *("charter", "amend", "admit", str(request)),
        *("suspend", SECOND.name, "--stand-in", THIRD.address_text, *keys(home)),
        *("set-absence-rule", "--max-days", "10"),
    )
    assert done.exit_code == 0, done.output
    assert act(house) == Amendment(
        0,
        (
            Admit(NEW),
            Suspend(SECOND.address, THIRD.address),
            SetAbsenceRule(AbsenceRule(10, CHARTER.absence.silence_hours)),
        ),
    )
    assert "n 4 doctors, q 3" in done.stdout
    assert "3 of 4 active doctors' approvals" in done.stdout
    assert f"medquorum why {carried(house).id.hex()[:12]}" in done.stdout


async def test_what_is_not_confirmed_is_not_proposed(
    house: House, command: Command, home: Path
) -> None:
    words = ("charter", "amend", "set-mode", "majority", *keys(home, yes=False))
    refused = await command(*words, stdin="n\n")
    assert (refused.exit_code, "not proposed" in refused.stderr) == (Exit.FAILED, True)
    assert house.desk.governance.carried == []
    asked = await command(*words, stdin="y\n")
    assert (asked.exit_code, act(house)) == (0, Amendment(0, (SetMode(QuorumMode.MAJORITY),)))


async def test_programs_read_the_receipt_and_nothing_else(
    house: House, command: Command, home: Path
) -> None:
    done = await command("charter", "amend", "set-mode", "majority", *keys(home), "--json")
    told = json.loads(done.stdout)
    assert told["receipt"]["proposal"] == carried(house).id.hex()
    assert (told["issuer"], "q 3" in told["after"]) == (DOCTOR.name, True)


async def test_an_institutions_node_signs_for_it(
    house: House, command: Command, tmp_path: Path
) -> None:
    as_institution(house)
    file = tmp_path / "charter.bin"
    signatures = tuple(
        sign_charter(CHARTER, member.address, signer_of(member.name, Purpose.CLINICAL))
        for member in CHARTER.members
    )
    file.write_bytes(CharterFile(CHARTER, signatures).encoded())
    empty = ("--home", str(tmp_path), "--charter", str(file), "--yes")
    done = await command(
        *("charter", "amend", "revoke", SECOND.name, "--successor", THIRD.name.split()[-1]),
        *empty,
        role=UserRole.OPERATOR,
    )
    assert done.exit_code == 0, done.output
    ((request, lifetime_ms),) = house.desk.governance.issued
    assert request == Amendment(0, (Revoke(SECOND.address, THIRD.address),))
    assert lifetime_ms == 14 * DAY_MS


async def test_too_many_at_once_are_refused_before_anything_is_signed(
    house: House, command: Command, home: Path
) -> None:
    refused = await command(
        *("charter", "amend", "revoke", SECOND.name, "--successor", DOCTOR.name),
        *("suspend", THIRD.name, "--stand-in", DOCTOR.name, *keys(home)),
    )
    assert refused.exit_code == Exit.FAILED
    assert "R-GOV6" in refused.stderr
    assert "split the amendment" in refused.stderr
    assert house.desk.governance.carried == []


CHANGES = """
[[change]]
kind = "admit"
request = "elm.request"

[[change]]
kind = "set_policy"
type = "ct"
panel = "care_team"
auto_policies = ["b", "a"]

[[change]]
kind = "set_absence_rule"
silence_hours = 5
"""


async def test_changes_can_be_written_down(
    house: House, command: Command, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "elm.request").write_bytes(encode_request(NEW))
    file = tmp_path / "changes.toml"
    file.write_text(CHANGES)
    done = await command("charter", "amend", "--file", str(file), *keys(home))
    assert done.exit_code == 0, done.output
    made = act(house)
    assert isinstance(made, Amendment)
    admitted, policy, rule = made.changes
    assert admitted == Admit(NEW)
    assert isinstance(policy, SetPolicy)
    assert (policy.type, policy.policy.panel) == (BlockType.CT, Panel.CARE_TEAM)
    assert (policy.policy.strict, policy.policy.auto_policies) == (False, ("a", "b"))
    assert rule == SetAbsenceRule(AbsenceRule(CHARTER.absence.max_days, 5))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "neither TOML"),
        ("x = 1", "[[change]]"),
        ('[[change]]\nkind = "dissolve"', "'dissolve'"),
        ('[[change]]\nkind = "reinstate"\nmember = "Dr. Chen"\nwhy = "x"', "unknown key 'why'"),
        ('[[change]]\nkind = "reinstate"', "member is missing"),
        ('[[change]]\nkind = "set_mode"\nmode = "all"', "mode is one of"),
        ('[[change]]\nkind = "set_absence_rule"\nmax_days = true', "max_days"),
    ],
)
async def test_what_is_wrong_with_a_file_is_said(
    house: House, command: Command, home: Path, tmp_path: Path, text: str, says: str
) -> None:
    file = tmp_path / "changes.toml"
    file.write_text(text)
    refused = await command("charter", "amend", "--file", str(file), *keys(home))
    assert (refused.exit_code, says in refused.stderr) == (Exit.USAGE, True), refused.stderr
    assert house.desk.governance.carried == []


async def test_without_a_change_nothing_is_asked(command: Command, home: Path) -> None:
    refused = await command("charter", "amend", *keys(home))
    assert (refused.exit_code, "name a change" in refused.stderr) == (Exit.USAGE, True)


# --- keys -----------------------------------------------------------------------------------


async def test_new_keys_stand_beside_the_old_until_they_are_swapped(
    house: House, command: Command, home: Path
) -> None:
    before = read_public(home / "node-keystore.json")
    words = ("charter", "amend", "rotate-key", "--purpose", "consensus", *keys(home))
    done = await command(*words)
    assert done.exit_code == 0, done.output
    made = act(house)
    assert isinstance(made, Amendment)
    (change,) = made.changes
    assert isinstance(change, RotateKey)
    old, new = keys_of(DOCTOR), keys_of(change.member)
    assert {use for use in new if new[use] != old[use]} == {"consensus"}
    assert verify_amendment(made)
    assert isinstance(apply(CHARTER, made, DOCTOR.address), Charter)
    made_keys = read_public(home / "node-keystore.next.json")
    assert made_keys.public_keys["consensus"] == change.member.keys.consensus.hex()
    assert made_keys.certificate_der == before.certificate_der
    assert read_public(home / "node-keystore.json") == before
    again = await command(*words)
    assert again.exit_code == 0, again.output
    assert read_public(home / "node-keystore.next.json") == made_keys, "a second try, the same keys"
    other = await command("charter", "amend", "rotate-key", "--purpose", "tls", *keys(home))
    assert (other.exit_code, "another exchange" in other.stderr) == (Exit.FAILED, True)
    swapped = await command("keys", "swap", "--home", str(home))
    assert swapped.exit_code == 0, swapped.output
    assert read_public(home / "node-keystore.json") == made_keys
    (kept,) = home.glob("node-keystore.until-*.json")
    assert read_public(kept) == before
    nothing = await command("keys", "swap", "--home", str(home))
    assert (nothing.exit_code, "rotate-key" in nothing.stderr) == (Exit.NOT_FOUND, True)


async def test_a_clinical_key_is_exchanged_by_the_old_one(
    house: House, command: Command, home: Path
) -> None:
    done = await command("charter", "amend", "rotate-key", "--purpose", "clinical", *keys(home))
    assert done.exit_code == 0, done.output
    made = act(house)
    assert isinstance(made, Amendment)
    assert verify_amendment(made)
    after = apply(CHARTER, made, DOCTOR.address)
    assert isinstance(after, Charter)
    renewed = after.member(DOCTOR.address)
    assert renewed is not None
    public = read_public(home / "clinical-keystore.next.json").public_keys
    assert renewed.keys.clinical.hex() == public["clinical"]
    assert not (home / "node-keystore.next.json").exists()


async def test_an_old_encryption_key_is_kept_for_old_bodies(
    house: House, command: Command, home: Path
) -> None:
    old = read_public(home / "node-keystore.json").public_keys["encryption"]
    words = ("charter", "amend", "rotate-key", "--purpose", "encryption", *keys(home))
    for _ in range(2):
        done = await command(*words)
        assert done.exit_code == 0, done.output
    made = read_public(home / "node-keystore.next.json").public_keys
    assert (made["encryption-1"], made["encryption"] != old) == (old, True)


async def test_only_keys_there_are_can_be_exchanged(command: Command, home: Path) -> None:
    for purpose in ("patient", "policy"):
        refused = await command("charter", "amend", "rotate-key", "--purpose", purpose, *keys(home))
        assert refused.exit_code in (Exit.USAGE, Exit.FAILED)
        assert not (home / "node-keystore.next.json").exists()
