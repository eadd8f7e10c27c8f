"""Idempotency keys: a write sent again gets the first answer again and is done once.

Answers are kept durably in the account store for a day. An answer is saved after the work is
durable, so a node may be killed between the two. What is named by its content (votes, sealed
proposals) cannot be doubled even then; other work is given a name that was kept under its key
before it began (`answer_named`), and finds under it what it has done already.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from medquorum.node.accounts import KeptAnswer
from medquorum.node.api.answers import encoded_json
from medquorum.node.api.limits import ANSWER_KEPT_MS
from medquorum.node.api.operation import JSON, Call
from medquorum.node.api.problems import Problem
from medquorum.node.desk import DeskError

HEADER = "Idempotency-Key"
BEGUN: Final = 102
"""In place of an answer's status: work was begun under this key, and the body is its name."""
CREATED: Final = 201
NAME_BYTES: Final = 32
"""As long as a record's name (R-PRO3), and as hard to guess."""
_KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}")

Work = Callable[[], Awaitable[object]]
NamedWork = Callable[[bytes], Awaitable[object]]


def key_of(request: web.Request) -> str | None:
    """The idempotency key of a request; Problem 400 for a malformed one."""
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(400, "idempotency_key", "1 to 128 of A-Z a-z 0-9 . _ : -")
    return key


async def answer_once(call: Call[Any], content: bytes, model: Any, work: Work) -> web.Response:
    """Do `work` and answer 201 with its value as `model`, or answer as the first time.

    `content` stands for what was sent; Problem 422 when the key was used for something else, 409
    while the first request is still under way.
    """
    key = key_of(call.request)
    if key is None:
        return _created(encoded_json(model, await work()))
    with _UnderWay(call, key):
        blank = _blank(call, key, content)
        kept = await _kept(call, blank)
        if kept is not None:
            return _created(kept.body, replayed=True)
        body = encoded_json(model, await work())
        await call.services.accounts.store.save_answer(replace(blank, status=CREATED, body=body))
        return _created(body)


async def answer_named(
    call: Call[Any], content: bytes, model: Any, work: NamedWork
) -> web.Response:
    """The same for work that has a name of NAME_BYTES, random and one for each key.

    The name is durable before the work begins, so that work begun before the node was killed is
    asked for again under the name it had.
    """
    key = key_of(call.request)
    if key is None:
        return _created(encoded_json(model, await work(secrets.token_bytes(NAME_BYTES))))
    store = call.services.accounts.store
    with _UnderWay(call, key):
        begun = _blank(call, key, content)
        kept = await _kept(call, begun)
        if kept is None:
            await store.save_answer(begun)
        elif kept.status != BEGUN:
            return _created(kept.body, replayed=True)
        else:
            begun = kept
        try:
            body = encoded_json(model, await work(begun.body))
        except DeskError as refused:
            if refused.status < 500:  # nothing was done: the key is free for a corrected form
                await store.save_answer(replace(begun, expires_at_ms=0))
            raise
        await store.save_answer(replace(begun, status=CREATED, body=body))
        return _created(body)


class _UnderWay:
    """One request for each user and key at a time; Problem 409 for the next."""

    def __init__(self, call: Call[Any], key: str) -> None:
        self._answering = call.services.answering
        self._entry = (call.user.name, key)

    def __enter__(self) -> None:
        if self._entry in self._answering:
            raise Problem(409, "idempotency_in_flight", "the first request is still under way")
        self._answering.add(self._entry)

    def __exit__(self, *_: object) -> None:
        self._answering.discard(self._entry)


def _blank(call: Call[Any], key: str, content: bytes) -> KeptAnswer:
    """What is kept under a key before there is an answer."""
    route = f"{call.request.method} {call.request.path}\n".encode()
    fingerprint = hashlib.sha256(route + content).digest()
    expires_at_ms = call.services.accounts.now_ms() + ANSWER_KEPT_MS
    name = secrets.token_bytes(NAME_BYTES)
    return KeptAnswer(call.user.name, key, fingerprint, BEGUN, name, expires_at_ms)


async def _kept(call: Call[Any], blank: KeptAnswer) -> KeptAnswer | None:
    """What is kept under the same key for the same request; Problem 422 for another."""
    kept = await call.services.accounts.store.load_answer(blank.user, blank.key)
    if kept is None or kept.expires_at_ms <= call.services.accounts.now_ms():
        return None
    if kept.request != blank.request:
        raise Problem(422, "idempotency_mismatch", "this key was used; take a new one")
    return kept


def _created(body: bytes, *, replayed: bool = False) -> web.Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    return web.Response(status=CREATED, body=body, content_type=JSON, headers=headers)
