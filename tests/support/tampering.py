"""Exports taken apart and put together wrongly, with the height each fault must be found at."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medquorum.consensus.verification import Verification, verify_export
from medquorum.ledger.charter import Charter
from medquorum.ledger.signature import verify
from tests.support.chains import Chain, export_frames

remembering = lru_cache(maxsize=65_536)(verify)
"""The same answers, so that thousands of exports that differ in a bit are checked quickly."""


def check(export: bytes, charter: Charter) -> Verification:
    """What the product says of a file."""
    return verify_export([export], charter, remembering)


def frame_heights(chain: Chain) -> list[int]:
    """The height of a fault in each frame (R-EXP2): 0, first_nbc of a batch, N BC of a block."""
    found = [0]
    for batch, _ in chain.entries:
        found.append(batch.header.first_nbc)
        found.extend(block.header.n_bc for block in batch.blocks)
    return found


@dataclass(frozen=True)
class Tampered:
    """A spoiled file, and the height at which a verifier must say so."""

    export: bytes
    height: int
    how: str


def flips(chain: Chain, stride: int) -> Iterator[Tampered]:
    """One bit turned in every `stride`-th byte, and in the first and last of every frame."""
    whole = b"".join(export_frames(chain))
    start = 0
    for frame, height in zip(export_frames(chain), frame_heights(chain), strict=True):
        sampled = {start, start + len(frame) - 1}
        sampled |= {at for at in range(start, start + len(frame)) if at % stride == 0}
        for at in sorted(sampled):
            spoiled = bytearray(whole)
            spoiled[at] ^= 1 << at % 8
            yield Tampered(bytes(spoiled), height, f"byte {at}, bit {at % 8}")
        start += len(frame)


def rearranged(chain: Chain) -> Iterator[Tampered]:
    """Every frame removed, doubled, or exchanged with the next."""
    frames, heights = export_frames(chain), frame_heights(chain)
    for place, height in enumerate(heights):
        rest = frames[place + 1 :]
        yield Tampered(b"".join(frames[:place] + rest), height, f"without frame {place}")
        is_block = b"\xa5block" in frames[place][:20]
        again = height + (1 if is_block or place == 0 else 0)
        doubled = frames[: place + 1] + frames[place:]
        yield Tampered(b"".join(doubled), again, f"frame {place} twice")
        if rest:
            swapped = [*frames[:place], rest[0], frames[place], *rest[1:]]
            yield Tampered(b"".join(swapped), height, f"frame {place} after the next")


def cuts(chain: Chain) -> Iterator[Tampered]:
    """The file ended before, inside and shortly before the end of every frame; and lengthened."""
    whole = b"".join(export_frames(chain))
    start = 0
    for frame, height in zip(export_frames(chain), frame_heights(chain), strict=True):
        for inside in (0, 1, 4, len(frame) // 2, len(frame) - 1):
            yield Tampered(whole[: start + inside], height, f"cut at byte {start + inside}")
        start += len(frame)
    after_tip = chain.state.n_bc + 1
    for trailing in (b"\0", b"\0\0\0\0", b"\0\0\0\1\xc0", b"\xff\xff\xff\xff", bytes(100)):
        yield Tampered(whole + trailing, after_tip, f"{trailing[:5].hex()} behind the end")
