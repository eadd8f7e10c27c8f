"""Logging in and out, users and tokens."""

from __future__ import annotations

from aiohttp import web

from medquorum.node.accounts import AccountError, Grant, TokenKind, User
from medquorum.node.api.answers import json_answer
from medquorum.node.api.bodies import read_model
from medquorum.node.api.gate import COOKIE, presented
from medquorum.node.api.operation import JSON, Call, Content, operation
from medquorum.node.api.parameters import NoParameters
from medquorum.node.api.permissions import Right, rights_of
from medquorum.node.api.problems import Problem
from medquorum.node.api.schemas import (
    Login,
    LoginAnswer,
    NewToken,
    NewUser,
    Revoked,
    SessionAnswer,
    UserAnswer,
    UserList,
    UserPath,
)
from medquorum.node.viewing.service import VIEWING


def _login_answer(grant: Grant, *, show: bool) -> LoginAnswer:
    token = grant.token
    return LoginAnswer(
        user=token.user,
        role=token.role,
        expires_at_ms=token.expires_at_ms,
        token=grant.text if show else None,
    )


def _set_cookie(answer: web.Response, text: str) -> None:
    answer.set_cookie(COOKIE, text, path="/", secure=True, httponly=True, samesite="Strict")


@operation(
    "POST",
    "/v1/login",
    right=None,
    tag="Access",
    accepts=Content(JSON, Login),
    answers=Content(JSON, LoginAnswer),
)
async def log_in(call: Call[NoParameters]) -> web.StreamResponse:
    """Log in with name and password

    A new session each time: `session` sets a cookie for the page, `bearer` answers a token for
    programs. Five wrong attempts a minute for an account.
    """
    login = await read_model(call.request, Login)
    accounts = call.services.accounts
    kind = TokenKind(login.kind)
    try:
        grant = await accounts.log_in(login.name, login.password, address=call.address, kind=kind)
    except AccountError as error:
        raise Problem(401, "login", str(error)) from None
    if (earlier := call.request.cookies.get(COOKIE)) is not None:
        await accounts.revoke(earlier)
    answer = json_answer(LoginAnswer, _login_answer(grant, show=kind is TokenKind.BEARER))
    if kind is TokenKind.SESSION:
        _set_cookie(answer, grant.text)
    return answer


@operation(
    "POST",
    "/v1/logout",
    right=Right.SESSION,
    tag="Access",
    answers=Content(JSON, note="Nothing."),
    status=204,
)
async def log_out(call: Call[NoParameters]) -> web.StreamResponse:
    """End this session or token"""
    if (token := presented(call.request)) is not None:
        await call.services.accounts.revoke(token[0])
    answer = web.Response(status=204)
    answer.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
    return answer


@operation(
    "GET",
    "/v1/session",
    right=None,
    tag="Access",
    answers=Content(JSON, SessionAnswer),
)
async def get_session(call: Call[NoParameters]) -> web.StreamResponse:
    """Who is asking

    And what that role may do: a page shows no door that is closed to its user. Nobody, where no
    good token comes with the request: a page asks before anyone has signed in.
    """
    token = presented(call.request)
    user = None if token is None else await call.services.accounts.authenticate(*token)
    answer = SessionAnswer(
        user=None if user is None else user.name,
        role=None if user is None else user.role,
        patient=None if user is None else user.patient,
        rights=() if user is None else tuple(right.value for right in rights_of(user.role)),
        idle_lock_ms=call.services.idle_lock_ms,
    )
    if Right.RECORD.value in answer.rights:
        call.request.app[VIEWING].images.spare.warm()  # a page was loaded: images may follow
    return json_answer(SessionAnswer, answer)


@operation(
    "POST",
    "/v1/session/renewal",
    right=Right.SESSION,
    tag="Access",
    answers=Content(JSON, note="Nothing."),
    status=204,
)
async def renew_session(call: Call[NoParameters]) -> web.StreamResponse:
    """Change the session's token for a new one

    For the page, from time to time and whenever a key is opened. The end of the working day stays
    where it was; requests under way may come with the old token for some seconds more.
    """
    token = presented(call.request)
    if token is None or token[1] is not TokenKind.SESSION:
        raise Problem(400, "session", "only a session of the page is renewed; log in again")
    try:
        text = await call.services.accounts.renew(token[0])
    except AccountError as error:
        raise Problem(401, "unauthorised", str(error)) from None
    answer = web.Response(status=204)
    if text is not None:
        _set_cookie(answer, text)
    return answer


@operation(
    "POST",
    "/v1/logout/everywhere",
    right=Right.SESSION,
    tag="Access",
    answers=Content(JSON, Revoked),
)
async def log_out_everywhere(call: Call[NoParameters]) -> web.StreamResponse:
    """End every session and token of the caller"""
    ended = await call.services.accounts.revoke_all(call.user.name)
    answer = json_answer(Revoked, Revoked(ended=ended))
    answer.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
    return answer


def _user_answer(user: User) -> UserAnswer:
    return UserAnswer(
        name=user.name,
        role=user.role,
        created_at_ms=user.created_at_ms,
        has_password=user.password_phc is not None,
        patient=user.patient,
        active=user.active,
    )


@operation(
    "POST",
    "/v1/users",
    right=Right.USERS,
    tag="Access",
    accepts=Content(JSON, NewUser),
    answers=Content(JSON, UserAnswer),
    status=201,
)
async def add_user(call: Call[NoParameters]) -> web.StreamResponse:
    """Add a user"""
    new = await read_model(call.request, NewUser)
    user = await call.services.accounts.add_user(
        new.name, new.role, password=new.password, patient=new.patient
    )
    return json_answer(UserAnswer, _user_answer(user), 201)


@operation("GET", "/v1/users", right=Right.USERS, tag="Access", answers=Content(JSON, UserList))
async def list_users(call: Call[NoParameters]) -> web.StreamResponse:
    """All users"""
    users = await call.services.accounts.store.users()
    return json_answer(UserList, UserList(users=tuple(_user_answer(user) for user in users)))


@operation(
    "POST",
    "/v1/tokens",
    right=Right.USERS,
    tag="Access",
    accepts=Content(JSON, NewToken),
    answers=Content(JSON, LoginAnswer),
    status=201,
)
async def make_token(call: Call[NoParameters]) -> web.StreamResponse:
    """Make a bearer token for a user

    Its text is shown this once; the node keeps its hash.
    """
    new = await read_model(call.request, NewToken)
    grant = await call.services.accounts.new_token(
        new.user, label=new.label, lifetime_ms=new.lifetime_days * 86_400_000
    )
    return json_answer(LoginAnswer, _login_answer(grant, show=True), 201)


@operation(
    "DELETE",
    "/v1/users/{name}/tokens",
    right=Right.USERS,
    tag="Access",
    parameters=UserPath,
    answers=Content(JSON, Revoked),
)
async def revoke_tokens(call: Call[UserPath]) -> web.StreamResponse:
    """End every session and token of a user"""
    ended = await call.services.accounts.revoke_all(call.parameters.name)
    return json_answer(Revoked, Revoked(ended=ended))


OPERATIONS = (
    log_in,
    log_out,
    log_out_everywhere,
    get_session,
    renew_session,
    add_user,
    list_users,
    make_token,
    revoke_tokens,
)
