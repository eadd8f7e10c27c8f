"""The image body part (R-BOD10): one archive, the same bytes whatever the order and names."""

import io
import tarfile
from pathlib import Path

import pytest

from medquorum.ai_entity.dicom_pack import pack_series, pack_series_bytes, zero_preamble
from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.dicom_source import iterate_files
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.package_images import tiny_ct_series
from tests.ai_entity.slices import small_ct


def archive_of(entries: list[tarfile.TarInfo]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return target.getvalue()


def test_r_bod10_names_times_and_owners() -> None:
    with tarfile.open(fileobj=io.BytesIO(pack_series_bytes(small_ct()))) as archive:
        entries = archive.getmembers()
    assert [entry.name for entry in entries] == [f"{n:06d}.dcm" for n in range(1, 6)]
    assert {(e.mtime, e.uid, e.gid, e.uname, e.gname) for e in entries} == {(0, 0, 0, "", "")}


def test_order_and_preamble_do_not_change_the_bytes() -> None:
    files = small_ct()
    hidden = [b"\x7fELF" + content[4:] for content in reversed(files)]
    assert pack_series_bytes(files) == pack_series_bytes(hidden)


def test_a_packed_series_reads_as_the_folder_does(tmp_path: Path) -> None:
    folder = tiny_ct_series()
    packed = tmp_path / "series.tar"
    with packed.open("wb") as target:
        pack_series(folder, target)
    again = read_series(packed, "CT")
    assert (again.voxels == read_series(folder, "CT").voxels).all()
    with packed.open("rb") as stream:
        assert len(list(iterate_files(stream))) == 5


def test_packing_twice_changes_nothing() -> None:
    once = pack_series_bytes(small_ct())
    assert pack_series_bytes(once) == once


def test_not_dicom_is_not_packed() -> None:
    with pytest.raises(SeriesError) as caught:
        zero_preamble(bytes(200), 2)
    assert caught.value.reason is Reason.NOT_DICOM


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_links_and_folders_in_an_archive_are_refused(kind: bytes) -> None:
    entry = tarfile.TarInfo("000001.dcm")
    entry.type, entry.linkname = kind, "../../secret"
    with pytest.raises(SeriesError) as caught:
        list(iterate_files(archive_of([entry])))
    assert caught.value.reason is Reason.BAD_ARCHIVE


def test_a_cut_archive_and_a_giant_entry_are_refused() -> None:
    packed = pack_series_bytes(small_ct())
    with pytest.raises(SeriesError) as caught:
        list(iterate_files(packed[:1500]))
    assert caught.value.reason is Reason.BAD_ARCHIVE
    giant = tarfile.TarInfo("000001.dcm")
    giant.size = 65 * 1024 * 1024
    with pytest.raises(SeriesError) as caught:
        list(iterate_files(giant.tobuf(tarfile.USTAR_FORMAT) + bytes(1024)))
    assert caught.value.reason is Reason.OVERSIZE
