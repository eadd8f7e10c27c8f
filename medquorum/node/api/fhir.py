"""The whole record of a patient as one archive: FHIR R4 with the proofs of its blocks."""

from __future__ import annotations

from aiohttp import web

from medquorum.node.api.answers import stream_answer
from medquorum.node.api.operation import Call, Content, operation
from medquorum.node.api.permissions import Right
from medquorum.node.api.schemas import PatientNumber, Purpose
from medquorum.node.api.scope import check_patient
from medquorum.node.desk import Reader

ZIP = "application/zip"


class DownloadQuery(PatientNumber):
    """What to put in, and what it is read for."""

    purpose: Purpose = "treatment"
    images: bool = False
    """Images as they were handed in; gigabytes at times."""


@operation(
    "GET",
    "/v1/patients/{n_pb}/record.zip",
    right=Right.RECORD,
    tag="Patients",
    parameters=DownloadQuery,
    answers=Content(ZIP, note="A zip with a FHIR R4 bundle, the charter and a proof per block."),
)
async def download_record(call: Call[DownloadQuery]) -> web.StreamResponse:
    """A patient's whole record as FHIR R4, with the proof of every block

    Every part in it is logged as read. The patient is named by number and key only. A connection
    that breaks off is an archive that is not whole.
    """
    asked = call.parameters
    await check_patient(call, asked.n_pb)
    reader = Reader(
        call.user.name,
        call.user.role.value,
        asked.purpose,
        {"address": call.address},
    )
    pieces = await call.desk.dossiers.download(asked.n_pb, reader, images=asked.images)
    disposition = {"Content-Disposition": f'attachment; filename="patient-{asked.n_pb}.zip"'}
    return await stream_answer(call.request, pieces, headers=disposition, media=ZIP)


OPERATIONS = (download_record,)
