"""Sealed body chunks on a local folder or any S3-compatible store, one object per chunk.

Chunks are ciphertext; whoever reads them verifies them against the ledger (R-NET4), not this.
An object's name is built from a record's 32 bytes, a part name of a closed alphabet and a
number: nothing a peer sends becomes a path. A put is atomic (written aside, then renamed), but
on a local folder it is not durable: `make_durable` flushes a record's files and folders before
the node acknowledges that it holds the body. A remote store is durable when its put returns.
"""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from medquorum.node.private_files import sync_folder

SEALED_CHUNK_LIMIT_BYTES: Final = 1_048_576 + 16
"""One MiB of plaintext and its AES-GCM tag."""

CHUNKS_PER_PART_LIMIT: Final = 2_048
"""Two GiB per part."""

FLUSH_THREADS: Final = 4
"""Flushes in flight: the file system merges neighbours, and more only queue in the disk."""

RECORD_LENGTH_BYTES: Final = 32

_PART_NAME = re.compile(r"[A-Z_]{1,16}")
_CHUNK_NAME = re.compile(r"[0-9]{6}")

T = TypeVar("T")


class BodyStoreError(Exception):
    """Root of the body store's errors: Misuse, Absent, Failure below it."""


class BodyStoreMisuse(BodyStoreError):
    """Record, part, index, chunk size or URL outside the limits."""


class BodyAbsent(BodyStoreError):
    """The chunk or record is not stored here."""


class BodyStoreFailure(BodyStoreError):
    """The storage failed (disk full, I/O error, network): nothing may be acknowledged."""


class BodyStore:
    """Chunks by (record, part, index). All methods may be used from one event loop at once."""

    def __init__(self, objects: ObjectStore, *, local_root: Path | None = None) -> None:
        """`local_root` is the folder behind `objects` when it is local, else None."""
        self._objects = objects
        self._root = local_root
        self._flushers = ThreadPoolExecutor(FLUSH_THREADS, thread_name_prefix="body-flush")

    async def put_chunk(self, record: bytes, part: str, index: int, sealed: bytes) -> None:
        """Store one sealed chunk atomically, replacing an earlier one; durable only later."""
        if not 0 < len(sealed) <= SEALED_CHUNK_LIMIT_BYTES:
            raise BodyStoreMisuse(f"a sealed chunk has 1 to {SEALED_CHUNK_LIMIT_BYTES} bytes")
        key = _chunk_key(record, part, index)
        with _storage_errors():
            try:
                await obstore.put_async(self._objects, key, sealed, use_multipart=False)
            except FileNotFoundError:
                # The deletion of a neighbour took the empty shard while its folder was made.
                await obstore.put_async(self._objects, key, sealed, use_multipart=False)

    async def get_chunk(self, record: bytes, part: str, index: int) -> bytes:
        """Return one sealed chunk, unverified; BodyAbsent when it is not here."""
        key = _chunk_key(record, part, index)
        with _storage_errors():
            found = await obstore.get_async(self._objects, key)
            if found.meta["size"] > SEALED_CHUNK_LIMIT_BYTES:
                raise BodyStoreFailure("a stored chunk exceeds the limit: run a scrub")
            return bytes(await found.bytes_async())

    async def has_chunks(self, record: bytes, part: str) -> frozenset[int]:
        """Return the indices of the chunks stored for one part."""
        prefix = _part_prefix(record, part)
        indices: set[int] = set()
        with _storage_errors():
            async for page in obstore.list(self._objects, prefix=prefix):
                names = (entry["path"].rsplit("/", 1)[-1] for entry in page)
                indices.update(int(name) for name in names if _CHUNK_NAME.fullmatch(name))
        return frozenset(indices)

    async def parts(self, record: bytes) -> tuple[str, ...]:
        """Return the names of the parts of which any chunk is stored, sorted."""
        names = await self._children(_record_prefix(record))
        return tuple(sorted(name for name in names if _PART_NAME.fullmatch(name)))

    async def records(self) -> AsyncIterator[bytes]:
        """Iterate over every record stored, by ascending record: for scrubbing and sizes."""
        for shard in range(256):
            for name in sorted(await self._children(f"{shard:02x}")):
                if re.fullmatch(r"[0-9a-f]{64}", name):
                    yield bytes.fromhex(name)

    async def iterate_chunks(self, record: bytes, part: str, count: int) -> AsyncIterator[bytes]:
        """Yield chunks 0 to count - 1 in order, reading one ahead; BodyAbsent at a gap."""
        ahead: asyncio.Task[bytes] | None = None
        try:
            for index in range(count):
                current = ahead or asyncio.ensure_future(self.get_chunk(record, part, index))
                ahead = None
                if index + 1 < count:
                    ahead = asyncio.ensure_future(self.get_chunk(record, part, index + 1))
                yield await current
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def make_durable(self, record: bytes) -> None:
        """Flush every chunk of a record, and the folders naming them, to the disk.

        Returns at once for a remote store. Raises BodyAbsent when nothing is stored, and
        BodyStoreFailure when a flush fails: then the body must not be acknowledged.
        """
        if self._root is None:
            return
        folder = self._root / _record_prefix(record)
        with _storage_errors():
            files = await self._in_thread(lambda: _files_below(folder))
            async with asyncio.TaskGroup() as flushes:
                for lane in range(FLUSH_THREADS):
                    flushes.create_task(self._in_thread(_flusher(files[lane::FLUSH_THREADS])))
            parts = sorted({path.parent for path in files})
            folders = (*parts, folder, folder.parent, self._root)
            await self._in_thread(lambda: _sync_folders(folders))

    async def delete_record(self, record: bytes) -> None:
        """Remove every chunk of a record; nothing to remove is no error, so it can be repeated."""
        prefix = _record_prefix(record)
        with _storage_errors():
            if self._root is not None:
                folder = self._root / prefix
                await self._in_thread(lambda: _remove_folder(folder))
                return
            async for page in obstore.list(self._objects, prefix=prefix):
                await obstore.delete_async(self._objects, [entry["path"] for entry in page])

    async def close(self) -> None:
        """End the flush threads."""
        await asyncio.to_thread(self._flushers.shutdown, wait=True)

    async def _children(self, prefix: str) -> tuple[str, ...]:
        with _storage_errors():
            found = await obstore.list_with_delimiter_async(self._objects, prefix=prefix)
        return tuple(path.rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"])

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._flushers, work)


def open_body_store(bodies_url: str) -> BodyStore:
    """Open file:///FOLDER (made with mode 0700) or a URL obstore knows, such as s3://BUCKET/PREFIX.

    Credentials of remote stores come from the environment, never from the URL.
    """
    address = urlsplit(bodies_url)
    if address.scheme == "file" and not address.netloc:
        return open_local_bodies(Path(unquote(address.path)))
    if address.scheme in ("", "file", "memory") or "@" in address.netloc or address.query:
        raise BodyStoreMisuse("bodies url must be file:///FOLDER or s3://BUCKET, no credentials")
    try:
        return BodyStore(from_url(bodies_url))
    except (BaseError, ValueError) as error:
        raise BodyStoreMisuse("bodies url is not of a store known here") from error


def open_local_bodies(folder: Path) -> BodyStore:
    """Open a body store in a local folder, making it owner-only when it is new."""
    with _storage_errors():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
        return BodyStore(LocalStore(str(folder)), local_root=folder)


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Turn the storage's errors into ours, without paths."""
    try:
        yield
    except FileNotFoundError as error:
        raise BodyAbsent("not stored here; fetch it from another holder") from error
    except (OSError, BaseError, ExceptionGroup) as error:
        raise BodyStoreFailure(f"body storage failed ({type(error).__name__})") from error


def _record_prefix(record: bytes) -> str:
    if len(record) != RECORD_LENGTH_BYTES:
        raise BodyStoreMisuse(f"a record is named by {RECORD_LENGTH_BYTES} bytes")
    name = record.hex()
    return f"{name[:2]}/{name}"


def _part_prefix(record: bytes, part: str) -> str:
    if not _PART_NAME.fullmatch(part):
        raise BodyStoreMisuse("a part name has 1 to 16 capital letters or underscores")
    return f"{_record_prefix(record)}/{part}"


def _chunk_key(record: bytes, part: str, index: int) -> str:
    if not 0 <= index < CHUNKS_PER_PART_LIMIT:
        raise BodyStoreMisuse(f"a chunk's index is 0 to {CHUNKS_PER_PART_LIMIT - 1}")
    return f"{_part_prefix(record, part)}/{index:06d}"


def _files_below(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.glob("*/*") if path.is_file())
    if not files:
        raise FileNotFoundError(folder)
    return files


def _flusher(files: list[Path]) -> Callable[[], None]:
    def flush() -> None:
        for path in files:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    return flush


def _sync_folders(folders: tuple[Path, ...]) -> None:
    for folder in folders:
        sync_folder(folder)


def _remove_folder(folder: Path) -> None:
    """Remove a record's folder, and the shard above it when nothing else is in it."""
    shard = folder.parent
    if folder.is_dir():
        shutil.rmtree(folder)
    with contextlib.suppress(OSError):
        shard.rmdir()
    # Another deletion may have taken the shard meanwhile.
    with contextlib.suppress(FileNotFoundError):
        sync_folder(shard)
        return
    sync_folder(shard.parent)
