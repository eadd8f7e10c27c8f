"""Images of records as a page shows them: described, slice by slice, as a volume, as a picture.

numpy comes with the extra `dicom`, without which no image can be opened; what needs it is imported
once one was.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from medquorum.ledger.types import PartName, RecordId
from medquorum.node.api.answers import json_answer, stream_answer
from medquorum.node.api.operation import JSON, OCTETS, Call, Content, operation
from medquorum.node.api.permissions import Right
from medquorum.node.api.problems import Problem
from medquorum.node.api.schemas import RecordQuery
from medquorum.node.api.scope import check_record
from medquorum.node.desk import DeskError, Reader
from medquorum.node.intake.faults import IntakeRefused, IntakeRule
from medquorum.node.viewing.decoded import DecodedImage
from medquorum.node.viewing.limits import PLANES
from medquorum.node.viewing.openings import PartKey
from medquorum.node.viewing.service import VIEWING
from medquorum.node.viewing.told import Description

PNG: Final = "image/png"
NIFTI: Final = "application/octet-stream"
PIECE_BYTES: Final = 1_048_576

Other = Annotated[str, Field(pattern=r"^[0-9a-f]{64}/(IMG_CT|IMM_PET|IMG_XRAY)$")]


class SliceQuery(RecordQuery):
    """One slice, from 0, and the image on whose grid it is wanted."""

    index: Annotated[int, Field(ge=0, lt=PLANES)]
    on: Other | None = None


class RenderedQuery(RecordQuery):
    """A slice as a picture; the middle one where none is named."""

    slice: Annotated[int, Field(ge=0, lt=PLANES)] | None = None
    window: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,16}$")] | None = None


def key_of(record: str, part: PartName) -> PartKey:
    """The key of a part named in an address."""
    return PartKey(RecordId(bytes.fromhex(record)), part)


def other_key(on: str) -> tuple[str, PartKey]:
    """Record in hex and key of the image named by `on`."""
    record, _, part = on.partition("/")
    return record, key_of(record, PartName(part))


def refused(error: IntakeRefused) -> DeskError:
    """An image that cannot be shown, as a caller is told."""
    away = error.rule in (IntakeRule.NO_READER, IntakeRule.CHECK_FAILED)
    return DeskError(503 if away else 422, error.rule.value, error.advice)


def reader_of(call: Call[Any], purpose: str) -> Reader:
    """Who asks, for the access log."""
    address = {"address": call.address}
    return Reader(call.user.name, call.user.role.value, purpose, address)


async def opened(call: Call[Any], record: str, key: PartKey, purpose: str) -> DecodedImage:
    """The image, opened and logged unless this user has it open for this purpose."""
    try:
        image = await call.request.app[VIEWING].images.image(key, reader_of(call, purpose))
    except IntakeRefused as error:
        raise refused(error) from None
    return await newly_opened(call, record, key, purpose) if image is None else image


async def newly_opened(call: Call[Any], record: str, key: PartKey, purpose: str) -> DecodedImage:
    """The image, checked and logged in any case."""
    await check_record(call, record)
    try:
        return await call.request.app[VIEWING].images.open(key, reader_of(call, purpose))
    except IntakeRefused as error:
        raise refused(error) from None


@operation(
    "GET",
    "/v1/images/{record}/{part}",
    right=Right.RECORD,
    tag="Images",
    parameters=RecordQuery,
    answers=Content(JSON, Description),
)
async def describe_image(call: Call[RecordQuery]) -> web.StreamResponse:
    """Open an image: its size, unit, windows and what to beware of

    The access is logged. 422 names the file and the tag where it cannot be shown.
    """
    asked = call.parameters
    key = key_of(asked.record, asked.part)
    image = await newly_opened(call, asked.record, key, asked.purpose)
    return json_answer(Description, image.description)


@operation(
    "GET",
    "/v1/images/{record}/{part}/slices/{index}",
    right=Right.RECORD,
    tag="Images",
    parameters=SliceQuery,
    answers=Content(OCTETS, note="Two bytes for each voxel, little-endian, row by row."),
)
async def read_slice(call: Call[SliceQuery]) -> web.StreamResponse:
    """One slice, as the description says how to read it

    With `on` the slice of that image with this index, holding the values of this one (PET on CT).
    """
    asked = call.parameters
    key = key_of(asked.record, asked.part)
    image = await opened(call, asked.record, key, asked.purpose)
    try:
        if asked.on is None:
            check_index(image, asked.index)
            content = await image.plane(asked.index)
        else:
            record, other = other_key(asked.on)
            target = await opened(call, record, other, asked.purpose)
            check_index(target, asked.index)
            content = await _on(image, target, asked.index)
    except IntakeRefused as error:
        raise refused(error) from None
    return lasting_answer(call.request, content)


@operation(
    "GET",
    "/v1/images/{record}/{part}/volume.nii",
    right=Right.RECORD,
    tag="Images",
    parameters=RecordQuery,
    answers=Content(NIFTI, note="NIfTI-1, int16, in mm RAS."),
)
async def read_volume(call: Call[RecordQuery]) -> web.StreamResponse:
    """A CT or PET as one NIfTI-1 file

    A file leaves the node, so each is an access of its own in the log.
    """
    asked = call.parameters
    key = key_of(asked.record, asked.part)
    image = await newly_opened(call, asked.record, key, asked.purpose)
    if image.description.kind == "xray":
        raise Problem(409, "no_volume", "a radiograph is no volume; ask for its slices")
    try:
        await image.whole()
    except IntakeRefused as error:
        raise refused(error) from None
    return await stream_answer(call.request, _volume(image), media=NIFTI)


@operation(
    "GET",
    "/v1/images/{record}/{part}/rendered.png",
    right=Right.RECORD,
    tag="Images",
    parameters=RenderedQuery,
    answers=Content(PNG, note="8-bit grey."),
)
async def render_slice(call: Call[RenderedQuery]) -> web.StreamResponse:
    """One slice as a picture, for previews and where there is no canvas"""
    asked = call.parameters
    image = await opened(call, asked.record, key_of(asked.record, asked.part), asked.purpose)
    index = image.description.slices // 2 if asked.slice is None else asked.slice
    check_index(image, index)
    try:
        plane = await image.plane(index)
    except IntakeRefused as error:
        raise refused(error) from None
    from medquorum.node.viewing.forms import rendered_png  # needs numpy: see the module's docstring

    described = image.description
    picture = await asyncio.to_thread(rendered_png, plane, described, index, asked.window)
    return web.Response(body=picture, content_type=PNG)


def check_index(image: DecodedImage, index: int) -> None:
    """Problem 404 past the last slice."""
    if index >= image.description.slices:
        most = image.description.slices - 1
        raise Problem(404, "no_such_slice", f"slices are 0 to {most} here")


def lasting_answer(request: web.Request, content: bytes) -> web.Response:
    """Bytes that never change, with an entity tag for programs; browsers keep no copy on disk."""
    tag = hashlib.blake2b(content, digest_size=16).hexdigest()
    if any(each.value in (tag, "*") for each in request.if_none_match or ()):
        response = web.Response(status=304)
    else:
        response = web.Response(body=content, content_type=OCTETS)
    response.etag = tag
    return response


async def _on(image: DecodedImage, target: DecodedImage, index: int) -> bytes:
    """A plane of the target's grid with the image's values."""
    frames = {one.description.frame_of_reference for one in (image, target)}
    kinds = {image.description.kind, target.description.kind}
    if "xray" in kinds or len(frames) != 1 or None in frames:
        raise Problem(
            409, "other_space", "these images do not lie in one space; show them side by side"
        )
    from medquorum.node.viewing.grids import plane_on, planes_around

    around = planes_around(image.description, target.description, index)
    planes = [await image.plane(one) for one in around]
    return await asyncio.to_thread(
        plane_on, image.description, target.description, index, around, planes
    )


async def _volume(image: DecodedImage) -> AsyncIterator[bytes]:
    from medquorum.node.viewing.forms import nifti_header

    yield nifti_header(image.description)
    total = image.description.total_bytes
    for offset in range(0, total, PIECE_BYTES):
        yield await image.read(offset, min(PIECE_BYTES, total - offset))


OPERATIONS = (describe_image, read_slice, read_volume, render_slice)
