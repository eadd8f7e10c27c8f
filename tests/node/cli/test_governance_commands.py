"""Who stands in for whom, and looking at governance, from the command line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from medquorum.ledger.amendment import apply
from medquorum.ledger.change import (
    Reinstate,
    Suspend,
)
from medquorum.ledger.charter import Charter
from medquorum.ledger.governance import AbsenceAct, Amendment, DelegationAct, OpeningAct
from medquorum.ledger.keys import parse_address
from medquorum.ledger.limits import DAY_MS
from medquorum.ledger.types import BlockType, ProposalId, Role
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.roster import Roster, instant_ms
from medquorum.node.desk_governance import Assignment
from medquorum.node.governance_views import RegistryEntryView
from medquorum.node.views import PatientView
from tests.node.api.conftest import House
from tests.node.api.fake_desk import PROPOSAL, patient
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

__all__ = ["doctors_home"]

# --- who stands in for whom -----------------------------------------------------------------


async def test_an_absence_is_declared_and_ended(house: House, command: Command, home: Path) -> None:
    done = await command(
        *("absence", "declare", "--delegate", SECOND.name, "--from", "2030-01-01"),
        *("--to", "2030-01-10T12:00+02:00", *keys(home)),
    )
    assert done.exit_code == 0, done.output
    from_ms, to_ms = 1_893_456_000_000, 1_893_456_000_000 + 9 * DAY_MS + 10 * 3_600_000
    assert act(house) == AbsenceAct(DOCTOR.address, SECOND.address, from_ms, to_ms)
    assert f"needs  the approval of {SECOND.name}" in done.stdout
    house.desk.governance.carried.clear()
    done = await command("absence", "end", "--attending", THIRD.name, *keys(home))
    assert act(house) == AbsenceAct(THIRD.address, None)
    assert "needs  3 of 4 active doctors' approvals" in done.stdout


async def test_a_patient_is_handed_on_and_taken_back(
    house: House, command: Command, home: Path
) -> None:
    await command("delegate", "2", "--to", SECOND.name, *keys(home))
    assert act(house) == DelegationAct(DOCTOR.address, SECOND.address, 2)
    house.desk.governance.carried.clear()
    await command("delegate", "2", "--back", *keys(home))
    assert act(house) == DelegationAct(DOCTOR.address, None, 2)
    neither = await command("delegate", "2", *keys(home))
    assert neither.exit_code == Exit.USAGE


def attended_by_third(house: House) -> None:
    async def one(number: int) -> PatientView:
        return replace(patient(number), attending=THIRD.address_text)

    house.desk.patient = one  # type: ignore[method-assign]


async def test_an_opening_is_of_the_silent_attending(
    house: House, command: Command, home: Path
) -> None:
    attended_by_third(house)
    done = await command("opening", PROPOSAL[:8], "--delegate", SECOND.name, *keys(home))
    assert done.exit_code == 0, done.output
    expected = OpeningAct(THIRD.address, SECOND.address, ProposalId(bytes.fromhex(PROPOSAL)))
    assert act(house) == expected
    assert f"3 of 4 active doctors' approvals, {SECOND.name} among them" in done.stdout


async def test_another_attending_is_assigned(house: House, command: Command, home: Path) -> None:
    attended_by_third(house)
    done = await command("attending", "assign", "2", SECOND.name, *keys(home))
    assert done.exit_code == 0, done.output
    core = carried(house).core
    assert (core.type, core.patient, core.doctor) == (BlockType.ATTENDING, 2, SECOND.address)
    assert (core.parts, core.seen_head.hex()) == ((), patient(2).head)
    assert f"{THIRD.name} among them" in done.stdout
    assert Assignment(2, SECOND.address).as_map() == {"doctor": SECOND.address, "patient": 2}


# --- looking --------------------------------------------------------------------------------

LOOKS = [
    ("charter", "show"),
    ("charter", "show", "--version", "0"),
    ("charter", "history"),
    ("charter", "maturity"),
    ("evidence", "list"),
    ("absence", "list"),
]


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
async def test_looking_is_for_people_and_for_programs(
    house: House, command: Command, words: tuple[str, ...]
) -> None:
    entry = RegistryEntryView("absence", "mqdoc1x", "A", "mqdoc1y", "B", 1, 2, None, None, True)
    house.desk.governance.entries.append(entry)
    shown = await command(*words)
    assert (shown.exit_code, bool(shown.stdout.strip())) == (0, True), shown.output
    assert json.loads((await command(*words, "--json")).stdout)


async def test_the_live_charter_says_who_is_there_and_that_ordering_stopped(
    house: House, command: Command
) -> None:
    shown = await command("charter", "show")
    for member in CHARTER.members:
        assert member.name in shown.stdout
    assert "ORDERING STOPPED: fork" in shown.stdout
    told = json.loads((await command("charter", "show", "--json")).stdout)
    assert (told["version"], len(told["history"]), told["halt"]["reason"]) == (0, 1, "fork")
    unknown = await command("charter", "show", "--version", "7")
    assert unknown.exit_code == Exit.NOT_FOUND


# --- names and times ------------------------------------------------------------------------


def test_members_are_found_by_name_or_address() -> None:
    roster = Roster([CHARTER])
    hospital = next(one for one in CHARTER.members if one.role is Role.HOSPITAL)
    assert roster.member(DOCTOR.address_text) == DOCTOR
    assert roster.member(DOCTOR.name.upper()) == DOCTOR
    assert roster.member(DOCTOR.name.split()[-1]) == DOCTOR
    assert roster.member("hosp") == hospital
    for text, code in (("Dr.", Exit.USAGE), ("nobody", Exit.NOT_FOUND), ("mqdoc1x", Exit.USAGE)):
        with pytest.raises(CommandError) as refused:
            roster.member(text)
        assert refused.value.code == code, text
    with pytest.raises(CommandError, match="no member"):
        roster.member(NEW.address_text)
    with pytest.raises(CommandError, match="no active doctor"):
        roster.doctor(hospital.name)
    assert parse_address(NEW.address_text)[0] == NEW.address


def test_a_suspended_doctor_stands_in_for_nobody() -> None:
    suspended = apply(
        CHARTER, Amendment(0, (Suspend(SECOND.address, DOCTOR.address),)), DOCTOR.address
    )
    assert isinstance(suspended, Charter)
    with pytest.raises(CommandError, match="no active doctor"):
        Roster([CHARTER, suspended]).doctor(SECOND.name)
    back = apply(suspended, Amendment(1, (Reinstate(SECOND.address),)), DOCTOR.address)
    assert isinstance(back, Charter)
    assert Roster([CHARTER, suspended, back]).doctor(SECOND.name) == SECOND.address


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("now", 1_000),
        ("+14d", 1_000 + 14 * DAY_MS),
        ("+2h", 1_000 + 7_200_000),
        ("1970-01-02", DAY_MS),
        ("1970-01-01T02:00+01:00", 3_600_000),
    ],
)
def test_moments_are_read(text: str, ms: int) -> None:
    assert instant_ms(text, 1_000) == ms


@pytest.mark.parametrize("text", ["", "tomorrow", "+d", "-3d", "2030-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="is no time"):
        instant_ms(text, 1_000)
