"""Packing DICOM files (R-BOD10)."""

import tarfile
from pathlib import Path

import pytest

from medquorum.node import image_archive
from medquorum.node.image_archive import ImagesUnusable, is_picture, pack_images


def dicom(content: bytes, preamble: bytes = bytes(128)) -> bytes:
    return preamble + b"DICM" + content


def series(folder: Path) -> Path:
    folder.mkdir()
    (folder / "b.dcm").write_bytes(dicom(b"second"))
    (folder / "a").write_bytes(dicom(b"first", b"MZ" + bytes(126)))
    (folder / "sub").mkdir()
    (folder / "sub" / "c.dcm").write_bytes(dicom(b"third"))
    (folder / "DICOMDIR").write_bytes(dicom(b"directory"))
    (folder / "notes.txt").write_bytes(b"no image")
    return folder


def test_only_images_travel_under_new_names_without_preamble(tmp_path: Path) -> None:
    target = tmp_path / "images.tar"
    assert pack_images(series(tmp_path / "series"), target) == 3
    with tarfile.open(target) as archive:
        members = archive.getmembers()
        opened = [archive.extractfile(member) for member in members]
        contents = [file.read() for file in opened if file is not None]
    assert [member.name for member in members] == ["000001.dcm", "000002.dcm", "000003.dcm"]
    assert contents == [dicom(b"first"), dicom(b"second"), dicom(b"third")]
    for member in members:
        assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (
            0,
            0,
            0,
            "",
            "",
        )


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    pack_images(series(tmp_path / "one"), tmp_path / "one.tar")
    pack_images(series(tmp_path / "two"), tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImagesUnusable, match="holds no DICOM file"):
        pack_images(tmp_path, tmp_path / "images.tar")


def test_too_many_or_too_large_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = series(tmp_path / "series")
    monkeypatch.setattr(image_archive, "FILES", 2)
    with pytest.raises(ImagesUnusable, match="more than 2"):
        pack_images(folder, tmp_path / "a.tar")
    monkeypatch.setattr(image_archive, "FILES", 3)
    monkeypatch.setattr(image_archive, "FILE_BYTES", 100)
    with pytest.raises(ImagesUnusable, match="larger than 100"):
        pack_images(folder, tmp_path / "b.tar")


def test_pictures_are_known_by_how_they_begin(tmp_path: Path) -> None:
    for content, expected in (
        (b"\x89PNG\r\n\x1a\n", True),
        (b"\xff\xd8\xff\xe0", True),
        (b"GIF89a", False),
        (b"", False),
    ):
        path = tmp_path / "picture"
        path.write_bytes(content)
        assert is_picture(path) is expected
