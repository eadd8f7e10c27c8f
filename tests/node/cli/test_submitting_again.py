"""An institution's submission, given again after its answer was lost, is proposed once (R-PRO3)."""

import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from medquorum.node.account_records import UserRole
from medquorum.node.cli import outbox
from medquorum.node.cli.outcome import Exit
from medquorum.node.client import NodeClient, NodeUnreachable
from medquorum.node.desk import DeskError
from tests.node.api.conftest import House
from tests.node.api.fake_desk import CANARY
from tests.node.cli.conftest import Command
from tests.node.cli.test_commands import as_institution, dicom_folder

Lose = Callable[[str], None]


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Lose:
    """`lose("submit_files")`: the node does what it is asked once, and its answer is lost."""

    def losing(method: str) -> None:
        plain: Callable[..., Awaitable[Any]] = getattr(NodeClient, method)

        async def lost(*arguments: Any, **options: Any) -> Any:
            await plain(*arguments, **options)
            monkeypatch.setattr(NodeClient, method, plain)
            raise NodeUnreachable("the connection broke")

        monkeypatch.setattr(NodeClient, method, lost)

    return losing


def slips(folder: Path) -> list[Path]:
    return sorted(folder.rglob("outbox/*.json"))


@pytest.fixture
def wish(house: House, tmp_path: Path) -> tuple[str, ...]:
    """An institution's command."""
    as_institution(house)
    form = tmp_path / "form.json"
    form.write_text(json.dumps({"observed_at_ms": 1, "anamnesis": CANARY, "signs": []}))
    return ("submit", "--patient", "1", "--form", str(form), "--json")


async def test_an_institution_proposes_once_whose_answer_was_lost(
    house: House, command: Command, lose: Lose, tmp_path: Path
) -> None:
    """Also images, which are packed anew each time."""
    as_institution(house)
    wish = ("submit", "--patient", "1", "--ct", str(dicom_folder(tmp_path / "ct")), "--json")
    lose("submit_files")
    broken = await command(*wish, role=UserRole.RADIOLOGIST)
    assert (broken.exit_code, "give the same command again" in broken.stderr) == (
        Exit.NOT_READY,
        True,
    )
    [slip] = slips(tmp_path)
    assert stat.S_IMODE(slip.stat().st_mode) == 0o600
    again = await command(*wish, role=UserRole.RADIOLOGIST)
    assert (again.exit_code, len(house.desk.submitted)) == (0, 1), again.output
    assert int(json.loads(again.stdout)["proposal"], 16) == 1
    assert slips(tmp_path) == []


async def test_what_was_answered_may_be_proposed_a_second_time(
    house: House, command: Command, wish: tuple[str, ...]
) -> None:
    for _ in range(2):
        done = await command(*wish, role=UserRole.RADIOLOGIST)
        assert done.exit_code == 0, done.output
    assert len(house.desk.submitted) == 2


async def test_another_submission_is_not_taken_for_the_lost_one(
    house: House, command: Command, lose: Lose, wish: tuple[str, ...], tmp_path: Path
) -> None:
    lose("submit_files")
    await command(*wish, role=UserRole.RADIOLOGIST)
    changes: list[tuple[str, ...]] = [("--patient", "2"), ("--replaces", "12" * 32)]
    letter = tmp_path / "letter"
    letter.write_bytes(b"letter")
    for change in (*changes, ("--attachment", str(letter))):
        await command(*wish, *change, role=UserRole.RADIOLOGIST)
    assert len(house.desk.submitted) == 4
    assert len(slips(tmp_path)) == 1


async def test_a_refused_submission_may_be_mended_and_one_anew_is_another(
    house: House, command: Command, lose: Lose, wish: tuple[str, ...], tmp_path: Path
) -> None:
    house.desk.refusal = DeskError(404, "unknown_patient", "no such patient here")
    refused = await command(*wish, role=UserRole.RADIOLOGIST)
    assert (refused.exit_code, slips(tmp_path)) == (Exit.NOT_FOUND, [])
    house.desk.refusal = None
    lose("submit_files")
    await command(*wish, role=UserRole.RADIOLOGIST)
    anew = await command(*wish, "--anew", role=UserRole.RADIOLOGIST)
    assert (anew.exit_code, len(house.desk.submitted)) == (0, 2)


async def test_a_full_disk_of_the_node_leaves_the_submission_under_way(
    house: House, command: Command, wish: tuple[str, ...], tmp_path: Path
) -> None:
    house.desk.refusal = DeskError(503, "storage", "the node could not store the body")
    refused = await command(*wish, role=UserRole.RADIOLOGIST)
    assert (refused.exit_code, len(slips(tmp_path))) == (Exit.NOT_READY, 1)


async def test_what_the_node_no_longer_knows_again_is_not_sent_blindly(
    house: House,
    command: Command,
    lose: Lose,
    wish: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lose("submit_files")
    await command(*wish, role=UserRole.RADIOLOGIST)
    monkeypatch.setattr(outbox, "KEY_KNOWN_MS", 0)
    late = await command(*wish, role=UserRole.RADIOLOGIST)
    assert (late.exit_code, "--anew" in late.stderr) == (Exit.FAILED, True), late.output
    assert len(house.desk.submitted) == 1


async def test_a_damaged_slip_is_not_taken_for_none(
    house: House, command: Command, lose: Lose, wish: tuple[str, ...], tmp_path: Path
) -> None:
    lose("submit_files")
    await command(*wish, role=UserRole.RADIOLOGIST)
    [slip] = slips(tmp_path)
    assert CANARY.encode() not in slip.read_bytes()
    kept = json.loads(slip.read_bytes())
    damages = [
        b"{}",
        b"[" * 100_000,
        json.dumps({**kept, "begun_at_ms": 10**18}).encode(),
        json.dumps({**kept, "begun_at_ms": float("inf")}).encode(),
        json.dumps({**kept, "key": "two\r\nlines"}).encode(),
        json.dumps({**kept, "key": None}).encode(),
        json.dumps({**kept, "proposal": "", "wraps": 1}).encode(),
    ]
    for damage in damages:
        slip.write_bytes(damage)
        refused = await command(*wish, role=UserRole.RADIOLOGIST)
        assert (refused.exit_code, "is damaged" in refused.stderr) == (Exit.FAILED, True), damage
    assert len(house.desk.submitted) == 1


async def test_what_was_refused_at_the_door_was_never_under_way(
    house: House, command: Command, lose: Lose, wish: tuple[str, ...], tmp_path: Path
) -> None:
    """Of a first sending; after a lost answer a refusal there says nothing of what was taken."""
    assert (await command(*wish, role=UserRole.AUDITOR)).exit_code == Exit.FAILED
    assert slips(tmp_path) == []
    lose("submit_files")
    await command(*wish, role=UserRole.RADIOLOGIST)
    assert (await command(*wish, role=UserRole.AUDITOR)).exit_code == Exit.FAILED
    assert len(slips(tmp_path)) == 1
    assert (await command(*wish, role=UserRole.RADIOLOGIST)).exit_code == 0
    assert len(house.desk.submitted) == 1


async def test_where_nothing_can_be_kept_nothing_is_sent(
    house: House, command: Command, wish: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "state").write_bytes(b"a file in the folder's place")
    refused = await command(*wish, role=UserRole.RADIOLOGIST)
    assert (refused.exit_code, "XDG_STATE_HOME" in refused.stderr) == (Exit.FAILED, True)
    assert house.desk.submitted == []
