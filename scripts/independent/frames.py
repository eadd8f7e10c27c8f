"""The frames of an export: the first, which announces the tip, and those that follow (R-EXP1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from .batches import BatchHeader, read_batch_header
from .canonical import FRAME, NUMBER_MAX, Fault, Fields, decode
from .certificates import Certificate, read_certificate
from .crypto import leaf_hash, merkle_root

ANNOUNCEMENT_FIELDS: Final = (
    "format",
    "network",
    "kind",
    "tip_epoch",
    "tip_hash",
    "tip_n_bc",
    "tip_slot",
)
BATCH_FRAME_FIELDS: Final = ("certificate", "header", "justification", "kind")
BLOCK_FRAME_FIELDS: Final = ("block", "kind", "witness")


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the first frame says the file ends with."""

    tip_epoch: int
    tip_hash: bytes
    tip_n_bc: int
    tip_slot: int


@dataclass(frozen=True, slots=True)
class BatchFrame:
    """A batch, or a batch of a tail, without its blocks."""

    header: BatchHeader
    justification: tuple[Certificate, ...]
    encoded_justification: tuple[bytes, ...]
    certificate: Certificate | None
    is_tail: bool

    def check_justification_root(self) -> None:
        """Raise `Fault` unless the header commits to the justification (R-ORD7)."""
        leaves = [leaf_hash(one) for one in self.encoded_justification]
        if self.header.justification_root != merkle_root(leaves):
            raise Fault("R-ORD7", "justification_root is not the root of the justification")


@dataclass(frozen=True, slots=True)
class BlockFrame:
    """A block with the votes it rests on, both encoded."""

    block: bytes
    witness: bytes


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


def read_announcement(frame: bytes, network: bytes) -> Announcement:
    """Return what the first frame announces; raise `Fault` for any other frame."""
    fields = Fields(decode(frame, FRAME), "the export frame", ANNOUNCEMENT_FIELDS)
    if fields.text("format") != "medquorum/export/1" or fields.text("kind") != "export":
        raise Fault("R-EXP1", "the file is not of format medquorum/export/1")
    if fields.binary("network", 32) != network:
        raise Fault("R-EXP1", "the export is of another network than the charter")
    return Announcement(
        tip_epoch=fields.integer("tip_epoch", high=NUMBER_MAX),
        tip_hash=fields.binary("tip_hash", 32),
        tip_n_bc=fields.integer("tip_n_bc", high=NUMBER_MAX),
        tip_slot=fields.integer("tip_slot", high=NUMBER_MAX),
    )


def read_frame(frame: bytes, network: bytes) -> BatchFrame | BlockFrame:
    """Return a frame after the first; raise `Fault` for any other."""
    decoded = decode(frame, FRAME)
    if isinstance(decoded, dict) and decoded.get("kind") == "block":
        block = Fields(decoded, "a frame", BLOCK_FRAME_FIELDS)
        return BlockFrame(block.binary("block"), block.binary("witness"))
    fields = Fields(decoded, "a frame", BATCH_FRAME_FIELDS)
    kind = fields.choice("kind", ("batch", "tail"))
    encoded = fields.binaries("justification")
    own = fields.optional_binary("certificate")
    return BatchFrame(
        header=read_batch_header(fields.binary("header"), network),
        justification=tuple(read_certificate(certificate) for certificate in encoded),
        encoded_justification=encoded,
        certificate=None if own is None else read_certificate(own),
        is_tail=kind == "tail",
    )
