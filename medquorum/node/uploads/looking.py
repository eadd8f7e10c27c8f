"""Asking the child: what an upload holds, and an image part made of it.

A child is believed nothing but what `told` allows; the part it writes is checked again by the
intake like anybody's, before it is sealed.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.limits import FILES
from medquorum.node.intake.surroundings import NUMERICAL_ENVIRONMENT
from medquorum.node.intake.tags import TAGS
from medquorum.node.uploads.limits import (
    BATCH_BYTES,
    CHILD_ANSWER_BYTES,
    CHILD_CPU_SECONDS,
    CHILD_MEMORY_BYTES,
    CHILD_OPEN_FILES,
    CHILD_WALL_SECONDS,
)
from medquorum.node.uploads.told import Inspection, Packed, Refused, Told

_CHILD: Final = "medquorum.node.uploads.child"
T = TypeVar("T", bound=Told)


class Looker:
    """Runs children, one at a time: each may use as much memory as a large volume needs."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def inspect(self, folder: Path, files: list[int]) -> Inspection:
        """What the numbered files of a folder are. Raises IntakeRefused."""
        asked = {"wanted": "inspection", "folder": str(folder.resolve()), "files": files}
        return await self._asked(asked, Inspection, writes=False)

    async def pack(self, request: dict[str, Any]) -> Packed:
        """Make an image part; `request` as `child.answer_to` reads it. Raises IntakeRefused."""
        return await self._asked(request, Packed, writes=True)

    async def _asked(self, request: dict[str, Any], answer: type[T], *, writes: bool) -> T:
        limits = {
            "memory_bytes": CHILD_MEMORY_BYTES,
            "cpu_seconds": CHILD_CPU_SECONDS,
            "open_files": CHILD_OPEN_FILES,
            "file_bytes": BATCH_BYTES if writes else 0,
        }
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _CHILD),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=NUMERICAL_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(CHILD_WALL_SECONDS):
                    said = await _said(process, json.dumps({**request, "limits": limits}).encode())
            except TimeoutError:
                raise IntakeRefused(Fault.OUT_OF_TIME) from None
            finally:
                await _end(process)
        if process.returncode == -signal.SIGXCPU:
            raise IntakeRefused(Fault.OUT_OF_TIME)
        try:
            return answer.model_validate_json(said)
        except ValidationError:
            raise _refusal(said) from None


async def _said(process: Process, request: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise IntakeRefused(Fault.DIED)
    process.stdin.write(request)
    process.stdin.close()
    answer = bytearray()
    while piece := await process.stdout.read(65_536):
        answer += piece
        if len(answer) > CHILD_ANSWER_BYTES:
            raise IntakeRefused(Fault.DIED)
    await process.wait()
    return bytes(answer)


def _refusal(said: bytes) -> IntakeRefused:
    try:
        told = Refused.model_validate_json(said)
        fault = Fault(told.fault)
    except ValueError:
        return IntakeRefused(Fault.DIED)
    known = told.ordinal is not None and 1 <= told.ordinal <= FILES
    return IntakeRefused(
        fault, told.ordinal if known else None, told.tag if told.tag in TAGS else None
    )


async def _end(process: Process) -> None:
    """Kill a child that is still there, and wait until it is gone."""
    if process.returncode is None:
        try:
            process.kill()
        except ProcessLookupError:
            pass  # it ended by itself just now
        await process.wait()
