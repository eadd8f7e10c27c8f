"""A block: a decided proposal with its place in the chains (R-ORD1 to R-ORD6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.limits import DOCTORS, RECORD
from medquorum.ledger.proposal import Proposal, assemble
from medquorum.ledger.schema import Reader, decoded, opaque_of
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature
from medquorum.ledger.types import BlockHash, NetworkId, Outcome, ProposalId
from medquorum.ledger.vote import Vote, parse_vote

_HEADER_FIELDS = ("hpatient", "hprevious", "n_bc", "n_pa", "n_pb", "outcome", "proposal")


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """The numbers and links that ordering assigns (R-ORD1)."""

    n_bc: int
    hprevious: BlockHash
    n_pb: int
    n_pa: int
    hpatient: BlockHash
    outcome: Outcome
    proposal: ProposalId

    def encoded(self) -> bytes:
        """`enc(header)`."""
        return canonical.encode(
            {
                "hpatient": self.hpatient,
                "hprevious": self.hprevious,
                "n_bc": self.n_bc,
                "n_pa": self.n_pa,
                "n_pb": self.n_pb,
                "outcome": self.outcome.value,
                "proposal": self.proposal,
            }
        )


@dataclass(frozen=True, slots=True)
class Witness:
    """The votes a block rests on, ascending by voter (R-ORD6)."""

    votes: tuple[Vote, ...]
    _encoded: bytes | None = field(default=None, init=False, repr=False, compare=False)
    """Kept once made: root, size and body of a batch each ask for it."""

    def encoded(self) -> bytes:
        """`enc(witness)`."""
        if self._encoded is None:
            encoded = canonical.encode({"votes": [vote.encoded() for vote in self.votes]})
            object.__setattr__(self, "_encoded", encoded)
            return encoded
        return self._encoded


@dataclass(frozen=True, slots=True)
class Block:
    """A header with the proposal it places; the hash is kept beside it."""

    header: BlockHeader
    proposal: Proposal
    header_bytes: bytes = field(repr=False)
    hash: BlockHash

    def encoded(self) -> bytes:
        """`enc(block)`."""
        return canonical.encode(
            {
                "core": self.proposal.core_bytes,
                "header": self.header_bytes,
                "signature": self.proposal.signature,
            }
        )


def block_hash(network: NetworkId, header_bytes: bytes) -> BlockHash:
    """`tagged("block", network, enc(header))`."""
    return BlockHash(tagged(Kind.BLOCK, network, header_bytes))


def place(header: BlockHeader, proposal: Proposal) -> Block:
    """The block that gives a proposal its place."""
    header_bytes = header.encoded()
    return Block(header, proposal, header_bytes, block_hash(proposal.core.network, header_bytes))


def parse_header(encoded: bytes) -> BlockHeader:
    """Read a block header from canonical bytes; CodecError when malformed."""
    reader = Reader(decoded(encoded), _HEADER_FIELDS, "block header")
    return BlockHeader(
        n_bc=reader.integer("n_bc", 1, 2**53),
        hprevious=BlockHash(reader.octets("hprevious", DIGEST_BYTES)),
        n_pb=reader.integer("n_pb", 0, 2**53),
        n_pa=reader.integer("n_pa", 0, 2**53),
        hpatient=BlockHash(reader.octets("hpatient", DIGEST_BYTES)),
        outcome=reader.closed("outcome", Outcome),
        proposal=ProposalId(reader.octets("proposal", DIGEST_BYTES)),
    )


def parse_block(encoded: bytes) -> Block:
    """Read a block from canonical bytes; CodecError when malformed or not of its own proposal."""
    reader = Reader(decoded(encoded), ("core", "header", "signature"), "block")
    header_bytes = reader.opaque("header", RECORD.binary)
    proposal = assemble(
        reader.opaque("core", RECORD.binary),
        Signature(reader.octets("signature", SIGNATURE_BYTES)),
    )
    header = parse_header(header_bytes)
    if header.proposal != proposal.id:
        raise CodecError("R-ORD1: the header names another proposal")
    return Block(header, proposal, header_bytes, block_hash(proposal.core.network, header_bytes))


def parse_witness(encoded: bytes) -> Witness:
    """Read a witness from canonical bytes; CodecError when malformed."""
    reader = Reader(decoded(encoded), ("votes",), "witness")
    read = opaque_of(RECORD.binary, "vote")
    return Witness(reader.listed("votes", DOCTORS, lambda entry: parse_vote(read(entry))))
