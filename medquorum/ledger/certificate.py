"""Ordering votes and the certificates a quorum of them makes (R-ORD10, R-ORD11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.keys import PublicKey
from medquorum.ledger.limits import DOCTORS
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Signer, Verifier
from medquorum.ledger.types import BatchHash, NetworkId, OrderingKind

_VOTE_FIELDS = ("epoch", "hash", "kind", "signature", "signer", "slot")
_CERTIFICATE_FIELDS = ("epoch", "hash", "kind", "slot", "votes")
STATEMENTS_REMEMBERED: Final = 256
"""Digests kept: every doctor signs the same two or three statements of a slot."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an ordering vote says; the hash is None exactly for a skip."""

    epoch: int
    slot: int
    kind: OrderingKind
    hash: BatchHash | None

    def digest(self, network: NetworkId) -> bytes:
        """What the doctor's node signs with its consensus key (R-ORD10)."""
        return _statement_digest(self, network)


@lru_cache(maxsize=STATEMENTS_REMEMBERED)
def _statement_digest(statement: Statement, network: NetworkId) -> bytes:
    payload = canonical.encode(
        {
            "epoch": statement.epoch,
            "hash": statement.hash,
            "kind": statement.kind.value,
            "slot": statement.slot,
        }
    )
    return tagged(Kind.ORDERING_VOTE, network, payload)


@dataclass(frozen=True, slots=True)
class OrderingVote:
    """One doctor's node's signed statement; `signer` is its number in the charter."""

    statement: Statement
    signer: int
    signature: Signature

    def encoded(self) -> bytes:
        """`enc` of R-ORD10."""
        statement = self.statement
        return canonical.encode(
            {
                "epoch": statement.epoch,
                "hash": statement.hash,
                "kind": statement.kind.value,
                "signature": self.signature,
                "signer": self.signer,
                "slot": statement.slot,
            }
        )


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum's votes on one statement, ascending by signer."""

    statement: Statement
    votes: tuple[tuple[int, Signature], ...]
    _encoded: bytes | None = field(default=None, init=False, repr=False, compare=False)
    """Kept once made: roots, sizes and bodies of several batches each ask for it."""

    def encoded(self) -> bytes:
        """`enc` of R-ORD11."""
        if self._encoded is not None:
            return self._encoded
        statement = self.statement
        encoded = canonical.encode(
            {
                "epoch": statement.epoch,
                "hash": statement.hash,
                "kind": statement.kind.value,
                "slot": statement.slot,
                "votes": [[signer, signature] for signer, signature in self.votes],
            }
        )
        object.__setattr__(self, "_encoded", encoded)
        return encoded


def state(statement: Statement, signer: int, network: NetworkId, sign: Signer) -> OrderingVote:
    """Sign a statement with a consensus key."""
    return OrderingVote(statement, signer, sign(statement.digest(network)))


def certify(statement: Statement, votes: Sequence[OrderingVote]) -> Certificate:
    """The certificate of votes on one statement (their number is the caller's affair)."""
    ordered = sorted(votes, key=lambda vote: vote.signer)
    return Certificate(statement, tuple((vote.signer, vote.signature) for vote in ordered))


def _parse_statement(reader: Reader) -> Statement:
    kind = reader.closed("kind", OrderingKind)
    digest = reader.optional("hash", lambda name: BatchHash(reader.octets(name, DIGEST_BYTES)))
    if (digest is None) != (kind is OrderingKind.SKIP):
        raise CodecError("R-ORD10: hash is none exactly for skip")
    return Statement(
        reader.integer("epoch", 0, 2**53), reader.integer("slot", 1, 2**53), kind, digest
    )


def parse_ordering_vote(encoded: bytes) -> OrderingVote:
    """Read an ordering vote from canonical bytes; CodecError when malformed."""
    reader = Reader(decoded(encoded), _VOTE_FIELDS, "ordering vote")
    return OrderingVote(
        _parse_statement(reader),
        reader.integer("signer", 0, DOCTORS - 1),
        Signature(reader.octets("signature", SIGNATURE_BYTES)),
    )


def parse_certificate(encoded: bytes) -> Certificate:
    """Read a certificate from canonical bytes; CodecError when malformed."""
    reader = Reader(decoded(encoded), _CERTIFICATE_FIELDS, "certificate")

    def pair(entry: object) -> tuple[int, Signature]:
        if not isinstance(entry, list) or len(entry) != 2:
            raise CodecError("R-ORD11: a vote is [signer, signature]")
        signer, signature = entry
        if not isinstance(signer, int) or isinstance(signer, bool) or not 0 <= signer < DOCTORS:
            raise CodecError("R-ORD11: a signer is a doctor's number")
        if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
            raise CodecError("R-ORD11: a signature has 64 bytes")
        return signer, Signature(signature)

    votes = reader.listed("votes", DOCTORS, pair)
    if [signer for signer, _ in votes] != sorted({signer for signer, _ in votes}):
        raise CodecError("R-ORD11: signers ascend, each once")
    return Certificate(_parse_statement(reader), votes)


@dataclass(frozen=True, slots=True)
class Electorate:
    """The doctors' nodes that order in one epoch: their consensus keys by number, and q."""

    network: NetworkId
    epoch: int
    keys: tuple[PublicKey, ...]
    quorum: int

    def leader(self, slot: int) -> int:
        """The number of the doctor whose node leads a slot (R-ORD9)."""
        return (self.epoch + slot) % len(self.keys)


def verify_ordering_vote(vote: OrderingVote, electorate: Electorate, verify: Verifier) -> bool:
    """Whether a doctor of this epoch signed this vote."""
    if vote.statement.epoch != electorate.epoch or vote.signer >= len(electorate.keys):
        return False
    digest = vote.statement.digest(electorate.network)
    return verify(electorate.keys[vote.signer], digest, vote.signature)


def verify_certificate(certificate: Certificate, electorate: Electorate, verify: Verifier) -> bool:
    """Whether at least a quorum signed, and every signature in it is valid (R-ORD11)."""
    signers = [signer for signer, _ in certificate.votes]
    if len(signers) < electorate.quorum or signers != sorted(set(signers)):
        return False
    return all(
        verify_ordering_vote(
            OrderingVote(certificate.statement, signer, signature), electorate, verify
        )
        for signer, signature in certificate.votes
    )
