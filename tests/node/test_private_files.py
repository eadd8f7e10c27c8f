"""Secret files: whole or absent, owner only."""

import os
import stat
from pathlib import Path

import pytest

from medquorum.node.private_files import (
    PrivateFileError,
    read_private_file,
    write_private_file,
)


def test_written_file_is_owner_only_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private_file(path, b"abc", replace=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_private_file(path, limit_bytes=3) == b"abc"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_an_existing_file_survives_without_replace(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private_file(path, b"first", replace=False)
    with pytest.raises(PrivateFileError, match="exists already"):
        write_private_file(path, b"second", replace=False)
    assert path.read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_others_rights_are_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    write_private_file(path, b"abc", replace=False)
    path.chmod(mode)
    with pytest.raises(PrivateFileError, match=r"chmod 600 .*secret"):
        read_private_file(path, limit_bytes=10)


def test_oversize_missing_and_irregular_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private_file(path, b"abcd", replace=False)
    with pytest.raises(PrivateFileError, match="larger than 3 bytes"):
        read_private_file(path, limit_bytes=3)
    with pytest.raises(PrivateFileError, match="cannot open"):
        read_private_file(tmp_path / "absent", limit_bytes=3)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(PrivateFileError, match="not a regular file"):
        read_private_file(tmp_path / "pipe", limit_bytes=3)
