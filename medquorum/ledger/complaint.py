"""Complaints: a recipient says, signed, that a body does not open or match (R-BOD8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Signer, Verifier
from medquorum.ledger.signature import verify as verify_signature
from medquorum.ledger.types import NetworkId, PartName, ProposalId

COMPLAINT_FIELDS: Final = ("member", "part", "proposal", "reason", "signature")


class Grievance(StrEnum):
    """What was wrong with what the recipient was given."""

    WRAP = "wrap"
    """The wrap does not open, or lacks the part's keys."""
    CHUNK = "chunk"
    """A chunk does not open, or is not of the part's root."""
    COMMITMENT = "commitment"
    """The plaintext's framing or commitment does not match."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One recipient's signed complaint about one part of a proposal's body."""

    member: Address
    proposal: ProposalId
    part: PartName
    reason: Grievance
    signature: Signature

    def digest(self, network: NetworkId) -> bytes:
        """What the member's consensus key signs."""
        return _digest(network, self.member, self.proposal, self.part, self.reason)

    def encoded(self) -> bytes:
        """The canonical map of R-BOD8."""
        return canonical.encode(
            {
                "member": self.member,
                "part": self.part.value,
                "proposal": self.proposal,
                "reason": self.reason.value,
                "signature": self.signature,
            }
        )


def _digest(
    network: NetworkId,
    member: Address,
    proposal: ProposalId,
    part: PartName,
    reason: Grievance,
) -> bytes:
    payload = {
        "member": member,
        "part": part.value,
        "proposal": proposal,
        "reason": reason.value,
    }
    return tagged(Kind.COMPLAINT, network, canonical.encode(payload))


def complain(
    network: NetworkId,
    *,
    member: Address,
    proposal: ProposalId,
    part: PartName,
    reason: Grievance,
    sign: Signer,
) -> Complaint:
    """Sign a complaint with the member's consensus key."""
    signature = sign(_digest(network, member, proposal, part, reason))
    return Complaint(member, proposal, part, reason, signature)


def parse_complaint(encoded: bytes) -> Complaint:
    """Read a complaint from canonical bytes; CodecError when malformed. Verifies no signature."""
    reader = Reader(decoded(encoded), COMPLAINT_FIELDS, "complaint")
    return Complaint(
        member=Address(reader.octets("member", DIGEST_BYTES)),
        proposal=ProposalId(reader.octets("proposal", DIGEST_BYTES)),
        part=reader.closed("part", PartName),
        reason=reader.closed("reason", Grievance),
        signature=Signature(reader.octets("signature", SIGNATURE_BYTES)),
    )


def verify_complaint(
    network: NetworkId,
    complaint: Complaint,
    consensus_key: PublicKey,
    verify: Verifier = verify_signature,
) -> bool:
    """Whether the member's consensus key signed this complaint for this network."""
    return verify(consensus_key, complaint.digest(network), complaint.signature)
