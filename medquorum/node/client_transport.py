"""How the client speaks HTTP: one session, errors as values of the API, streams checked to the end.

It follows no redirect, keeps no cookie and asks no proxy, so a token goes to one node only.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from pydantic import TypeAdapter, ValidationError

ANSWER_SECONDS: Final = 60.0
"""Longest silence of a node within an answer."""
CONNECT_SECONDS: Final = 5.0
PIECE_BYTES: Final = 1_048_576
PROBLEM_BYTES: Final = 65_536

T = TypeVar("T")


class ApiProblem(Exception):
    """The node refused: `rule` is stable, `detail` says what to do."""

    def __init__(self, status: int, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.status = status
        self.rule = rule
        self.detail = detail


class NodeUnreachable(Exception):
    """No node answers there, or the connection broke; the message says where."""


@lru_cache(maxsize=64)
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


@contextmanager
def _reachable(base_url: str) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        raise NodeUnreachable(
            f"{base_url} does not answer as it should ({type(error).__name__}); is it started?"
        ) from error


class Transport:
    """One connection pool to one node."""

    def __init__(
        self, base_url: str, token: str | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("the node's URL is like http://127.0.0.1:8443")
        self.base_url = base_url.rstrip("/")
        self.token = token
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            tls = self._tls if self._tls is not None else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=64, ssl=tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS
                ),
                trust_env=False,
                read_bufsize=PIECE_BYTES,
            )
        return self._session

    @asynccontextmanager
    async def response(
        self, method: str, path: str, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An open answer of status 2xx (or of those in `also`).

        ApiProblem for the others, NodeUnreachable for none.
        """
        also: Collection[int] = options.pop("also", ())
        headers = dict(options.pop("headers", {}))
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        with _reachable(self.base_url):
            async with self._opened().request(
                method,
                self.base_url + path,
                headers=headers,
                allow_redirects=False,
                **options,
            ) as answer:
                if not 200 <= answer.status < 300 and answer.status not in also:
                    raise await _problem(answer)
                yield answer

    async def octets(self, method: str, path: str, **options: Any) -> bytes:
        """The body of an answer."""
        async with self.response(method, path, **options) as answer:
            return await answer.read()

    async def typed(self, model: type[T], method: str, path: str, **options: Any) -> T:
        """The answer as this type; ApiProblem `answer` when the node speaks another version."""
        body = await self.octets(method, path, **options)
        try:
            key: Any = model
            value: T = _adapter(key).validate_json(body)
        except ValidationError:
            raise ApiProblem(
                502, "answer", f"the node's answer is no {model.__name__}; use its own version"
            ) from None
        return value

    async def stream(self, path: str, **options: Any) -> AsyncIterator[bytes]:
        """Pieces of an answer; NodeUnreachable when it breaks off before its end."""
        async with self.response("GET", path, **options) as answer:
            async for piece in answer.content.iter_any():
                yield piece

    async def download(self, path: str, target: Path, **options: Any) -> int:
        """Stream an answer to a new file, which stays only if it is whole; bytes written."""
        written = 0
        try:
            with target.open("xb") as file:
                async for piece in self.stream(path, **options):
                    await asyncio.to_thread(file.write, piece)
                    written += len(piece)
        except FileExistsError:
            raise
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return written


async def _problem(answer: aiohttp.ClientResponse) -> ApiProblem:
    body = await answer.content.read(PROBLEM_BYTES)
    try:
        document: Mapping[str, Any] = _adapter(dict[str, Any]).validate_json(body)
        return ApiProblem(answer.status, str(document["rule"]), str(document["detail"]))
    except (ValidationError, KeyError):
        return ApiProblem(answer.status, "http", f"{answer.reason}: is this a Medquorum node?")
