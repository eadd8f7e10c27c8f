"""Errors as problem+json (RFC 9457): a stable rule, and what to do; never patient content.

Every way a request can fail ends here. What we did not foresee is logged by its type and place and
answered with nothing but `internal`: a message of a library may quote what it was given.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from medquorum.ledger.errors import LedgerError
from medquorum.node.accounts import AccountError, TooManyLogins
from medquorum.node.api.phrases import phrase_faults
from medquorum.node.desk import DeskError
from medquorum.node.logs import describe_exception, get_logger
from medquorum.node.passwords import PasswordRefused, PasswordsBusy
from medquorum.node.store.errors import StoreBusy

PROBLEM_TYPE: Final = "application/problem+json"
_STATUSES: Final = frozenset({400, 401, 403, 404, 409, 413, 422, 429, 503})
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a full disk, a quota or a limit on file sizes answers to whoever writes a file."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ProblemDocument(BaseModel):
    """What every error answer holds."""

    type: str = Field(description="urn:medquorum:problem:<rule>")
    title: str = Field(description="The HTTP status in words")
    status: int
    rule: str = Field(description="Stable name of the reason, for programs")
    detail: str = Field(description="What is wrong and what to do, for people")


class Problem(Exception):
    """A request this API refuses."""

    def __init__(
        self, status: int, rule: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(rule)
        self.status = status
        self.rule = rule
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """The answer."""
        document = ProblemDocument(
            type=f"urn:medquorum:problem:{self.rule}",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            rule=self.rule,
            detail=self.detail,
        )
        return web.Response(
            status=self.status,
            body=json.dumps(document.model_dump()).encode(),
            content_type=PROBLEM_TYPE,
            headers=self.headers,
        )


def from_validation(error: ValidationError, known: Iterable[str], rule: str) -> Problem:
    """A 400 that names fields of ours and what is wrong with them, and nothing that was sent."""
    return Problem(400, rule, phrase_faults(error, known))


def _from_http(error: web.HTTPException) -> Problem:
    match error.status:
        case 404:
            return Problem(404, "no_such_resource", "no such address here; see /docs")
        case 405:
            allow = error.headers.get("Allow", "")
            return Problem(405, "method", f"use one of: {allow}", {"Allow": allow})
        case 413:
            return Problem(413, "too_large", "send less; the limits are in /docs")
        case status:
            return Problem(status, "http", HTTPStatus(status).phrase)


def _from_exception(error: Exception, request: web.Request) -> Problem:
    match error:
        case Problem():
            return error
        case DeskError():
            status = error.status if error.status in _STATUSES else 500
            return Problem(status, error.rule, error.advice)
        case LedgerError():
            return Problem(400, "malformed", str(error))
        case TooManyLogins():
            retry = {"Retry-After": str(-(-error.wait_ms // 1000))}
            return Problem(429, "too_many_logins", str(error), retry)
        case PasswordsBusy():
            return Problem(503, "logins_busy", str(error), {"Retry-After": "3"})
        case PasswordRefused() | AccountError():
            return Problem(400, "account", str(error))
        case StoreBusy():
            return Problem(503, "busy", "the store is busy; try again", {"Retry-After": "1"})
        case TimeoutError():
            return Problem(408, "timeout", "the request came too slowly; send it again")
        case OSError() if error.errno in _DISK_FULL:
            _log_failure("disk_full", error, request)
            return Problem(503, "disk_full", "the node's disk is full; ask the operator")
        case _:
            _log_failure("api_failure", error, request)
            return Problem(500, "internal", "the node failed; its log says where, ask the operator")


def _log_failure(event: str, error: Exception, request: web.Request) -> None:
    # Described here and not by the log's configuration: the message never gets that far.
    where = describe_exception(None, "error", {"exc_info": error})
    get_logger("api").error(event, method=request.method, route=_route(request), **where)


def _route(request: web.Request) -> str:
    """The pattern of the address, never the address itself."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


@web.middleware
async def answer_with_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into problem+json."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _from_http(error).response()
    except ConnectionResetError:
        raise
    except Exception as error:
        return _from_exception(error, request).response()
