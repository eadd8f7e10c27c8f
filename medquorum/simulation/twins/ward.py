"""The smallest ledger that ordering can order: verdicts one after another, nothing clinical.

Every batch holds one verdict at most, so that there is work in every slot of a scenario. Two wards
with the same verdicts in another order compose different batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from medquorum.consensus.ordering.application import Contents, FinalPoint, LoggedBatch
from medquorum.consensus.ordering.compact import Compact
from medquorum.ledger.batch import Batch, BatchHeader, registry_hash
from medquorum.ledger.block import Block, BlockHeader, Witness, place
from medquorum.ledger.certificate import Certificate
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Core, Proposal, assemble
from medquorum.ledger.reasons import ACCEPT, Judgement, Reason, Reject
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import (
    BatchHash,
    BlockHash,
    BlockType,
    NetworkId,
    Outcome,
    ProposalId,
    RecordId,
)
from medquorum.simulation.crypto import START_MS, patient_key

NETWORK: Final = NetworkId(hashlib.sha256(b"twins").digest())
_REGISTRY: Final = registry_hash(NETWORK, ())
_NOBODY: Final = Witness(())
_LABORATORY: Final = Address(hashlib.sha256(b"laboratory").digest())


@lru_cache(maxsize=64)
def verdict(number: int) -> Proposal:
    """The number-th decided proposal, always the same."""
    digest = hashlib.sha256(b"verdict %d" % number).digest()
    core = Core(
        type=BlockType.TEST_RESULT,
        network=NETWORK,
        issuer=_LABORATORY,
        doctor=_LABORATORY,
        patient=1,
        patient_key=patient_key(0),
        patient_name=ZERO,
        record=RecordId(digest),
        parts=(),
        body_root=ZERO,
        seen_head=BlockHash(ZERO),
        issued_at_ms=START_MS,
        expires_at_ms=START_MS + 86_400_000,
    )
    return assemble(core.encoded(), Signature(digest + digest))


@dataclass(frozen=True, slots=True)
class WardView:
    """How many blocks, the last one's hash, and which verdicts."""

    count: int
    last: BlockHash
    seen: frozenset[ProposalId]


_START: Final = WardView(0, BlockHash(NETWORK), frozenset())


@lru_cache(maxsize=4_096)
def _placed(count: int, last: BlockHash, proposal: Proposal) -> Block:
    header = BlockHeader(count + 1, last, 1, count + 1, last, Outcome.ACCEPTED, proposal.id)
    return place(header, proposal)


class Ward:
    """One machine's open verdicts and its log, behind the Application protocol."""

    def __init__(self) -> None:
        self.open: dict[ProposalId, Proposal] = {}
        self.log: list[LoggedBatch] = []

    @property
    def blocks(self) -> int:
        """Verdicts in the log."""
        return sum(len(one.batch.blocks) for one in self.log)

    def learn(self, numbers: Iterable[int]) -> None:
        """Verdicts are reached, in this order."""
        for number in numbers:
            self.open[verdict(number).id] = verdict(number)

    def append(self, batch: Batch, certificate: Certificate) -> None:
        """A batch is final by a certificate of it or of a later one."""
        own = certificate if certificate.statement.hash == batch.hash else None
        self.log.append(LoggedBatch(batch, own))

    def final_point(self) -> FinalPoint[WardView]:
        """Where the log ends, as a restart finds it."""
        view = _START
        for one in self.log:
            view = self.extend(view, one.batch)
        if not self.log:
            return FinalPoint(0, BatchHash(NETWORK), 0, 0, _START)
        tip = self.log[-1].batch
        return FinalPoint(tip.header.slot, tip.hash, tip.header.time_ms, len(self.log), view)

    def _next(self, view: WardView) -> Proposal | None:
        waiting = (one for digest, one in self.open.items() if digest not in view.seen)
        return next(waiting, None)

    def has_work(self, view: WardView) -> bool:
        """Whether a verdict is not in that chain."""
        return self._next(view) is not None

    def compose(self, view: WardView, time_ms: int, room: int) -> Contents:
        """The first verdict that is not in that chain."""
        proposal = self._next(view)
        blocks = () if proposal is None else (_placed(view.count, view.last, proposal),)
        return Contents(
            blocks=blocks,
            witnesses=tuple(_NOBODY for _ in blocks),
            first_nbc=view.count + 1,
            last_block_hash=blocks[-1].hash if blocks else view.last,
            registry_hash=_REGISTRY,
            charter_version=0,
        )

    def seal(self, header: BatchHeader) -> BatchHeader:
        """No seal."""
        return header

    def rebuild(
        self, compact: Compact, header: BatchHeader, view: WardView
    ) -> tuple[tuple[Block, ...], tuple[Witness, ...]] | None:
        """The body; None when a verdict is not known here."""
        if len(compact) > 1 or any(one.proposal not in self.open for one in compact):
            return None
        blocks = tuple(_placed(view.count, view.last, self.open[one.proposal]) for one in compact)
        return blocks, tuple(_NOBODY for _ in blocks)

    def judge(self, batch: Batch, view: WardView) -> Judgement:
        """At most one verdict, not yet in the chain, in its place."""
        expected = tuple(_placed(view.count, view.last, one.proposal) for one in batch.blocks[:1])
        if expected != batch.blocks or any(one.header.proposal in view.seen for one in expected):
            return Reject(Reason.BAD_LINK)
        last = expected[-1].hash if expected else view.last
        if (batch.header.first_nbc, batch.header.last_block_hash) != (view.count + 1, last):
            return Reject(Reason.BAD_HEADER)
        return ACCEPT

    def extend(self, view: WardView, batch: Batch) -> WardView:
        """The view after one more batch."""
        seen = view.seen | {block.header.proposal for block in batch.blocks}
        return WardView(view.count + len(batch.blocks), batch.header.last_block_hash, seen)

    def ends_epoch(self, view: WardView) -> bool:
        """No charter changes here."""
        return False

    def final_batch(self, log_index: int) -> LoggedBatch | None:
        """A final batch of the log."""
        return self.log[log_index] if 0 <= log_index < len(self.log) else None
