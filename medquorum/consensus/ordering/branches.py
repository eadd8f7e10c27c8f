"""The batches after the last final one, as a tree of bodies with their views (R-SIM2, R-SIM5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic

from medquorum.consensus.ordering.application import (
    Application,
    FinalPoint,
    LoggedBatch,
    View,
)
from medquorum.ledger.batch import Batch
from medquorum.ledger.certificate import Certificate, Statement
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reject
from medquorum.ledger.types import BatchHash

RECENT: Final = 64
"""Final batches kept at hand for those just behind; older ones come from the log."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Every body from the last final batch (exclusive) to the tip, oldest first."""

    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """The first body that is missing on the way down, and how far down."""

    hash: BatchHash
    depth: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """The chain does not contain the last final batch."""


class Branches(Generic[View]):
    """Bodies by hash over one final point; views are made when first asked for."""

    def __init__(
        self,
        application: Application[View],
        final: FinalPoint[View],
        bodies: Iterable[Batch],
        recent: Iterable[LoggedBatch] = (),
    ) -> None:
        self._application = application
        self.final = final
        self.changes = 0
        """Grows with every body and every final batch."""
        self._bodies = {one.hash: one for one in bodies if one.header.slot > final.slot}
        self._views: dict[BatchHash, View] = {}
        self._judgements: dict[BatchHash, Judgement] = {}
        self._recent: deque[LoggedBatch] = deque(recent, RECENT)

    def add(self, batch: Batch) -> None:
        """Keep a body; the caller has compared its roots."""
        if batch.header.slot > self.final.slot:
            self._bodies[batch.hash] = batch
            self.changes += 1

    def batch(self, digest: BatchHash) -> Batch | None:
        """The body, if it is here and not final."""
        return self._bodies.get(digest)

    def any_batch(self, digest: BatchHash) -> Batch | None:
        """The body, of a branch or recently final."""
        if digest in self._bodies:
            return self._bodies[digest]
        known = (batch for one in self._recent for batch in (one.batch, *one.tail))
        return next((batch for batch in known if batch.hash == digest), None)

    def recent(self, log_index: int) -> LoggedBatch | None:
        """A recently final batch by its place in the log."""
        place = log_index - self.final.log_length + len(self._recent)
        return self._recent[place] if 0 <= place < len(self._recent) else None

    @property
    def recently_final(self) -> tuple[LoggedBatch, ...]:
        """The newest final batches, oldest first."""
        return tuple(self._recent)

    def contradicted_by(self, final: Statement, *, stored: bool) -> bool | None:
        """Whether a final statement of this epoch, of no later slot, is not of this chain (R-SIM2).

        Another batch in its slot, or none: the slot was skipped. Only the newest batches count,
        from memory or also from the store; None where those in memory do not tell.
        """
        length = self.final.log_length
        for index in range(length - 1, max(length - RECENT, 0) - 1, -1):
            known = self.recent(index)
            if known is None and stored:
                known = self._application.final_batch(index)
            if known is None:
                return None
            header = known.batch.header
            if header.epoch < final.epoch or header.slot < final.slot:
                return True
            if header.slot == final.slot:
                return known.batch.hash != final.hash
        return length <= RECENT

    def path(self, digest: BatchHash) -> Whole | Gap | Foreign:
        """The chain from the last final batch up to this one, as far as it is here."""
        batches: list[Batch] = []
        while digest != self.final.hash:
            batch = self._bodies.get(digest)
            if batch is None:
                return Gap(digest, len(batches))
            header = batch.header
            if header.parent_slot < self.final.slot or header.parent_slot >= header.slot:
                return Foreign()
            if header.parent_slot == self.final.slot and header.parent_hash != self.final.hash:
                return Foreign()
            batches.append(batch)
            digest = header.parent_hash
        return Whole(tuple(reversed(batches)))

    def view(self, digest: BatchHash) -> View | None:
        """The ledger after this batch; None while its chain is not whole, or if it is not sound.

        A quorum's certificate vouches for a batch, but nothing is built upon what breaks a rule.
        """
        if digest == self.final.hash:
            return self.final.view
        if digest in self._views:
            return self._views[digest]
        path = self.path(digest)
        if not isinstance(path, Whole):
            return None
        view = self.final.view
        for batch in path.batches:
            if batch.hash not in self._views:
                if isinstance(self._judged(batch, view), Reject):
                    return None
                self._views[batch.hash] = self._application.extend(view, batch)
            view = self._views[batch.hash]
        return view

    def judge(self, batch: Batch) -> Judgement | None:
        """What the ledger says of a batch after its parent; None while that chain is not whole."""
        view = self.view(batch.header.parent_hash)
        return None if view is None else self._judged(batch, view)

    def vouch(self, batch: Batch) -> None:
        """A batch this node composed itself needs no judging."""
        self._judgements[batch.hash] = ACCEPT

    def rejected(self, batches: Sequence[Batch]) -> bool:
        """Whether one of them was judged and breaks a rule."""
        return any(isinstance(self._judgements.get(one.hash), Reject) for one in batches)

    def _judged(self, batch: Batch, view: View) -> Judgement:
        judgement = self._judgements.get(batch.hash)
        if judgement is None:
            judgement = self._application.judge(batch, view)
            if not isinstance(judgement, Ignore):
                self._judgements[batch.hash] = judgement
        return judgement

    def time_ms(self, digest: BatchHash) -> int:
        """The time of a batch on a whole chain."""
        if digest == self.final.hash:
            return self.final.time_ms
        return self._bodies[digest].header.time_ms

    def epoch_end(self, batches: Sequence[Batch]) -> int | None:
        """The place of the batch that ends the epoch in a chain whose view was seen (R-GOV8)."""
        for place, batch in enumerate(batches):
            if self._application.ends_epoch(self._views[batch.hash]):
                return place
        return None

    def advance(
        self, batches: Sequence[Batch], certificate: Certificate, tail: tuple[Batch, ...] = ()
    ) -> None:
        """Make a chain final whose view was seen; whatever is not later than it is dropped."""
        self.changes += 1
        tip, length = batches[-1].header, self.final.log_length
        view = self._views[batches[-1].hash]
        self._recent.extend(LoggedBatch(batch) for batch in batches[:-1])
        self._recent.append(LoggedBatch(batches[-1], certificate, tail))
        self.final = FinalPoint(
            tip.slot, batches[-1].hash, tip.time_ms, length + len(batches), view
        )
        self._bodies = {
            one: body for one, body in self._bodies.items() if body.header.slot > tip.slot
        }
        self._views = {one: seen for one, seen in self._views.items() if one in self._bodies}
        self._judgements = {
            one: judged for one, judged in self._judgements.items() if one in self._bodies
        }
