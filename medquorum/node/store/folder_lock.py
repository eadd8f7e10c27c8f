"""One process per node folder: two would sign with the same keys from two journals."""

import contextlib
import fcntl
import os
from pathlib import Path

from medquorum.node.store.errors import StoreInUse

LOCK_NAME = "node.lock"


class FolderLock:
    """An exclusive advisory lock (flock) on `<folder>/node.lock`, gone when its process ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock or raise StoreInUse naming the folder and the holder's process id."""
        path = folder / LOCK_NAME
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise StoreInUse(
                f"{folder} is in use by process {holder or 'unknown'}; "
                "stop that node or choose another home folder"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Give the lock back; calling it twice is harmless."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = -1
