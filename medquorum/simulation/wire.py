"""What nodes send each other here: ordering messages, gossiped objects, and digests of pools.

Objects pass by reference, as their bytes would give equal ones; a share of messages really takes
the way over bytes, whole or damaged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

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
from medquorum.ledger.errors import CodecError
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal, parse_proposal
from medquorum.ledger.types import ProposalId
from medquorum.ledger.vote import Vote, parse_vote

_OVERHEAD = 24
"""Bytes of a digest's list entry beside its 32-byte names."""


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
    """Encoded bytes."""
    if isinstance(parcel, PoolDigest):
        return sum(32 * (1 + len(voters)) + _OVERHEAD for voters in parcel.known.values())
    made = encoded(parcel)
    return 0 if made is None else len(made[1])


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
