"""JPEG marker segments: of a whole picture, and the frame header of a compressed DICOM frame.

Nothing is decoded. Sources: ITU-T T.81 annex B (JPEG), T.87 annex C (JPEG-LS), T.800 annex A.5
(JPEG 2000's SIZ segment).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from mmap import mmap
from typing import Final

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.limits import PICTURE_PARTS, PIXELS, SIDE

START: Final = b"\xff\xd8"
J2K_START: Final = b"\xff\x4f\xff\x51"
_SOS, _EOI = 0xDA, 0xD9
_FRAMES: Final = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""Markers that begin a frame header; 0xF7 is JPEG-LS."""
_PICTURE_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive Huffman coding."""
_MARKER: Final = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""The next marker after entropy-coded bytes, stuffed zeros and restarts passed over."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What a frame header announces."""

    marker: int
    rows: int
    columns: int
    components: int


def check_jpeg(content: mmap) -> None:
    """Raise IntakeRefused unless it is one whole baseline or progressive picture."""
    place, scans = len(START), 0
    header: FrameHeader | None = None
    for _ in range(PICTURE_PARTS):
        marker, start, end = _segment(content, place)
        if marker == _EOI:
            if header is None or not scans:
                raise IntakeRefused(Fault.PICTURE)
            if start != len(content):
                raise IntakeRefused(Fault.PICTURE_TRAILER)
            return
        if marker in _FRAMES:
            if header is not None:
                raise IntakeRefused(Fault.PICTURE_KIND)
            header = _picture_frame(marker, content[start:end])
        elif marker == _SOS:
            scans += 1
            following = _MARKER.search(content, end)
            end = len(content) if following is None else following.start()
        place = end
    raise IntakeRefused(Fault.PICTURE)


def _segment(content: mmap | bytes, place: int) -> tuple[int, int, int]:
    """Marker, start and end of the parameters of the segment at a place."""
    while content[place : place + 2] == b"\xff\xff":
        place += 1
    head = content[place : place + 4]
    if len(head) >= 2 and head[0] == 0xFF and head[1] == _EOI:
        return _EOI, place + 2, place + 2
    length = int.from_bytes(head[2:4])
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xC0 or length < 2:
        raise IntakeRefused(Fault.PICTURE)
    end = place + 2 + length
    if end > len(content):
        raise IntakeRefused(Fault.PICTURE)
    return head[1], place + 4, end


def _frame(marker: int, parameters: bytes) -> FrameHeader:
    if len(parameters) < 6:
        raise IntakeRefused(Fault.PICTURE)
    rows, columns = int.from_bytes(parameters[1:3]), int.from_bytes(parameters[3:5])
    return FrameHeader(marker, rows, columns, parameters[5])


def _picture_frame(marker: int, parameters: bytes) -> FrameHeader:
    header = _frame(marker, parameters)
    if marker not in _PICTURE_FRAMES or header.components not in (1, 3) or parameters[0] != 8:
        raise IntakeRefused(Fault.PICTURE_KIND)
    if not (1 <= header.rows <= SIDE and 1 <= header.columns <= SIDE):
        raise IntakeRefused(Fault.PICTURE_SIZE)
    if header.rows * header.columns > PIXELS:
        raise IntakeRefused(Fault.PICTURE_SIZE)
    return header


def jpeg_frame(content: bytes) -> FrameHeader | None:
    """The frame header of a JPEG or JPEG-LS code stream's beginning; None when there is none."""
    if not content.startswith(START):
        return None
    place = len(START)
    try:
        while True:
            marker, start, end = _segment(content, place)
            if marker in _FRAMES:
                return _frame(marker, content[start:end])
            if marker in (_SOS, _EOI):
                return None
            place = end
    except IntakeRefused:
        return None


def j2k_frame(content: bytes) -> FrameHeader | None:
    """The size of a raw JPEG 2000 code stream; None when it does not begin as one."""
    if not content.startswith(J2K_START) or len(content) < 42:
        return None
    right, bottom, left, top = (int.from_bytes(content[at : at + 4]) for at in (8, 12, 16, 20))
    return FrameHeader(0x51, bottom - top, right - left, int.from_bytes(content[40:42]))
