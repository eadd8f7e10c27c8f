"""What comes back from an isolated child: JSON values and arrays in one archive without pickle.

A child that was taken over cannot make its parent run anything by it, and the sizes that the
archive declares are bounded before a byte is unpacked.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import IsolationError, Reason
from medquorum.ai_entity.limits import CHILD_ANSWER_BYTES

PLAIN: Final = "plain"
"""Name of the JSON entry of an archive; every other entry is an array."""

DAMAGE: Final = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RecursionError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile, numpy and json raise on an archive that was not written by ``write_answer``."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an isolated function returns: JSON values and arrays apart."""

    plain: Mapping[str, Any]
    arrays: Mapping[str, Array]
    peak_memory_bytes: int = 0
    """Largest resident size of the child, filled in by the child runner."""

    def __repr__(self) -> str:
        return f"Answer({sorted(self.plain)}, {sorted(self.arrays)})"


def write_answer(path: Path, answer: Answer) -> None:
    """One compressed archive, no pickle."""
    words = json.dumps(answer.plain, sort_keys=True).encode()
    entries = dict(answer.arrays)
    if PLAIN in entries:
        raise ValueError(f"an array cannot be named {PLAIN}")
    entries[PLAIN] = np.frombuffer(words, dtype=np.uint8)
    with path.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **entries)


def read_answer(path: Path) -> Answer:
    """The archive of ``write_answer``. Raises IsolationError when it is not one."""
    try:
        if path.is_symlink() or not path.is_file():
            raise IsolationError(Reason.CHILD_DIED, "the answer is not a plain file")
        if path.stat().st_size > CHILD_ANSWER_BYTES:
            raise IsolationError(Reason.OVERSIZE, f"an answer over {CHILD_ANSWER_BYTES} bytes")
        with zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
            if sum(entry.file_size for entry in entries) > CHILD_ANSWER_BYTES:
                raise IsolationError(Reason.OVERSIZE, f"an answer over {CHILD_ANSWER_BYTES} bytes")
            if len({entry.filename.removesuffix(".npy") for entry in entries}) != len(entries):
                raise IsolationError(Reason.CHILD_DIED, "two parts of the answer have one name")
        with np.load(path, allow_pickle=False) as archive:
            plain = json.loads(bytes(archive[PLAIN]))
            arrays = {name: np.asarray(archive[name]) for name in archive.files if name != PLAIN}
    except DAMAGE as error:
        raise IsolationError(
            Reason.CHILD_DIED, "the analysis process left no readable answer"
        ) from error
    if not isinstance(plain, dict):
        raise IsolationError(Reason.CHILD_DIED, "the analysis process left a malformed answer")
    return Answer(plain, arrays)
