"""PNG and JPEG radiographs: whole and plain pictures only, and only for an X-ray (R-BOD10)."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medquorum.node.intake import child
from medquorum.node.intake.child import check_file
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.jpeg import START
from medquorum.node.intake.png import SIGNATURE
from tests.node.intake.kit import written

PIXELS = np.random.default_rng(7).integers(0, 255, (37, 53), dtype=np.uint8)


def drawn(suffix: str, pixels: np.ndarray = PIXELS, *options: int) -> bytes:
    done, content = cv2.imencode(suffix, pixels, list(options))
    assert done
    return bytes(content)


PNG, JPEG = drawn(".png"), drawn(".jpg")
PROGRESSIVE = drawn(".jpg", PIXELS, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
RESTARTS = drawn(".jpg", PIXELS, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)


def refusal(folder: Path, content: bytes, part: str = "IMG_XRAY") -> Fault:
    with pytest.raises(IntakeRefused) as caught:
        check_file(str(written(folder, content)), part)
    return caught.value.fault


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def png(
    scanlines: bytes, width: int = 4, height: int = 4, depth: int = 8, interlace: int = 0
) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, interlace)
    pieces = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(scanlines)), chunk(b"IEND", b""))
    return SIGNATURE + b"".join(pieces)


@pytest.mark.parametrize(
    "content",
    [
        *(PNG, JPEG, PROGRESSIVE, RESTARTS),
        drawn(".png", PIXELS.astype(np.uint16) * 257),
        drawn(".png", np.dstack([PIXELS] * 3)),
        drawn(".png", np.dstack([PIXELS] * 4)),
        drawn(".jpg", np.dstack([PIXELS] * 3)),
        png(bytes(4 * 5)),
        png(bytes(4 * 2), depth=1),
        png(bytes(2 + 2 + 3 + 2 * 3 + 2 * 5), interlace=1),
    ],
)
def test_whole_pictures_are_taken(tmp_path: Path, content: bytes) -> None:
    assert check_file(str(written(tmp_path, content)), "IMG_XRAY") == 1


@pytest.mark.parametrize("part", ["IMG_CT", "IMM_PET"])
@pytest.mark.parametrize("content", [PNG, JPEG])
def test_a_picture_is_no_ct_and_no_pet(tmp_path: Path, part: str, content: bytes) -> None:
    assert refusal(tmp_path, content, part) is Fault.NOT_AN_IMAGE


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"%PDF-1.7", b"MZ", b"PK\x03\x04" * 200])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content) is Fault.NOT_AN_IMAGE


@pytest.mark.parametrize("content", [PNG, JPEG, PROGRESSIVE, RESTARTS])
def test_a_picture_is_refused_wherever_it_is_cut(tmp_path: Path, content: bytes) -> None:
    for kept in {8, 20, 40, len(content) // 2, len(content) - 1}:
        assert refusal(tmp_path, content[:kept]) is Fault.PICTURE


@pytest.mark.parametrize("content", [PNG, JPEG])
def test_nothing_follows_a_picture(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content + b"PK\x03\x04") is Fault.PICTURE_TRAILER


def test_scanlines_are_as_many_as_the_header_says(tmp_path: Path) -> None:
    for length in (0, 19, 21, 5_000_000):
        assert refusal(tmp_path, png(bytes(length))) is Fault.PICTURE


def test_pictures_beyond_the_limits_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(tmp_path, png(bytes(20), width=16_385)) is Fault.PICTURE_SIZE
    assert refusal(tmp_path, png(bytes(20), width=16_384, height=16_384)) is Fault.PICTURE_SIZE
    at = JPEG.index(b"\xff\xc0")
    tall = JPEG[: at + 5] + b"\xff\xff" + JPEG[at + 7 :]
    assert refusal(tmp_path, tall) is Fault.PICTURE_SIZE
    monkeypatch.setattr(child, "PICTURE_BYTES", 100)
    assert refusal(tmp_path, PNG) is Fault.PICTURE_SIZE


def test_a_damaged_or_uncommon_png_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, PNG[:-20] + b"\x00" + PNG[-19:]) is Fault.PICTURE
    assert refusal(tmp_path, png(bytes(20), depth=3)) is Fault.PICTURE
    animated = PNG[:33] + chunk(b"acTL", bytes(8)) + PNG[33:]
    assert refusal(tmp_path, animated) is Fault.PICTURE_KIND
    twice = PNG[:33] + PNG[8:33] + PNG[33:]
    assert refusal(tmp_path, twice) is Fault.PICTURE
    assert refusal(tmp_path, SIGNATURE + PNG[33:]) is Fault.PICTURE


def test_an_uncommon_jpeg_is_refused(tmp_path: Path) -> None:
    at = JPEG.index(b"\xff\xc0")
    for marker in (0xC3, 0xC9, 0xF7):
        other = JPEG[: at + 1] + bytes([marker]) + JPEG[at + 2 :]
        assert refusal(tmp_path, other) is Fault.PICTURE_KIND
    assert refusal(tmp_path, START + b"\xff\xd9") is Fault.PICTURE
    assert refusal(tmp_path, JPEG[:at] + b"\xff\xd9") is Fault.PICTURE


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    content=st.sampled_from([PNG, JPEG, PROGRESSIVE]),
    changes=st.lists(st.tuples(st.integers(8, 900), st.integers(0, 255)), max_size=6),
    kept=st.one_of(st.none(), st.integers(0, 1_500)),
)
def test_any_damage_is_taken_or_refused_and_nothing_else(
    tmp_path: Path, content: bytes, changes: list[tuple[int, int]], kept: int | None
) -> None:
    damaged = bytearray(content)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    try:
        check_file(str(written(tmp_path, bytes(damaged[:kept]))), "IMG_XRAY")
    except IntakeRefused as refused:
        assert refused.rule in ("malformed_picture", "unsupported_image", "oversize") or (
            refused.fault is Fault.NOT_AN_IMAGE
        )
