"""Reading what a caller sends: bounded, timed, and never into a name the caller chose.

A part goes to the spool in pieces of `PIECE_BYTES` written by a thread, hashed on the way when an
idempotency key asks for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from medquorum.node.api.limits import (
    BODY_SECONDS,
    JSON_BYTES,
    PIECE_BYTES,
    SLOWEST_BYTES_PER_SECOND,
    STREAMED_PART_BYTES,
)
from medquorum.node.api.operation import JSON
from medquorum.node.api.problems import Problem, from_validation

M = TypeVar("M", bound=BaseModel)


async def read_body(request: web.Request, limit_bytes: int) -> bytes:
    """The whole body; Problem 413 past the limit, TimeoutError when it takes too long."""
    if (request.content_length or 0) > limit_bytes:
        raise _too_large(limit_bytes)
    received = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        async for piece in request.content.iter_any():
            received += piece
            if len(received) > limit_bytes:
                raise _too_large(limit_bytes)
    return bytes(received)


async def read_octets(request: web.Request, limit_bytes: int) -> bytes:
    """A body of octets; a form's content type, which needs no preflight, is refused."""
    if request.content_type != "application/octet-stream":
        raise Problem(400, "media", "send it as application/octet-stream")
    return await read_body(request, limit_bytes)


async def read_model(
    request: web.Request,
    model: type[M],
    limit_bytes: int = JSON_BYTES,
    known: Iterable[str] | None = None,
) -> M:
    """A JSON body of this model; `known` are the fields a fault may name, else its own."""
    if request.content_type != JSON:
        raise Problem(400, "media", "send it as application/json")
    body = await read_body(request, limit_bytes)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise from_validation(error, known or model.model_fields, "body") from None


def _too_large(limit_bytes: int) -> Problem:
    return Problem(413, "too_large", f"at most {limit_bytes} bytes here")


class Pace:
    """Refuses a stream that is silent or dribbles."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._received = 0

    def took(self, received: int) -> None:
        """Count bytes; TimeoutError when they came too slowly altogether."""
        self._received += received
        elapsed = time.monotonic() - self._started
        if elapsed > BODY_SECONDS + self._received / SLOWEST_BYTES_PER_SECOND:
            raise TimeoutError


@contextmanager
def spool_folder(spool: Path) -> Iterator[Path]:
    """A folder of its own for one request, removed with everything in it."""
    folder = spool / secrets.token_hex(16)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def empty_spool(spool: Path) -> None:
    """Remove what a killed process left: uploads that nobody acknowledged."""
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in spool.iterdir():
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)


async def spool_part(
    pieces: AsyncIterator[bytes], target: Path, threads: ThreadPoolExecutor, *, hashed: bool
) -> bytes:
    """Write a stream to a new file; its SHA-256, or nothing when not asked for.

    Receiving and writing overlap by one piece. Problem 413 past the limit of a part, 503 when the
    disk is full.
    """
    loop = asyncio.get_running_loop()
    digest = hashlib.sha256() if hashed else None
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    written: asyncio.Future[None] | None = None
    try:
        async for gathered in _gathered(pieces):
            if written is not None:
                await written
            written = loop.run_in_executor(threads, _write, descriptor, gathered, digest)
        if written is not None:
            await written
    finally:
        if written is not None and not written.done():
            await asyncio.wait({written})
        os.close(descriptor)
    return b"" if digest is None else digest.digest()


def _write(descriptor: int, gathered: list[bytes], digest: hashlib._Hash | None) -> None:
    """Write pieces whole, in a thread."""
    for piece in gathered:
        if digest is not None:
            digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(descriptor, view) :]


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Lists of pieces of about PIECE_BYTES, so that a thread's hop is worth it."""
    gathered: list[bytes] = []
    size = total = 0
    async for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        total += len(piece)
        if total > STREAMED_PART_BYTES:
            raise _too_large(STREAMED_PART_BYTES)
        if size >= PIECE_BYTES:
            yield gathered
            gathered, size = [], 0
    if gathered:
        yield gathered
