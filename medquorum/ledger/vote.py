"""A doctor's vote on a proposal (R-VOT1 to R-VOT4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from medquorum.ledger import canonical
from medquorum.ledger.enrolment import BUNDLE_BYTES
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.keys import Address
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Signer
from medquorum.ledger.types import Algorithm, Decision, NetworkId, ProposalId, VoterRole

HUMAN = "human"
POLICY_PREFIX = "policy:"
VOTE_FIELDS = (
    "algorithm",
    "bundle",
    "comment",
    "decision",
    "grade",
    "mode",
    "proposal",
    "role",
    "signature",
    "voter",
)


@dataclass(frozen=True, slots=True)
class Ballot:
    """What the doctor decides: the content of a vote before it is signed."""

    proposal: ProposalId
    voter: Address
    decision: Decision
    role: VoterRole = VoterRole.PEER
    grade: int | None = None
    mode: str = HUMAN
    comment: bytes | None = None
    algorithm: Algorithm = Algorithm.ES256
    _digest: tuple[NetworkId, bytes] | None = field(
        default=None, init=False, repr=False, compare=False
    )
    """The last digest asked for and its network: several rules ask for the same one."""

    def encoded(self) -> bytes:
        """The signed map of R-VOT1: the vote without signature and bundle."""
        return canonical.encode(
            {
                "algorithm": self.algorithm.value,
                "comment": self.comment,
                "decision": self.decision.value,
                "grade": self.grade,
                "mode": self.mode,
                "proposal": self.proposal,
                "role": self.role.value,
                "voter": self.voter,
            }
        )

    def digest(self, network: NetworkId) -> bytes:
        """What the doctor signs; also the vote's id."""
        if self._digest is None or self._digest[0] != network:
            digest = tagged(Kind.VOTE, network, self.encoded())
            object.__setattr__(self, "_digest", (network, digest))
            return digest
        return self._digest[1]


@dataclass(frozen=True, slots=True)
class Vote:
    """A signed ballot."""

    ballot: Ballot
    signature: Signature
    bundle: bytes = b""
    _encoded: bytes | None = field(default=None, init=False, repr=False, compare=False)
    """Kept once made: a vote is gossiped, stored, and stands in a witness of several roots."""

    def encoded(self) -> bytes:
        """The wire form of R-VOT1."""
        if self._encoded is not None:
            return self._encoded
        ballot = self.ballot
        encoded = canonical.encode(
            {
                "algorithm": ballot.algorithm.value,
                "bundle": self.bundle,
                "comment": ballot.comment,
                "decision": ballot.decision.value,
                "grade": ballot.grade,
                "mode": ballot.mode,
                "proposal": ballot.proposal,
                "role": ballot.role.value,
                "signature": self.signature,
                "voter": ballot.voter,
            }
        )
        object.__setattr__(self, "_encoded", encoded)
        return encoded


def cast(ballot: Ballot, network: NetworkId, sign: Signer) -> Vote:
    """Sign a ballot with the doctor's clinical (or policy) key."""
    return Vote(ballot, sign(ballot.digest(network)))


def parse_vote(encoded: bytes) -> Vote:
    """Read a vote from canonical bytes; CodecError when malformed. Verifies no signature."""
    reader = Reader(decoded(encoded), VOTE_FIELDS, "vote")
    mode = reader.text("mode", 80)
    if mode != HUMAN and not (mode.startswith(POLICY_PREFIX) and len(mode) > len(POLICY_PREFIX)):
        raise CodecError("R-VOT1: mode is human or policy:<id>")
    ballot = Ballot(
        proposal=ProposalId(reader.octets("proposal", DIGEST_BYTES)),
        voter=Address(reader.octets("voter", DIGEST_BYTES)),
        decision=reader.closed("decision", Decision),
        role=reader.closed("role", VoterRole),
        grade=reader.optional("grade", lambda name: reader.integer(name, 1, 4)),
        mode=mode,
        comment=reader.optional("comment", lambda name: reader.octets(name, DIGEST_BYTES)),
        algorithm=reader.closed("algorithm", Algorithm),
    )
    vote = Vote(
        ballot,
        Signature(reader.octets("signature", SIGNATURE_BYTES)),
        reader.opaque("bundle", BUNDLE_BYTES),
    )
    # Canonical bytes have one form only (R-CAN4): these are what encoding would give.
    object.__setattr__(vote, "_encoded", bytes(encoded))
    return vote
