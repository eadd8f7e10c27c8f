"""Submitting plain parts, which the node seals and signs with its issuing key."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from medquorum.node.api.bodies import spool_folder
from medquorum.node.api.idempotency import answer_named
from medquorum.node.api.operation import JSON, MULTIPART, Call, Content, operation
from medquorum.node.api.parameters import NoParameters
from medquorum.node.api.permissions import Right
from medquorum.node.api.submission_form import SubmissionSchema, read_submission
from medquorum.node.desk import Receipt


@operation(
    "POST",
    "/v1/submissions",
    right=Right.SUBMIT,
    tag="Proposals",
    accepts=Content(MULTIPART, SubmissionSchema, note="Parts up to 2 GiB each are streamed."),
    answers=Content(JSON, Receipt),
    status=201,
    repeatable=True,
)
async def submit(call: Call[NoParameters]) -> web.StreamResponse:
    """Submit images, results, forms or reports of this institution

    The node seals, signs, stores and gossips; the answer means durable. Structured parts are JSON
    fields or files of canonical bytes, the others files; each under its part name.
    """
    with spool_folder(call.services.spool) as folder:
        submission, content = await read_submission(call.request, call.services, folder)

        async def work(name: bytes) -> Receipt:
            return await call.desk.submit(replace(submission, record=name))

        return await answer_named(call, content, Receipt, work)


OPERATIONS = (submit,)
