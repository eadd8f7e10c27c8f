"""Verify once: a bounded memory of signatures that held, warmed in threads.

The replica asks for every signature when it judges; most have been verified when they arrived.
Only success is remembered, so that junk cannot fill the memory. OpenSSL releases the interpreter
lock, so several at once are verified in parallel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from medquorum.ledger.keys import PublicKey
from medquorum.ledger.signature import Signature, verify

REMEMBERED: Final = 65_536
"""Triples of key, digest and signature: some thousand open proposals with their votes."""
WORTH_A_THREAD: Final = 16
"""A hop to a thread costs more than one verification; for this many it pays."""
THREADS: Final = 2

Claim = tuple[PublicKey, bytes, Signature]


class CachedVerifier:
    """A Verifier that remembers what held."""

    def __init__(self) -> None:
        self._held: dict[Claim, None] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="verify")

    def __call__(self, key: PublicKey, digest: bytes, signature: Signature) -> bool:
        """Whether the signature holds; free if it held before."""
        claim = (key, digest, signature)
        if claim in self._held:
            return True
        if not verify(key, digest, signature):
            return False
        self._remember(claim)
        return True

    def _remember(self, claim: Claim) -> None:
        self._held[claim] = None
        if len(self._held) > REMEMBERED:
            del self._held[next(iter(self._held))]

    async def warm(self, claims: Sequence[Claim]) -> None:
        """Verify many at once off the loop, where there are enough to pay for it."""
        unknown = [claim for claim in claims if claim not in self._held]
        if len(unknown) < WORTH_A_THREAD:
            return
        loop = asyncio.get_running_loop()
        half = -(-len(unknown) // THREADS)
        jobs = [
            loop.run_in_executor(self._threads, _holding, unknown[start : start + half])
            for start in range(0, len(unknown), half)
        ]
        for held in await asyncio.gather(*jobs):
            for claim in held:
                self._remember(claim)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False)


def _holding(claims: Sequence[Claim]) -> list[Claim]:
    return [claim for claim in claims if verify(*claim)]
