"""The floors: what signatures, a hop under mutual TLS and a synced append cost here and now."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.keys import public_key
from medquorum.ledger.signature import sign, verify
from scripts.benchmarks import echo
from scripts.benchmarks.machine import synced_append_ms

HOPS = 3
"""Vote to the leader, batch to the doctors, their votes back: then everybody knows it is final."""
APPENDS = 3
SIGNATURE_STEPS = 10


@dataclass(frozen=True, slots=True)
class PathFloor:
    """What the shortest path from a vote to finality is made of; times in ms."""

    hop_ms: float
    append_ms: float
    signature_ms: float

    @property
    def total_ms(self) -> float:
        """3 hops, 3 synced appends, 10 signature steps, one after another."""
        return HOPS * self.hop_ms + APPENDS * self.append_ms + SIGNATURE_STEPS * self.signature_ms

    def in_words(self) -> str:
        """What it consists of."""
        return (
            f"{HOPS} hops of 1 KiB under mutual TLS ({self.hop_ms:.2f} ms each) + {APPENDS} synced "
            f"appends ({self.append_ms:.2f} ms) + {SIGNATURE_STEPS} signature steps "
            f"({self.signature_ms:.3f} ms)"
        )


def signature_step_ms(times: int = 300) -> float:
    """The mean of signing and verifying one digest."""
    private = ec.generate_private_key(ec.SECP256R1())
    public, digest = public_key(private), hashlib.sha256(b"bench").digest()
    started = time.perf_counter()
    for _ in range(times):
        verify(public, digest, sign(private, digest))
    return (time.perf_counter() - started) * 1_000 / (2 * times)


def verifications_per_s(threads: int = 2, times: int = 3_000) -> float:
    """Verifications a second of this process with that many threads."""
    private = ec.generate_private_key(ec.SECP256R1())
    public, digest = public_key(private), hashlib.sha256(b"bench").digest()
    signature = sign(private, digest)

    def work(_: int) -> None:
        for _ in range(times):
            verify(public, digest, signature)

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    return threads * times / (time.perf_counter() - started)


async def measure_path(folder: Path, hops: int = 200) -> PathFloor:
    """Measure every part of the floor now."""
    async with _echo_process(folder) as (url, context):
        hop_ms = await _hop_ms(url, context, hops)
    append_ms = await asyncio.to_thread(synced_append_ms, folder, 100)
    return PathFloor(hop_ms, append_ms, await asyncio.to_thread(signature_step_ms))


def middle(floors: list[PathFloor]) -> PathFloor:
    """The median of each part over several measurements of one run."""
    return PathFloor(
        median(one.hop_ms for one in floors),
        median(one.append_ms for one in floors),
        median(one.signature_ms for one in floors),
    )


@asynccontextmanager
async def _echo_process(folder: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """A process that echoes under mutual TLS; its URL, and a context it lets in."""
    context = echo.prepare(folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.benchmarks.echo", str(folder), stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no output of the echo process")
        port = int(await asyncio.wait_for(process.stdout.readline(), 20))
        yield f"wss://127.0.0.1:{port}/", context
    finally:
        process.terminate()
        await process.wait()


async def _hop_ms(url: str, context: ssl.SSLContext, hops: int) -> float:
    """Half the median round trip of 1 KiB."""
    taken, message = [], b"\x5a" * 1_024
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, ssl=context, compress=0) as socket,
    ):
        for _ in range(hops):
            started = time.perf_counter()
            await socket.send_bytes(message)
            await socket.receive_bytes()
            taken.append(time.perf_counter() - started)
    return median(taken) * 1_000 / 2
