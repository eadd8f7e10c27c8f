"""What ordering is handed: the ledger's judgement, a seat, timing, the last final batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from medquorum.consensus.ordering.compact import Compact
from medquorum.ledger.batch import Batch, BatchHeader
from medquorum.ledger.block import Block, Witness
from medquorum.ledger.certificate import Certificate
from medquorum.ledger.reasons import Judgement
from medquorum.ledger.signature import Signer
from medquorum.ledger.types import BatchHash, BlockHash

View = TypeVar("View")
"""The ledger after a chain of batches: opaque here, and never changed once made."""

SILENT_MS: Final = 30_000
"""A leader unheard for so long is not waited for at full length (R-SIM7)."""
ASK_AFTER_MS: Final = 100
"""A batch being final elsewhere arrives by itself within this; only then is it asked for."""
ASK_RETRY_MS: Final = 1_000
"""An unanswered request goes to the next peer after this."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a leader puts into a batch, and the header fields that follow from it (R-ORD7)."""

    blocks: tuple[Block, ...]
    witnesses: tuple[Witness, ...]
    first_nbc: int
    last_block_hash: BlockHash
    registry_hash: bytes
    charter_version: int


@dataclass(frozen=True, slots=True)
class FinalPoint(Generic[View]):
    """The last final batch; at the start slot 0 with the network id as hash (R-ORD9)."""

    slot: int
    hash: BatchHash
    time_ms: int
    log_length: int
    """Final batches so far, empty ones included; the index of the next."""
    view: View


@dataclass(frozen=True, slots=True)
class Seat:
    """A doctor's number in the charter and its node's consensus key."""

    number: int
    sign: Signer


@dataclass(frozen=True, slots=True)
class Timing:
    """The charter's times (R-CHA2)."""

    slot_timeout_ms: int
    slot_timeout_max_ms: int
    idle_status_ms: int
    retransmit_ms: int

    @property
    def grace_ms(self) -> int:
        """How long a leader waits for finality before it proposes an empty batch."""
        return self.slot_timeout_ms * 3 // 10

    def slot_timeout(self, behind: int) -> int:
        """T(slot) of R-SIM7, `behind` = slot - 1 - last final slot."""
        steps = max(0, min(behind, 64))
        grown: int = self.slot_timeout_ms * 3**steps // 2**steps
        return min(self.slot_timeout_max_ms, grown)


@dataclass(frozen=True, slots=True)
class LoggedBatch:
    """A final batch of the log with what makes it final, where that is at hand."""

    batch: Batch
    certificate: Certificate | None = None
    """Of this batch or of the last of its tail; None where a later batch's vouches for it."""
    tail: tuple[Batch, ...] = ()
    """Empty batches between the end of an epoch and the certified one (R-GOV8)."""


class Application(Protocol[View]):
    """The ledger as ordering sees it; every method is deterministic and changes nothing."""

    def has_work(self, view: View) -> bool:
        """Whether some verdict is not in that chain and admissible there."""

    def compose(self, view: View, time_ms: int, room: int) -> Contents:
        """The next batch after that chain, its blocks and witnesses within `room` bytes (R-ORD8).

        No blocks when nothing is admissible or fits.
        """

    def seal(self, header: BatchHeader) -> BatchHeader:
        """The header with the nonce that R-ORD16 asks for; unchanged at difficulty 0."""

    def rebuild(
        self, compact: Compact, header: BatchHeader, view: View
    ) -> tuple[tuple[Block, ...], tuple[Witness, ...]] | None:
        """The body of a compact batch after the parent's view; None when something is missing."""

    def judge(self, batch: Batch, view: View) -> Judgement:
        """Header fields that follow from chain and body, and every block (R-ORD1 to R-ORD6)."""

    def extend(self, view: View, batch: Batch) -> View:
        """The view after one more batch, already judged."""

    def ends_epoch(self, view: View) -> bool:
        """Whether that chain holds an amendment: no block may follow it in its epoch (R-GOV8)."""

    def final_batch(self, log_index: int) -> LoggedBatch | None:
        """A final batch of the log."""
