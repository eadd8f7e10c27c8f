"""Exports of the final chain and proofs of one block: forms only (R-EXP1, R-EXP3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.batch import Batch, BatchHeader, parse_batch_header
from medquorum.ledger.block import (
    Block,
    BlockHeader,
    Witness,
    parse_block,
    parse_header,
    parse_witness,
)
from medquorum.ledger.certificate import Certificate, parse_certificate
from medquorum.ledger.errors import ChainError, CodecError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.limits import FRAME, RECORD
from medquorum.ledger.proposal import Core, parse_core
from medquorum.ledger.schema import Reader, decoded, octets_of, opaque_of
from medquorum.ledger.types import BatchHash, NetworkId

EXPORT_FORMAT: Final = "medquorum/export/1"
PROOF_FORMAT: Final = "medquorum/proof/1"
_PROOF_FIELDS = (
    "block",
    "block_path",
    "certificate",
    "format",
    "headers",
    "index",
    "patient_chain",
    "witness",
    "witness_path",
)


@dataclass(frozen=True, slots=True)
class ExportHead:
    """The first frame: whose chain, and where it ends."""

    network: NetworkId
    tip_hash: BatchHash
    """Of the last batch; the network id where there is none."""
    tip_n_bc: int
    tip_slot: int


@dataclass(frozen=True, slots=True)
class BatchFrame:
    """One final batch without its blocks."""

    header: BatchHeader
    justification: tuple[Certificate, ...]
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class BlockFrame:
    """One block with the votes it rests on."""

    block: Block
    witness: Witness


Frame = ExportHead | BatchFrame | BlockFrame


def encode_head(head: ExportHead) -> bytes:
    """The export frame with its length."""
    return _framed(
        {
            "format": EXPORT_FORMAT,
            "kind": "export",
            "network": head.network,
            "tip_hash": head.tip_hash,
            "tip_n_bc": head.tip_n_bc,
            "tip_slot": head.tip_slot,
        }
    )


def encode_batch(batch: Batch, certificate: Certificate | None) -> Iterator[bytes]:
    """The batch frame, then one frame per block, each with its length.

    A certificate of a descendant is left out: it stands with the batch it names.
    """
    own = certificate if certificate and certificate.statement.hash == batch.hash else None
    yield _framed(
        {
            "certificate": own and own.encoded(),
            "header": batch.header.encoded(),
            "justification": [one.encoded() for one in batch.justification],
            "kind": "batch",
        }
    )
    for block, witness in zip(batch.blocks, batch.witnesses, strict=True):
        yield _framed({"block": block.encoded(), "kind": "block", "witness": witness.encoded()})


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
            return _parse_batch(value)
        case "block":
            return _parse_block(value)
        case _:
            raise CodecError("R-EXP1: not a frame of an export")


def _parse_head(value: object) -> ExportHead:
    reader = Reader(
        value, ("format", "kind", "network", "tip_hash", "tip_n_bc", "tip_slot"), "export"
    )
    if reader.text("format") != EXPORT_FORMAT:
        raise CodecError("R-EXP1: not an export of this protocol version")
    return ExportHead(
        NetworkId(reader.octets("network", DIGEST_BYTES)),
        BatchHash(reader.octets("tip_hash", DIGEST_BYTES)),
        reader.integer("tip_n_bc", 0, 2**53),
        reader.integer("tip_slot", 0, 2**53),
    )


def _parse_batch(value: object) -> BatchFrame:
    reader = Reader(value, ("certificate", "header", "justification", "kind"), "batch frame")
    read = opaque_of(RECORD.total, "justification")
    return BatchFrame(
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


@dataclass(frozen=True, slots=True)
class Proof:
    """One block, provable with nothing but the charter (R-EXP3)."""

    block: Block
    witness: Witness
    index: int
    block_path: tuple[bytes, ...]
    witness_path: tuple[bytes, ...]
    headers: tuple[BatchHeader, ...]
    """From the block's batch to the one the certificate names."""
    certificate: Certificate
    patient_chain: tuple[tuple[BlockHeader, Core], ...]
    """From the patient's registration to the block before this one."""

    def encoded(self) -> bytes:
        """`enc` of R-EXP3."""
        return canonical.encode(
            {
                "block": self.block.encoded(),
                "block_path": list(self.block_path),
                "certificate": self.certificate.encoded(),
                "format": PROOF_FORMAT,
                "headers": [header.encoded() for header in self.headers],
                "index": self.index,
                "patient_chain": [
                    {"core": core.encoded(), "header": header.encoded()}
                    for header, core in self.patient_chain
                ],
                "witness": self.witness.encoded(),
                "witness_path": list(self.witness_path),
            },
            FRAME,
        )


def parse_proof(encoded: bytes) -> Proof:
    """Read a proof; CodecError when malformed."""
    reader = Reader(decoded(encoded, FRAME), _PROOF_FIELDS, "proof")
    if reader.text("format") != PROOF_FORMAT:
        raise CodecError("R-EXP3: not a proof of this protocol version")
    header = opaque_of(RECORD.binary, "header")
    digest = octets_of(DIGEST_BYTES, "path")
    return Proof(
        parse_block(reader.opaque("block", RECORD.total)),
        parse_witness(reader.opaque("witness", RECORD.total)),
        reader.integer("index", 0, 255),
        reader.listed("block_path", 8, digest),
        reader.listed("witness_path", 8, digest),
        reader.listed("headers", FRAME.entries, lambda one: parse_batch_header(header(one))),
        parse_certificate(reader.opaque("certificate", RECORD.total)),
        reader.listed("patient_chain", FRAME.entries, _parse_link),
    )


def _parse_link(value: object) -> tuple[BlockHeader, Core]:
    reader = Reader(value, ("core", "header"), "patient chain")
    return (
        parse_header(reader.opaque("header", RECORD.binary)),
        parse_core(reader.opaque("core", RECORD.binary)),
    )
