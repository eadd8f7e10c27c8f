"""The AI entity's view of its own node: the HTTP API and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from medquorum.ai_entity.approval import Approval, approval_of

PIECE_BYTES: Final = 1_048_576
SILENCE_S: Final = 60.0
SETTLE_S: Final = 0.05
"""Events closer to one another than this are one change."""


class NodeRefused(Exception):
    """The node answered with a problem; `rule` is its stable reason."""

    def __init__(self, status: int, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.status = status
        self.rule = rule


class NodeAway(Exception):
    """The node does not answer; try again later."""


@dataclass(frozen=True, slots=True)
class ReportForm:
    """One report proposal as the API takes it."""

    patient: int
    references: tuple[str, ...]
    report: Mapping[str, Any]
    """The map of R-CON3."""
    provenance: Mapping[str, Any]
    attachment: bytes | None


class NodeApi:
    """One connection pool to the node, as its AI user."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None
        self._last_event = 0
        """Events up to this one have been answered by a round."""

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=SILENCE_S)
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def _request(self, method: str, path: str, **options: Any) -> Any:
        if self._session is None:
            raise RuntimeError("enter the NodeApi with `async with` first")
        return self._session.request(method, self._url + path, allow_redirects=False, **options)

    async def json(self, path: str, **parameters: object) -> Any:
        """The JSON answer of a GET; NodeRefused or NodeAway otherwise."""
        asked = {name: str(value) for name, value in parameters.items()}
        try:
            async with self._request("GET", path, params=asked) as answer:
                return await _checked(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NodeAway(type(error).__name__) from None

    async def blocks(self, after: int, limit: int = 100) -> list[dict[str, Any]]:
        """Blocks above a height, ascending."""
        page = await self.json("/v1/blocks", after=after, limit=limit)
        return list(page["blocks"])

    async def open_proposals(self) -> list[dict[str, Any]]:
        """What is not decided yet, newest first."""
        page = await self.json("/v1/proposals", state="open", limit=500)
        return list(page["proposals"])

    async def own_address(self) -> str:
        """The address of the node's member, the AI entity."""
        return str((await self.json("/v1/status"))["address"])

    async def approval(self, address: str) -> Approval:
        """Which models the charter in force lets that member report with (R-AI4)."""
        charter = await self.json("/v1/charter")
        try:
            return approval_of(charter, address)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise NodeRefused(200, "answer", "the node's charter cannot be read") from None

    async def propose_amendment(self, changes: Sequence[Mapping[str, object]]) -> str:
        """Ask for changes of the charter in the institution's name; the proposal id.

        The token must be an operator's of the node. The node signs; the doctors decide (R-GOV4).
        """
        act = {"type": "amendment", "changes": [dict(change) for change in changes]}
        try:
            async with self._request("POST", "/v1/governance/acts", json={"act": act}) as answer:
                accepted = await _checked(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NodeAway(type(error).__name__) from None
        return str(accepted["proposal"])

    async def download(
        self, record: str, part: str, target: Path, purpose: str = "treatment"
    ) -> None:
        """The plaintext of a body part as a file; the node logs the reading and its purpose."""
        await self._to_file(f"/v1/records/{record}/{part}", {"purpose": purpose}, target)

    async def export(self, target: Path) -> None:
        """The whole final chain as a file (R-EXP1)."""
        await self._to_file("/v1/chain/export", {}, target)

    async def _to_file(self, path: str, parameters: Mapping[str, str], target: Path) -> None:
        try:
            async with self._request("GET", path, params=parameters) as answer:
                if answer.status != 200:
                    await _checked(answer)
                with target.open("wb") as file:
                    async for piece in answer.content.iter_chunked(PIECE_BYTES):
                        await asyncio.to_thread(file.write, piece)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NodeAway(type(error).__name__) from None

    async def submit(self, form: ReportForm) -> str:
        """Propose a report; its proposal id."""
        parts = aiohttp.FormData(default_to_multipart=True)
        parts.add_field("type", "report")
        parts.add_field("patient", str(form.patient))
        parts.add_field("references", json.dumps(list(form.references)))
        parts.add_field("provenance", json.dumps(dict(form.provenance)))
        parts.add_field("M_REPORT", json.dumps(dict(form.report)))
        if form.attachment is not None:
            parts.add_field(
                "ATTACHMENT",
                form.attachment,
                filename="ATTACHMENT",
                content_type="application/octet-stream",
            )
        try:
            async with self._request("POST", "/v1/submissions", data=parts) as answer:
                accepted = await _checked(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NodeAway(type(error).__name__) from None
        return str(accepted["proposal"])

    async def changed(self, longest_s: float) -> None:
        """Return soon after the next event of the node, or after this long.

        What has happened since the call before counts; what came with it counts as one change.
        """
        headers = {"Last-Event-ID": str(self._last_event)}
        try:
            async with (
                asyncio.timeout(longest_s),
                self._request("GET", "/v1/events", headers=headers) as answer,
            ):
                if answer.status == 200:
                    await self._read_events(answer.content)
                    return
                await asyncio.sleep(longest_s)
        except TimeoutError:
            return
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(min(1.0, longest_s))

    async def _read_events(self, stream: aiohttp.StreamReader) -> None:
        """Take events until none comes for a moment; a node that has restarted counts anew."""
        pause: float | None = None
        try:
            while True:
                async with asyncio.timeout(pause):
                    line = await stream.readline()
                if not line:
                    return
                if line.startswith(b"id:"):
                    self._last_event, pause = int(line[3:]), SETTLE_S
        except TimeoutError:
            if pause is None:
                raise


async def _checked(answer: aiohttp.ClientResponse) -> Any:
    octets = await answer.read()
    try:
        value = json.loads(octets) if octets else {}
    except ValueError:
        raise NodeRefused(answer.status, "answer", "the node's answer is not JSON") from None
    if answer.status >= 400:
        raise NodeRefused(
            answer.status, str(value.get("rule", "problem")), str(value.get("detail", ""))
        )
    return value
