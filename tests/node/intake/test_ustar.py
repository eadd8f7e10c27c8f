"""Archives: what the packer writes is taken, everything a tar can be besides is not (R-BOD10)."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from medquorum.node.image_archive import pack_images
from medquorum.node.intake import ustar
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.ustar import BLOCK, entries
from tests.node.intake.kit import archive, entry

FILES = [b"first", b"", b"x" * 513]


def refused(content: bytes) -> tuple[Fault, int | None]:
    with pytest.raises(IntakeRefused) as caught:
        list(entries(io.BytesIO(content), len(content)))
    return caught.value.fault, caught.value.ordinal


def patched(content: bytes, at: int, piece: bytes) -> bytes:
    """The archive with a piece of its first header replaced and the checksum made right."""
    header = bytearray(content[:BLOCK])
    header[at : at + len(piece)] = piece
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content[BLOCK:]


def test_files_are_found_where_they_stand() -> None:
    content = archive(FILES)
    found = list(entries(io.BytesIO(content), len(content)))
    assert [content[one.start : one.start + one.size] for one in found] == FILES
    assert [one.ordinal for one in found] == [1, 2, 3]


def test_the_packers_archive_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    (folder / "a").write_bytes(bytes(128) + b"DICMa")
    pack_images(folder, tmp_path / "a.tar")
    content = (tmp_path / "a.tar").read_bytes()
    assert [one.size for one in entries(io.BytesIO(content), len(content))] == [133]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd", "size": 0}, Fault.ARCHIVE_KIND),
        ({"type": tarfile.LNKTYPE, "linkname": "000001.dcm", "size": 0}, Fault.ARCHIVE_KIND),
        ({"type": tarfile.DIRTYPE, "size": 0}, Fault.ARCHIVE_KIND),
        ({"type": tarfile.CHRTYPE, "size": 0}, Fault.ARCHIVE_KIND),
        ({"type": tarfile.FIFOTYPE, "size": 0}, Fault.ARCHIVE_KIND),
        ({"type": tarfile.GNUTYPE_SPARSE}, Fault.ARCHIVE_KIND),
        ({"type": tarfile.AREGTYPE}, Fault.ARCHIVE_KIND),
        ({"type": tarfile.XHDTYPE}, Fault.ARCHIVE_KIND),
        ({"linkname": "000009.dcm"}, Fault.ARCHIVE_KIND),
        ({"name": "../000001.dcm"}, Fault.ARCHIVE_NAME),
        ({"name": "/000001.dcm"}, Fault.ARCHIVE_NAME),
        ({"name": "000002.dcm"}, Fault.ARCHIVE_NAME),
        ({"name": "IMG0001"}, Fault.ARCHIVE_NAME),
        ({"name": "a" * 90 + "/" + "000001.dcm"}, Fault.ARCHIVE_NAME),
        ({"mtime": 1}, Fault.ARCHIVE_NAME),
        ({"uid": 1_000}, Fault.ARCHIVE_NAME),
        ({"gid": 1_000}, Fault.ARCHIVE_NAME),
        ({"uname": "clinic"}, Fault.ARCHIVE_NAME),
        ({"gname": "clinic"}, Fault.ARCHIVE_NAME),
    ],
)
def test_anything_but_the_next_plain_file_is_refused(fields: dict[str, Any], fault: Fault) -> None:
    assert refused(archive([b"first"], **fields)) == (fault, 1)


@pytest.mark.parametrize(
    ("at", "piece", "fault"),
    [
        (124, b"77777777777\0", Fault.FILE_SIZE),
        (124, b"\x80" + b"\xff" * 11, Fault.ARCHIVE_HEADER),
        (124, b"-0000000001\0", Fault.ARCHIVE_HEADER),
        (124, b"0000000000x\0", Fault.ARCHIVE_HEADER),
        (124, bytes(12), Fault.ARCHIVE_HEADER),
        (124, b"00000100000\0", Fault.ARCHIVE_CUT),
        (257, b"ustar  \0", Fault.ARCHIVE_HEADER),
        (345, b"folder", Fault.ARCHIVE_NAME),
        (20, b"hidden", Fault.ARCHIVE_NAME),
    ],
)
def test_a_header_of_another_making_is_refused(at: int, piece: bytes, fault: Fault) -> None:
    assert refused(patched(archive([b"first"]), at, piece)) == (fault, 1)


def test_a_wrong_checksum_is_refused() -> None:
    spoiled = bytearray(archive([b"first"]))
    spoiled[5] ^= 1
    assert refused(bytes(spoiled)) == (Fault.ARCHIVE_HEADER, 1)


def test_an_archive_that_stops_is_refused() -> None:
    whole = archive([b"first", b"second" * 200])
    second = 2 * BLOCK
    assert refused(whole[: second + 100]) == (Fault.ARCHIVE_CUT, 2)
    assert refused(whole[: second + BLOCK + 100]) == (Fault.ARCHIVE_CUT, 2)
    assert refused(whole[: second + BLOCK + 3 * BLOCK]) == (Fault.ARCHIVE_CUT, 3)
    assert refused(whole[: second + BLOCK + 4 * BLOCK]) == (Fault.ARCHIVE_TRAILER, 2)


def test_nothing_hides_after_a_file_or_after_the_last() -> None:
    content = archive([b"first"])
    between = bytearray(content)
    between[BLOCK + 5] = 1
    assert refused(bytes(between)) == (Fault.ARCHIVE_TRAILER, 1)
    assert refused(content[:-1] + b"\x01") == (Fault.ARCHIVE_TRAILER, 1)
    assert refused(content + archive([b"again"])) == (Fault.ARCHIVE_TRAILER, 1)
    assert refused(content + bytes(10_240)) == (Fault.ARCHIVE_TRAILER, 1)


def test_an_empty_archive_is_refused() -> None:
    assert refused(archive([])) == (Fault.ARCHIVE_EMPTY, None)


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ustar, "FILES", 3)
    content = archive([b"x"] * 3)
    assert len(list(entries(io.BytesIO(content), len(content)))) == 3
    assert refused(archive([b"x"] * 4)) == (Fault.TOO_MANY_FILES, None)


def test_extension_headers_of_later_formats_are_refused() -> None:
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w", format=form) as packed:
            packed.addfile(entry("n" * 120, pax_headers={"path": "/etc/passwd"}))
        assert refused(target.getvalue())[0] in (Fault.ARCHIVE_KIND, Fault.ARCHIVE_HEADER)
