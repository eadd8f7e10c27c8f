"""A doctor's submission, given again after its answer was lost: the proposal she signed is sent."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from medquorum.ledger.ceremony import CharterFile, sign_charter
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proposal import parse_proposal
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
from tests.node.cli.test_submitting_again import Lose, lose, slips
from tests.node.test_clinical import CHARTER, DOCTOR, ClinicalDesk

__all__ = ["lose"]


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
async def house(tmp_path: Path, passwords: PasswordWorker) -> AsyncIterator[House]:
    """A doctor's served node, whose desk reads what is sealed."""
    signatures = tuple(
        sign_charter(CHARTER, member.address, signer_of(member.name, Purpose.CLINICAL))
        for member in CHARTER.members
    )
    async with serve_house(tmp_path, passwords, Ward(CharterFile(CHARTER, signatures))) as served:
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
