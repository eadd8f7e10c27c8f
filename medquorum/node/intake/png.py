"""A PNG file walked chunk by chunk; its pixels are inflated under a bound and thrown away.

Source: ISO/IEC 15948 (PNG 2nd edition), clauses 5.3 to 5.6, 8.2 and 11.2.2.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from mmap import mmap
from typing import Final

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.limits import INFLATE_STEP_BYTES, PICTURE_PARTS, PIXELS, SIDE

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {
    0: frozenset({1, 2, 4, 8, 16}),
    2: frozenset({8, 16}),
    3: frozenset({1, 2, 4, 8}),
    4: frozenset({8, 16}),
    6: frozenset({8, 16}),
}
_ADAM7: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column and row, step of columns and rows of each interlacing pass."""


def check_png(content: mmap) -> None:
    """Raise IntakeRefused unless it is one whole still picture and nothing else."""
    wanted = 0
    compressed: list[tuple[int, int]] = []
    kind = b""
    for kind, start, length in _chunks(content):
        if kind == b"IHDR" or not wanted:
            if kind != b"IHDR" or length != 13 or wanted:
                raise IntakeRefused(Fault.PICTURE)
            wanted = _pixel_bytes(content[start : start + length])
        elif kind == b"IDAT":
            compressed.append((start, length))
        elif kind == b"acTL":
            raise IntakeRefused(Fault.PICTURE_KIND)
    if kind != b"IEND" or _inflated(content, compressed, wanted) != wanted:
        raise IntakeRefused(Fault.PICTURE)


def _chunks(content: mmap) -> Iterator[tuple[bytes, int, int]]:
    """Type, place and length of every chunk, its CRC checked, up to IEND."""
    place = len(SIGNATURE)
    for _ in range(PICTURE_PARTS):
        head = content[place : place + 8]
        if len(head) < 8:
            raise IntakeRefused(Fault.PICTURE)
        length, kind = struct.unpack(">I4s", head)
        end = place + 8 + length + 4
        if end > len(content):
            raise IntakeRefused(Fault.PICTURE)
        with memoryview(content) as whole:
            found = zlib.crc32(whole[place + 4 : end - 4])
        if found != int.from_bytes(content[end - 4 : end]):
            raise IntakeRefused(Fault.PICTURE)
        yield kind, place + 8, length
        place = end
        if kind == b"IEND":
            if place != len(content):
                raise IntakeRefused(Fault.PICTURE_TRAILER)
            return
    raise IntakeRefused(Fault.PICTURE)


def _pixel_bytes(header: bytes) -> int:
    """Bytes of the filtered scanlines that an IHDR announces."""
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(
        ">IIBBBBB", header
    )
    known = depth in _DEPTHS.get(colour, ()) and (compression, filtering) == (0, 0)
    if not known or interlace > 1:
        raise IntakeRefused(Fault.PICTURE)
    if not (1 <= width <= SIDE and 1 <= height <= SIDE and width * height <= PIXELS):
        raise IntakeRefused(Fault.PICTURE_SIZE)
    bits = depth * _CHANNELS[colour]
    total = 0
    for left, top, across, down in _ADAM7 if interlace else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total


def _inflated(content: mmap, compressed: list[tuple[int, int]], wanted: int) -> int:
    """Bytes that the IDAT chunks inflate to, or more than `wanted` as soon as it is."""
    stream, total = zlib.decompressobj(), 0
    try:
        for start, length in compressed:
            for place in range(start, start + length, INFLATE_STEP_BYTES):
                pending = content[place : min(place + INFLATE_STEP_BYTES, start + length)]
                while pending and not stream.eof and total <= wanted:
                    total += len(stream.decompress(pending, INFLATE_STEP_BYTES))
                    pending = stream.unconsumed_tail
    except zlib.error:
        raise IntakeRefused(Fault.PICTURE) from None
    while not stream.eof and total <= wanted:
        more = len(stream.decompress(b"", INFLATE_STEP_BYTES))
        total += more
        if not more:
            raise IntakeRefused(Fault.PICTURE)
    return total
