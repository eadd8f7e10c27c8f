"""The child process that decodes one image, the planes that are asked for first.

Runs as `python -m medquorum.node.viewing.child`. Lines of JSON come in: `{"memory_bytes",
"cpu_seconds", "open_files", "file_bytes"}` at once, then `{"source", "target", "part"}`, then any
number of `{"wanted": index}`. Lines go out as `told` has them. It writes the planes into the one
file it is given and ends when all stand there, or when its input ends. It needs no network and
starts no process.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import select
import sys
import warnings
from typing import Any, BinaryIO, Final

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.jpeg import START
from medquorum.node.intake.png import SIGNATURE
from medquorum.node.intake.ustar import BLOCK, MAGIC, MAGIC_AT

LINE_BYTES: Final = 65_536
_INPUT: Final = 0


class Requests:
    """Lines of JSON from standard input, read without blocking where asked to."""

    def __init__(self) -> None:
        self._pending = b""
        self.ended = False

    def next(self) -> dict[str, Any] | None:
        """The next request; None when there will be none."""
        while b"\n" not in self._pending and not self.ended:
            self._read()
        line, _, self._pending = self._pending.partition(b"\n")
        request: dict[str, Any] | None = json.loads(line) if line else None
        return request

    def waiting(self) -> list[dict[str, Any]]:
        """The requests that have arrived by now."""
        while not self.ended and select.select([_INPUT], [], [], 0)[0]:
            self._read()
        lines = self._pending.split(b"\n")
        self._pending = lines.pop()
        return [json.loads(line) for line in lines]

    def _read(self) -> None:
        piece = os.read(_INPUT, LINE_BYTES)
        self._pending += piece
        self.ended = not piece


def say(answer: object) -> None:
    """One line to the node."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def lower_limits(limits: dict[str, int]) -> None:
    """Set this process's limits; never raises one above what it already has."""
    wanted = {
        resource.RLIMIT_AS: limits["memory_bytes"],
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


def open_image(source: BinaryIO, part: str) -> Any:
    """The image in a file, described. Raises IntakeRefused."""
    total = os.fstat(source.fileno()).st_size
    beginning = source.read(BLOCK)
    if beginning[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC:
        from medquorum.node.viewing.decoding import describe_archive

        return describe_archive(source, total, part)
    if part == "IMG_XRAY" and beginning.startswith((SIGNATURE, START)):
        from medquorum.node.viewing.pictures import describe_picture

        return describe_picture(source)
    raise IntakeRefused(Fault.NOT_AN_IMAGE)


def decode_all(image: Any, target: int, requests: Requests) -> None:
    """Write every plane; those wanted last come first, then the ones after them."""
    left = dict.fromkeys(range(image.described["slices"]))
    place = 0
    while left and not requests.ended:
        for request in requests.waiting():
            if isinstance(request.get("wanted"), int):
                place = request["wanted"]
        if place not in left:
            place = min((one for one in left if one > place), default=next(iter(left)))
        del left[place]
        os.pwrite(target, image.plane(place), image.offset_of(place))
        say({"decoded": place})


def serve(requests: Requests) -> None:
    """One image from request to end; a refusal is the last line."""
    asked = requests.next()
    if asked is None:
        return
    try:
        with open(asked["source"], "rb") as source:
            target = os.open(asked["target"], os.O_WRONLY | os.O_CLOEXEC)
            image = open_image(source, asked["part"])
            say({"described": image.described})
            decode_all(image, target, requests)
    except IntakeRefused as refused:
        say({"fault": refused.fault.value, "ordinal": refused.ordinal, "tag": refused.tag})
    except ModuleNotFoundError:
        say({"fault": Fault.NO_READER.value, "ordinal": None, "tag": None})
    except MemoryError:
        say({"fault": Fault.OUT_OF_MEMORY.value, "ordinal": None, "tag": None})
    except Exception:
        # Its words may quote the file; the parent tells that the check ended.
        say({"fault": Fault.DIED.value, "ordinal": None, "tag": None})


def main() -> None:
    """Serve one image; what takes long to import is imported while the node still decrypts."""
    requests = Requests()
    limits = requests.next()
    if limits is None:
        return
    lower_limits(limits)
    logging.getLogger("pydicom").disabled = True
    warnings.simplefilter("ignore")
    try:
        import medquorum.node.viewing.decoding  # noqa: F401  # ready before the image is
    except ModuleNotFoundError:
        pass  # without pydicom the refusal says so
    serve(requests)


if __name__ == "__main__":
    main()
