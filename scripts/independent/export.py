"""A whole chain as one file: frames, batches, blocks, and the height of the first fault.

Carries out R-EXP1 and R-EXP2. The height of a frame is the next N BC expected where it stands.
A batch without a certificate of its own is vouched for by the next batch's justification; until
that is read, a fault found in its blocks waits, because the header may be what was altered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NoReturn

from .batches import (
    BatchHeader,
    OpenBatch,
    check_batch_after,
    check_batch_alone,
    first_tip,
    read_batch_header,
    tip_after,
)
from .blocks import Block, Chain
from .canonical import FRAME, NUMBER_MAX, Fault, Fields, Tampered, decode
from .certificates import (
    Certificate,
    check_certificate,
    check_final,
    check_justification,
    read_certificate,
)
from .charter import Charter
from .crypto import Signatures, leaf_hash, merkle_root

ANNOUNCEMENT_FIELDS: Final = ("format", "network", "kind", "tip_hash", "tip_n_bc", "tip_slot")
BATCH_FRAME_FIELDS: Final = ("certificate", "header", "justification", "kind")
BLOCK_FRAME_FIELDS: Final = ("block", "kind", "witness")


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the first frame says the file ends with."""

    tip_hash: bytes
    tip_n_bc: int
    tip_slot: int


def read_frames(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the frames of an export, one at a time; raise `Fault` where the file breaks off."""
    while prefix := stream.read(4):
        length = int.from_bytes(prefix, "big")
        if len(prefix) < 4:
            raise Fault("R-EXP1", "the file ends within the length of a frame")
        if length > FRAME.total:
            raise Fault("R-CAN3", "a frame is longer than 1 MiB")
        frame = stream.read(length)
        if len(frame) < length:
            raise Fault("R-EXP1", "the file ends within a frame")
        yield frame


class ExportAudit:
    """Takes frames in order; `accept` and `end` raise `Tampered` at the first fault."""

    def __init__(self, charter: Charter, signatures: Signatures, wanted: int | None = None) -> None:
        self.chain = Chain(charter, signatures)
        self.announcement: Announcement | None = None
        self.batches = 0
        self.final_n_bc = 0
        self.wanted_block: Block | None = None
        self._wanted = wanted
        self._charter = charter
        self._signatures = signatures
        self._tip = first_tip(charter)
        self._open: OpenBatch | None = None

    @property
    def height(self) -> int:
        """The height of a fault in the next frame."""
        return self.chain.next_n_bc if self.announcement else 0

    def has_wanted(self) -> bool:
        """Tell whether the wanted block is read and proved final."""
        return self._wanted is not None and self.final_n_bc >= self._wanted

    def accept(self, frame: bytes) -> None:
        """Check the next frame."""
        try:
            decoded = decode(frame, FRAME)
            if self.announcement is None:
                self._announce(Fields(decoded, "the export frame", ANNOUNCEMENT_FIELDS))
                return
            is_block = isinstance(decoded, dict) and decoded.get("kind") == "block"
            names = BLOCK_FRAME_FIELDS if is_block else BATCH_FRAME_FIELDS
            fields = Fields(decoded, "a frame", names)
            fields.choice("kind", ("batch", "block"))
        except Fault as fault:
            self.fail(fault)
        if is_block:
            self._accept_block(fields)
        else:
            self._accept_batch(fields)

    def fail(self, fault: Fault) -> NoReturn:
        """Raise `Tampered` for a frame that does not parse, or for an earlier fault that waits."""
        group = self._open
        if group is not None and (group.fault or group.is_full()):
            self._close(None)
        raise Tampered(self.height, fault)

    def _announce(self, fields: Fields) -> None:
        if fields.text("format") != "medquorum/export/1" or fields.text("kind") != "export":
            raise Fault("R-EXP1", "the file is not of format medquorum/export/1")
        if fields.binary("network", 32) != self._charter.network:
            raise Fault("R-EXP1", "the export is of another network than the charter")
        self.announcement = Announcement(
            tip_hash=fields.binary("tip_hash", 32),
            tip_n_bc=fields.integer("tip_n_bc", high=NUMBER_MAX),
            tip_slot=fields.integer("tip_slot", high=NUMBER_MAX),
        )

    def _accept_block(self, fields: Fields) -> None:
        group = self._open
        if group is not None and group.fault:
            return
        try:
            if group is None or group.is_full():
                raise Fault("R-EXP1", "a block stands where the next batch is expected")
            block, witness = fields.binary("block"), fields.binary("witness")
            appended = self.chain.append(block, witness, group.header.time_ms)
        except Fault as fault:
            found = Tampered(self.height, fault)
            if group is None or group.vouched:
                raise found from None
            group.fault = found
            return
        group.take(block, witness)
        if appended.header.n_bc == self._wanted:
            self.wanted_block = appended
        if group.vouched and group.is_full():
            self._close(None)

    def _accept_batch(self, fields: Fields) -> None:
        try:
            header = read_batch_header(fields.binary("header"), self._charter.network)
            encoded = fields.binaries("justification")
            justification = [read_certificate(certificate) for certificate in encoded]
            own = fields.optional_binary("certificate")
            certificate = None if own is None else read_certificate(own)
        except Fault as fault:
            self.fail(fault)
        self._close(justification[0] if justification else None)
        try:
            self._check_batch(header, justification, certificate)
            if header.justification_root != merkle_root([leaf_hash(one) for one in encoded]):
                raise Fault("R-ORD7", "justification_root is not the root of the justification")
        except Fault as fault:
            raise Tampered(self.height, fault) from None
        vouched = certificate is not None
        sizes = [len(one) for one in encoded]
        self._open = OpenBatch(header, vouched, vouched, sizes)
        if vouched and header.count == 0:
            self._close(None)

    def _check_batch(
        self,
        header: BatchHeader,
        justification: list[Certificate],
        certificate: Certificate | None,
    ) -> None:
        announcement = self.announcement
        if announcement and self.batches and self._tip.hash == announcement.tip_hash:
            raise Fault("R-EXP1", "a batch follows the announced tip")
        check_batch_alone(header, self._charter)
        check_batch_after(header, self._tip)
        check_justification(
            justification,
            slot=header.slot,
            parent_slot=header.parent_slot,
            parent_hash=header.parent_hash,
            charter=self._charter,
            signatures=self._signatures,
        )
        if certificate is not None:
            check_final(certificate, header.slot, header.hash, self._charter, self._signatures)

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
        self._tip = tip_after(header)
        self.batches += 1
        if group.final:
            self.final_n_bc = self.chain.next_n_bc - 1

    def _is_vouched(self, header: BatchHeader, certificate: Certificate) -> bool:
        """Raise `Tampered` where a valid certificate of the slot names another header."""
        if certificate.kind == "skip" or certificate.slot != header.slot:
            return False
        try:
            check_certificate(certificate, self._charter, self._signatures)
        except Fault:
            return False
        if certificate.hash != header.hash:
            fault = Fault("R-ORD17", "the certificate of the batch's slot names another header")
            raise Tampered(header.first_nbc, fault)
        return True

    def end(self) -> None:
        """Check that the file ends with the tip its first frame announces."""
        announced = self.announcement
        if announced is None:
            raise Tampered(0, Fault("R-EXP1", "the file is empty"))
        group = self._open
        slot = group.header.slot if group else self._tip.slot
        last_hash = group.header.hash if group else self._tip.hash
        is_cut = announced.tip_hash != last_hash and announced.tip_slot > slot
        if group is not None and not group.final and not is_cut:
            fault = Fault("R-ORD17", "the last batch has no final certificate")
            raise Tampered(group.header.first_nbc, fault)
        self._close(None)
        if is_cut:
            raise Tampered(self.height, Fault("R-EXP1", "the file ends before its announced tip"))
        reached = (last_hash, self.chain.next_n_bc - 1, slot)
        if reached != (announced.tip_hash, announced.tip_n_bc, announced.tip_slot):
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
