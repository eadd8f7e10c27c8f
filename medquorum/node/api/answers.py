"""Answers: JSON of typed views, entity tags, streams that break rather than end early."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from functools import lru_cache
from typing import Any, Final

from aiohttp import web
from pydantic import TypeAdapter

from medquorum.node.api.operation import JSON, OCTETS
from medquorum.node.logs import describe_exception, get_logger

REVALIDATE: Final = {"Cache-Control": "private, no-cache"}


@lru_cache(maxsize=64)
def adapter_of(model: Any) -> TypeAdapter[Any]:
    """The pydantic adapter of a type, made once."""
    return TypeAdapter(model)


def encoded_json(model: Any, value: object) -> bytes:
    """JSON of a value of this type."""
    return adapter_of(model).dump_json(value)


def json_answer(model: Any, value: object, status: int = 200) -> web.Response:
    """JSON that nobody keeps."""
    return web.Response(status=status, body=encoded_json(model, value), content_type=JSON)


def tagged_answer(request: web.Request, body: bytes, media: str) -> web.Response:
    """An answer with an entity tag; 304 when the caller has it already (RFC 9110, 13.1.2)."""
    tag = hashlib.sha256(body).hexdigest()[:32]
    known = request.if_none_match or ()
    if any(each.value in (tag, "*") for each in known):
        response = web.Response(status=304, headers=REVALIDATE)
    else:
        response = web.Response(body=body, content_type=media, headers=REVALIDATE)
    response.etag = tag
    return response


async def stream_answer(
    request: web.Request,
    pieces: AsyncIterator[bytes],
    *,
    headers: Mapping[str, str] | None = None,
    media: str = OCTETS,
) -> web.StreamResponse:
    """Stream pieces; refusals before the first are ordinary answers.

    A failure after it aborts the connection: in chunked coding the missing end tells the reader
    that what she has is not whole.
    """
    async with _closing(pieces) as source:
        first = await anext(source, None)
        response = web.StreamResponse(headers={"Content-Type": media, **(headers or {})})
        await response.prepare(request)
        try:
            if first is not None:
                await response.write(first)
            async for piece in source:
                await response.write(piece)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception as error:
            where = describe_exception(None, "error", {"exc_info": error})
            get_logger("api").error("api_stream_broken", method=request.method, **where)
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the stream was broken off") from None
    await response.write_eof()
    return response


def _closing(pieces: AsyncIterator[bytes]) -> Any:
    """Close generators at the end; other iterators have nothing to close."""
    return aclosing(pieces) if hasattr(pieces, "aclose") else _Open(pieces)


class _Open:
    """A context that leaves its iterator alone."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def __aenter__(self) -> AsyncIterator[bytes]:
        return self._pieces

    async def __aexit__(self, *_ignored: object) -> None:
        return None
