"""The gate before every operation: whose token it is, what it may do, from which page it came.

A cookie is sent by the browser whoever asks for it, so a request that rests on one and changes
something must carry an Origin of our own. A foreign Origin is refused whatever it rests on.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from medquorum.node.accounts import Accounts, TokenKind, User
from medquorum.node.api.limits import IN_FLIGHT
from medquorum.node.api.permissions import Reach, Right, reach_of, roles_with
from medquorum.node.api.problems import Problem

COOKIE: Final = "__Host-medquorum"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="medquorum"'}

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}
"""On every answer that does not say otherwise."""


def presented(request: web.Request) -> tuple[str, TokenKind] | None:
    """The token of a request: the Authorization header before the cookie."""
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(401, "scheme", "authorise with: Authorization: Bearer TOKEN", _CHALLENGE)
        return text.strip(), TokenKind.BEARER
    cookie = request.cookies.get(COOKIE)
    return None if cookie is None else (cookie, TokenKind.SESSION)


async def authorised(request: web.Request, accounts: Accounts, right: Right) -> tuple[User, Reach]:
    """The user and how far the right goes; Problem 401 without a good token, 403 without right."""
    token = presented(request)
    user = None if token is None else await accounts.authenticate(*token)
    if user is None:
        raise Problem(401, "unauthorised", "log in, or send a token that is valid", _CHALLENGE)
    reach = reach_of(user.role, right)
    if reach is Reach.NONE:
        roles = ", ".join(role.value for role in roles_with(right))
        raise Problem(
            403,
            "role",
            f"the role {user.role.value} may not do {right.value}; use a token of: {roles}",
        )
    return user, reach


def check_origin(request: web.Request, public_origin: str | None, *, cookie_only: bool) -> None:
    """Problem 403 for an unsafe request from a foreign page.

    With `cookie_only` the request rests on the session cookie unless it has an Authorization
    header, and then an Origin must be there.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    rests_on_cookie = cookie_only and "Authorization" not in request.headers
    if origin is None and not rests_on_cookie:
        return
    own = public_origin or f"{request.scheme}://{request.host}"
    if origin != own or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Problem(403, "origin", "send this from the node's own page")


async def harden(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that keep an answer from being sniffed, framed, cached or referred to."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def bounded_concurrency() -> Middleware:
    """A middleware that takes IN_FLIGHT requests at once and sends the next away."""
    under_way = 0

    @web.middleware
    async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal under_way
        if under_way >= IN_FLIGHT:
            raise Problem(503, "busy", "too many requests at once; try again", {"Retry-After": "1"})
        under_way += 1
        try:
            return await handler(request)
        finally:
            under_way -= 1

    return bounded
