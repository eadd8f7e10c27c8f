"""The ledger as ordering sees it: work, composition, judgement, history (R-SIM4 to R-SIM6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from medquorum.consensus.admission import judge_position
from medquorum.consensus.composition import compose, judge_batch, seal_holds
from medquorum.consensus.ordering.application import Contents, LoggedBatch
from medquorum.consensus.ordering.compact import Compact, CompactEntry, voters_of
from medquorum.consensus.pool import Pool
from medquorum.ledger.batch import Batch, BatchHeader
from medquorum.ledger.block import Block, Witness
from medquorum.ledger.chain import ChainBuilder, ChainState
from medquorum.ledger.charter import Charter
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT, Judgement
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import BatchHash

History = Callable[[int], LoggedBatch | None]
"""A final batch by its place in the log."""

_VIEWS: Final = 256
"""Futures remembered at once: more than the window of slots ahead."""


class ClinicalApplication:
    """Decided proposals become work; batches of others are judged by the charter."""

    __slots__ = ("_difficulty_bits", "_history", "_verify", "_views", "now_ms", "pool")

    def __init__(
        self, pool: Pool, verify: Verifier, history: History, difficulty_bits: int = 0
    ) -> None:
        self.pool = pool
        self.now_ms = 0
        self._difficulty_bits = difficulty_bits
        self._verify = verify
        self._history = history
        self._views: dict[BatchHash, ChainState] = {}

    def has_work(self, view: ChainState) -> bool:
        """Whether some verdict is not in that chain and admissible there."""
        if view.amended is not None:
            return False
        time_ms = max(view.time_ms + 1, self.now_ms)
        return next(self.pool.candidates(view, time_ms), None) is not None

    def compose(self, view: ChainState, time_ms: int, room: int) -> Contents:
        """The next batch after that chain, in the order the verdicts fell."""
        most = 0 if view.amended is not None else view.charter.ordering.batch_blocks
        return compose(self.pool.candidates(view, time_ms), view, most, time_ms, room)

    def seal(self, header: BatchHeader) -> BatchHeader:
        """The header with the smallest nonce that seals it (R-ORD16)."""
        while not seal_holds(header.hash(), header.seal_nonce, self._difficulty_bits):
            header = replace(header, seal_nonce=header.seal_nonce + 1)
        return header

    def rebuild(
        self, compact: Compact, header: BatchHeader, view: ChainState
    ) -> tuple[tuple[Block, ...], tuple[Witness, ...]] | None:
        """The body from what this node holds; None when something is missing."""
        builder = ChainBuilder(view)
        blocks: list[Block] = []
        witnesses: list[Witness] = []
        for entry in compact:
            held = self._held(entry, view.charter)
            if held is None:
                return None
            proposal, witness = held
            view = builder.view
            fits = judge_position(proposal.core, entry.outcome, view) == ACCEPT
            if view.amended is not None or not fits:
                return None
            block = builder.place(proposal, entry.outcome)
            builder.append(block)
            blocks.append(block)
            witnesses.append(witness)
        return tuple(blocks), tuple(witnesses)

    def _held(self, entry: CompactEntry, charter: Charter) -> tuple[Proposal, Witness] | None:
        known = self.pool.get(entry.proposal)
        numbers = voters_of(entry)
        if known is None or any(number >= len(charter.doctors) for number in numbers):
            return None
        votes = [known.votes.get(charter.doctors[number].address) for number in numbers]
        held = tuple(vote for vote in votes if vote is not None)
        return (known.proposal, Witness(held)) if len(held) == len(numbers) else None

    def judge(self, batch: Batch, view: ChainState) -> Judgement:
        """Header fields that follow from chain and body, and every block (R-ORD1 to R-ORD8)."""
        return judge_batch(batch, view, self._verify)

    def extend(self, view: ChainState, batch: Batch) -> ChainState:
        """The view after one more batch; the same object each time, so that it can settle."""
        known = self._views.get(batch.hash)
        if known is None:
            if len(self._views) >= _VIEWS:
                self._views.clear()
            known = self._views[batch.hash] = view.extend(batch)
        return known

    def settle(self, view: ChainState, batch: Batch) -> ChainState:
        """The view after a batch that is final, its layer moved into the index."""
        state = self.extend(view, batch)
        self._views.pop(batch.hash, None)
        state.absorb()
        return state

    def next_epoch(self, view: ChainState) -> ChainState:
        """The view with which the next epoch starts; the tail's go (R-GOV8)."""
        self._views.clear()
        return view.next_epoch()

    def ends_epoch(self, view: ChainState) -> bool:
        """Whether that chain holds an amendment (R-GOV8)."""
        return view.amended is not None

    def final_batch(self, log_index: int) -> LoggedBatch | None:
        """A final batch of the log."""
        return self._history(log_index)
