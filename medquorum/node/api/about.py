"""The node in one glance, its charter file, its health."""

from __future__ import annotations

from aiohttp import web

from medquorum.node.api.answers import json_answer, tagged_answer
from medquorum.node.api.operation import JSON, OCTETS, Call, Content, operation
from medquorum.node.api.parameters import NoParameters
from medquorum.node.api.permissions import Right
from medquorum.node.api.schemas import Liveness, Readiness, ReadyQuery
from medquorum.node.views import StatusView


@operation("GET", "/v1/status", right=Right.STATUS, tag="Node", answers=Content(JSON, StatusView))
async def get_status(call: Call[NoParameters]) -> web.StreamResponse:
    """The node in one glance"""
    return json_answer(StatusView, call.desk.status())


@operation(
    "GET",
    "/v1/charter/bytes",
    right=Right.CHARTER,
    tag="Node",
    answers=Content(OCTETS, note="The charter file of R-CHA6."),
)
async def get_charter_bytes(call: Call[NoParameters]) -> web.StreamResponse:
    """The signed founding charter file

    All that offline verification needs beside an export or a proof.
    """
    return tagged_answer(call.request, call.desk.charter_file.encoded(), OCTETS)


@operation("GET", "/livez", right=None, tag="Health", answers=Content(JSON, Liveness))
async def get_liveness(_call: Call[NoParameters]) -> web.StreamResponse:
    """The process answers"""
    return json_answer(Liveness, Liveness())


@operation(
    "GET",
    "/readyz",
    right=None,
    tag="Health",
    parameters=ReadyQuery,
    answers=Content(JSON, Readiness),
)
async def get_readiness(call: Call[ReadyQuery]) -> web.StreamResponse:
    """Whether the node can serve

    503 while it cannot; `?verbose` says what is missing.
    """
    status = call.desk.status()
    reasons = status.not_ready if call.parameters.verbose is not None else ()
    readiness = Readiness(ready=status.ready, reasons=reasons)
    return json_answer(Readiness, readiness, 200 if status.ready else 503)


OPERATIONS = (get_status, get_charter_bytes, get_liveness, get_readiness)
