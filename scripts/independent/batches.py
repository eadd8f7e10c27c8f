"""Batch headers: what one says alone, and what it says about the batch before it.

Carries out R-ORD7 to R-ORD9, R-ORD13 and R-ORD16, and R-GOV8 where an epoch ends. What
the leader signed (R-ORD14) is in no file, so it cannot be checked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from .canonical import NUMBER_MAX, RECORD, TIME_MAX_MS, Fault, Fields, Tampered, decode
from .charter import Charter
from .crypto import leaf_hash, merkle_root, tagged

BATCH_BYTES_MAX: Final = 917_504
BATCH_FIELDS: Final = (
    "blocks_root",
    "charter_version",
    "count",
    "epoch",
    "first_nbc",
    "justification_root",
    "last_block_hash",
    "leader",
    "network",
    "parent_hash",
    "parent_slot",
    "registry_hash",
    "seal_nonce",
    "slot",
    "time_ms",
    "witness_root",
)


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """A batch header (R-ORD7) with its hash."""

    blocks_root: bytes
    charter_version: int
    count: int
    epoch: int
    first_nbc: int
    justification_root: bytes
    last_block_hash: bytes
    leader: int
    network: bytes
    parent_hash: bytes
    parent_slot: int
    registry_hash: bytes
    seal_nonce: int
    slot: int
    time_ms: int
    witness_root: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Tip:
    """What the next batch must continue: the last batch, or slot 0 of an epoch."""

    slot: int
    hash: bytes
    time_ms: int
    next_nbc: int
    last_block_hash: bytes


def first_tip(charter: Charter) -> Tip:
    """Return the tip before any batch (R-ORD9)."""
    return Tip(0, charter.network, 0, 1, charter.network)


def next_epoch_tip(header: BatchHeader) -> Tip:
    """Return the tip from which the next epoch starts: the batch that ended this one (R-ORD9)."""
    return replace(tip_after(header), slot=0)


def tip_after(header: BatchHeader) -> Tip:
    """Return the tip that a batch leaves."""
    next_nbc = header.first_nbc + header.count
    return Tip(header.slot, header.hash, header.time_ms, next_nbc, header.last_block_hash)


def read_batch_header(encoded: bytes, network: bytes) -> BatchHeader:
    """Return the batch header held by canonical bytes."""
    fields = Fields(decode(encoded, RECORD), "the batch header", BATCH_FIELDS)
    return BatchHeader(
        blocks_root=fields.binary("blocks_root", 32),
        charter_version=fields.integer("charter_version", high=NUMBER_MAX),
        count=fields.integer("count", high=NUMBER_MAX),
        epoch=fields.integer("epoch", high=NUMBER_MAX),
        first_nbc=fields.integer("first_nbc", 1, NUMBER_MAX),
        justification_root=fields.binary("justification_root", 32),
        last_block_hash=fields.binary("last_block_hash", 32),
        leader=fields.integer("leader", high=NUMBER_MAX),
        network=fields.binary("network", 32),
        parent_hash=fields.binary("parent_hash", 32),
        parent_slot=fields.integer("parent_slot", high=NUMBER_MAX),
        registry_hash=fields.binary("registry_hash", 32),
        seal_nonce=fields.integer("seal_nonce"),
        slot=fields.integer("slot", 1, NUMBER_MAX),
        time_ms=fields.integer("time_ms", high=TIME_MAX_MS),
        witness_root=fields.binary("witness_root", 32),
        hash=tagged("batch", network, encoded),
    )


def leader_number(epoch: int, slot: int, charter: Charter) -> int:
    """Return the number of the doctor who leads a slot of the charter's epoch (R-ORD9)."""
    return (epoch + slot) % len(charter.doctors)


def check_batch_alone(header: BatchHeader, charter: Charter) -> None:
    """Raise `Fault` for what the header and the charter alone show to be wrong."""
    if header.network != charter.network:
        raise Fault("R-ORD7", "the batch is of another network")
    if header.charter_version != charter.version or header.epoch != charter.version:
        raise Fault("R-ORD9", "the batch is of another epoch than the charter in force")
    if header.count > charter.batch_blocks:
        raise Fault("R-ORD8", f"more than {charter.batch_blocks} blocks in a batch")
    if header.slot <= header.parent_slot:
        raise Fault("R-ORD9", "the slot does not follow the parent's")
    if header.leader != leader_number(header.epoch, header.slot, charter):
        raise Fault("R-ORD9", "the leader is not the slot's")
    _check_seal(header, charter.seal_difficulty_bits)


def check_tail(header: BatchHeader) -> None:
    """Raise `Fault` unless a batch after an amendment, in its epoch, is empty (R-GOV8)."""
    if header.count:
        raise Fault("R-GOV8", "a batch with blocks after the amendment that ends its epoch")


def _check_seal(header: BatchHeader, difficulty_bits: int) -> None:
    if difficulty_bits == 0 and header.seal_nonce != 0:
        raise Fault("R-ORD16", "a seal nonce where the charter asks for no seal")
    if int.from_bytes(header.hash, "big") >> (256 - difficulty_bits):
        raise Fault("R-ORD16", f"the batch hash does not begin with {difficulty_bits} zero bits")


def check_batch_after(header: BatchHeader, tip: Tip) -> None:
    """Raise `Fault` unless the batch continues `tip`."""
    if header.parent_slot != tip.slot or header.parent_hash != tip.hash:
        raise Fault("R-ORD7", "the parent is not the batch before")
    if header.time_ms <= tip.time_ms:
        raise Fault("R-ORD13", "the batch's time does not exceed its parent's")
    if header.first_nbc != tip.next_nbc:
        raise Fault("R-ORD7", "first_nbc does not follow the batch before")
    if header.count == 0 and header.last_block_hash != tip.last_block_hash:
        raise Fault("R-ORD7", "an empty batch whose last_block_hash is not the last block's")


def body_bytes(
    blocks: Sequence[int], justification: Sequence[int], witnesses: Sequence[int]
) -> int:
    """Return the encoded size of a batch's body from the sizes of its entries (R-ORD8)."""
    size = 1
    for name, entries in (
        ("blocks", blocks),
        ("justification", justification),
        ("witnesses", witnesses),
    ):
        size += 1 + len(name) + (1 if len(entries) < 16 else 3)
        size += sum(_bytes_encoded(length) for length in entries)
    return size


def _bytes_encoded(length: int) -> int:
    return length + (2 if length < 2**8 else 3 if length < 2**16 else 5)


@dataclass(slots=True)
class OpenBatch:
    """A batch whose blocks are being read; `vouched` once a certificate names its header."""

    header: BatchHeader
    vouched: bool
    final: bool
    justification_sizes: list[int]
    is_tail: bool = False
    block_leaves: list[bytes] = field(default_factory=list)
    block_sizes: list[int] = field(default_factory=list)
    witness_leaves: list[bytes] = field(default_factory=list)
    witness_sizes: list[int] = field(default_factory=list)
    fault: Tampered | None = None

    def is_full(self) -> bool:
        """Tell whether as many blocks were read as the header counts."""
        return len(self.block_leaves) == self.header.count

    def take(self, block: bytes, witness: bytes) -> None:
        """Remember what the header's roots and the limit of the body are checked with."""
        self.block_leaves.append(leaf_hash(block))
        self.block_sizes.append(len(block))
        self.witness_leaves.append(leaf_hash(witness))
        self.witness_sizes.append(len(witness))

    def check_body(self, last_block_hash: bytes) -> None:
        """Raise `Fault` unless header and blocks agree (R-ORD7, R-ORD8)."""
        header = self.header
        for claimed, computed, name in (
            (header.blocks_root, merkle_root(self.block_leaves), "blocks_root"),
            (header.witness_root, merkle_root(self.witness_leaves), "witness_root"),
            (header.last_block_hash, last_block_hash, "last_block_hash"),
        ):
            if claimed != computed:
                raise Fault("R-ORD7", f"{name} does not agree with the batch's blocks")
        size = body_bytes(self.block_sizes, self.justification_sizes, self.witness_sizes)
        if size > BATCH_BYTES_MAX:
            raise Fault("R-ORD8", f"a batch's body is longer than {BATCH_BYTES_MAX} bytes")
