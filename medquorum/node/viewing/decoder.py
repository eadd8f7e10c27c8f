"""The children that decode: one warm and waiting, each for one image, killed when it is not needed.

A child is believed nothing but what `told` allows; what it wrote is read as numbers only.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from typing import Final

from pydantic import ValidationError

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.limits import FILES
from medquorum.node.intake.surroundings import NUMERICAL_ENVIRONMENT
from medquorum.node.intake.tags import TAGS
from medquorum.node.viewing.limits import (
    ANSWER_LINE_BYTES,
    CHILD_CPU_SECONDS,
    CHILD_MEMORY_BYTES,
    CHILD_OPEN_FILES,
    IMAGE_BYTES,
)
from medquorum.node.viewing.told import Decoded, Described, Description, Refused

_CHILD: Final = "medquorum.node.viewing.child"
_LIMITS: Final = {
    "memory_bytes": CHILD_MEMORY_BYTES,
    "cpu_seconds": CHILD_CPU_SECONDS,
    "open_files": CHILD_OPEN_FILES,
    "file_bytes": IMAGE_BYTES,
}


class Child:
    """One process that decodes one image."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> Child:
        """A child that imports what it needs and then waits."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", _CHILD),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=NUMERICAL_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            limit=ANSWER_LINE_BYTES,
        )
        child = cls(process)
        child.tell(_LIMITS)
        return child

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.returncode is None

    def tell(self, request: object) -> None:
        """Send one line; a child that is gone hears nothing."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(request).encode() + b"\n")

    async def description(self) -> Description:
        """The first answer. Raises IntakeRefused."""
        line = await self._line()
        try:
            return Described.model_validate_json(line).described
        except ValidationError:
            raise self._refusal(line) from None

    async def decoded(self) -> AsyncIterator[int]:
        """The planes that stand in the file, as they come. Raises IntakeRefused."""
        while line := await self._line():
            try:
                yield Decoded.model_validate_json(line).decoded
            except ValidationError:
                raise self._refusal(line) from None

    async def _line(self) -> bytes:
        if self._process.stdout is None:
            return b""
        try:
            return await self._process.stdout.readline()
        except ValueError:
            raise IntakeRefused(Fault.DIED) from None

    def _refusal(self, line: bytes) -> IntakeRefused:
        if not line and self._process.returncode == -signal.SIGXCPU:
            return IntakeRefused(Fault.OUT_OF_TIME)
        try:
            told = Refused.model_validate_json(line)
            fault = Fault(told.fault)
        except ValueError:
            return IntakeRefused(Fault.DIED)
        known = told.ordinal is not None and 1 <= told.ordinal <= FILES + 1
        return IntakeRefused(
            fault, told.ordinal if known else None, told.tag if told.tag in TAGS else None
        )

    async def end(self) -> None:
        """Kill it if it is still there, and wait until it is gone."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            try:
                self._process.kill()
            except ProcessLookupError:
                pass  # it ended by itself just now
        await self._process.wait()


class Spare:
    """One child that is warm before it is needed: imports take longer than a series to decode."""

    def __init__(self) -> None:
        self._waiting: asyncio.Task[Child] | None = None
        self._closed = False

    def warm(self) -> None:
        """Start a child unless one is waiting."""
        if self._waiting is None and not self._closed:
            self._waiting = asyncio.create_task(Child.start())

    async def take(self) -> Child:
        """The waiting child, or a new one."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            child = await waiting
            if child.alive:
                return child
            await child.end()
        return await Child.start()

    async def close(self) -> None:
        """End the waiting child; there will be none after it."""
        self._closed = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            await (await waiting).end()
