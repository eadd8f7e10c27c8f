"""What an AI report draws on its image: labels, where they lie, and a label map for each slice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from medquorum.ledger.types import RecordId
from medquorum.node.api.answers import json_answer
from medquorum.node.api.images import (
    Other,
    check_index,
    lasting_answer,
    opened,
    other_key,
    reader_of,
)
from medquorum.node.api.operation import JSON, OCTETS, Call, Content, operation
from medquorum.node.api.parameters import Parameters
from medquorum.node.api.permissions import Right
from medquorum.node.api.problems import Problem
from medquorum.node.api.schemas import Hex32, Purpose
from medquorum.node.api.scope import check_record
from medquorum.node.viewing.labels import OverlayView
from medquorum.node.viewing.limits import PLANES
from medquorum.node.viewing.service import VIEWING

if TYPE_CHECKING:
    from medquorum.node.viewing.overlay import Overlay  # needs numpy


class OverlayQuery(Parameters):
    """The report's record, and the image its labels are wanted on."""

    record: Hex32
    on: Other
    purpose: Purpose = "treatment"


class OverlaySliceQuery(OverlayQuery):
    """One slice of that image, from 0."""

    index: Annotated[int, Field(ge=0, lt=PLANES)]
    layer: Literal["findings", "organs"] = "findings"


@operation(
    "GET",
    "/v1/overlays/{record}",
    right=Right.RECORD,
    tag="Images",
    parameters=OverlayQuery,
    answers=Content(JSON, OverlayView),
)
async def describe_overlay(call: Call[OverlayQuery]) -> web.StreamResponse:
    """Open the overlay of an AI report on an image

    Label n of a CT or PET is lesion n of the report. The access is logged.
    """
    asked = call.parameters
    await check_record(call, asked.record)
    other, key = other_key(asked.on)
    image = await opened(call, other, key, asked.purpose)
    overlays = call.request.app[VIEWING].overlays
    record = RecordId(bytes.fromhex(asked.record))
    overlay = await overlays.open(record, reader_of(call, asked.purpose))
    labels = await asyncio.to_thread(overlay.views_on, image.description)
    organs = overlay.of_organs()
    found = (
        []
        if organs is None or image.description.kind == "xray"
        else (await asyncio.to_thread(organs.views_on, image.description, "organ"))
    )
    return json_answer(OverlayView, OverlayView(on=asked.on, labels=labels, organs=found))


@operation(
    "GET",
    "/v1/overlays/{record}/slices/{index}",
    right=Right.RECORD,
    tag="Images",
    parameters=OverlaySliceQuery,
    answers=Content(OCTETS, note="One byte for each voxel of the image's slice, row by row."),
)
async def read_overlay_slice(call: Call[OverlaySliceQuery]) -> web.StreamResponse:
    """The labels of one slice, on the image's own grid"""
    asked = call.parameters
    other, key = other_key(asked.on)
    image = await opened(call, other, key, asked.purpose)
    check_index(image, asked.index)
    overlay = await held_overlay(call, asked)
    drawn = overlay if asked.layer == "findings" else overlay.of_organs()
    if drawn is None:
        raise Problem(404, "no_organs", "this report tells no organs apart; ask for its findings")
    found = await asyncio.to_thread(drawn.plane_on, image.description, asked.index)
    return lasting_answer(call.request, found)


async def held_overlay(call: Call[Any], asked: OverlayQuery) -> Overlay:
    """The report's labels, opened anew, and the access logged, where they are not held."""
    overlays = call.request.app[VIEWING].overlays
    record = RecordId(bytes.fromhex(asked.record))
    reader = reader_of(call, asked.purpose)
    overlay = await overlays.overlay(record, reader)
    if overlay is None:
        await check_record(call, asked.record)
        overlay = await overlays.open(record, reader)
    return overlay


OPERATIONS = (describe_overlay, read_overlay_slice)
