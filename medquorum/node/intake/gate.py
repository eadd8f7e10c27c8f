"""Images are looked into by a child process before they become a proposal (R-BOD10).

A DICOM file is a program for its parser (CVE-2019-11687, deflate bombs, headers of terabytes). The
node itself never parses one: it starts a fresh interpreter with limits on memory, CPU, files and
wall time, and believes nothing of its answer but a fault of the closed set. Looking and sealing run
side by side; whichever refuses first ends the other.

A body that was sealed elsewhere is ciphertext to this node and is not looked into, neither here nor
when its recipients open it: whoever sealed it runs this check before (`medquorum submit` does), and
whoever parses an opened part guards itself.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medquorum.ledger.types import IMAGE_PARTS, NetworkId, PartName, RecordId
from medquorum.node.desk import DeskError
from medquorum.node.intake.faults import Fault, IntakeRefused, IntakeRule
from medquorum.node.intake.limits import (
    CHILD_ANSWER_BYTES,
    CHILD_CPU_SECONDS,
    CHILD_MEMORY_BYTES,
    CHILD_OPEN_FILES,
    CHILD_WALL_SECONDS,
    CHILDREN,
    FILES,
)
from medquorum.node.intake.surroundings import ENVIRONMENT
from medquorum.node.intake.tags import TAGS
from medquorum.node.sealing import SealedBody, Sink, seal_body

_CHILD: Final = "medquorum.node.intake.child"


@dataclass(frozen=True, slots=True)
class ChildBounds:
    """What one child may use."""

    memory_bytes: int = CHILD_MEMORY_BYTES
    cpu_seconds: int = CHILD_CPU_SECONDS
    wall_seconds: float = CHILD_WALL_SECONDS
    open_files: int = CHILD_OPEN_FILES


@dataclass(frozen=True, slots=True)
class CheckedImages:
    """Images that may become a proposal."""

    files: int
    peak_memory_bytes: int
    """Largest resident size of the child."""


class ImageGate:
    """Looks into image parts, a few at a time."""

    def __init__(self, bounds: ChildBounds | None = None) -> None:
        self._bounds = bounds or ChildBounds()
        self._turn = asyncio.Semaphore(CHILDREN)

    async def check(self, part: PartName, path: Path, *, complete: bool = False) -> CheckedImages:
        """Look into one image part, of which `complete` also asks for every slice.

        Raises IntakeRefused.
        """
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _CHILD),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
                limit=CHILD_ANSWER_BYTES,
            )
            try:
                async with asyncio.timeout(self._bounds.wall_seconds):
                    return await self._asked(process, self._request(part, path, complete))
            except TimeoutError:
                raise IntakeRefused(Fault.OUT_OF_TIME) from None
            finally:
                await _end(process)

    async def check_all(self, parts: Mapping[PartName, Path]) -> None:
        """Look into every image part of a submission. Raises IntakeRefused."""
        for part in sorted(IMAGE_PARTS & parts.keys()):
            await self.check(part, parts[part])

    async def seal(
        self, network: NetworkId, record: RecordId, parts: Mapping[PartName, Path], sink: Sink
    ) -> SealedBody:
        """Seal parts while the images among them are looked into.

        Raises DeskError when an image is refused; the chunks already in the sink are the caller's
        to delete.
        """
        looking = asyncio.create_task(self.check_all(parts))

        async def keep(record: RecordId, part: PartName, index: int, sealed: bytes) -> None:
            if looking.done():
                looking.result()
            await sink(record, part, index, sealed)

        try:
            body = await seal_body(network, record, parts, keep)
            await looking
        except IntakeRefused as refused:
            raise desk_error(refused) from None
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        return body

    def _request(self, part: PartName, path: Path, complete: bool) -> dict[str, object]:
        return {
            "path": str(path.resolve()),
            "part": part.value,
            "complete": complete,
            "memory_bytes": self._bounds.memory_bytes,
            "cpu_seconds": self._bounds.cpu_seconds,
            "open_files": self._bounds.open_files,
        }

    async def _asked(self, process: Process, request: dict[str, object]) -> CheckedImages:
        source, sink = process.stdout, process.stdin
        if source is None or sink is None:
            raise IntakeRefused(Fault.DIED)
        sink.write(json.dumps(request).encode())
        sink.close()
        answer = bytearray()
        while piece := await source.read(CHILD_ANSWER_BYTES):
            answer += piece
            if len(answer) > CHILD_ANSWER_BYTES:
                raise IntakeRefused(Fault.DIED)
        if await process.wait() == -signal.SIGXCPU:
            raise IntakeRefused(Fault.OUT_OF_TIME)
        return read_answer(bytes(answer))


def read_answer(answer: bytes) -> CheckedImages:
    """What the child says, as far as it may say it. Raises IntakeRefused."""
    try:
        told = json.loads(answer)
        if "fault" in told:
            raise _refusal(told)
        return CheckedImages(int(told["files"]), int(told["peak_memory_bytes"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise IntakeRefused(Fault.DIED) from None


def _refusal(told: Mapping[str, object]) -> IntakeRefused:
    ordinal, tag = told["ordinal"], told["tag"]
    known = isinstance(ordinal, int) and 1 <= ordinal <= FILES + 1
    return IntakeRefused(
        Fault(str(told["fault"])),
        ordinal if known and isinstance(ordinal, int) else None,
        tag if isinstance(tag, str) and tag in TAGS else None,
    )


async def _end(process: Process) -> None:
    """Kill a child that is still there, and wait until it is gone."""
    if process.returncode is None:
        try:
            process.kill()
        except ProcessLookupError:
            pass  # it ended by itself just now
        await process.wait()


def desk_error(refused: IntakeRefused) -> DeskError:
    """The same refusal as a caller of the API is told it."""
    status = 503 if refused.rule is IntakeRule.NO_READER else 400
    return DeskError(status, refused.rule.value, refused.advice)
