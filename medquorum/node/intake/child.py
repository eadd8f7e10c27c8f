"""The child process that looks into submitted images, one file for each process.

Runs as `python -m medquorum.node.intake.child`: the request is JSON on standard input, the answer
one JSON map on standard output, either `{"files", "peak_memory_bytes"}` or `{"fault", "ordinal",
"tag"}`. Limits are lowered before anything that parses is imported. It needs no network, writes no
file and starts no process. numpy is kept out: nothing here decodes pixels, and it reserves more
memory than all the rest.
"""

from __future__ import annotations

import json
import logging
import mmap
import os
import resource
import sys
import warnings
from typing import Any, BinaryIO, Final

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.jpeg import START, check_jpeg
from medquorum.node.intake.limits import PICTURE_BYTES
from medquorum.node.intake.png import SIGNATURE, check_png
from medquorum.node.intake.ustar import BLOCK, MAGIC, MAGIC_AT

REQUEST_BYTES: Final = 65_536
PICTURE_PARTS_NAMED: Final = frozenset({"IMG_XRAY"})
"""Parts that may be one PNG or JPEG file."""


def lower_limits(memory_bytes: int, cpu_seconds: int, open_files: int) -> None:
    """Set this process's limits; never raises one above what it already has."""
    wanted = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_NOFILE: open_files,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        # A second between the soft and the hard limit: SIGXCPU tells more than SIGKILL.
        most = value + 1 if kind == resource.RLIMIT_CPU else value
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (min(value, most), most))


def check_file(path: str, part: str, *, complete: bool = False) -> int:
    """How many files the image part at a path holds. Raises IntakeRefused."""
    with open(path, "rb") as image:
        total = os.fstat(image.fileno()).st_size
        beginning = image.read(BLOCK)
        if beginning[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC or beginning == bytes(BLOCK):
            return _check_archive(image, total, part, complete=complete)
        if complete or part not in PICTURE_PARTS_NAMED:
            raise IntakeRefused(Fault.NOT_AN_IMAGE)
        if beginning.startswith(SIGNATURE):
            check = check_png
        elif beginning.startswith(START):
            check = check_jpeg
        else:
            raise IntakeRefused(Fault.NOT_AN_IMAGE)
        if total > PICTURE_BYTES:
            raise IntakeRefused(Fault.PICTURE_SIZE)
        with mmap.mmap(image.fileno(), 0, access=mmap.ACCESS_READ) as content:
            check(content)
        return 1


def _check_archive(image: BinaryIO, total: int, part: str, *, complete: bool) -> int:
    try:
        from medquorum.node.intake.series import check_series
    except ModuleNotFoundError:
        raise IntakeRefused(Fault.NO_READER) from None
    return check_series(image, total, part, complete=complete)


def answer_to(request: dict[str, Any]) -> dict[str, Any]:
    """The answer; of what is not foreseen only that it happened."""
    try:
        files = check_file(request["path"], request["part"], complete=request["complete"])
    except IntakeRefused as refused:
        return {"fault": refused.fault.value, "ordinal": refused.ordinal, "tag": refused.tag}
    except MemoryError:
        return {"fault": Fault.OUT_OF_MEMORY.value, "ordinal": None, "tag": None}
    except Exception:
        # Its words may quote the file; the parent tells that the check ended.
        return {"fault": Fault.DIED.value, "ordinal": None, "tag": None}
    return {"files": files, "peak_memory_bytes": _peak_memory_bytes()}


def _peak_memory_bytes() -> int:
    """Largest resident size since this program began; getrusage would tell the parent's as well."""
    with open("/proc/self/status", encoding="ascii") as status:
        peaks = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    return int(peaks[0]) * 1024


def main() -> None:
    """Serve one request."""
    request = json.loads(sys.stdin.buffer.read(REQUEST_BYTES))
    lower_limits(request["memory_bytes"], request["cpu_seconds"], request["open_files"])
    sys.modules["numpy"] = None  # type: ignore[assignment]  # importing it is refused
    logging.getLogger("pydicom").disabled = True
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(answer_to(request)))


if __name__ == "__main__":
    main()
