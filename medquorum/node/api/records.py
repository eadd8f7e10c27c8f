"""Reading bodies and who has read them; putting sealed chunks."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from medquorum.ledger.limits import CHUNK
from medquorum.ledger.types import RecordId
from medquorum.node.api.answers import json_answer, stream_answer
from medquorum.node.api.bodies import read_octets
from medquorum.node.api.operation import JSON, OCTETS, Call, Content, operation
from medquorum.node.api.permissions import Right
from medquorum.node.api.schemas import AccessList, AccessQuery, ChunkPath, RecordQuery
from medquorum.node.api.scope import check_record, scoped_patient
from medquorum.node.desk import Reader

SEALED_CHUNK_BYTES: Final = CHUNK + 16
"""A chunk and its tag (R-BOD4)."""


@operation(
    "GET",
    "/v1/records/{record}/{part}",
    right=Right.RECORD,
    tag="Records",
    parameters=RecordQuery,
    answers=Content(OCTETS, note="The plaintext of the part, verified, streamed."),
)
async def read_part(call: Call[RecordQuery]) -> web.StreamResponse:
    """The content of one part of a record

    The access is logged before the first byte. 404 both where there is none and where this node
    may not open it. A connection that breaks off is content that is not whole.
    """
    asked = call.parameters
    await check_record(call, asked.record)
    reader = Reader(
        call.user.name,
        call.user.role.value,
        asked.purpose,
        {"address": call.address},
    )
    record = RecordId(bytes.fromhex(asked.record))
    pieces = await call.desk.read_part(record, asked.part, reader)
    disposition = {"Content-Disposition": f'attachment; filename="{asked.part.value}.bin"'}
    return await stream_answer(call.request, pieces, headers=disposition)


@operation(
    "PUT",
    "/v1/bodies/{record}/{part}/{index}",
    right=Right.CHUNK,
    tag="Records",
    parameters=ChunkPath,
    accepts=Content(OCTETS, note="One sealed chunk (R-BOD4)."),
    answers=Content(JSON, note="Nothing."),
    status=204,
)
async def put_chunk(call: Call[ChunkPath]) -> web.StreamResponse:
    """Store one sealed chunk of a body that is to be proposed

    Putting the same chunk again changes nothing.
    """
    sealed = await read_octets(call.request, SEALED_CHUNK_BYTES)
    place = call.parameters
    record = RecordId(bytes.fromhex(place.record))
    await call.desk.put_chunk(record, place.part, place.index, sealed)
    return web.Response(status=204)


@operation(
    "GET",
    "/v1/accesses",
    right=Right.ACCESSES,
    tag="Records",
    parameters=AccessQuery,
    answers=Content(JSON, AccessList),
)
async def list_accesses(call: Call[AccessQuery]) -> web.StreamResponse:
    """Who read which record, when and for what

    A patient sees the accesses to her own.
    """
    patient = await scoped_patient(call, call.parameters.patient)
    accesses = await call.desk.accesses(patient)
    shown = tuple(dict(each) for each in accesses[: call.parameters.limit])
    return json_answer(AccessList, AccessList(accesses=shown))


OPERATIONS = (read_part, put_chunk, list_accesses)
