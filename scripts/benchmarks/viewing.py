"""How soon a sealed CT of 300 slices is seen after it is opened, and each next slice after that.

The API with its rooms serves on the loopback; the body is sealed on disk as a node's is. Opening
is what a page does: describe the image, then fetch its middle slice. Before each run everything
decoded is removed, and the node has had the time that a doctor takes from her inbox to a case.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, cast

import aiohttp
import psutil
from aiohttp import web

from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.opening import PartOpener
from medquorum.ledger.part_keys import PartKeys
from medquorum.ledger.types import NetworkId, PartName, RecordId
from medquorum.node.account_records import UserRole
from medquorum.node.accounts import Accounts, MemoryAccountStore
from medquorum.node.api.application import create_app, start_listener
from medquorum.node.body_store import BodyStore, open_body_store
from medquorum.node.desk import Desk, Reader
from medquorum.node.sealing import new_record, seal_body
from medquorum.node.viewing.service import VIEWING
from scripts.benchmarks.ct_series import SIDE, write_ct_archive
from scripts.benchmarks.report import Figure, Floor, Outcome, Sense, Target

SLICES = 300
RUNS, QUICK_RUNS = 10, 3
FIRST_MS, NEXT_MS = 1_500.0, 50.0
INBOX_SECONDS = 4.0
"""From the page's loading to the case: meanwhile a child gets warm."""
NETWORK = NetworkId(bytes(32))


class _SealedDesk:
    """As much of a node as reading images needs."""

    def __init__(self, chunks: BodyStore, record: RecordId) -> None:
        self.record = record
        self.descriptor: PartDescriptor | None = None
        self.keys: Mapping[PartName, PartKeys] = {}
        self._chunks = chunks

    async def keep(self, record: RecordId, part: PartName, index: int, sealed: bytes) -> None:
        """Take one sealed chunk."""
        await self._chunks.put_chunk(record, part.value, index, sealed)

    async def permits(self, _record: RecordId, _reader: Reader) -> bool:
        """Treatment needs no consent."""
        return True

    def holds(self, record: RecordId) -> bool:
        """Whether it is the one."""
        return record == self.record

    async def read_part(
        self, record: RecordId, part: PartName, _reader: Reader
    ) -> AsyncIterator[bytes]:
        """The plaintext."""
        return self._plaintext(record, part)

    async def _plaintext(self, record: RecordId, part: PartName) -> AsyncIterator[bytes]:
        descriptor = self.descriptor
        if descriptor is None:
            raise RuntimeError("nothing was sealed")
        opener = PartOpener(descriptor, NETWORK, record, self.keys[part])
        for index in range(descriptor.chunks):
            sealed = await self._chunks.get_chunk(record, part.value, index)
            yield await asyncio.to_thread(opener.open_chunk, index, sealed)
        opener.finish()


async def measure(*, quick: bool) -> Outcome:
    """Open it ten times."""
    with TemporaryDirectory(prefix="medquorum-bench-") as name:
        folder = Path(name)
        desk = await _sealed(folder)
        firsts: list[float] = []
        others: list[float] = []
        worked: list[float] = []
        async with _served(desk, folder) as (app, http):
            for _ in range(QUICK_RUNS if quick else RUNS):
                room = app[VIEWING].images
                await room.forget(desk.record)
                room.spare.warm()
                await asyncio.sleep(INBOX_SECONDS)
                work = _Work()
                firsts.append(await _opened(http, desk.record))
                worked.append(work.done_ms())
                others.extend(await _scrolled(http, desk.record))
        floor = await _plaintext_ms(desk)
    decrypted = Floor(floor, "decrypting the body, with nothing done to it, ms")
    return Outcome(
        "viewing",
        f"a CT of {SLICES} slices of {SIDE} x {SIDE}, opened {len(firsts)} times",
        (
            Figure(
                "opening to the first slice, median",
                median(firsts),
                "ms",
                Target(Sense.AT_MOST, FIRST_MS),
                decrypted,
            ),
            Figure("opening to the first slice, longest", max(firsts), "ms"),
            Figure("work of node and child until then, of one core", median(worked), "ms"),
            Figure("next slice, median", median(others), "ms", Target(Sense.AT_MOST, NEXT_MS)),
            Figure("next slice, 95th percentile", quantiles(others, n=20)[-1], "ms"),
        ),
        ("a page fetches the next slices ahead; here each is asked for when the last has come",),
    )


async def _sealed(folder: Path) -> _SealedDesk:
    archive = folder / "ct.tar"
    await asyncio.to_thread(write_ct_archive, archive, SLICES)
    chunks = open_body_store((folder / "bodies").as_uri())
    desk = _SealedDesk(chunks, new_record())
    body = await seal_body(NETWORK, desk.record, {PartName.IMG_CT: archive}, desk.keep)
    archive.unlink()
    desk.descriptor, desk.keys = body.parts[0], body.keys
    return desk


@asynccontextmanager
async def _served(
    desk: _SealedDesk, folder: Path
) -> AsyncIterator[tuple[web.Application, aiohttp.ClientSession]]:
    accounts = Accounts(MemoryAccountStore())
    await accounts.add_user("doctor", UserRole.DOCTOR)
    token = (await accounts.new_token("doctor")).text
    app = create_app(cast(Desk, desk), accounts, spool=folder / "spool")
    runner = await start_listener(app, "127.0.0.1", 0)
    host, port = runner.addresses[0][:2]
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(f"http://{host}:{port}", headers=headers) as http:
        yield app, http
    await runner.cleanup()
    await accounts.close()


class _Work:
    """CPU time of this process and of its children that are there now, from now on."""

    def __init__(self) -> None:
        self._children = psutil.Process().children()
        self._before = self._spent_s()

    def _spent_s(self) -> float:
        times = [one.cpu_times() for one in self._children if one.is_running()]
        return time.process_time() + sum(one.user + one.system for one in times)

    def done_ms(self) -> float:
        """Since it was made, in ms: what a machine with nothing else to do would take at most."""
        return (self._spent_s() - self._before) * 1_000


async def _opened(http: aiohttp.ClientSession, record: RecordId) -> float:
    """Milliseconds to the middle slice."""
    place = f"/v1/images/{record.hex()}/IMG_CT"
    started = time.perf_counter()
    await _fetched(http, place)
    await _fetched(http, f"{place}/slices/{SLICES // 2}")
    return (time.perf_counter() - started) * 1_000


async def _scrolled(http: aiohttp.ClientSession, record: RecordId) -> list[float]:
    """Milliseconds to each of the twenty slices after the middle one."""
    place, taken = f"/v1/images/{record.hex()}/IMG_CT/slices", []
    for index in range(SLICES // 2 + 1, SLICES // 2 + 21):
        began = time.perf_counter()
        content = await _fetched(http, f"{place}/{index}")
        taken.append((time.perf_counter() - began) * 1_000)
        if len(content) != SIDE * SIDE * 2:
            raise RuntimeError("a slice has another size than it should")
    return taken


async def _fetched(http: aiohttp.ClientSession, path: str) -> Any:
    async with http.get(path) as answer:
        content = await answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path.rsplit('/', 1)[-1]}: status {answer.status}")
        return content


async def _plaintext_ms(desk: _SealedDesk) -> float:
    started = time.perf_counter()
    async for _ in await desk.read_part(desk.record, PartName.IMG_CT, Reader("", "")):
        pass
    return (time.perf_counter() - started) * 1_000
