"""What a doctor's node must remember across a crash, as records of a table (R-SIM10).

A record is stored as (kind, slot, payload). Records of slots below the last final one may be
deleted; those of that slot and above are handed back at the next start, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, assert_never

from medquorum.consensus.errors import JournalError
from medquorum.ledger import canonical
from medquorum.ledger.batch import Batch, parse_batch
from medquorum.ledger.certificate import Certificate, parse_certificate
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.limits import BATCH_BODY_BYTES, FRAME, RECORD
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.types import BatchHash, OrderingKind


@dataclass(frozen=True, slots=True)
class Proposed:
    """This node proposed the batch for the slot it led."""

    slot: int
    hash: BatchHash


@dataclass(frozen=True, slots=True)
class Notarised:
    """This node voted notar."""

    slot: int
    hash: BatchHash


@dataclass(frozen=True, slots=True)
class Skipped:
    """This node voted skip."""

    slot: int


@dataclass(frozen=True, slots=True)
class Finalised:
    """This node voted final."""

    slot: int
    hash: BatchHash


@dataclass(frozen=True, slots=True)
class CertificateKept:
    """A certificate this node has verified."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class BodyKept:
    """A batch this node proposed or notarised: it can hand it to others."""

    batch: Batch


JournalRecord = Proposed | Notarised | Skipped | Finalised | CertificateKept | BodyKept
StoredRecord = tuple[str, int, bytes]


def slot_of(record: JournalRecord) -> int:
    """The slot a record belongs to."""
    match record:
        case CertificateKept(certificate):
            return certificate.statement.slot
        case BodyKept(batch):
            return batch.header.slot
        case _:
            return record.slot


def encode_record(record: JournalRecord) -> StoredRecord:
    """The record as (kind, slot, payload)."""
    match record:
        case Proposed(slot, digest):
            return "proposed", slot, digest
        case Notarised(slot, digest):
            return "notarised", slot, digest
        case Skipped(slot):
            return "skipped", slot, b""
        case Finalised(slot, digest):
            return "finalised", slot, digest
        case CertificateKept(certificate):
            return "certificate", slot_of(record), certificate.encoded()
        case BodyKept(batch):
            whole = {"body": batch.body_encoded(), "header": batch.header.encoded()}
            return "body", slot_of(record), canonical.encode(whole, FRAME)
    assert_never(record)


_OWN: Final[dict[str, Callable[[int, BatchHash], JournalRecord]]] = {
    "proposed": Proposed,
    "notarised": Notarised,
    "finalised": Finalised,
}


def decode_record(kind: str, slot: int, payload: bytes) -> JournalRecord:
    """Read a stored record; JournalError when it is not one: start without a seat then."""
    try:
        record = _decode(kind, slot, payload)
    except CodecError as error:
        raise JournalError(f"R-SIM10: the journal record of slot {slot}: {error}") from None
    if slot_of(record) != slot:
        raise JournalError(f"R-SIM10: a record of slot {slot_of(record)} stands under {slot}")
    return record


def _decode(kind: str, slot: int, payload: bytes) -> JournalRecord:
    if kind in _OWN and len(payload) == DIGEST_BYTES:
        return _OWN[kind](slot, BatchHash(payload))
    if kind == "skipped" and not payload:
        return Skipped(slot)
    if kind == "certificate":
        return CertificateKept(parse_certificate(payload))
    if kind == "body":
        reader = Reader(decoded(payload, FRAME), ("body", "header"), "journaled batch")
        header = reader.opaque("header", RECORD.binary)
        return BodyKept(parse_batch(header, reader.opaque("body", BATCH_BODY_BYTES)))
    raise CodecError("not a record of any kind")


@dataclass(slots=True)
class JournalState:
    """The records by slot; the own votes are what the pen may never contradict."""

    proposed: dict[int, BatchHash] = field(default_factory=dict)
    notarised: dict[int, BatchHash] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    finalised: dict[int, BatchHash] = field(default_factory=dict)
    certificates: dict[tuple[int, OrderingKind], Certificate] = field(default_factory=dict)
    bodies: dict[BatchHash, Batch] = field(default_factory=dict)


def _once(known: dict[int, BatchHash], slot: int, digest: BatchHash) -> None:
    if known.setdefault(slot, digest) != digest:
        raise JournalError(f"R-SIM10: the journal holds two hashes for slot {slot}; do not vote")


def replay(records: Iterable[JournalRecord]) -> JournalState:
    """The state the records add up to; JournalError when they contradict each other."""
    state = JournalState()
    for record in records:
        match record:
            case Proposed(slot, digest):
                _once(state.proposed, slot, digest)
            case Notarised(slot, digest):
                _once(state.notarised, slot, digest)
            case Skipped(slot):
                state.skipped.add(slot)
            case Finalised(slot, digest):
                _once(state.finalised, slot, digest)
            case CertificateKept(certificate):
                statement = certificate.statement
                state.certificates[statement.slot, statement.kind] = certificate
            case BodyKept(batch):
                state.bodies[batch.hash] = batch
            case _:
                assert_never(record)
    if state.skipped & state.finalised.keys():
        raise JournalError("R-SIM8: the journal holds skip and final for one slot; do not vote")
    return state
