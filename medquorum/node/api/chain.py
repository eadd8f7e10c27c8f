"""Blocks, proofs, the export, patients and their histories: what is final."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from medquorum.node.api.answers import encoded_json, json_answer, stream_answer, tagged_answer
from medquorum.node.api.operation import JSON, OCTETS, Call, Content, operation
from medquorum.node.api.parameters import NoParameters
from medquorum.node.api.permissions import Right
from medquorum.node.api.schemas import (
    BlockHashPath,
    BlockNumber,
    BlockPage,
    BlockQuery,
    HistoryQuery,
    PatientAddress,
    PatientNumber,
    PatientPage,
    PatientQuery,
)
from medquorum.node.api.scope import check_block, check_patient, scoped_patient
from medquorum.node.views import BlockView, PatientView


def _block_page(call: Call[BlockQuery] | Call[HistoryQuery], blocks: Sequence[BlockView]) -> bytes:
    full = len(blocks) == call.parameters.limit
    page = BlockPage(blocks=tuple(blocks), next_after=blocks[-1].n_bc if full else None)
    return encoded_json(BlockPage, page)


@operation(
    "GET",
    "/v1/blocks",
    right=Right.BLOCKS,
    tag="Chain",
    parameters=BlockQuery,
    answers=Content(JSON, BlockPage),
)
async def list_blocks(call: Call[BlockQuery]) -> web.StreamResponse:
    """Blocks in order

    By page; with `patient` one patient's only. Carries an entity tag.
    """
    asked = call.parameters
    patient = await scoped_patient(call, asked.patient)
    blocks = await call.desk.blocks(asked.after, asked.limit, patient)
    return tagged_answer(call.request, _block_page(call, blocks), JSON)


@operation(
    "GET",
    "/v1/blocks/{n_bc}",
    right=Right.BLOCKS,
    tag="Chain",
    parameters=BlockNumber,
    answers=Content(JSON, BlockView),
)
async def get_block(call: Call[BlockNumber]) -> web.StreamResponse:
    """One block by N BC

    Carries an entity tag; a block never changes.
    """
    block = await check_block(call, await call.desk.block(call.parameters.n_bc))
    return tagged_answer(call.request, encoded_json(BlockView, block), JSON)


@operation(
    "GET",
    "/v1/blocks/hash/{hash}",
    right=Right.BLOCKS,
    tag="Chain",
    parameters=BlockHashPath,
    answers=Content(JSON, BlockView),
)
async def get_block_by_hash(call: Call[BlockHashPath]) -> web.StreamResponse:
    """One block by its hash"""
    block = await check_block(call, await call.desk.block_by_hash(call.parameters.hash))
    return tagged_answer(call.request, encoded_json(BlockView, block), JSON)


@operation(
    "GET",
    "/v1/proofs/{n_bc}",
    right=Right.BLOCKS,
    tag="Chain",
    parameters=BlockNumber,
    answers=Content(OCTETS, note="The canonical bytes of R-EXP3."),
)
async def get_proof(call: Call[BlockNumber]) -> web.StreamResponse:
    """The offline proof of one block

    Whoever has the charter can check it without this node.
    """
    await check_block(call, await call.desk.block(call.parameters.n_bc))
    proof = await call.desk.proof(call.parameters.n_bc)
    return tagged_answer(call.request, proof, OCTETS)


@operation(
    "GET",
    "/v1/chain/export",
    right=Right.EXPORT,
    tag="Chain",
    answers=Content(OCTETS, note="The frames of R-EXP1, streamed."),
)
async def export_chain(call: Call[NoParameters]) -> web.StreamResponse:
    """The whole final chain

    Checked offline with `medquorum chain verify` or by an independent verifier. A connection that
    breaks before the last frame is an export that is not whole.
    """
    disposition = {"Content-Disposition": 'attachment; filename="chain.mqx"'}
    return await stream_answer(call.request, call.desk.export(), headers=disposition)


@operation(
    "GET",
    "/v1/patients",
    right=Right.PATIENTS,
    tag="Patients",
    parameters=PatientQuery,
    answers=Content(JSON, PatientPage),
)
async def list_patients(call: Call[PatientQuery]) -> web.StreamResponse:
    """Registered patients by number

    Pseudonyms only: numbers, keys, phases; no names.
    """
    asked = call.parameters
    later = [each for each in await call.desk.patients() if each.n_pb > asked.after]
    later.sort(key=lambda each: each.n_pb)
    shown = tuple(later[: asked.limit])
    following = shown[-1].n_pb if len(later) > len(shown) else None
    return json_answer(PatientPage, PatientPage(patients=shown, next_after=following))


@operation(
    "GET",
    "/v1/patients/{n_pb}",
    right=Right.PATIENT,
    tag="Patients",
    parameters=PatientNumber,
    answers=Content(JSON, PatientView),
)
async def get_patient(call: Call[PatientNumber]) -> web.StreamResponse:
    """One patient by N PB"""
    await check_patient(call, call.parameters.n_pb)
    return json_answer(PatientView, await call.desk.patient(call.parameters.n_pb))


@operation(
    "GET",
    "/v1/patients/address/{address}",
    right=Right.PATIENT,
    tag="Patients",
    parameters=PatientAddress,
    answers=Content(JSON, PatientView),
)
async def get_patient_by_address(call: Call[PatientAddress]) -> web.StreamResponse:
    """One patient by the address of the patient's key"""
    patient = await call.desk.patient_by_address(call.parameters.address)
    await check_patient(call, patient.n_pb)
    return json_answer(PatientView, patient)


@operation(
    "GET",
    "/v1/patients/{n_pb}/history",
    right=Right.PATIENT,
    tag="Patients",
    parameters=HistoryQuery,
    answers=Content(JSON, BlockPage),
)
async def get_history(call: Call[HistoryQuery]) -> web.StreamResponse:
    """A patient's blocks in order

    Accepted ones and rejected ones; by page.
    """
    asked = call.parameters
    await check_patient(call, asked.n_pb)
    await call.desk.patient(asked.n_pb)
    blocks = await call.desk.blocks(asked.after, asked.limit, asked.n_pb)
    return tagged_answer(call.request, _block_page(call, blocks), JSON)


OPERATIONS = (
    list_blocks,
    get_block,
    get_block_by_hash,
    get_proof,
    export_chain,
    list_patients,
    get_patient,
    get_patient_by_address,
    get_history,
)
