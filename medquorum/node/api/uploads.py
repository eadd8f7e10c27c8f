"""Uploads from the page: resumable by the core of tus 1.0, looked into, proposed.

Source: tus resumable upload protocol 1.0.0, core protocol with the extensions creation,
creation-with-upload and termination.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from medquorum.node.api.answers import json_answer
from medquorum.node.api.bodies import Pace, read_model
from medquorum.node.api.idempotency import answer_once
from medquorum.node.api.limits import BODY_SECONDS
from medquorum.node.api.operation import JSON, OCTETS, Call, Content, operation
from medquorum.node.api.parameters import NoParameters, Parameters
from medquorum.node.api.permissions import Right
from medquorum.node.api.problems import Problem
from medquorum.node.desk import Receipt
from medquorum.node.uploads.limits import METADATA_BYTES, NAME_CHARACTERS
from medquorum.node.uploads.proposing import InspectionView, SeriesWish, inspect, propose
from medquorum.node.uploads.room import UploadedFile
from medquorum.node.uploads.service import UPLOADING, Uploading
from medquorum.node.uploads.views import BatchView, FileView, file_view, sampled_views

TUS_VERSION: Final = "1.0.0"
OFFSET_OCTETS: Final = "application/offset+octet-stream"
HEX: Final = frozenset("0123456789abcdef")
Hex16 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class FilePath(Parameters):
    """One file on its way."""

    file: Hex16


class BatchPath(Parameters):
    """One upload: files that belong together, named by who sends them."""

    batch: Hex16


@operation(
    "POST",
    "/v1/uploads",
    right=Right.SUBMIT,
    tag="Uploads",
    accepts=Content(OCTETS, note="Nothing, or the first bytes as application/offset+octet-stream."),
    answers=Content(JSON, FileView),
    status=201,
)
async def create_upload(call: Call[NoParameters]) -> web.StreamResponse:
    """Announce a file: Upload-Length, and Upload-Metadata with `batch` and `name` in base64

    Answers its address in Location. Files with the same batch belong together. With a `key` of 32
    hex digits, announcing the file again answers the first: for a sender that saw no answer.
    """
    room, request = _checked(call).room, call.request
    length = _number(request, "Upload-Length")
    metadata = _metadata(request.headers.get("Upload-Metadata", ""))
    batch, name = metadata.get("batch", ""), metadata.get("name", "")
    if len(batch) != 32 or set(batch) - HEX:
        raise Problem(400, "upload_metadata", "name the batch: 32 hex digits, in base64")
    if not 0 < len(name) <= NAME_CHARACTERS:
        raise Problem(400, "upload_metadata", f"name the file, in 1 to {NAME_CHARACTERS} letters")
    key = metadata.get("key", "")
    if key and (len(key) != 32 or set(key) - HEX):
        raise Problem(400, "upload_metadata", "a file's key has 32 hex digits, in base64")
    file = room.create(call.user.name, batch, name, length, key=key)
    if request.content_type == OFFSET_OCTETS:
        await room.append(file, 0, _stream(request), call.services.writers)
    answer = json_answer(FileView, file_view(file), 201)
    answer.headers["Location"] = f"/v1/uploads/{file.id}"
    return _told(answer, file)


@operation(
    "HEAD",
    "/v1/uploads/{file}",
    right=Right.SUBMIT,
    tag="Uploads",
    parameters=FilePath,
    answers=Content(JSON, note="Nothing; Upload-Offset and Upload-Length."),
)
async def ask_upload(call: Call[FilePath]) -> web.StreamResponse:
    """How much of a file is here"""
    file = _checked(call).room.file(call.user.name, call.parameters.file)
    answer = web.Response(headers={"Upload-Length": str(file.length)})
    return _told(answer, file)


@operation(
    "PATCH",
    "/v1/uploads/{file}",
    right=Right.SUBMIT,
    tag="Uploads",
    parameters=FilePath,
    accepts=Content(OCTETS, note="As application/offset+octet-stream, from Upload-Offset on."),
    answers=Content(JSON, note="Nothing; Upload-Offset."),
    status=204,
)
async def append_upload(call: Call[FilePath]) -> web.StreamResponse:
    """Send more of a file; 409 where it does not begin at what is here"""
    room, request = _checked(call).room, call.request
    if request.content_type != OFFSET_OCTETS:
        raise Problem(415, "media", f"send it as {OFFSET_OCTETS}")
    file = room.file(call.user.name, call.parameters.file)
    offset = _number(request, "Upload-Offset")
    await room.append(file, offset, _stream(request), call.services.writers)
    return _told(web.Response(status=204), file)


@operation(
    "DELETE",
    "/v1/uploads/{file}",
    right=Right.SUBMIT,
    tag="Uploads",
    parameters=FilePath,
    answers=Content(JSON, note="Nothing."),
    status=204,
)
async def delete_upload(call: Call[FilePath]) -> web.StreamResponse:
    """Remove a file that is not to be proposed"""
    await _checked(call).room.remove_file(call.user.name, call.parameters.file)
    return web.Response(status=204, headers={"Tus-Resumable": TUS_VERSION})


@operation(
    "GET",
    "/v1/upload-batches/{batch}",
    right=Right.SUBMIT,
    tag="Uploads",
    parameters=BatchPath,
    answers=Content(JSON, BatchView),
)
async def show_batch(call: Call[BatchPath]) -> web.StreamResponse:
    """The files of an upload, for whoever goes on with it after her page was closed"""
    batch = call.request.app[UPLOADING].room.batch(call.user.name, call.parameters.batch)
    whole = batch.complete
    files = await asyncio.to_thread(sampled_views, tuple(batch.files.values()))
    return json_answer(BatchView, BatchView(batch=batch.id, files=files, complete=whole))


@operation(
    "DELETE",
    "/v1/upload-batches/{batch}",
    right=Right.SUBMIT,
    tag="Uploads",
    parameters=BatchPath,
    answers=Content(JSON, note="Nothing."),
    status=204,
)
async def delete_batch(call: Call[BatchPath]) -> web.StreamResponse:
    """Give an upload up; everything of it is removed"""
    room = call.request.app[UPLOADING].room
    await room.remove(room.batch(call.user.name, call.parameters.batch))
    return web.Response(status=204)


@operation(
    "POST",
    "/v1/upload-batches/{batch}/inspection",
    right=Right.SUBMIT,
    tag="Uploads",
    parameters=BatchPath,
    answers=Content(JSON, InspectionView),
)
async def inspect_batch(call: Call[BatchPath]) -> web.StreamResponse:
    """What an upload holds: series, what is wrong with which file, what de-identification does

    Values of elements are told to the one who uploaded them, and kept nowhere.
    """
    uploading = call.request.app[UPLOADING]
    batch = uploading.room.batch(call.user.name, call.parameters.batch)
    return json_answer(InspectionView, await inspect(uploading, batch, call.desk))


@operation(
    "POST",
    "/v1/upload-batches/{batch}/submission",
    right=Right.SUBMIT,
    tag="Uploads",
    parameters=BatchPath,
    accepts=Content(JSON, SeriesWish),
    answers=Content(JSON, Receipt),
    status=201,
    repeatable=True,
)
async def submit_batch(call: Call[BatchPath]) -> web.StreamResponse:
    """Propose one series of an upload, without the patient's identity unless asked otherwise

    Asked again while that proposal is open or accepted, it answers the first one's receipt. While
    the proposal of an earlier upload is, 409 `already_proposed` names it; `again` proposes another.
    """
    uploading = call.request.app[UPLOADING]
    wish = await read_model(call.request, SeriesWish)
    batch = uploading.room.batch(call.user.name, call.parameters.batch)

    async def work() -> Receipt:
        return await propose(uploading, batch, wish, call.desk)

    return await answer_once(call, wish.model_dump_json().encode(), Receipt, work)


def _checked(call: Call[Any]) -> Uploading:
    """The rooms, for a sender of this protocol's version; 412 for another's."""
    if call.request.headers.get("Tus-Resumable") != TUS_VERSION:
        raise Problem(
            412, "tus_version", f"send Tus-Resumable: {TUS_VERSION}", {"Tus-Version": TUS_VERSION}
        )
    return call.request.app[UPLOADING]


def _told(answer: web.Response, file: UploadedFile) -> web.Response:
    answer.headers["Tus-Resumable"] = TUS_VERSION
    answer.headers["Upload-Offset"] = str(file.received)
    return answer


def _number(request: web.Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Problem(400, "upload_header", f"{header} is missing, or no number")
    return int(text)


def _metadata(header: str) -> dict[str, str]:
    """Names and their values out of base64. Raises Problem."""
    if len(header) > METADATA_BYTES:
        raise Problem(400, "upload_metadata", f"at most {METADATA_BYTES} bytes of Upload-Metadata")
    found = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Problem(400, "upload_metadata", "values are UTF-8 in base64") from None
    return found


async def _stream(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it comes; TimeoutError when it is silent or dribbles."""
    pace = Pace()
    while True:
        async with asyncio.timeout(BODY_SECONDS):
            piece = await request.content.readany()
        if not piece:
            return
        pace.took(len(piece))
        yield piece


OPERATIONS = (
    create_upload,
    ask_upload,
    append_upload,
    delete_upload,
    show_batch,
    delete_batch,
    inspect_batch,
    submit_batch,
)
