"""Exports of the final chain: forms only (R-EXP1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.batch import Batch, BatchHeader, parse_batch_header
from medquorum.ledger.block import (
    Block,
    Witness,
    parse_block,
    parse_witness,
)
from medquorum.ledger.certificate import Certificate, parse_certificate
from medquorum.ledger.errors import ChainError, CodecError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.limits import FRAME, RECORD
from medquorum.ledger.schema import Reader, decoded, opaque_of
from medquorum.ledger.types import BatchHash, NetworkId

EXPORT_FORMAT: Final = "medquorum/export/1"


@dataclass(frozen=True, slots=True)
class ExportHead:
    """The first frame: whose chain, and where it ends."""

    network: NetworkId
    tip_hash: BatchHash
    """Of the last batch; the network id where there is none."""
    tip_n_bc: int
    tip_slot: int
    tip_epoch: int = 0


@dataclass(frozen=True, slots=True)
class BatchFrame:
    """One final batch without its blocks."""

    header: BatchHeader
    justification: tuple[Certificate, ...]
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class TailFrame:
    """An empty batch between the end of an epoch and the certified one (R-GOV8)."""

    header: BatchHeader
    justification: tuple[Certificate, ...]
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class BlockFrame:
    """One block with the votes it rests on."""

    block: Block
    witness: Witness


Frame = ExportHead | BatchFrame | TailFrame | BlockFrame


def encode_head(head: ExportHead) -> bytes:
    """The export frame with its length."""
    return _framed(
        {
            "format": EXPORT_FORMAT,
            "kind": "export",
            "network": head.network,
            "tip_epoch": head.tip_epoch,
            "tip_hash": head.tip_hash,
            "tip_n_bc": head.tip_n_bc,
            "tip_slot": head.tip_slot,
        }
    )


def encode_batch(
    batch: Batch, certificate: Certificate | None, tail: tuple[Batch, ...] = ()
) -> Iterator[bytes]:
    """The batch frame, one frame per block, then the tail, each with its length.

    A certificate of another batch is left out: it stands with the batch it names.
    """
    yield _batch_frame("batch", batch, certificate)
    for block, witness in zip(batch.blocks, batch.witnesses, strict=True):
        yield _framed({"block": block.encoded(), "kind": "block", "witness": witness.encoded()})
    for empty in tail:
        yield _batch_frame("tail", empty, certificate)


def _batch_frame(kind: str, batch: Batch, certificate: Certificate | None) -> bytes:
    own = certificate if certificate and certificate.statement.hash == batch.hash else None
    return _framed(
        {
            "certificate": own and own.encoded(),
            "header": batch.header.encoded(),
            "justification": [one.encoded() for one in batch.justification],
            "kind": kind,
        }
    )


def _framed(fields: dict[str, object]) -> bytes:
    encoded = canonical.encode(fields, FRAME)
    return len(encoded).to_bytes(4, "big") + encoded


def split_frames(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream of pieces into frames; ChainError when one is too long or cut short."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        start = 0
        while len(buffer) - start >= 4:
            stop = start + 4 + int.from_bytes(buffer[start : start + 4], "big")
            if stop - start > 4 + FRAME.total:
                raise ChainError("R-EXP1: a frame is longer than its limit")
            if len(buffer) < stop:
                break
            yield bytes(buffer[start + 4 : stop])
            start = stop
        del buffer[:start]
    if buffer:
        raise ChainError("R-EXP1: the export ends inside a frame")


def parse_frame(encoded: bytes) -> Frame:
    """Read one frame; CodecError when malformed."""
    value = decoded(encoded, FRAME)
    kind = value.get("kind") if isinstance(value, dict) else None
    match kind:
        case "export":
            return _parse_head(value)
        case "batch":
            return BatchFrame(*_parse_batch(value))
        case "tail":
            return TailFrame(*_parse_batch(value))
        case "block":
            return _parse_block(value)
        case _:
            raise CodecError("R-EXP1: not a frame of an export")


def _parse_head(value: object) -> ExportHead:
    names = ("format", "kind", "network", "tip_epoch", "tip_hash", "tip_n_bc", "tip_slot")
    reader = Reader(value, names, "export")
    if reader.text("format") != EXPORT_FORMAT:
        raise CodecError("R-EXP1: not an export of this protocol version")
    return ExportHead(
        NetworkId(reader.octets("network", DIGEST_BYTES)),
        BatchHash(reader.octets("tip_hash", DIGEST_BYTES)),
        reader.integer("tip_n_bc", 0, 2**53),
        reader.integer("tip_slot", 0, 2**53),
        reader.integer("tip_epoch", 0, 2**53),
    )


def _parse_batch(
    value: object,
) -> tuple[BatchHeader, tuple[Certificate, ...], Certificate | None]:
    reader = Reader(value, ("certificate", "header", "justification", "kind"), "batch frame")
    read = opaque_of(RECORD.total, "justification")
    return (
        parse_batch_header(reader.opaque("header", RECORD.binary)),
        reader.listed("justification", FRAME.entries, lambda entry: parse_certificate(read(entry))),
        reader.optional(
            "certificate", lambda name: parse_certificate(reader.opaque(name, RECORD.total))
        ),
    )


def _parse_block(value: object) -> BlockFrame:
    reader = Reader(value, ("block", "kind", "witness"), "block frame")
    return BlockFrame(
        parse_block(reader.opaque("block", RECORD.total)),
        parse_witness(reader.opaque("witness", RECORD.total)),
    )
