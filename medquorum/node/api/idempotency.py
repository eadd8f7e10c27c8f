"""Idempotency keys: a write sent again gets the first answer again and is done once.

Answers are kept durably in the account store for a day. An answer is saved after the work is
durable, so a node killed between the two may do a repeated submission twice; votes and sealed
proposals are named by their content and cannot be doubled even then.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from medquorum.node.accounts import KeptAnswer
from medquorum.node.api.answers import encoded_json
from medquorum.node.api.limits import ANSWER_KEPT_MS
from medquorum.node.api.operation import JSON, Call
from medquorum.node.api.problems import Problem

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def key_of(request: web.Request) -> str | None:
    """The idempotency key of a request; Problem 400 for a malformed one."""
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(400, "idempotency_key", "1 to 128 of A-Z a-z 0-9 . _ : -")
    return key


async def answer_once(
    call: Call[Any], content: bytes, model: Any, work: Callable[[], Awaitable[object]]
) -> web.Response:
    """Do `work` and answer 201 with its value as `model`, or answer as the first time.

    `content` stands for what was sent; Problem 422 when the key was used for something else, 409
    while the first request is still under way.
    """
    key = key_of(call.request)
    if key is None:
        return _created(encoded_json(model, await work()))
    user, store = call.user.name, call.services.accounts.store
    route = f"{call.request.method} {call.request.path}\n".encode()
    fingerprint = hashlib.sha256(route + content).digest()
    if (user, key) in call.services.answering:
        raise Problem(409, "idempotency_in_flight", "the first request is still under way")
    call.services.answering.add((user, key))
    try:
        now_ms = call.services.accounts.now_ms()
        kept = await store.load_answer(user, key)
        if kept is not None and kept.expires_at_ms > now_ms:
            if kept.request != fingerprint:
                raise Problem(422, "idempotency_mismatch", "this key was used; take a new one")
            return _created(kept.body, replayed=True)
        body = encoded_json(model, await work())
        answer = KeptAnswer(user, key, fingerprint, 201, body, now_ms + ANSWER_KEPT_MS)
        await store.save_answer(answer)
        return _created(body)
    finally:
        call.services.answering.discard((user, key))


def _created(body: bytes, *, replayed: bool = False) -> web.Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    return web.Response(status=201, body=body, content_type=JSON, headers=headers)
