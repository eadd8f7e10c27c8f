"""A whole export, checked with nothing but the charter (R-EXP1, R-EXP2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medquorum.consensus.composition import body_agrees, judge_block
from medquorum.consensus.headers import header_fault, justified
from medquorum.ledger.batch import Batch
from medquorum.ledger.certificate import Certificate, Statement, verify_certificate
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.export import (
    BatchFrame,
    BlockFrame,
    ExportHead,
    TailFrame,
    parse_frame,
    split_frames,
)
from medquorum.ledger.reasons import Accept
from medquorum.ledger.signature import Verifier, verify
from medquorum.ledger.types import BatchHash, OrderingKind


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verifier says: valid, or the first bad height and why."""

    valid: bool
    height: int
    """N BC of the first fault; of the tip when valid."""
    reason: str
    blocks: int


class _Fault(Exception):
    """The first fault found, at a height."""

    def __init__(self, height: int, reason: str) -> None:
        super().__init__(reason)
        self.height = height
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Tail:
    """The last empty batch after the end of an epoch, or that end itself."""

    slot: int
    hash: BatchHash
    state: ChainState


def verify_export(
    pieces: Iterable[bytes], charter: Charter, check: Verifier = verify
) -> Verification:
    """Check an export from its bytes; never raises on hostile input (R-EXP2)."""
    walker = _Walker(charter, check)
    try:
        try:
            for encoded in split_frames(pieces):
                walker.take(encoded)
        except LedgerError as error:
            raise walker.pending or _Fault(walker.expected_height, str(error)) from None
        walker.finish()
    except _Fault as fault:
        return Verification(False, fault.height, fault.reason, walker.state.n_bc)
    return Verification(True, walker.state.n_bc, "every rule holds", walker.state.n_bc)


class _Walker:
    """Follows an export frame by frame; the state is the chain of complete batches.

    A batch without a certificate of its own is vouched for by the next one's justification. Until
    that is read a fault in its blocks is pending, because its header may be what was altered.
    """

    def __init__(self, charter: Charter, check: Verifier) -> None:
        self.check = check
        self.state = genesis(charter)
        self.head: ExportHead | None = None
        self.place = (0, 0)
        """Epoch and slot of the batch last begun."""
        self.hash = BatchHash(self.state.network)
        self.tail: _Tail | None = None
        """Where the epoch's end waits for a certificate of a later, empty batch (R-GOV8)."""
        self.first = 0
        """First N BC of the batch last begun."""
        self.certified = True
        """Whether the batch last begun has a final certificate, its own or its tail's."""
        self.open: BatchFrame | None = None
        self.blocks: list[BlockFrame] = []
        self.builder: ChainBuilder | None = None
        self.pending: _Fault | None = None

    @property
    def expected_height(self) -> int:
        """Where the next frame would stand, were it right."""
        if self.head is None:
            return 0
        return (self.builder.n_bc if self.builder else self.state.n_bc) + 1

    def take(self, encoded: bytes) -> None:
        """Judge the next frame."""
        frame = parse_frame(encoded)
        match frame:
            case ExportHead():
                self._take_head(frame)
            case BatchFrame():
                self._take_batch(frame)
            case TailFrame():
                self._take_tail(frame)
            case BlockFrame():
                self._take_block(frame)

    def _require(self, holds: bool, rule: str, height: int | None = None) -> None:
        if not holds:
            raise _Fault(self.expected_height if height is None else height, rule)

    def _raise_pending(self) -> None:
        if self.pending is not None:
            raise self.pending

    def _take_head(self, head: ExportHead) -> None:
        self._raise_pending()
        self._require(self.head is None, "R-EXP1: a second export frame")
        self._require(head.network == self.state.network, "R-HASH3: another network", 0)
        self.head = head

    def _take_batch(self, frame: BatchFrame) -> None:
        self._require(self.head is not None, "R-EXP1: no export frame", 0)
        disowned = not self.certified and self._disowned(frame.justification)
        self._require(not disowned, "R-ORD17: the certificate names another header", self.first)
        self._raise_pending()
        self._require(self.open is None, "R-EXP1: the batch before lacks blocks")
        self._require(
            self.tail is None, "R-GOV8: the end of the epoch is not certified", self.first
        )
        at_tip = self.head is not None and self.place[1] > 0 and self.hash == self.head.tip_hash
        self._require(not at_tip, "R-EXP1: a batch after the last")
        epoch = self.state.charter.version
        parent_slot = self.place[1] if self.place[0] == epoch else 0
        fault = header_fault(frame.header, parent_slot, self.hash, self.state)
        self._require(fault is None, str(fault))
        self._require_proven(frame)
        self.place, self.hash = (epoch, frame.header.slot), frame.header.hash()
        self.first = frame.header.first_nbc
        self.certified = frame.certificate is not None
        self.open, self.blocks, self.builder = frame, [], ChainBuilder(self.state)
        self._close_if_complete()

    def _require_proven(self, frame: BatchFrame | TailFrame) -> None:
        """Justification, and the final certificate where there is one."""
        header, charter = frame.header, self.state.charter
        proven = justified(header, frame.justification, charter, self.check)
        self._require(proven, "R-ORD12: parent or skipped slots are not certified")
        if frame.certificate is not None:
            statement = Statement(header.epoch, header.slot, OrderingKind.FINAL, header.hash())
            certified = frame.certificate.statement == statement and verify_certificate(
                frame.certificate, charter.electorate(), self.check
            )
            self._require(certified, "R-ORD11: the certificate does not hold")

    def _take_tail(self, frame: TailFrame) -> None:
        """An empty batch after the end of the epoch; the certified one is the last (R-GOV8)."""
        disowned = self.tail is not None and self._disowned(frame.justification)
        self._require(not disowned, "R-ORD17: the certificate names another header", self.first)
        self._raise_pending()
        tail = self.tail
        if tail is None:
            raise _Fault(self.expected_height, "R-EXP1: a stray tail")
        fault = header_fault(frame.header, tail.slot, tail.hash, tail.state)
        self._require(fault is None, str(fault))
        self._require(frame.header.count == 0, "R-GOV8: a block after the end of the epoch")
        self._require_proven(frame)
        batch = Batch(frame.header, (), (), frame.justification)
        agrees = body_agrees(batch, self.state.charter)
        agrees = agrees and batch.header.last_block_hash == self.state.tip
        self._require(agrees, "R-ORD7: the batch header is of another body")
        if frame.certificate is None:
            self.tail = _Tail(batch.header.slot, batch.hash, tail.state.extend(batch))
            return
        self.certified, self.tail = True, None
        self.state = self.state.next_epoch()

    def _disowned(self, justification: tuple[Certificate, ...]) -> bool:
        """Whether a quorum certified another header for the slot of the batch before."""
        if not justification:
            return False
        statement = justification[0].statement
        return (
            statement.kind is not OrderingKind.SKIP
            and (statement.epoch, statement.slot) == self.place
            and statement.hash != self.hash
            and verify_certificate(justification[0], self.state.charter.electorate(), self.check)
        )

    def _take_block(self, frame: BlockFrame) -> None:
        if self.pending is not None:
            return
        if self.open is None or self.builder is None:
            raise _Fault(self.expected_height, "R-EXP1: a stray block")
        time_ms = self.open.header.time_ms
        judgement = judge_block(frame.block, frame.witness, self.builder, time_ms, self.check)
        if not isinstance(judgement, Accept):
            fault = _Fault(self.expected_height, f"block refused: {judgement.reason.value}")
            if self.certified:
                raise fault
            self.pending = fault
            return
        self.builder.append(frame.block)
        self.blocks.append(frame)
        self._close_if_complete()

    def _close_if_complete(self) -> None:
        frame, builder = self.open, self.builder
        if frame is None or builder is None or len(self.blocks) < frame.header.count:
            return
        blocks = tuple(one.block for one in self.blocks)
        witnesses = tuple(one.witness for one in self.blocks)
        batch = Batch(frame.header, blocks, witnesses, frame.justification)
        agrees = body_agrees(batch, self.state.charter)
        agrees = agrees and batch.header.last_block_hash == builder.tip
        self._require(agrees, "R-ORD7: the batch header is of another body", self.first)
        self.state = builder.state(batch.header.time_ms)
        self.state.absorb()
        self.open, self.builder = None, None
        if self.state.amended is not None and self.certified:
            self.state = self.state.next_epoch()
        elif self.state.amended is not None:
            self.tail = _Tail(self.place[1], self.hash, self.state)

    def finish(self) -> None:
        """Judge the end of the export: at its tip, or before it was reached."""
        if self.head is None:
            raise _Fault(0, "R-EXP1: the export is empty")
        tip = self.head.tip_epoch, self.head.tip_slot
        is_cut = tip > self.place and self.head.tip_hash != self.hash
        final = self.certified or is_cut
        self._require(final, "R-EXP2: the last batch has no final certificate", self.first)
        self._raise_pending()
        self._require(self.open is None, "R-EXP1: blocks are missing at the end")
        self._require(not is_cut, "R-EXP1: batches are missing at the end")
        named = (self.head.tip_hash, self.head.tip_n_bc, tip)
        here = (self.hash, self.state.n_bc, self.place)
        self._require(named == here, "R-EXP1: the export names another tip", 0)
