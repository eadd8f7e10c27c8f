"""A full disk is said as such, whatever was being written, and nothing stays behind."""

import errno
import json
import os
from pathlib import Path

import pytest

from medquorum.ledger.types import BlockType, PartName
from medquorum.node.account_records import UserRole
from medquorum.node.api import bodies
from medquorum.node.client import ApiProblem, FileSubmission
from tests.node.api.conftest import House
from tests.node.api.fake_desk import CANARY
from tests.node.api.test_submissions import CT, REGISTRATION, VITAL_SIGNS, form, leftovers


def _full(*_: object) -> int:
    raise OSError(errno.ENOSPC, CANARY)


@pytest.mark.parametrize("kind", ["structured", "streamed", "name"])
async def test_a_full_disk_is_said_whatever_is_written(
    house: House, kind: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    named = kind == "name"
    submission = FileSubmission(
        BlockType.MEDICAL_FORM,
        None if named else 1,
        files={PartName.V_IND: Path(__file__)} if kind == "streamed" else {},
        structured={PartName.V_IND: VITAL_SIGNS} if kind == "structured" else {},
        registration=REGISTRATION if named else None,
    )
    async with house.client(UserRole.CLERK) as client:
        with monkeypatch.context() as patched:
            if kind == "streamed":
                patched.setattr(bodies, "_write", _full)
            else:
                patched.setattr(Path, "write_bytes", _full)
            with pytest.raises(ApiProblem) as refused:
                await client.submit_files(submission)
    assert (refused.value.status, refused.value.rule) == (503, "disk_full")
    assert CANARY not in "".join(capfd.readouterr())
    assert (leftovers(house), house.desk.submitted) == ([], [])


async def test_no_folder_on_a_full_disk_is_said_as_well(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "mkdir", _full)
        sent = form(*CT, files=(("IMG_CT", b"image", "x"),))
        status, body, _ = await house.ask("POST", "/v1/submissions", data=sent)
    assert (status, json.loads(body)["rule"]) == (503, "disk_full")
    printed = "".join(capfd.readouterr())
    assert "disk_full" in printed
    assert "ENOSPC" in printed
    assert CANARY not in printed
