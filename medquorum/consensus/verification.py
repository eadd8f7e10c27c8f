"""A whole export, checked with nothing but the charter (R-EXP1, R-EXP2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medquorum.consensus.composition import judge_batch, judge_block, seal_holds
from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch, BatchHeader
from medquorum.ledger.certificate import Certificate, verify_certificate
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import ChainError, CodecError
from medquorum.ledger.export import (
    BatchFrame,
    BlockFrame,
    ExportHead,
    parse_frame,
    split_frames,
)
from medquorum.ledger.reasons import ACCEPT, Accept
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
            walker.finish()
        except (ChainError, CodecError) as error:
            raise _Fault(walker.expected_height, str(error)) from None
    except _Fault as fault:
        return Verification(False, fault.height, fault.reason, walker.state.n_bc)
    return Verification(True, walker.state.n_bc, "every rule holds", walker.state.n_bc)


class _Walker:
    """Follows an export frame by frame; the state is the chain of complete batches."""

    def __init__(self, charter: Charter, check: Verifier) -> None:
        self.charter = charter
        self.check = check
        self.electorate = charter.electorate()
        self.state = genesis(charter)
        self.head: ExportHead | None = None
        self.slot = 0
        self.hash = BatchHash(self.state.network)
        self.open: BatchFrame | None = None
        self.blocks: list[BlockFrame] = []
        self.builder: ChainBuilder | None = None
        self.certified = True

    @property
    def expected_height(self) -> int:
        """Where a frame that does not parse would have stood."""
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

    def _take_head(self, head: ExportHead) -> None:
        self._require(self.head is None, "R-EXP1: a second export frame")
        self._require(head.network == self.state.network, "R-HASH3: another network", 0)
        self.head = head

    def _take_batch(self, frame: BatchFrame) -> None:
        self._require(self.head is not None, "R-EXP1: no export frame", 0)
        self._require(self.open is None, "R-EXP1: the batch before lacks blocks")
        fault = header_fault(frame.header, self.slot, self.hash, self.state, self.charter)
        self._require(fault is None, str(fault))
        proven = justified(frame.header, frame.justification, self.charter, self.check)
        self._require(proven, "R-ORD12: parent or skipped slots are not certified")
        if frame.certificate is not None:
            certified = frame.certificate.statement.hash == frame.header.hash() and self._final(
                frame.certificate
            )
            self._require(certified, "R-ORD11: the certificate does not hold")
        self.open, self.blocks, self.builder = frame, [], ChainBuilder(self.state)
        self._close_if_complete()

    def _final(self, certificate: Certificate) -> bool:
        is_final = certificate.statement.kind is OrderingKind.FINAL
        return is_final and verify_certificate(certificate, self.electorate, self.check)

    def _take_block(self, frame: BlockFrame) -> None:
        self._require(self.open is not None and self.builder is not None, "R-EXP1: a stray block")
        if self.open is None or self.builder is None:
            return
        time_ms = self.open.header.time_ms
        judgement = judge_block(frame.block, frame.witness, self.builder, time_ms, self.check)
        if not isinstance(judgement, Accept):
            raise _Fault(self.expected_height, f"block refused: {judgement.reason.value}")
        self.builder.append(frame.block)
        self.blocks.append(frame)
        self._close_if_complete()

    def _close_if_complete(self) -> None:
        if self.open is None or len(self.blocks) < self.open.header.count:
            return
        first = self.state.n_bc + 1
        batch = Batch(
            self.open.header,
            tuple(one.block for one in self.blocks),
            tuple(one.witness for one in self.blocks),
            self.open.justification,
        )
        judgement = judge_batch(batch, self.state, lambda *_: True)
        self._require(judgement == ACCEPT, "R-ORD7: the batch header does not follow", first)
        self.state = self.state.extend(batch)
        self.state.absorb()
        self.slot, self.hash = batch.header.slot, batch.hash
        self.certified = self.open.certificate is not None
        self.open, self.builder = None, None

    def finish(self) -> None:
        """Judge the end of the export."""
        self._require(self.head is not None, "R-EXP1: the export is empty", 0)
        self._require(self.open is None, "R-EXP1: blocks are missing at the end")
        self._require(self.certified, "R-EXP2: the last batch has no final certificate")
        if self.head is not None:
            named = (self.head.tip_hash, self.head.tip_n_bc, self.head.tip_slot)
            here = (self.state.tip, self.state.n_bc, self.slot)
            self._require(named == here, "R-EXP1: the export names another tip", 0)


def header_fault(
    header: BatchHeader, parent_slot: int, parent: BatchHash, state: ChainState, charter: Charter
) -> str | None:
    """The rule a batch header breaks against its parent and the chain before it, if any."""
    checks = (
        (header.network == state.network, "R-HASH3: another network"),
        (header.epoch == 0, "R-ORD9: another epoch"),
        ((header.parent_slot, header.parent_hash) == (parent_slot, parent), "R-ORD7: parent"),
        (header.slot > parent_slot, "R-ORD7: the slot does not advance"),
        (header.leader == charter.electorate().leader(header.slot), "R-ORD9: leader"),
        (header.first_nbc == state.n_bc + 1, "R-ORD7: first_nbc"),
        (header.time_ms > state.time_ms, "R-ORD13: time does not advance"),
        (header.charter_version == charter.version, "R-ORD7: charter version"),
        (header.registry_hash == state.registry_hash(), "R-ORD15: registry"),
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
