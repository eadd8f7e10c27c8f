"""The rules by which a policy approves: what a machine can tell, and nothing more (R-VER4).

A rule looks at the whole body: whatever it cannot judge, such as an attachment, is left to people.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, assert_never

from medquorum.ledger.contents import AnalyteResult, Flag, parse_test_results
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import RECORD
from medquorum.ledger.proposal import Core
from medquorum.ledger.types import REQUIRED_PART, BlockType, PartName, RecordId
from medquorum.node.intake.faults import IntakeRefused
from medquorum.node.intake.gate import ImageGate


class Policy(StrEnum):
    """The policies this version knows; a charter's `auto_policies` name them (R-CHA3)."""

    PLAUSIBLE_TEST_RESULT = "plausible-test-result"
    """Every value is flagged normal and lies in the reference range that stands beside it."""
    COMPLETE_IMAGE_SERIES = "complete-image-series"
    """The DICOM files are one gapless series of one patient, and none of them is damaged."""


JUDGED: Final = {
    Policy.PLAUSIBLE_TEST_RESULT: frozenset({BlockType.TEST_RESULT}),
    Policy.COMPLETE_IMAGE_SERIES: frozenset({BlockType.CT, BlockType.PET}),
}
"""The block types each policy can judge."""


class Plaintexts(Protocol):
    """Opened bodies."""

    def read(self, record: RecordId, part: PartName) -> AsyncIterator[bytes]:
        """The plaintext of a part; LookupError where there is none."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What rules look with."""

    bodies: Plaintexts
    images: ImageGate
    spool: Path
    """Folder for an image part while it is looked into; nothing stays there."""

    async def holds(self, policy: Policy, core: Core) -> bool:
        """Whether a policy approves; LookupError where the body cannot be read here."""
        part = REQUIRED_PART[core.type]
        if [one.name for one in core.parts] != [part]:
            return False
        match policy:
            case Policy.PLAUSIBLE_TEST_RESULT:
                pieces = [piece async for piece in self.bodies.read(core.record, part)]
                return plausible(b"".join(pieces))
            case Policy.COMPLETE_IMAGE_SERIES:
                return await self._complete(core.record, part)
        assert_never(policy)

    async def _complete(self, record: RecordId, part: PartName) -> bool:
        self.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.spool) as folder:
            path = Path(folder) / part.value
            with path.open("xb") as spooled:
                async for piece in self.bodies.read(record, part):
                    spooled.write(piece)
            try:
                await self.images.check(part, path, complete=True)
            except IntakeRefused:
                return False
        return True


def plausible(content: bytes) -> bool:
    """Whether a TEST_RES part has results, and all of them in their reference ranges (R-CON2)."""
    if len(content) > RECORD.total:
        return False
    try:
        results = parse_test_results(content).results
    except CodecError:
        return False
    return bool(results) and all(_normal(result) for result in results)


def _normal(result: AnalyteResult) -> bool:
    low, high = result.reference_low_milli, result.reference_high_milli
    if result.flag is not Flag.NORMAL or (low is None and high is None):
        return False
    above = low is None or result.value_milli >= low
    return above and (high is None or result.value_milli <= high)
