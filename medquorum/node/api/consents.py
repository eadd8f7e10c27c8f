"""Consents of patients, and their consultations (R-CST1 to R-CST3)."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from medquorum.ledger.consent import parse_signed_consent
from medquorum.ledger.errors import CodecError, KeyMaterialError
from medquorum.ledger.keys import address_of, address_text
from medquorum.ledger.types import PATIENT_PREFIX
from medquorum.node.api.answers import json_answer, tagged_answer
from medquorum.node.api.bodies import read_model
from medquorum.node.api.idempotency import answer_once
from medquorum.node.api.operation import JSON, OCTETS, Call, Content, operation
from medquorum.node.api.parameters import NoParameters
from medquorum.node.api.permissions import Reach, Right
from medquorum.node.api.problems import Problem
from medquorum.node.api.schemas import Base64Octets, Hex32, PatientNumber
from medquorum.node.api.scope import check_patient
from medquorum.node.dossier_views import ConsentView, TimelineView

CONSENT_BYTES = 16_384
"""A signed statement as JSON: it is some 300 bytes."""


class ConsentPath(PatientNumber):
    """One statement of a patient."""

    id: Hex32


class SignedStatement(BaseModel):
    """A statement of consent, signed by its patient."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    consent: Annotated[Base64Octets, Field(max_length=4_096)]
    """Canonical bytes of R-CST2."""


class ConsentList(BaseModel):
    """Statements of one patient, newest first."""

    consents: tuple[ConsentView, ...]


def patient_named(signed: bytes) -> str:
    """The address of the patient whose statement this is; Problem 400 when malformed."""
    try:
        key = parse_signed_consent(signed).statement.patient_key
        return address_text(address_of(key), PATIENT_PREFIX)
    except (CodecError, KeyMaterialError) as error:
        raise Problem(400, "malformed", str(error)) from None


@operation(
    "GET",
    "/v1/patients/{n_pb}/consents",
    right=Right.PATIENT,
    tag="Patients",
    parameters=PatientNumber,
    answers=Content(JSON, ConsentList),
)
async def list_consents(call: Call[PatientNumber]) -> web.StreamResponse:
    """A patient's statements of consent that this node holds"""
    number = call.parameters.n_pb
    await check_patient(call, number)
    await call.desk.patient(number)
    answer = ConsentList(consents=await call.desk.dossiers.consents(number))
    return json_answer(ConsentList, answer)


@operation(
    "GET",
    "/v1/patients/{n_pb}/consents/{id}",
    right=Right.PATIENT,
    tag="Patients",
    parameters=ConsentPath,
    answers=Content(OCTETS, note="The canonical bytes of R-CST2."),
)
async def get_consent(call: Call[ConsentPath]) -> web.StreamResponse:
    """One statement as the patient signed it

    Another node keeps it as well when it is brought there.
    """
    asked = call.parameters
    await check_patient(call, asked.n_pb)
    signed = await call.desk.dossiers.consent(asked.n_pb, bytes.fromhex(asked.id))
    return tagged_answer(call.request, signed, OCTETS)


@operation(
    "POST",
    "/v1/consents",
    right=Right.CONSENT,
    tag="Patients",
    accepts=Content(JSON, SignedStatement),
    answers=Content(JSON, ConsentView),
    status=201,
    repeatable=True,
)
async def bring_consent(call: Call[NoParameters]) -> web.StreamResponse:
    """Bring a statement that a patient has signed: a grant, or the revocation of one

    The patient's own key signs it, so whoever brings it adds no authority. A patient's own user
    brings her own only.
    """
    signed = await read_model(call.request, SignedStatement, CONSENT_BYTES)
    if call.reach is Reach.OWN and patient_named(signed.consent) != call.user.patient:
        raise Problem(404, "not_found", "sign it with the wallet of your own record")
    dossiers, user = call.desk.dossiers, call.user.name
    return await answer_once(
        call, signed.consent, ConsentView, lambda: dossiers.accept_consent(signed.consent, user)
    )


@operation(
    "GET",
    "/v1/patients/{n_pb}/timeline",
    right=Right.PATIENT,
    tag="Patients",
    parameters=PatientNumber,
    answers=Content(JSON, TimelineView),
)
async def get_timeline(call: Call[PatientNumber]) -> web.StreamResponse:
    """A patient's consultations: phases with their blocks, and what may come next

    The ten phases of a tumour consultation and the short ones of an X-ray's, each beginning anew
    after a treatment or a negative result.
    """
    await check_patient(call, call.parameters.n_pb)
    return json_answer(TimelineView, await call.desk.dossiers.timeline(call.parameters.n_pb))


OPERATIONS = (list_consents, get_consent, bring_consent, get_timeline)
