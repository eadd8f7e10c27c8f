"""Proofs of one block: forms only (R-EXP3)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.batch import Absence, BatchHeader, parse_batch_header, registry_rows
from medquorum.ledger.block import (
    Block,
    BlockHeader,
    Witness,
    parse_block,
    parse_header,
    parse_witness,
)
from medquorum.ledger.certificate import Certificate, parse_certificate
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import FRAME, RECORD, REGISTRY_ENTRIES
from medquorum.ledger.proposal import Core, parse_core
from medquorum.ledger.schema import Reader, decoded, octets_of, opaque_of
from medquorum.ledger.types import ProposalId

PROOF_FORMAT: Final = "medquorum/proof/1"
_INCLUSION_FIELDS = (
    "block",
    "block_path",
    "certificate",
    "headers",
    "index",
    "witness",
    "witness_path",
)
_PROOF_FIELDS = tuple(sorted((*_INCLUSION_FIELDS, "epochs", "format", "patient_chain", "registry")))


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One block in a final batch, by paths, headers and a certificate."""

    block: Block
    witness: Witness
    index: int
    block_path: tuple[bytes, ...]
    witness_path: tuple[bytes, ...]
    headers: tuple[BatchHeader, ...]
    """From the block's batch to the one the certificate names."""
    certificate: Certificate

    def as_map(self) -> dict[str, object]:
        """Its fields, as R-EXP3 names them."""
        return {
            "block": self.block.encoded(),
            "block_path": list(self.block_path),
            "certificate": self.certificate.encoded(),
            "headers": [header.encoded() for header in self.headers],
            "index": self.index,
            "witness": self.witness.encoded(),
            "witness_path": list(self.witness_path),
        }


@dataclass(frozen=True, slots=True)
class Proof(Inclusion):
    """One block, provable with nothing but the founding charter (R-EXP3)."""

    patient_chain: tuple[tuple[BlockHeader, Core], ...]
    """From the patient's registration to the block before this one."""
    epochs: tuple[Inclusion, ...] = ()
    """The amendments that ended the epochs before the block's, in order."""
    registry: tuple[Absence, ...] = ()
    """The registry that the block's batch names."""

    def encoded(self) -> bytes:
        """`enc` of R-EXP3."""
        return canonical.encode(
            {
                **self.as_map(),
                "epochs": [epoch.as_map() for epoch in self.epochs],
                "format": PROOF_FORMAT,
                "patient_chain": [
                    {"core": core.encoded(), "header": header.encoded()}
                    for header, core in self.patient_chain
                ],
                "registry": registry_rows(self.registry),
            },
            FRAME,
        )


def parse_proof(encoded: bytes) -> Proof:
    """Read a proof; CodecError when malformed."""
    reader = Reader(decoded(encoded, FRAME), _PROOF_FIELDS, "proof")
    if reader.text("format") != PROOF_FORMAT:
        raise CodecError("R-EXP3: not a proof of this protocol version")
    return Proof(
        *_inclusion(reader),
        reader.listed("patient_chain", FRAME.entries, _parse_link),
        reader.listed("epochs", FRAME.entries, _parse_epoch),
        _parse_registry(reader),
    )


def _parse_registry(reader: Reader) -> tuple[Absence, ...]:
    entries = reader.listed("registry", REGISTRY_ENTRIES, _parse_entry)
    encoded = [canonical.encode(entry.as_map()) for entry in entries]
    if any(later <= earlier for earlier, later in pairwise(encoded)):
        raise CodecError("R-ORD15: the entries of a registry ascend, each once")
    return entries


def _parse_epoch(value: object) -> Inclusion:
    return Inclusion(*_inclusion(Reader(value, _INCLUSION_FIELDS, "epoch")))


def _parse_entry(value: object) -> Absence:
    names = ("attending", "delegate", "from_ms", "patient", "proposal", "to_ms")
    reader = Reader(value, names, "registry entry")
    return Absence(
        Address(reader.octets("attending", DIGEST_BYTES)),
        Address(reader.octets("delegate", DIGEST_BYTES)),
        reader.integer("from_ms", 0, 2**53),
        reader.integer("to_ms", 0, 2**53),
        reader.optional("patient", lambda name: reader.integer(name, 1, 2**53)),
        reader.optional("proposal", lambda name: ProposalId(reader.octets(name, DIGEST_BYTES))),
    )


_Inclusion = tuple[
    Block,
    Witness,
    int,
    tuple[bytes, ...],
    tuple[bytes, ...],
    tuple[BatchHeader, ...],
    Certificate,
]


def _inclusion(reader: Reader) -> _Inclusion:
    header = opaque_of(RECORD.binary, "header")
    digest = octets_of(DIGEST_BYTES, "path")
    return (
        parse_block(reader.opaque("block", RECORD.total)),
        parse_witness(reader.opaque("witness", RECORD.total)),
        reader.integer("index", 0, 255),
        reader.listed("block_path", 8, digest),
        reader.listed("witness_path", 8, digest),
        reader.listed("headers", FRAME.entries, lambda one: parse_batch_header(header(one))),
        parse_certificate(reader.opaque("certificate", RECORD.total)),
    )


def _parse_link(value: object) -> tuple[BlockHeader, Core]:
    reader = Reader(value, ("core", "header"), "patient chain")
    return (
        parse_header(reader.opaque("header", RECORD.binary)),
        parse_core(reader.opaque("core", RECORD.binary)),
    )
