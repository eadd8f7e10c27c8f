"""A whole export, checked with nothing but the charter (R-EXP1, R-EXP2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medquorum.consensus.composition import body_agrees, judge_block, seal_holds
from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch, BatchHeader, registry_hash
from medquorum.ledger.certificate import Certificate, Statement, verify_certificate
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.export import (
    BatchFrame,
    BlockFrame,
    ExportHead,
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
        self.charter = charter
        self.check = check
        self.electorate = charter.electorate()
        self.state = genesis(charter)
        self.head: ExportHead | None = None
        self.slot = 0
        self.hash = BatchHash(self.state.network)
        self.first = 0
        """First N BC of the batch last begun."""
        self.certified = True
        """Whether the batch last begun has a final certificate of its own."""
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
        at_tip = self.head is not None and self.slot > 0 and self.hash == self.head.tip_hash
        self._require(not at_tip, "R-EXP1: a batch after the last")
        fault = header_fault(frame.header, self.slot, self.hash, self.state, self.charter)
        self._require(fault is None, str(fault))
        proven = justified(frame.header, frame.justification, self.charter, self.check)
        self._require(proven, "R-ORD12: parent or skipped slots are not certified")
        batch_hash = frame.header.hash()
        if frame.certificate is not None:
            statement = Statement(0, frame.header.slot, OrderingKind.FINAL, batch_hash)
            certified = frame.certificate.statement == statement and verify_certificate(
                frame.certificate, self.electorate, self.check
            )
            self._require(certified, "R-ORD11: the certificate does not hold")
        self.slot, self.hash, self.first = frame.header.slot, batch_hash, frame.header.first_nbc
        self.certified = frame.certificate is not None
        self.open, self.blocks, self.builder = frame, [], ChainBuilder(self.state)
        self._close_if_complete()

    def _disowned(self, justification: tuple[Certificate, ...]) -> bool:
        """Whether a quorum certified another header for the slot of the batch before."""
        if not justification:
            return False
        statement = justification[0].statement
        return (
            statement.kind is not OrderingKind.SKIP
            and statement.slot == self.slot
            and statement.hash != self.hash
            and verify_certificate(justification[0], self.electorate, self.check)
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
        agrees = body_agrees(batch, self.charter) and batch.header.last_block_hash == builder.tip
        self._require(agrees, "R-ORD7: the batch header is of another body", self.first)
        self.state = builder.state(batch.header.time_ms)
        self.state.absorb()
        self.open, self.builder = None, None

    def finish(self) -> None:
        """Judge the end of the export: at its tip, or before it was reached."""
        if self.head is None:
            raise _Fault(0, "R-EXP1: the export is empty")
        is_cut = self.head.tip_slot > self.slot and self.head.tip_hash != self.hash
        final = self.certified or is_cut
        self._require(final, "R-EXP2: the last batch has no final certificate", self.first)
        self._raise_pending()
        self._require(self.open is None, "R-EXP1: blocks are missing at the end")
        self._require(not is_cut, "R-EXP1: batches are missing at the end")
        named = (self.head.tip_hash, self.head.tip_n_bc, self.head.tip_slot)
        here = (self.hash, self.state.n_bc, self.slot)
        self._require(named == here, "R-EXP1: the export names another tip", 0)


def header_fault(
    header: BatchHeader, parent_slot: int, parent: BatchHash, state: ChainState, charter: Charter
) -> str | None:
    """The rule a batch header breaks against its parent and the chain before it, if any."""
    checks = (
        ((header.parent_slot, header.parent_hash) == (parent_slot, parent), "R-ORD7: parent"),
        (header.first_nbc == state.n_bc + 1, "R-ORD7: first_nbc"),
        (header.time_ms > state.time_ms, "R-ORD13: time does not advance"),
    )
    broken = next((rule for holds, rule in checks if not holds), None)
    return broken or lone_header_fault(header, charter)


def lone_header_fault(header: BatchHeader, charter: Charter) -> str | None:
    """The rule a batch header breaks whatever precedes it, if any."""
    network = charter.network_id
    checks = (
        (header.network == network, "R-HASH3: another network"),
        (header.epoch == 0, "R-ORD9: another epoch"),
        (header.slot > header.parent_slot, "R-ORD7: the slot does not advance"),
        (header.leader == (header.epoch + header.slot) % len(charter.doctors), "R-ORD9: leader"),
        (header.count <= charter.ordering.batch_blocks, "R-ORD8: too many blocks"),
        (header.charter_version == charter.version, "R-ORD7: charter version"),
        (header.registry_hash == registry_hash(network, ()), "R-ORD15: registry"),
        (
            seal_holds(header.hash(), header.seal_nonce, charter.seal_difficulty_bits),
            "R-ORD16: seal",
        ),
    )
    return next((rule for holds, rule in checks if not holds), None)


def justified(
    header: BatchHeader,
    justification: tuple[Certificate, ...],
    charter: Charter,
    check: Verifier = verify,
) -> bool:
    """Whether the parent and every skipped slot are certified (R-ORD12)."""
    electorate = charter.electorate(header.epoch)
    rest = list(justification)
    if merkle.root([one.encoded() for one in rest]) != header.justification_root:
        return False
    if header.parent_slot > 0:
        if not rest:
            return False
        parent = rest.pop(0)
        about_parent = (
            parent.statement.slot == header.parent_slot
            and parent.statement.hash == header.parent_hash
            and parent.statement.kind is not OrderingKind.SKIP
        )
        if not about_parent or not verify_certificate(parent, electorate, check):
            return False
    skipped = range(header.parent_slot + 1, header.slot)
    return len(rest) == len(skipped) and all(
        one.statement.kind is OrderingKind.SKIP
        and one.statement.slot == slot
        and verify_certificate(one, electorate, check)
        for one, slot in zip(rest, skipped, strict=True)
    )
