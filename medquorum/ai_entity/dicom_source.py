"""Where the files of a series come from: a directory, a list of bytes, or a USTAR tar stream.

The ledger's image body part is a deterministic tar of ``000001.dcm`` ...; a hospital's export is a
directory. Both are read one file at a time, so that a whole series never stands in memory twice.
Names inside an archive are never used as paths.
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.limits import (
    MAX_FILE_BYTES,
    MAX_FOLDER_ENTRIES,
    MAX_SERIES_BYTES,
    MAX_SERIES_FILES,
)
from medquorum.ai_entity.regular_file import TooLargeError, open_regular, read_regular

SeriesSource = Path | bytes | BinaryIO | list[bytes] | list[Path]
"""A directory, a tar file, tar bytes, an open tar stream, or the files themselves."""

SKIPPED_NAMES: Final = frozenset({"DICOMDIR"})
"""Directory records that stand beside a series and are not images."""


def iterate_files(source: SeriesSource) -> Iterator[bytes]:
    """The files of ``source`` in a fixed order. Raises SeriesError on limits or a bad archive."""
    total = 0
    count = 0
    for count, content in enumerate(_open_source(source), start=1):
        if count > MAX_SERIES_FILES:
            raise SeriesError(Reason.OVERSIZE, f"more than {MAX_SERIES_FILES} files in one series")
        total += len(content)
        if total > MAX_SERIES_BYTES:
            raise SeriesError(Reason.OVERSIZE, f"a series larger than {MAX_SERIES_BYTES} bytes")
        yield content
    if count == 0:
        raise SeriesError(Reason.EMPTY_SERIES, "no file in the series; send its DICOM slices")


def _open_source(source: SeriesSource) -> Iterator[bytes]:
    if isinstance(source, (bytes, bytearray)):
        return _tar_bytes(bytes(source))
    if isinstance(source, Path):
        return _directory(source) if source.is_dir() else _tar_path(source)
    if isinstance(source, list):
        files: list[bytes | Path] = list(source)
        return (_whole(one, ordinal) for ordinal, one in enumerate(files, start=1))
    return _tar_stream(source)


def _whole(one: bytes | Path, ordinal: int) -> bytes:
    try:
        if isinstance(one, Path):
            return read_regular(one, MAX_FILE_BYTES)
    except TooLargeError as error:
        raise _oversize_file(ordinal) from error
    except OSError as error:
        raise SeriesError(Reason.NOT_DICOM, f"file {ordinal} cannot be read") from error
    if len(one) > MAX_FILE_BYTES:
        raise _oversize_file(ordinal)
    return one


def _oversize_file(ordinal: int) -> SeriesError:
    return SeriesError(Reason.OVERSIZE, f"file {ordinal} is larger than {MAX_FILE_BYTES} bytes")


def files_of(folder: Path) -> tuple[Path, ...]:
    """The files of a series' folder in the order in which errors number them, from 1."""
    found: list[Path] = []
    for seen, path in enumerate(folder.iterdir(), start=1):
        if seen > MAX_FOLDER_ENTRIES:
            raise SeriesError(
                Reason.OVERSIZE,
                f"more than {MAX_FOLDER_ENTRIES} names in one folder; send one series alone",
            )
        if path.is_file() and path.name not in SKIPPED_NAMES:
            found.append(path)
    return tuple(sorted(found))


def _directory(folder: Path) -> Iterator[bytes]:
    for ordinal, path in enumerate(files_of(folder), start=1):
        yield _whole(path, ordinal)


def _tar_path(path: Path) -> Iterator[bytes]:
    try:
        stream = open_regular(path)
    except OSError as error:
        raise SeriesError(
            Reason.BAD_ARCHIVE, "the series is neither a folder nor an archive that can be read"
        ) from error
    with stream:
        yield from _tar_stream(stream)


def _tar_bytes(content: bytes) -> Iterator[bytes]:
    return _tar_stream(io.BytesIO(content))


def _tar_stream(stream: BinaryIO) -> Iterator[bytes]:
    ordinal = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for ordinal, member in enumerate(archive, start=1):
                if not member.isreg() or member.issparse():
                    raise SeriesError(
                        Reason.BAD_ARCHIVE, f"entry {ordinal} of the archive is not a plain file"
                    )
                if member.size > MAX_FILE_BYTES:
                    raise _oversize_file(ordinal)
                opened = archive.extractfile(member)
                content = b"" if opened is None else opened.read()
                if len(content) != member.size:
                    raise SeriesError(Reason.BAD_ARCHIVE, f"entry {ordinal} is cut short")
                yield content
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise SeriesError(
            Reason.BAD_ARCHIVE, f"the archive cannot be read after entry {ordinal}"
        ) from error
