"""Reading a path that anybody may have named: plain files only, and never more than a limit.

A pipe would be waited for without end, a device never ends, and a size asked for before the file is
open may be another one after.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotPlainError(OSError):
    """The path leads to a folder, a pipe, a device or a socket."""


class TooLargeError(OSError):
    """The file has more bytes than the limit."""


def open_regular(path: Path) -> BinaryIO:
    """The plain file at ``path``, open for reading. Raises OSError, never waits."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotPlainError(errno.EINVAL, "is not a plain file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """All bytes of the plain file, or TooLargeError when there are more than ``limit``."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size <= limit:
            content = stream.read(size + 1)
            if len(content) > size:  # it has grown, or its file system tells no size
                content += stream.read(limit + 1 - len(content))
            if len(content) <= limit:
                return content
    raise TooLargeError(errno.EFBIG, f"has more than {limit} bytes", str(path))
