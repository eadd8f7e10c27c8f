"""A doctor's receipt of a vote: what she signed and on what, in one file (R-EXP4)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.limits import RECORD
from medquorum.ledger.proposal import Proposal, parse_proposal
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.types import NetworkId
from medquorum.ledger.vote import Vote, parse_vote

RECEIPT_FORMAT: Final = "medquorum/receipt/1"
RECEIPT_FIELDS: Final = ("accepted_at_us", "comment", "format", "network", "proposal", "vote")
COMMENT_CHARACTERS: Final = 2_000
"""A remark beside a decision; what needs more room is a report."""
LATEST_US: Final = 2**53


@dataclass(frozen=True, slots=True, repr=False)
class Comment:
    """A remark that stays with the doctor; her vote holds its salted hash only."""

    salt: bytes
    text: str

    def digest(self) -> bytes:
        """What stands in the vote."""
        return hashlib.sha256(self.salt + self.text.encode()).digest()


@dataclass(frozen=True, slots=True, repr=False)
class Receipt:
    """A vote with the proposal it is about."""

    network: NetworkId
    proposal: Proposal
    vote: Vote
    accepted_at_us: int
    """When the doctor's node had it on disk; its word alone."""
    comment: Comment | None = None

    def encoded(self) -> bytes:
        """`enc` of R-EXP4."""
        remark = self.comment
        return canonical.encode(
            {
                "accepted_at_us": self.accepted_at_us,
                "comment": None if remark is None else {"salt": remark.salt, "text": remark.text},
                "format": RECEIPT_FORMAT,
                "network": self.network,
                "proposal": self.proposal.encoded(),
                "vote": self.vote.encoded(),
            }
        )


def parse_receipt(encoded: bytes) -> Receipt:
    """Read a receipt; CodecError when malformed. Verifies nothing."""
    reader = Reader(decoded(encoded), RECEIPT_FIELDS, "receipt")
    if reader.text("format") != RECEIPT_FORMAT:
        raise CodecError(f"R-EXP4: the file is not of format {RECEIPT_FORMAT}")
    return Receipt(
        network=NetworkId(reader.octets("network", DIGEST_BYTES)),
        proposal=parse_proposal(reader.opaque("proposal", RECORD.binary)),
        vote=parse_vote(reader.opaque("vote", RECORD.binary)),
        accepted_at_us=reader.integer("accepted_at_us", 0, LATEST_US),
        comment=reader.optional("comment", lambda name: reader.nested(name, _parse_comment)),
    )


def _parse_comment(value: object) -> Comment:
    reader = Reader(value, ("salt", "text"), "receipt.comment")
    return Comment(reader.octets("salt", DIGEST_BYTES), reader.text("text", COMMENT_CHARACTERS, 1))
