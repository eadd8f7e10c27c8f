"""What nodes send each other here: ordering messages, gossiped objects, and digests of pools.

Objects pass by reference, as their bytes would give equal ones; a share of messages really takes
the way over bytes, whole or damaged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from medquorum.consensus.messages import (
    BatchBody,
    BatchProposal,
    CertificateMessage,
    Message,
    OrderingVoteMessage,
    Status,
    Sync,
    decode_message,
    encode_message,
)
from medquorum.ledger.batch import Batch
from medquorum.ledger.certificate import Certificate, OrderingVote, Statement
from medquorum.ledger.errors import CodecError
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal, parse_proposal
from medquorum.ledger.types import ProposalId
from medquorum.ledger.vote import Vote, parse_vote

_OVERHEAD: Final = 24
"""Bytes of a digest's list entry beside its 32-byte names."""
_SIGNATURE: Final = 66
_VOTE_NAMES: Final = 39
_CERTIFICATE_NAMES: Final = 28
_STATUS_NAMES: Final = 61
"""Names, flags and header of the map, as R-ORD10, R-ORD11 and the STATUS have them."""
_BODY_NAMES: Final = 19
_SYNC_NAMES: Final = 28
"""Names and headers around a batch, and beside it in a SYNC, for bodies below 64 KiB."""


@dataclass(frozen=True, slots=True)
class PoolDigest:
    """Open proposals with the voters known; the answer to one names only what differs."""

    known: dict[ProposalId, tuple[Address, ...]]
    answer: bool


Parcel = Message | Proposal | Vote | PoolDigest

_NAMES: dict[type, str] = {
    BatchProposal: "batch-proposal",
    OrderingVoteMessage: "ordering-vote",
    CertificateMessage: "certificate",
    Status: "status",
    Sync: "sync",
    BatchBody: "batch-body",
    Proposal: "proposal",
    Vote: "vote",
    PoolDigest: "pool-digest",
}


def kind_of(parcel: Parcel) -> str:
    """The kind for counting."""
    return _NAMES.get(type(parcel)) or encode_message(parcel)[0]  # type: ignore[arg-type]


def encoded(parcel: Parcel) -> tuple[str, bytes] | None:
    """Kind and bytes; None for a digest, whose form is this simulation's own."""
    match parcel:
        case Proposal():
            return "proposal", parcel.encoded()
        case Vote():
            return "vote", parcel.encoded()
        case PoolDigest():
            return None
        case _:
            return encode_message(parcel)


def size_of(parcel: Parcel) -> int:
    """Encoded bytes; those of frequent messages are reckoned, not made (R-CAN2)."""
    match parcel:
        case OrderingVoteMessage(vote):
            return _vote_bytes(vote)
        case CertificateMessage(certificate):
            return _certificate_bytes(certificate)
        case Status():
            return _status_bytes(parcel)
        case BatchBody(batch):
            return _body_bytes(batch)
        case Sync():
            return _sync_bytes(parcel)
        case PoolDigest(known):
            return sum(32 * (1 + len(voters)) + _OVERHEAD for voters in known.values())
        case _:
            made = encoded(parcel)
            return 0 if made is None else len(made[1])


def _integer(value: int) -> int:
    """Bytes of a whole number."""
    if value < 1 << 7:
        return 1
    if value < 1 << 8:
        return 2
    return 3 if value < 1 << 16 else 5 if value < 1 << 32 else 9


def _statement_bytes(statement: Statement) -> int:
    """The values of epoch, hash, kind and slot."""
    named = 1 if statement.hash is None else 34
    return _integer(statement.epoch) + named + 1 + len(statement.kind) + _integer(statement.slot)


def _vote_bytes(vote: OrderingVote) -> int:
    return _VOTE_NAMES + _statement_bytes(vote.statement) + _SIGNATURE + _integer(vote.signer)


def _certificate_bytes(certificate: Certificate) -> int:
    votes = certificate.votes
    signers = sum(_integer(signer) for signer, _ in votes)
    entries = len(votes) * (1 + _SIGNATURE) + signers
    return _CERTIFICATE_NAMES + _statement_bytes(certificate.statement) + _list(votes) + entries


def _status_bytes(status: Status) -> int:
    whole = [_vote_bytes(vote) for vote in status.votes]
    whole += [_certificate_bytes(certificate) for certificate in status.certificates]
    numbers = (status.epoch, status.final_slot, status.log_length)
    return (
        _STATUS_NAMES
        + sum(_integer(number) for number in numbers)
        + _list(status.votes)
        + _list(status.certificates)
        + sum(size + (2 if size < 1 << 8 else 3) for size in whole)
    )


def _list(entries: tuple[object, ...]) -> int:
    """The header of a list."""
    return 1 if len(entries) < 16 else 3


def _sync_bytes(sync: Sync) -> int:
    whole = 1 if sync.certificate is None else _certificate_bytes(sync.certificate)
    framed = 0 if sync.certificate is None else (2 if whole < 1 << 8 else 3)
    tail = sum(_body_bytes(batch) for batch in sync.tail)
    return _SYNC_NAMES + _integer(sync.log_index) + _body_bytes(sync.batch) + whole + framed + tail


@lru_cache(maxsize=512)
def _body_bytes(batch: Batch) -> int:
    return _BODY_NAMES + len(batch.header.encoded()) + len(batch.body_encoded())


def reread(kind: str, payload: bytes) -> Parcel | None:
    """The object of these bytes; None when they are refused."""
    try:
        match kind:
            case "proposal":
                return parse_proposal(payload)
            case "vote":
                return parse_vote(payload)
            case _:
                return decode_message(kind, payload)
    except CodecError:
        return None


def brief(parcel: Parcel) -> bytes:
    """A few bytes that tell two messages apart."""
    match parcel:
        case OrderingVoteMessage(vote):
            return b"%d %s " % (vote.statement.slot, vote.statement.kind.encode()) + (
                vote.signature[:4].hex().encode()
            )
        case BatchProposal() | BatchBody():
            digest = parcel.hash if isinstance(parcel, BatchProposal) else parcel.batch.hash
            return digest[:8].hex().encode()
        case Sync(log_index, batch, _):
            return b"%d " % log_index + batch.hash[:8].hex().encode()
        case CertificateMessage(certificate):
            statement = certificate.statement
            return b"%d %s %d" % (
                statement.slot,
                statement.kind.encode(),
                len(certificate.votes),
            )
        case Status():
            return b"%d %d %d %d" % (
                parcel.log_length,
                parcel.final_slot,
                len(parcel.votes),
                len(parcel.certificates),
            )
        case Proposal():
            return parcel.id[:8].hex().encode()
        case Vote():
            return parcel.signature[:8].hex().encode()
        case PoolDigest(known, answer):
            names = hashlib.sha256(b"".join(known)).digest()[:4].hex()
            return b"%d %d " % (len(known), answer) + names.encode()
        case _:
            return encode_message(parcel)[1]
