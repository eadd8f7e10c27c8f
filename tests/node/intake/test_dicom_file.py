"""DICOM files: preamble, transfer syntax, length of pixels, damage of any kind (R-BOD10)."""

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from medquorum.node.intake import dicom_file, pixels
from medquorum.node.intake.child import check_file
from medquorum.node.intake.faults import Fault, IntakeRefused
from tests.node.intake.kit import (
    CANARY,
    PARTS,
    Change,
    archive,
    changed,
    check,
    encoded,
    image,
    refusal,
    series,
    written,
)


def test_pixels_must_have_their_length() -> None:
    for pixel_data in (bytes(510), bytes(514), b"", bytes(1_024)):

        def change(dataset: Dataset, pixel_data: bytes = pixel_data) -> None:
            dataset.PixelData = pixel_data

        files = [changed("CT", lambda _: None, 1), changed("CT", change, 2)]
        assert refusal(files, "IMG_CT") == (Fault.PIXELS, 2, "PixelData")


def test_a_file_cut_in_its_pixels_or_header_is_refused() -> None:
    whole = changed("CT", lambda _: None)
    assert refusal([whole[:-2]], "IMG_CT") == (Fault.PIXELS, 1, "PixelData")
    assert refusal([whole[:600]], "IMG_CT")[0] in (Fault.MISSING, Fault.UNPARSABLE)
    assert refusal([whole[:140]], "IMG_CT")[0] is Fault.NOT_DICOM


@pytest.mark.parametrize("program", [b"MZ\x90\x00", b"\x7fELF\x02\x01\x01", bytes(127) + b"\x01"])
def test_programs_do_not_hide_in_the_preamble(program: bytes) -> None:
    whole = changed("CT", lambda _: None)
    assert refusal([program + whole[len(program) :]], "IMG_CT") == (Fault.PREAMBLE, 1, None)


@pytest.mark.parametrize("content", [b"", b"no image", bytes(132), bytes(128) + b"DICM"])
def test_what_is_not_dicom_is_refused(content: bytes) -> None:
    assert refusal([content], "IMG_CT") == (Fault.NOT_DICOM, 1, None)


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.100",
        "1.2.3",
    ],
)
def test_a_transfer_syntax_off_the_list_is_refused_unread(syntax: str) -> None:
    whole = changed("CT", lambda _: None)
    old = b"1.2.840.10008.1.2.1\0"
    new = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = whole.replace(
        b"UI" + struct.pack("<H", 20) + old, b"UI" + struct.pack("<H", len(new)) + new
    )
    assert meta != whole
    assert refusal([meta], "IMG_CT") == (Fault.COMPRESSION, 1, None)


@pytest.mark.filterwarnings("ignore:Expected")
def test_elements_in_another_form_than_announced_are_refused() -> None:
    forms = [encoded(image("CT"), one) for one in ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")]
    ends = [144 + int.from_bytes(one[140:144], "little") for one in forms]
    for meta, elements in ((0, 1), (1, 0)):
        mixed = forms[meta][: ends[meta]] + forms[elements][ends[elements] :]
        assert refusal([mixed], "IMG_CT") == (Fault.UNPARSABLE, 1, None)


def fragments(code_streams: list[bytes], syntax: str, change: Change = lambda _: None) -> bytes:
    """A file of compressed pixels, offset table empty."""
    dataset = image("CT")
    change(dataset)
    padded = [one + b"\0" * (len(one) % 2) for one in [b"", *code_streams]]
    parts = [b"\xfe\xff\x00\xe0" + struct.pack("<I", len(one)) + one for one in padded]
    dataset.PixelData = b"".join(parts)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return encoded(dataset, syntax)


RLE, SV1 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.70"
LS, J2K = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
RLE_FRAME = struct.pack("<16I", 2, 64, 80, *[0] * 13) + bytes(32)


def jpeg(marker: int, rows: int = 16, columns: int = 16) -> bytes:
    frame = struct.pack(">BHHB", 12, rows, columns, 1) + b"\x01\x11\x00"
    return b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame + bytes(9)


def j2k(rows: int = 16, columns: int = 16) -> bytes:
    sizes = struct.pack(">HHIIIIIIIIH", 41, 0, columns, rows, 0, 0, columns, rows, 0, 0, 1)
    return b"\xff\x4f\xff\x51" + sizes + bytes(9)


@pytest.mark.parametrize(
    ("syntax", "stream"), [(RLE, RLE_FRAME), (SV1, jpeg(0xC3)), (LS, jpeg(0xF7)), (J2K, j2k())]
)
def test_lossless_compression_is_taken(syntax: str, stream: bytes) -> None:
    assert check([fragments([stream], syntax)], "IMG_CT") == 1


@pytest.mark.parametrize(
    ("syntax", "streams", "fault"),
    [
        (RLE, [], Fault.FRAGMENTS),
        (RLE, [RLE_FRAME, RLE_FRAME], Fault.FRAGMENTS),
        (RLE, [b"\x01" + RLE_FRAME[1:]], Fault.CODESTREAM),
        (RLE, [RLE_FRAME[:60]], Fault.CODESTREAM),
        (SV1, [jpeg(0xC3, 60_000)], Fault.CODESTREAM),
        (SV1, [j2k()], Fault.CODESTREAM),
        (LS, [jpeg(0xF7, 16, 65_535)], Fault.CODESTREAM),
        (J2K, [j2k(1 << 30, 1 << 30)], Fault.CODESTREAM),
        (J2K, [b"\xff\x4f\xff\x51"], Fault.CODESTREAM),
    ],
)
def test_compressed_pixels_must_be_what_the_header_says(
    syntax: str, streams: list[bytes], fault: Fault
) -> None:
    assert refusal([fragments(streams, syntax)], "IMG_CT") == (fault, 1, "PixelData")


def test_fragments_end_within_the_file() -> None:
    whole = fragments([RLE_FRAME], RLE)
    for cut in (8, 12, 60, len(RLE_FRAME) + 4):
        assert refusal([whole[:-cut]], "IMG_CT") == (Fault.FRAGMENTS, 1, "PixelData")
    plain = changed("CT", lambda _: None)
    old, new = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"
    assert refusal([plain.replace(old, new)], "IMG_CT")[0] is Fault.FRAGMENTS


def test_more_fragments_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "FRAGMENTS", 3)
    assert check([fragments([j2k(), b"", b""], J2K)], "IMG_CT") == 1
    assert refusal([fragments([j2k(), b"", b"", b""], J2K)], "IMG_CT")[0] is Fault.FRAGMENTS


def test_a_long_header_is_read_again_and_a_longer_one_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def private(dataset: Dataset) -> None:
        dataset.private_block(0x0029, "SCANNER", create=True).add_new(0x10, "OB", bytes(300_000))

    assert check(series("CT", 2, private), "IMG_CT") == 2
    monkeypatch.setattr(dicom_file, "HEADER_BYTES", 200_000)
    assert refusal(series("CT", 2, private), "IMG_CT") == (Fault.HEADER_SIZE, 1, None)


def test_an_inflated_stream_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    deflated = encoded(image("CT"), dicom_file.DEFLATED)
    assert refusal([deflated[:-20]], "IMG_CT") == (Fault.UNPARSABLE, 1, None)
    at = 144 + int.from_bytes(deflated[140:144], "little")
    assert zlib.decompress(deflated[at:], -15)
    assert refusal([deflated[:at] + b"\xff" * 50], "IMG_CT") == (Fault.UNPARSABLE, 1, None)
    monkeypatch.setattr(dicom_file, "INFLATED_BYTES", 800)
    assert refusal([deflated], "IMG_CT") == (Fault.INFLATED_SIZE, 1, None)


def test_sequences_without_bottom_are_refused() -> None:
    opened = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    whole = changed("CT", lambda _: None)
    at = whole.index(b"\x08\x00\x16\x00UI")
    assert refusal([whole[:at] + opened * 5_000], "IMG_CT")[0] in (
        Fault.UNPARSABLE,
        Fault.HEADER_SIZE,
    )


WHOLE = {part: archive(series(modality, 2)) for modality, part in PARTS.items()}


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    part=st.sampled_from(sorted(WHOLE)),
    changes=st.lists(st.tuples(st.integers(644, 2_600), st.integers(0, 255)), max_size=12),
    kept=st.one_of(st.none(), st.integers(0, 4_096)),
)
def test_any_damage_is_taken_or_refused_and_nothing_else(
    tmp_path: Path, part: str, changes: list[tuple[int, int]], kept: int | None
) -> None:
    content = bytearray(WHOLE[part])
    for at, value in changes:
        content[at] = value
    try:
        check_file(str(written(tmp_path, bytes(content[:kept]))), part)
    except IntakeRefused as refused:
        assert CANARY not in str(refused)
