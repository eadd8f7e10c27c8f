"""One operation of the API: its address, right, schemas and handler in one value.

The decorator makes the value; the application routes it and the OpenAPI page is built from the
same fields, so that what is documented is what is checked. No registry: each module of handlers
lists its own operations in `OPERATIONS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from aiohttp import web
from pydantic import ValidationError

from medquorum.node.accounts import Accounts, User
from medquorum.node.api.client_address import TrustedProxies, client_address
from medquorum.node.api.gate import authorised, check_origin
from medquorum.node.api.limits import IDLE_LOCK_MS, SPOOL_WRITERS
from medquorum.node.api.parameters import NoParameters, Parameters
from medquorum.node.api.permissions import Reach, Right
from medquorum.node.api.problems import Problem, from_validation
from medquorum.node.desk import Desk

JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"
EVENT_STREAM: Final = "text/event-stream"
MULTIPART: Final = "multipart/form-data"


P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True, slots=True)
class Services:
    """What every handler works with."""

    desk: Desk
    accounts: Accounts
    spool: Path
    public_origin: str | None = None
    """The origin browsers see when a proxy stands before the node."""
    idle_lock_ms: int = IDLE_LOCK_MS
    """After this long without a hand on it a page locks itself."""
    trusted_proxies: TrustedProxies = ()
    """Proxies before the node whose word about a client's address counts."""
    writers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(SPOOL_WRITERS, thread_name_prefix="spool")
    )
    answering: set[tuple[str, str]] = field(default_factory=set)
    """(user, idempotency key) of writes under way."""
    streams: set[asyncio.Task[Any]] = field(default_factory=set)
    """Tasks of open event streams, ended at shutdown."""


SERVICES: Final = web.AppKey("services", Services)


@dataclass(frozen=True, slots=True)
class Content:
    """What a request or an answer holds."""

    media: str
    model: Any = None
    """A type that pydantic can describe; None for octets."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Call(Generic[P]):
    """One checked request."""

    request: web.Request
    parameters: P
    services: Services
    reach: Reach
    caller: User | None

    @property
    def desk(self) -> Desk:
        """The running node."""
        return self.services.desk

    @property
    def address(self) -> str:
        """The address the request comes from: what guesses are counted by, and what is logged."""
        return client_address(self.request, self.services.trusted_proxies)

    @property
    def user(self) -> User:
        """Who asks; only in operations that need a right."""
        if self.caller is None:
            raise AssertionError("a public operation has no user")
        return self.caller


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    method: str
    path: str
    right: Right | None
    """None: everybody."""
    tag: str
    parameters: type[Parameters]
    accepts: Content | None
    answers: Content
    status: int
    repeatable: bool
    """Whether it takes an Idempotency-Key."""
    name: str
    summary: str
    description: str
    handler: Callable[[Call[Any]], Awaitable[web.StreamResponse]]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Check origin, right and parameters, cheap to dear, then do it."""
        services = request.app[SERVICES]
        check_origin(request, services.public_origin, cookie_only=False)
        user, reach = None, Reach.ALL
        if self.right is not None:
            user, reach = await authorised(request, services.accounts, self.right)
            check_origin(request, services.public_origin, cookie_only=True)
        parameters = self._parameters(request)
        return await self.handler(Call(request, parameters, services, reach, user))

    def _parameters(self, request: web.Request) -> Parameters:
        given = dict(request.match_info)
        for name, text in request.query.items():
            if name in given:
                raise Problem(400, "parameter", "name each parameter once")
            given[name] = text
        try:
            return self.parameters.model_validate_strings(given)
        except ValidationError as error:
            raise from_validation(error, self.parameters.model_fields, "parameter") from None


Handling = Callable[[Call[P]], Awaitable[web.StreamResponse]]


def operation(
    method: str,
    path: str,
    *,
    right: Right | None,
    tag: str,
    answers: Content,
    accepts: Content | None = None,
    parameters: type[Parameters] = NoParameters,
    status: int = 200,
    repeatable: bool = False,
) -> Callable[[Handling[P]], Operation]:
    """Make an operation of a handler; summary and description are its docstring."""

    def make(handler: Handling[P]) -> Operation:
        summary, _, description = (handler.__doc__ or "").strip().partition("\n")
        return Operation(
            method=method,
            path=path,
            right=right,
            tag=tag,
            parameters=parameters,
            accepts=accepts,
            answers=answers,
            status=status,
            repeatable=repeatable,
            name=getattr(handler, "__name__", path),
            summary=summary,
            description=" ".join(description.split()),
            handler=handler,
        )

    return make
