"""What nodes say to each other about ordering, and its wire form (R-SIM5 to R-SIM9, R-NET1).

A batch travels compactly: proposal ids, who voted and the outcome. The receiver rebuilds the body
from the proposals and votes it already holds, and asks for the body only when it cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, assert_never

from medquorum.consensus.ordering.compact import Compact, CompactEntry
from medquorum.ledger import canonical
from medquorum.ledger.batch import Batch, BatchHeader, parse_batch, parse_batch_header
from medquorum.ledger.certificate import (
    Certificate,
    OrderingVote,
    parse_certificate,
    parse_ordering_vote,
)
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.limits import BATCH_BLOCKS, BATCH_BODY_BYTES, DOCTORS, FRAME, RECORD
from medquorum.ledger.schema import Reader, decoded, opaque_of
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature
from medquorum.ledger.types import BatchHash, Outcome, ProposalId

STATUS_CERTIFICATES: Final = 32
"""Certificates in one STATUS: 128 doctors' signatures each still fit in a third of a frame."""
STATUS_VOTES: Final = 512
"""Votes in one STATUS: three per slot of the window for the sender and for the receiver."""
JUSTIFICATION: Final = 1_024
"""Certificates in a justification; a frame holds no more anyway."""
TAIL: Final = 64
"""Empty batches after the end of an epoch in one SYNC: one or two unless quorums keep failing."""
_NUMBER: Final = 2**53


@dataclass(frozen=True, slots=True)
class BatchProposal:
    """A leader's signed batch in compact form (R-SIM5, R-ORD14)."""

    header_bytes: bytes = field(repr=False)
    compact: Compact
    justification: tuple[Certificate, ...]
    signature: Signature
    header: BatchHeader = field(init=False, compare=False)
    hash: BatchHash = field(init=False, compare=False)

    def __post_init__(self) -> None:
        header = parse_batch_header(self.header_bytes)
        object.__setattr__(self, "header", header)
        digest = tagged(Kind.BATCH, header.network, self.header_bytes)
        object.__setattr__(self, "hash", BatchHash(digest))


@dataclass(frozen=True, slots=True)
class OrderingVoteMessage:
    """One ordering vote, sent by its signer."""

    vote: OrderingVote


@dataclass(frozen=True, slots=True)
class CertificateMessage:
    """One certificate, sent by anyone."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Status:
    """Where a node stands; doctors add what a lagging doctor may lack (R-SIM9).

    The votes are the sender's own and, where it `shows`, those of the receiver that it holds.
    """

    epoch: int
    log_length: int
    final_slot: int
    votes: tuple[OrderingVote, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    asks: bool = False
    """The sender has started anew and asks to be shown its own votes (R-SIM10)."""
    shows: bool = False
    """Every vote of the receiver that the sender holds is among the votes."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Please send final batches from this log index on."""

    log_length: int


@dataclass(frozen=True, slots=True)
class Sync:
    """One final batch, with a final certificate of it or of a descendant where one is at hand."""

    log_index: int
    batch: Batch
    certificate: Certificate | None
    tail: tuple[Batch, ...] = ()
    """The empty batches between the end of an epoch and the certified one (R-GOV8)."""


@dataclass(frozen=True, slots=True)
class GetBatch:
    """Please send the batch of this hash."""

    hash: BatchHash


@dataclass(frozen=True, slots=True)
class BatchBody:
    """A whole batch, in answer to GetBatch."""

    batch: Batch


Message = (
    BatchProposal
    | OrderingVoteMessage
    | CertificateMessage
    | Status
    | Ask
    | Sync
    | GetBatch
    | BatchBody
)


def encode_message(message: Message) -> tuple[str, bytes]:
    """The kind and canonical payload of a message; CodecError when it is beyond a limit."""
    match message:
        case BatchProposal():
            return "batch-proposal", _encode_proposal(message)
        case OrderingVoteMessage(vote):
            return "ordering-vote", vote.encoded()
        case CertificateMessage(certificate):
            return "certificate", certificate.encoded()
        case Status():
            return "status", _encode_status(message)
        case Ask(log_length):
            return "ask", canonical.encode({"log_length": log_length})
        case Sync():
            return "sync", _encode_sync(message)
        case GetBatch(digest):
            return "get-batch", canonical.encode({"hash": digest})
        case BatchBody(batch):
            return "batch-body", canonical.encode(_whole(batch), FRAME)
    assert_never(message)


def decode_message(kind: str, payload: bytes) -> Message:
    """Read a message; CodecError for an unknown kind or anything not canonical and in limits."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise CodecError("R-NET1: not a kind of ordering message")
    return decoder(payload)


def _encode_proposal(message: BatchProposal) -> bytes:
    entries = [
        {"outcome": entry.outcome.value, "proposal": entry.proposal, "voters": entry.voters}
        for entry in message.compact
    ]
    return canonical.encode(
        {
            "compact": entries,
            "header": message.header_bytes,
            "justification": [one.encoded() for one in message.justification],
            "signature": message.signature,
        },
        FRAME,
    )


def _encode_status(message: Status) -> bytes:
    return canonical.encode(
        {
            "asks": message.asks,
            "certificates": [one.encoded() for one in message.certificates],
            "epoch": message.epoch,
            "final_slot": message.final_slot,
            "log_length": message.log_length,
            "shows": message.shows,
            "votes": [vote.encoded() for vote in message.votes],
        },
        FRAME,
    )


def _encode_sync(message: Sync) -> bytes:
    certificate = message.certificate
    return canonical.encode(
        {
            "body": message.batch.body_encoded(),
            "certificate": None if certificate is None else certificate.encoded(),
            "header": message.batch.header.encoded(),
            "log_index": message.log_index,
            "tail": [_whole(one) for one in message.tail],
        },
        FRAME,
    )


def _whole(batch: Batch) -> dict[str, bytes]:
    return {"body": batch.body_encoded(), "header": batch.header.encoded()}


def _entry(value: object) -> CompactEntry:
    reader = Reader(value, ("outcome", "proposal", "voters"), "compact entry")
    return CompactEntry(
        ProposalId(reader.octets("proposal", DIGEST_BYTES)),
        reader.opaque("voters", DOCTORS // 8),
        reader.closed("outcome", Outcome),
    )


def _certificates(reader: Reader, name: str, longest: int) -> tuple[Certificate, ...]:
    read = opaque_of(RECORD.binary, "certificate")
    return reader.listed(name, longest, lambda entry: parse_certificate(read(entry)))


def _decode_proposal(payload: bytes) -> BatchProposal:
    names = ("compact", "header", "justification", "signature")
    reader = Reader(decoded(payload, FRAME), names, "batch proposal")
    return BatchProposal(
        reader.opaque("header", RECORD.binary),
        reader.listed("compact", BATCH_BLOCKS, _entry),
        _certificates(reader, "justification", JUSTIFICATION),
        Signature(reader.octets("signature", SIGNATURE_BYTES)),
    )


def _decode_status(payload: bytes) -> Status:
    names = ("asks", "certificates", "epoch", "final_slot", "log_length", "shows", "votes")
    reader = Reader(decoded(payload, FRAME), names, "status")
    read = opaque_of(RECORD.binary, "ordering vote")
    return Status(
        epoch=reader.integer("epoch", 0, _NUMBER),
        log_length=reader.integer("log_length", 0, _NUMBER),
        final_slot=reader.integer("final_slot", 0, _NUMBER),
        votes=reader.listed("votes", STATUS_VOTES, lambda entry: parse_ordering_vote(read(entry))),
        certificates=_certificates(reader, "certificates", STATUS_CERTIFICATES),
        asks=reader.flag("asks"),
        shows=reader.flag("shows"),
    )


def _batch(reader: Reader) -> Batch:
    header = reader.opaque("header", RECORD.binary)
    return parse_batch(header, reader.opaque("body", BATCH_BODY_BYTES))


def _decode_sync(payload: bytes) -> Sync:
    names = ("body", "certificate", "header", "log_index", "tail")
    reader = Reader(decoded(payload, FRAME), names, "sync")
    return Sync(
        reader.integer("log_index", 0, _NUMBER),
        _batch(reader),
        reader.optional(
            "certificate", lambda name: parse_certificate(reader.opaque(name, RECORD.binary))
        ),
        reader.listed("tail", TAIL, lambda one: _batch(Reader(one, ("body", "header"), "tail"))),
    )


def _decode_ask(payload: bytes) -> Ask:
    return Ask(Reader(decoded(payload), ("log_length",), "ask").integer("log_length", 0, _NUMBER))


def _decode_get_batch(payload: bytes) -> GetBatch:
    reader = Reader(decoded(payload), ("hash",), "get-batch")
    return GetBatch(BatchHash(reader.octets("hash", DIGEST_BYTES)))


_DECODERS: Final[dict[str, Callable[[bytes], Message]]] = {
    "ask": _decode_ask,
    "batch-body": lambda payload: BatchBody(
        _batch(Reader(decoded(payload, FRAME), ("body", "header"), "batch body"))
    ),
    "batch-proposal": _decode_proposal,
    "certificate": lambda payload: CertificateMessage(parse_certificate(payload)),
    "get-batch": _decode_get_batch,
    "ordering-vote": lambda payload: OrderingVoteMessage(parse_ordering_vote(payload)),
    "status": _decode_status,
    "sync": _decode_sync,
}
KINDS: Final = tuple(_DECODERS)
"""Every kind of ordering message."""
