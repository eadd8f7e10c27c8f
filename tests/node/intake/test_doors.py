"""What a caller of the API, and whoever types the command, is told of refused images (R-BOD10)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from medquorum.node.account_records import UserRole
from medquorum.node.cli import app
from medquorum.node.cli.outcome import Exit
from medquorum.node.intake import gate
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.gate import desk_error
from medquorum.node.passwords import PasswordWorker
from medquorum.node.private_files import write_private_file
from medquorum.node.views import StatusView
from tests.node.api.conftest import House, serve_house
from tests.node.intake.kit import CANARY, changed, series


@pytest.fixture(scope="session")
def passwords() -> PasswordWorker:
    """One password worker for all tests."""
    return PasswordWorker()


@pytest_asyncio.fixture
async def house(tmp_path: Path, passwords: PasswordWorker) -> AsyncIterator[House]:
    """A served node; its desk is a fake one of a hospital."""
    async with serve_house(tmp_path, passwords) as served:
        told = served.desk.status()
        fields = {name: getattr(told, name) for name in StatusView.__slots__}
        status = StatusView(**fields | {"role": "hospital"})
        served.desk.status = lambda: status  # type: ignore[method-assign]
        yield served


def ct_folder(folder: Path, *files: bytes) -> Path:
    """A folder as a scanner exports one."""
    folder.mkdir()
    for number, content in enumerate(files):
        (folder / f"{number}").write_bytes(content)
    return folder


async def submit(house: House, folder: Path, option: str, source: Path) -> Result:
    token = folder / "token"
    write_private_file(token, house.tokens[UserRole.RADIOLOGIST].encode(), replace=False)
    variables = {"MEDQUORUM_NODE": house.base_url, "MEDQUORUM_TOKEN_FILE": str(token)}
    arguments = ["submit", "--patient", "1", option, str(source)]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=variables)


async def test_the_api_answers_with_a_problem(house: House) -> None:
    house.desk.refusal = desk_error(IntakeRefused(Fault.MISSING, 2, "PatientWeight"))
    form = aiohttp.FormData({"type": "pet", "patient": "1"})
    form.add_field("IMM_PET", b"archive", filename="IMM_PET")
    status, body, response = await house.ask(
        "POST", "/v1/submissions", UserRole.RADIOLOGIST, data=form
    )
    assert (status, response.content_type) == (400, "application/problem+json")
    assert json.loads(body) == {
        "type": "urn:medquorum:problem:missing_tag",
        "title": "Bad Request",
        "status": 400,
        "rule": "missing_tag",
        "detail": "file 2 lacks PatientWeight (0010,1030), or it is empty or zero; "
        "export the series again",
    }
    assert list(house.spool.iterdir()) == []


async def test_the_command_looks_before_it_sends(house: House, tmp_path: Path) -> None:
    cut = changed("CT", lambda _: None, 2)[:-2]
    source = ct_folder(tmp_path / "ct", *series("CT", 1), cut)
    done = await submit(house, tmp_path, "--ct", source)
    assert done.exit_code == Exit.VERIFICATION
    assert done.stderr.splitlines() == [
        "error: truncated_pixels: file 2 has a PixelData (7FE0,0010) of another length than its "
        "header says; export the series again"
    ]
    assert CANARY not in done.output
    assert house.desk.submitted == []


async def test_the_command_sends_what_is_right(house: House, tmp_path: Path) -> None:
    done = await submit(house, tmp_path, "--pet", ct_folder(tmp_path / "pet", *series("PT")))
    assert done.exit_code == Exit.OK, done.output
    assert len(house.desk.submitted) == 1


async def test_without_pydicom_the_command_leaves_it_to_the_node(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(answer: bytes) -> None:
        raise IntakeRefused(Fault.NO_READER)

    monkeypatch.setattr(gate, "read_answer", unread)
    done = await submit(house, tmp_path, "--ct", ct_folder(tmp_path / "ct", *series("CT")))
    assert done.exit_code == Exit.OK, done.output
    assert len(house.desk.submitted) == 1


async def test_the_nodes_refusal_is_one_sentence_too(house: House, tmp_path: Path) -> None:
    house.desk.refusal = desk_error(IntakeRefused(Fault.MODALITY, 1, "Modality"))
    done = await submit(house, tmp_path, "--ct", ct_folder(tmp_path / "ct", *series("CT")))
    assert done.exit_code == Exit.FAILED
    assert len(done.stderr.splitlines()) == 1
    assert "wrong_modality" in done.stderr and "Modality (0008,0060)" in done.stderr
