"""A submission given again after its answer was lost is proposed once (R-PRO3)."""

import json
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from medquorum.ledger.ceremony import CharterFile, sign_charter
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proposal import parse_proposal
from medquorum.node.account_records import UserRole
from medquorum.node.cli import member_home, outbox
from medquorum.node.cli.outcome import Exit
from medquorum.node.client import NodeClient, NodeUnreachable
from medquorum.node.desk import DeskError
from medquorum.node.keystore import KdfCost, KdfLimits, write_keystore
from medquorum.node.passwords import PasswordWorker
from medquorum.node.private_files import write_private_file
from medquorum.node.views import ProposalView
from tests.ledger.charter_kit import private_key, signer_of
from tests.node.api.conftest import House, serve_house
from tests.node.api.fake_desk import CANARY, proposal
from tests.node.cli.conftest import Command
from tests.node.cli.test_commands import as_institution, dicom_folder
from tests.node.test_clinical import CHARTER, DOCTOR, ClinicalDesk

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


# --- an institution: its node keeps the answer -----------------------------------------------


@pytest.fixture
def wish(house: House, tmp_path: Path) -> tuple[str, ...]:
    """A radiologist's command."""
    as_institution(house)
    return ("submit", "--patient", "1", "--ct", str(dicom_folder(tmp_path / "ct")), "--json")


async def test_an_institution_proposes_once_whose_answer_was_lost(
    house: House, command: Command, lose: Lose, wish: tuple[str, ...], tmp_path: Path
) -> None:
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
    slips(tmp_path)[0].write_bytes(b"{}")
    refused = await command(*wish, role=UserRole.RADIOLOGIST)
    assert (refused.exit_code, "is damaged" in refused.stderr) == (Exit.FAILED, True)
    assert len(house.desk.submitted) == 1


# --- a doctor: the proposal she signed is sent again -----------------------------------------


class Ward(ClinicalDesk):
    """Knows the proposals it took, unless told to forget them."""

    def taken(self) -> list[str]:
        """Their ids, each once."""
        return sorted({parse_proposal(encoded).id.hex() for encoded, _ in self.sealed})

    async def proposal(self, identifier: str) -> ProposalView:
        if identifier not in self.taken():
            raise DeskError(404, "unknown_proposal", "no such proposal here")
        return proposal(identifier)


Doctor = tuple[Ward, Command, tuple[str, ...], Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A doctor's home with her clinical key."""
    monkeypatch.setattr(
        member_home, "KDF_LIMITS", KdfLimits(memory_kib=(64, 64), iterations=(1, 1))
    )
    folder = tmp_path / "doctor"
    folder.mkdir()
    for name, purpose in (("clinical", Purpose.CLINICAL), ("node", Purpose.CONSENSUS)):
        write_keystore(
            folder / f"{name}-keystore.json",
            {purpose.value: private_key(DOCTOR.name, purpose)},
            "a doctor's passphrase",
            address_of=lambda _: DOCTOR.address,
            cost=KdfCost(memory_kib=64, iterations=1),
        )
    write_private_file(folder / "passphrase", b"a doctor's passphrase", replace=False)
    return folder


@pytest_asyncio.fixture
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, passwords: PasswordWorker
) -> AsyncIterator[House]:
    """The served node: a doctor's, whose desk reads what is sealed, where a test has her home."""
    signatures = tuple(
        sign_charter(CHARTER, member.address, signer_of(member.name, Purpose.CLINICAL))
        for member in CHARTER.members
    )
    desk = Ward(CharterFile(CHARTER, signatures)) if "home" in request.fixturenames else None
    async with serve_house(tmp_path, passwords, desk) as served:
        yield served


@pytest.fixture
def doctor(house: House, command: Command, home: Path) -> Doctor:
    """Her node, her command, what she prescribes, and her home."""
    content = home.parent / "prescription.json"
    content.write_text(
        json.dumps({"kind": "ct", "lines": [{"text": CANARY, "instruction": "native"}]})
    )
    secret = ("--clinical-passphrase-file", str(home / "passphrase"))
    words = ("submit", "--patient", "1", "--prescription", str(content), "--home", str(home))
    assert isinstance(house.desk, Ward)
    return house.desk, command, (*words, *secret, "--json"), home


async def test_a_doctors_lost_answer_leaves_one_signed_proposal(doctor: Doctor, lose: Lose) -> None:
    ward, command, words, home = doctor
    lose("accept_sealed")
    broken = await command(*words)
    assert broken.exit_code == Exit.NOT_READY, broken.output
    [slip] = slips(home)
    assert CANARY.encode() not in slip.read_bytes()
    (home / "passphrase").unlink()
    again = await command(*words)
    assert (again.exit_code, len(ward.sealed)) == (0, 1), again.output
    assert json.loads(again.stdout)["proposal"] == ward.taken()[0]
    assert slips(home) == []


async def test_what_never_arrived_is_sent_as_it_was_signed(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward, command, words, home = doctor
    ward_sends = NodeClient.accept_sealed

    async def away(*_: Any, **__: Any) -> Any:
        raise NodeUnreachable("the connection broke")

    monkeypatch.setattr(NodeClient, "accept_sealed", away)
    assert (await command(*words)).exit_code == Exit.NOT_READY
    signed = outbox.Slip(slips(home)[0]).kept()
    assert signed is not None and signed.sealed is not None
    monkeypatch.setattr(NodeClient, "accept_sealed", ward_sends)
    again = await command(*words)
    assert again.exit_code == 0, again.output
    assert ward.taken() == [signed.sealed.proposal.id.hex()]
    await command(*words)
    assert len(ward.taken()) == 2, "what was answered may be proposed a second time"


async def test_what_the_node_will_not_take_any_more_is_sealed_anew(
    doctor: Doctor, lose: Lose
) -> None:
    ward, command, words, home = doctor
    lose("accept_sealed")
    await command(*words)
    first = ward.taken()
    ward.sealed.clear()
    ward.chunks.clear()
    taking, refused = ward.accept_sealed, []

    async def incomplete(proposal: bytes, wraps: object) -> Any:
        if parse_proposal(proposal).id.hex() in first:
            refused.append(proposal)
            raise DeskError(409, "body_incomplete", "put chunk 0 of part PRESC first")
        return await taking(proposal, wraps)

    ward.accept_sealed = incomplete  # type: ignore[method-assign]
    again = await command(*words)
    assert (again.exit_code, len(refused)) == (0, 1), again.output
    assert len(ward.taken()) == 1 and ward.taken() != first
    assert slips(home) == []


async def test_while_the_first_is_taken_in_the_second_waits(doctor: Doctor, lose: Lose) -> None:
    ward, command, words, home = doctor
    lose("accept_sealed")
    await command(*words)
    ward.sealed.clear()
    ward.refusal = DeskError(409, "duplicate", "this record is submitted already")
    busy = await command(*words)
    assert (busy.exit_code, len(slips(home)), ward.sealed) == (Exit.FAILED, 1, [])
