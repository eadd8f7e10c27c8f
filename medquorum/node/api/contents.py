"""Structured parts of records as JSON, read and checked by the ledger's own parsers (R-CON).

What a parser refuses is shown all the same, with the refusal: a doctor must see that a form is
wrong rather than see nothing. Byte strings, which none of these parts should hold, become hex.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from aiohttp import web

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import RECORD
from medquorum.ledger.types import PartName, RecordId
from medquorum.ledger.vital_signs import PLAUSIBLE
from medquorum.node.api.answers import json_answer
from medquorum.node.api.operation import JSON, Call, Content, operation
from medquorum.node.api.parameters import NoParameters, Parameters
from medquorum.node.api.permissions import Right
from medquorum.node.api.problems import Problem
from medquorum.node.api.schemas import Hex32, Purpose
from medquorum.node.api.scope import check_record
from medquorum.node.desk import Reader
from medquorum.node.structured_parts import PARSERS


class ContentsQuery(Parameters):
    """A structured part of a record, and what it is read for."""

    record: Hex32
    part: Literal["V_IND", "TEST_RES", "M_REPORT", "PRESC"]
    purpose: Purpose = "treatment"


@dataclass(frozen=True, slots=True, repr=False)
class ContentsView:
    """What a structured part holds."""

    record: str
    part: str
    content: dict[str, object]
    faults: tuple[str, ...]
    """Rules that it breaks, empty for what this node would have taken itself."""


@dataclass(frozen=True, slots=True)
class PlausibleView:
    """The range of a vital sign in thousandths of its unit (R-CON1)."""

    code: str
    unit: str
    low_milli: int
    high_milli: int


SIGNS: Final = tuple(
    PlausibleView(code.value, each.unit, each.low_milli, each.high_milli)
    for code, each in PLAUSIBLE.items()
)


@operation(
    "GET",
    "/v1/contents/{record}/{part}",
    right=Right.RECORD,
    tag="Records",
    parameters=ContentsQuery,
    answers=Content(JSON, ContentsView),
)
async def read_contents(call: Call[ContentsQuery]) -> web.StreamResponse:
    """A structured part of a record as JSON

    Vital signs, test results, report or prescription. The access is logged like that of the part
    itself. 404 both where there is none and where this node may not open it.
    """
    asked = call.parameters
    await check_record(call, asked.record)
    user = call.user
    detail = {"address": call.address}
    reader = Reader(user.name, user.role.value, asked.purpose, detail)
    part = PartName(asked.part)
    encoded = await _whole(call, part, reader)
    view = ContentsView(asked.record, asked.part, *_decoded(part, encoded))
    return json_answer(ContentsView, view)


async def _whole(call: Call[ContentsQuery], part: PartName, reader: Reader) -> bytes:
    """The part's bytes; Problem 409 for more than a record may hold."""
    record = RecordId(bytes.fromhex(call.parameters.record))
    pieces, held = await call.desk.read_part(record, part, reader), bytearray()
    async for piece in pieces:
        held += piece
        if len(held) > RECORD.total:
            raise Problem(409, "not_structured", "the part is too long; download it as a file")
    return bytes(held)


def _decoded(part: PartName, encoded: bytes) -> tuple[dict[str, object], tuple[str, ...]]:
    try:
        content = canonical.decode(encoded, RECORD)
    except CodecError:
        raise _unreadable() from None
    if not isinstance(content, dict):
        raise _unreadable()
    try:
        PARSERS[part](encoded)
    except CodecError as error:
        return _plain(content), (str(error),)
    return _plain(content), ()


def _unreadable() -> Problem:
    return Problem(
        409, "not_structured", "the part is not in the form of its rule; do not approve it"
    )


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case bytes():
            return value.hex()
        case _:
            return value


@operation(
    "GET",
    "/v1/signs",
    right=Right.STATUS,
    tag="Records",
    answers=Content(JSON, tuple[PlausibleView, ...]),
)
async def list_signs(call: Call[NoParameters]) -> web.StreamResponse:
    """Vital signs with their units and plausible ranges"""
    return json_answer(tuple[PlausibleView, ...], SIGNS)


OPERATIONS = (read_contents, list_signs)
