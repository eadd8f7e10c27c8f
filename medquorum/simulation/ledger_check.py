"""One chain for everybody: every final batch is compared with the first seen at its place.

The first is checked by itself: links, numbers, patients' chains, and a certificate by q distinct
doctors over it or over a batch that follows in the same append (R-ORD2, R-ORD3, R-ORD17).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medquorum.consensus.ordering.application import LoggedBatch
from medquorum.ledger.batch import Batch
from medquorum.ledger.block import Block
from medquorum.ledger.certificate import Certificate, verify_certificate
from medquorum.ledger.charter import Charter
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import BatchHash, BlockHash, OrderingKind, Outcome, ProposalId

Breach = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Append:
    """Who appends, from which place in the log on, and the charters it knows by epoch."""

    name: str
    start: int
    charters: tuple[Charter, ...]
    torn: bool = False
    """Whether a write was cut off: the certificate of the last batches may have come after."""


class LedgerCheck:
    """The chain the honest agree on, as far as anybody has it."""

    def __init__(self, charter: Charter, verify: Verifier, breach: Breach) -> None:
        self._verify = verify
        self._breach = breach
        self.batches: list[BatchHash] = []
        self.heights: dict[ProposalId, int] = {}
        """N BC of every proposal in the chain."""
        self._tip = BlockHash(charter.network_id)
        self._n_bc = 0
        self._patients: dict[int, tuple[int, BlockHash]] = {}
        self._certified: set[BatchHash] = set()

    @property
    def blocks(self) -> int:
        """N BC of the last block."""
        return self._n_bc

    def appended(self, append: Append, final: Sequence[LoggedBatch]) -> None:
        """A machine appends these batches."""
        name = append.name
        for index, logged in enumerate(final, append.start):
            digest = logged.batch.hash
            if index < len(self.batches):
                if self.batches[index] != digest:
                    self._breach("agreement", f"{name} has another batch at place {index}")
            elif index > len(self.batches):
                self._breach("agreement", f"{name} skips a batch before place {index}")
            else:
                self.batches.append(digest)
                self._first(logged.batch)
        self._finality(append, final)

    def _finality(self, append: Append, final: Sequence[LoggedBatch]) -> None:
        """Each batch is named by its certificate, or followed by one that is."""
        followed = append.torn
        for logged in reversed(final):
            if logged.certificate is None:
                if not followed:
                    self._breach("R-ORD17", f"{append.name} has a final batch nothing certifies")
                continue
            followed = True
            digest = (logged.batch, *logged.tail)[-1].hash
            if digest not in self._certified:
                self._certified.add(digest)
                named = logged.certificate.statement.hash == digest
                if not named or not self._holds(logged.certificate, append.charters):
                    self._breach("R-ORD11", f"{append.name} takes a certificate that is none")

    def _holds(self, certificate: Certificate, charters: tuple[Charter, ...]) -> bool:
        statement = certificate.statement
        if statement.epoch >= len(charters) or statement.kind is not OrderingKind.FINAL:
            return False
        electorate = charters[statement.epoch].electorate()
        return verify_certificate(certificate, electorate, self._verify)

    def _first(self, batch: Batch) -> None:
        """A batch nobody had before: it follows from the chain so far."""
        header = batch.header
        before = self.batches[-2] if len(self.batches) > 1 else BatchHash(header.network)
        if header.parent_hash != before:
            self._breach("R-ORD17", f"batch {len(self.batches) - 1} skips its parent")
        if header.first_nbc != self._n_bc + 1 or header.count != len(batch.blocks):
            self._breach("R-ORD2", f"batch {len(self.batches) - 1} counts its blocks wrong")
        for block in batch.blocks:
            self._block(block)
        if header.last_block_hash != self._tip:
            self._breach("R-ORD7", f"batch {len(self.batches) - 1} names another last block")

    def _block(self, block: Block) -> None:
        header = block.header
        if header.n_bc != self._n_bc + 1 or header.hprevious != self._tip:
            self._breach("R-ORD2", f"block {header.n_bc} does not follow block {self._n_bc}")
        if header.proposal in self.heights:
            self._breach(
                "R-ORD4", f"block {header.n_bc} repeats block {self.heights[header.proposal]}"
            )
        self.heights[header.proposal] = header.n_bc
        self._n_bc, self._tip = header.n_bc, block.hash
        if header.outcome is Outcome.ACCEPTED and header.n_pb:
            length, head = self._patients.get(header.n_pb, (0, BlockHash(ZERO)))
            if (header.n_pa, header.hpatient) != (length + 1, head):
                self._breach("R-ORD3", f"block {header.n_bc} breaks patient {header.n_pb}'s chain")
            self._patients[header.n_pb] = header.n_pa, block.hash
