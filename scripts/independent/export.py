"""A whole chain as one file: frames, batches, blocks, and the height of the first fault.

Carries out R-EXP1, R-EXP2 and R-GOV8. The height of a frame is the next N BC expected where it
stands. A batch without a certificate of its own is vouched for by the next batch's justification;
until that is read, a fault found in its blocks waits, because the header may be what was altered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, NoReturn

from .batches import (
    BatchHeader,
    OpenBatch,
    check_batch_after,
    check_batch_alone,
    check_tail,
    first_tip,
    next_epoch_tip,
    tip_after,
)
from .blocks import Block
from .canonical import Fault, Tampered
from .certificates import Certificate, check_certificate, check_final, check_justification
from .chain import Chain
from .charter import Charter
from .crypto import Signatures
from .frames import (
    Announcement,
    BatchFrame,
    BlockFrame,
    read_announcement,
    read_frame,
    read_frames,
)
from .registry import after_batch, registry_hash


class ExportAudit:
    """Takes frames in order; `accept` and `end` raise `Tampered` at the first fault."""

    def __init__(self, charter: Charter, signatures: Signatures, wanted: int | None = None) -> None:
        self.chain = Chain(charter, signatures)
        self.announcement: Announcement | None = None
        self.batches = 0
        self.final_n_bc = 0
        self.wanted_block: Block | None = None
        self._wanted = wanted
        self._signatures = signatures
        self._tip = first_tip(charter)
        self._open: OpenBatch | None = None
        self._last: BatchHeader | None = None
        # Before a tail, and in it: the batch that is to end its epoch, as the ledger's last.
        self._tail_registry = self.chain.registry

    @property
    def height(self) -> int:
        """The height of a fault in the next frame."""
        return self.chain.next_n_bc if self.announcement else 0

    @property
    def _awaits_tail(self) -> bool:
        """Whether an amendment's batch stands that is not final yet."""
        return self._open is None and self.chain.amended is not None

    def has_wanted(self) -> bool:
        """Tell whether the wanted block is read and proved final."""
        return self._wanted is not None and self.final_n_bc >= self._wanted

    def accept(self, frame: bytes) -> None:
        """Check the next frame."""
        network = self.chain.founding.network
        try:
            if self.announcement is None:
                self.announcement = read_announcement(frame, network)
                return
            read = read_frame(frame, network)
        except Fault as fault:
            self.fail(fault)
        if isinstance(read, BlockFrame):
            self._accept_block(read)
        else:
            self._accept_batch(read)

    def fail(self, fault: Fault) -> NoReturn:
        """Raise `Tampered` for a frame that does not parse, or for an earlier fault that waits."""
        group = self._open
        if group is not None and (group.fault or group.is_full()):
            self._close(None)
        raise Tampered(self.height, fault)

    def _accept_block(self, frame: BlockFrame) -> None:
        group = self._open
        if group is not None and group.fault:
            return
        try:
            if group is None or group.is_full():
                raise Fault("R-EXP1", "a block stands where the next batch is expected")
            header = group.header
            appended = self.chain.append(frame.block, frame.witness, header.time_ms)
        except Fault as fault:
            found = Tampered(self.height, fault)
            if group is None or group.vouched:
                raise found from None
            group.fault = found
            return
        group.take(frame.block, frame.witness)
        if appended.header.n_bc == self._wanted:
            self.wanted_block = appended
        if group.vouched and group.is_full():
            self._close(None)

    def _accept_batch(self, frame: BatchFrame) -> None:
        self._close(frame.justification[0] if frame.justification else None)
        if self._awaits_tail and not frame.is_tail and self._last is not None:
            self._fail_unfinished(self._last)
        try:
            if frame.is_tail and not self._awaits_tail:
                raise Fault("R-EXP1", "a tail stands where no epoch is to be ended")
            self._check_batch(frame)
            frame.check_justification_root()
        except Fault as fault:
            raise Tampered(self.height, fault) from None
        vouched = frame.certificate is not None
        sizes = [len(one) for one in frame.encoded_justification]
        self._open = OpenBatch(frame.header, vouched, vouched, sizes, frame.is_tail)
        if vouched and frame.header.count == 0:
            self._close(None)

    def _check_batch(self, frame: BatchFrame) -> None:
        announcement, header, charter = self.announcement, frame.header, self.chain.charter
        registry = self.chain.registry
        if frame.is_tail:
            check_tail(header)
            registry = self._tail_registry
        elif announcement and self._last and self._last.hash == announcement.tip_hash:
            raise Fault("R-EXP1", "a batch follows the announced tip")
        check_batch_alone(header, charter)
        if header.registry_hash != registry_hash(registry, charter.network):
            raise Fault("R-ORD15", "the registry is not the one that the batch before left")
        check_batch_after(header, self._tip)
        check_justification(
            frame.justification,
            slot=header.slot,
            parent_slot=header.parent_slot,
            parent_hash=header.parent_hash,
            charter=charter,
            signatures=self._signatures,
        )
        if frame.certificate is not None:
            check_final(frame.certificate, header.slot, header.hash, charter, self._signatures)

    def _close(self, successor_names: Certificate | None) -> None:
        """Judge the open batch, with the certificate by which the next batch names its parent."""
        group = self._open
        if group is None:
            return
        header = group.header
        if not group.vouched and successor_names is not None:
            group.vouched = self._is_vouched(header, successor_names)
        if group.fault:
            raise group.fault
        if not group.is_full():
            raise Tampered(self.height, Fault("R-EXP1", "a block of the batch is missing"))
        try:
            group.check_body(self.chain.last_hash)
        except Fault as fault:
            raise Tampered(header.first_nbc, fault) from None
        self._open = None
        self._take(group)

    def _take(self, group: OpenBatch) -> None:
        """Go on from a batch that is read; where it makes an amendment final, with a new epoch."""
        header = group.header
        self._tip = tip_after(header)
        if group.is_tail:
            proposals = self.chain.proposals
            self._tail_registry = after_batch(self._tail_registry, header.time_ms, proposals)
        else:
            self.chain.close_batch(header.time_ms)
            self._tail_registry = self.chain.registry
            self._last = header
            self.batches += 1
        if group.final:
            self.final_n_bc = self.chain.next_n_bc - 1
        if group.final and self.chain.amended is not None and self._last is not None:
            self.chain.end_epoch()
            self._tip = next_epoch_tip(self._last)

    def _is_vouched(self, header: BatchHeader, certificate: Certificate) -> bool:
        """Raise `Tampered` where a valid certificate of the slot names another header."""
        if certificate.kind == "skip" or certificate.slot != header.slot:
            return False
        try:
            check_certificate(certificate, self.chain.charter, self._signatures)
        except Fault:
            return False
        if certificate.hash != header.hash:
            fault = Fault("R-ORD17", "the certificate of the batch's slot names another header")
            raise Tampered(header.first_nbc, fault)
        return True

    def _fail_unfinished(self, header: BatchHeader) -> NoReturn:
        """Raise `Tampered` for a last batch, of its epoch or of all, that nothing makes final."""
        fault = Fault("R-ORD17", "the last batch has no final certificate, nor has its tail")
        raise Tampered(header.first_nbc, fault)

    def end(self) -> None:
        """Check that the file ends with the tip its first frame announces."""
        announced = self.announcement
        if announced is None:
            raise Tampered(0, Fault("R-EXP1", "the file is empty"))
        group = self._open
        last = group.header if group and not group.is_tail else self._last
        epoch, slot = (last.epoch, last.slot) if last else (0, 0)
        last_hash = last.hash if last else self._tip.hash
        behind = (announced.tip_epoch, announced.tip_slot) > (epoch, slot)
        is_cut = announced.tip_hash != last_hash and behind
        if group is not None and not group.final and not is_cut:
            self._fail_unfinished(last or group.header)
        self._close(None)
        if is_cut:
            raise Tampered(self.height, Fault("R-EXP1", "the file ends before its announced tip"))
        reached = (last_hash, self.chain.next_n_bc - 1, epoch, slot)
        announced_tip = (
            announced.tip_hash,
            announced.tip_n_bc,
            announced.tip_epoch,
            announced.tip_slot,
        )
        if reached != announced_tip:
            raise Tampered(0, Fault("R-EXP1", "the announced tip is not the last batch"))


def audit_export(
    stream: BinaryIO,
    audit: ExportAudit,
    watch: Callable[[ExportAudit], None] = lambda audit: None,
) -> bool:
    """Check a file of frames to its end, or until the wanted block is final: then return False.

    Raises `Tampered`. `watch` is called after every frame.
    """
    try:
        for frame in read_frames(stream):
            audit.accept(frame)
            watch(audit)
            if audit.has_wanted():
                return False
    except Fault as fault:
        audit.fail(fault)
    audit.end()
    return True
