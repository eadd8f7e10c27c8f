"""Uploads over the API: resumed, refused, looked into, proposed; names never become paths."""

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pydicom

from medquorum.ledger.types import BlockType, PartName
from medquorum.node.accounts import UserRole
from medquorum.node.uploads.limits import BATCHES_OF_USER, FILE_BYTES
from tests.node.api.conftest import House
from tests.node.intake.kit import CANARY, encoded
from tests.node.uploads.looking_here import looking_here
from tests.node.viewing.conftest import house, passwords
from tests.node.viewing.kit import described, picture, slice_of

__all__ = ["house", "looking_here", "passwords"]

BATCH = "ab" * 16
TUS = {"Tus-Resumable": "1.0.0"}
OFFSET = "application/offset+octet-stream"
RAMP = np.arange(24 * 16).reshape(24, 16)
WHO = UserRole.RADIOLOGIST


def metadata(name: str, batch: str = BATCH, **more: str) -> str:
    pairs = {"batch": batch, "name": name, **more}
    return ",".join(f"{key} {base64.b64encode(v.encode()).decode()}" for key, v in pairs.items())


async def announce(
    house: House, name: str, length: int, content: bytes | None = None, batch: str = BATCH
) -> tuple[int, dict[str, Any], aiohttp.ClientResponse]:
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata(name, batch)}
    options: dict[str, Any] = {}
    if content is not None:
        headers["Content-Type"] = OFFSET
        options["data"] = content
    status, body, response = await house.ask("POST", "/v1/uploads", WHO, headers=headers, **options)
    return status, json.loads(body), response


async def send(house: House, name: str, content: bytes, batch: str = BATCH) -> None:
    status, told, _ = await announce(house, name, len(content), content, batch)
    assert (status, told["received"]) == (201, len(content))


async def inspected(house: House) -> dict[str, Any]:
    status, body, _ = await house.ask("POST", f"/v1/upload-batches/{BATCH}/inspection", WHO)
    assert status == 200, body
    found: dict[str, Any] = json.loads(body)
    return found


async def submitted(house: House, **wish: Any) -> tuple[int, dict[str, Any]]:
    path = f"/v1/upload-batches/{BATCH}/submission"
    status, body, _ = await house.ask("POST", path, WHO, json={"patient": 1, **wish})
    return status, json.loads(body)


async def test_a_broken_upload_goes_on_where_it_broke(house: House) -> None:
    content = bytes(range(256)) * 4_000
    status, told, response = await announce(house, "one", len(content))
    place = response.headers["Location"]
    assert (status, place) == (201, f"/v1/uploads/{told['file']}")
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": OFFSET}
    first = content[:300_000]
    status, _, response = await house.ask("PATCH", place, WHO, headers=headers, data=first)
    assert (status, response.headers["Upload-Offset"]) == (204, "300000")
    # the same bytes again, as a sender that never saw the answer would send them
    status, body, _ = await house.ask("PATCH", place, WHO, headers=headers, data=first)
    assert (status, json.loads(body)["rule"]) == (409, "offset")
    status, _, response = await house.ask("HEAD", place, WHO, headers=TUS)
    assert (response.headers["Upload-Offset"], response.headers["Upload-Length"]) == (
        "300000",
        str(len(content)),
    )
    headers["Upload-Offset"] = "300000"
    rest = content[300_000:]
    assert (await house.ask("PATCH", place, WHO, headers=headers, data=rest + b"!"))[0] == 413
    status, body, _ = await house.ask("GET", f"/v1/upload-batches/{BATCH}", WHO)
    here = json.loads(body)["files"][0]["received"]
    headers["Upload-Offset"] = str(here)
    left = content[here:]
    if left:
        assert (await house.ask("PATCH", place, WHO, headers=headers, data=left))[0] == 204
    [file] = (house.spool / "uploads").rglob("000001")
    assert file.read_bytes() == content
    assert file.stat().st_mode & 0o077 == 0


async def test_an_upload_tells_samples_of_what_is_here(house: House) -> None:
    content = np.random.default_rng(3).bytes(300_000)
    _, _, response = await announce(house, "one", len(content), content[:200_000])
    await announce(house, "two", 5)
    await send(house, "three", b"five!")

    async def samples() -> list[str | None]:
        _, body, _ = await house.ask("GET", f"/v1/upload-batches/{BATCH}", WHO)
        return [one["sample"] for one in json.loads(body)["files"]]

    step = (len(content) - 8_192) / 7
    starts = [int(step * place) for place in range(8)]
    pieces = [content[start : start + 8_192] for start in starts]
    here = hashlib.sha256(b"".join(pieces[:5])).hexdigest()
    assert await samples() == [here, None, hashlib.sha256(b"five!").hexdigest()]
    headers = {**TUS, "Upload-Offset": "200000", "Content-Type": OFFSET}
    place = response.headers["Location"]
    await house.ask("PATCH", place, WHO, headers=headers, data=content[200_000:])
    assert (await samples())[0] == hashlib.sha256(b"".join(pieces)).hexdigest()


async def test_announcing_again_makes_no_second_file(house: House) -> None:
    async def keyed(name: str, key: str, length: int = 5) -> tuple[int, dict[str, Any]]:
        headers = {**TUS, "Upload-Metadata": metadata(name, key=key)}
        headers["Upload-Length"] = str(length)
        status, body, _ = await house.ask("POST", "/v1/uploads", WHO, headers=headers)
        return status, json.loads(body)

    _, ct = await keyed("000000.dcm", "1" * 32)
    assert await keyed("000000.dcm", "1" * 32) == (201, ct)
    # the PET's file of the same name and length is another
    _, pet = await keyed("000000.dcm", "2" * 32)
    assert pet["file"] != ct["file"]
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": OFFSET}
    for told in (ct, pet):
        place = f"/v1/uploads/{told['file']}"
        assert (await house.ask("PATCH", place, WHO, headers=headers, data=b"five!"))[0] == 204
    assert await keyed("000000.dcm", "1" * 32) == (201, {**ct, "received": 5})
    status, told = await keyed("000000.dcm", "1" * 32, length=6)
    assert (status, told["rule"]) == (409, "upload_key")
    assert (await keyed("000000.dcm", "../../etc"))[0] == 400
    assert len((await inspected(house))["skipped"]) == 2


async def test_limits_versions_and_rights(house: House) -> None:
    assert (await announce(house, "vast", FILE_BYTES + 1))[0] == 413
    assert (await announce(house, "n" * 600, 5))[0] == 400
    assert (await announce(house, "one", 5, batch="../../etc"))[0] == 400
    no_version = {"Upload-Length": "5", "Upload-Metadata": metadata("one")}
    status, _, response = await house.ask("POST", "/v1/uploads", WHO, headers=no_version)
    assert (status, response.headers["Tus-Version"]) == (412, "1.0.0")
    for role in (UserRole.PATIENT, UserRole.AUDITOR):
        assert (await house.ask("POST", "/v1/uploads", role, headers=TUS))[0] == 403
    for number in range(BATCHES_OF_USER):
        await send(house, "one", b"five!", f"{number:032x}")
    assert (await announce(house, "one", 5))[0] == 429
    _, told, _ = await announce(house, "two", 5, batch=f"{0:032x}")
    place = f"/v1/uploads/{told['file']}"
    # another user's upload is not there for this one
    assert (await house.ask("HEAD", place, UserRole.DOCTOR, headers=TUS))[0] == 404
    assert (await house.ask("DELETE", place, WHO, headers=TUS))[0] == 204
    assert (await house.ask("DELETE", f"/v1/upload-batches/{0:032x}", WHO))[0] == 204
    assert (await announce(house, "one", 5))[0] == 201


async def test_names_are_shown_and_never_opened(house: House) -> None:
    names = ["../../../etc/passwd", "/etc/shadow", "a\\..\\b", "..", "<img src=x onerror=alert(1)>"]
    for name in names:
        await send(house, name, b"no image")
    found = await inspected(house)
    assert found["skipped"] == names
    inside = sorted(one.name for one in (house.spool / "uploads").rglob("*") if one.is_file())
    assert inside == [f"{number:06d}" for number in range(1, 6)]


async def test_a_study_is_looked_into_and_proposed_without_names(house: House) -> None:
    for number in (1, 2, 3):
        ct = slice_of("CT", number, RAMP + number, StudyDescription=CANARY)
        ct.preamble = b"MZ" + bytes(126)
        await send(house, f"ct/{number}.dcm", encoded(ct))
        pet = slice_of("PT", number, RAMP, SeriesInstanceUID="2.25.9")
        await send(house, f"pet/{number}.dcm", encoded(pet))
    broken = slice_of("CT", 4, RAMP)
    del broken.PixelSpacing
    await send(house, "ct/broken.dcm", encoded(broken))
    await send(house, "readme.txt", b"hello")
    found = await inspected(house)
    assert [(one["kind"], one["study"], one["planes"]) for one in found["series"]] == [
        ("ct", 0, 3),
        ("pet", 0, 3),
    ]
    [issue] = found["issues"]
    assert (issue["file"], issue["rule"]) == ("ct/broken.dcm", "missing_tag")
    assert "PixelSpacing (0028,0030)" in issue["advice"]
    assert found["skipped"] == ["readme.txt"]
    preview = base64.b64decode(found["series"][0]["preview"])
    assert preview.startswith(b"\x89PNG")
    actions = {line["tag"]: line["action"] for line in found["series"][0]["table"]}
    assert (actions["0008,1030"], actions["0010,0010"]) == ("removed", "emptied")

    status, told = await submitted(house, series=1)
    assert status == 201, told
    assert house.desk.submitted[-1].type is BlockType.PET
    content = house.desk.contents[-1][PartName.IMM_PET]
    assert CANARY.encode() not in content
    assert described(content, "IMM_PET").described["slices"] == 3
    assert not list((house.spool / "uploads").rglob("part"))


async def test_a_series_with_a_broken_file_names_it_and_is_not_proposed_silently(
    house: House,
) -> None:
    broken = slice_of("CT", 2, RAMP)
    del broken.PixelSpacing
    await send(house, "good.dcm", encoded(slice_of("CT", 1, RAMP)))
    await send(house, "broken.dcm", encoded(broken))
    status, told = await submitted(house, series=0)
    assert (status, told["rule"]) == (409, "series_incomplete")
    assert "broken.dcm" in told["detail"]
    assert house.desk.submitted == []


async def test_identity_stays_only_where_that_was_chosen(house: House) -> None:
    await send(house, "one.dcm", encoded(slice_of("CT", 1, RAMP)))
    status, _ = await submitted(house, series=0, deidentify=False)
    assert status == 201
    content = house.desk.contents[-1][PartName.IMG_CT]
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        member = archive.extractfile("000001.dcm")
        assert member is not None
        assert pydicom.dcmread(io.BytesIO(member.read())).PatientName == CANARY


async def test_an_x_ray_picture_is_shown_and_proposed(house: House) -> None:
    await send(house, "film.png", picture((RAMP % 256).astype(np.uint8)))
    [film] = (await inspected(house))["series"]
    assert (film["kind"], film["rows"], film["columns"]) == ("xray", 24, 16)
    assert (await submitted(house, series=0))[0] == 201
    assert house.desk.submitted[-1].type is BlockType.XRAY


async def test_what_is_not_whole_is_not_looked_into(house: House, tmp_path: Path) -> None:
    await announce(house, "late", 50)
    path = f"/v1/upload-batches/{BATCH}/inspection"
    status, body, _ = await house.ask("POST", path, WHO)
    assert (status, json.loads(body)["rule"]) == (409, "upload_incomplete")


def proposed(receipt: dict[str, Any], patient: int) -> dict[str, Any]:
    """What an inspection tells of an open proposal made of this very upload."""
    told = {"proposal": receipt["proposal"], "patient": patient, "state": "open"}
    return {**told, "n_bc": None, "earlier": False}


async def test_one_series_is_not_proposed_twice(house: House, looking_here: None) -> None:
    await send(house, "film.png", picture((RAMP % 256).astype(np.uint8)))
    assert (await inspected(house))["series"][0]["proposed"] is None
    status, first = await submitted(house, series=0)
    assert status == 201
    # as a page that was opened anew would ask: with no memory of the first time
    assert await submitted(house, series=0) == (201, first)
    status, told = await submitted(house, series=0, patient=2)
    assert (status, told["rule"]) == (409, "already_proposed")
    assert "patient 1" in told["detail"]
    # more files number the series anew, and it is the same
    await send(house, "other.png", picture((RAMP % 128).astype(np.uint8)))
    film = next(
        one for one in (await inspected(house))["series"] if one["first_file"] == "film.png"
    )
    assert film["proposed"] == proposed(first, patient=1)
    assert len(house.desk.submitted) == 1


async def test_what_was_rejected_may_be_proposed_again(house: House, looking_here: None) -> None:
    await send(house, "film.png", picture((RAMP % 256).astype(np.uint8)))
    _, first = await submitted(house, series=0)
    house.desk.states[first["proposal"]] = "accepted"
    assert await submitted(house, series=0) == (201, first)
    house.desk.states[first["proposal"]] = "rejected"
    [film] = (await inspected(house))["series"]
    assert film["proposed"]["state"] == "rejected"
    status, second = await submitted(house, series=0, patient=2)
    assert status == 201
    assert second["proposal"] != first["proposal"]
    [film] = (await inspected(house))["series"]
    assert film["proposed"] == proposed(second, patient=2)
