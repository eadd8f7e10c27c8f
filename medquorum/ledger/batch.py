"""A batch: what one slot of ordering appends, with its justification (R-ORD7 to R-ORD16)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from medquorum.ledger import canonical, merkle
from medquorum.ledger.block import Block, Witness, parse_block, parse_witness
from medquorum.ledger.certificate import Certificate, parse_certificate
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import BATCH_BLOCKS, BATCH_BODY_BYTES, DOCTORS, FRAME, RECORD
from medquorum.ledger.schema import Reader, Value, decoded, opaque_of
from medquorum.ledger.types import BatchHash, BlockHash, NetworkId, ProposalId

HEADER_FIELDS = (
    "blocks_root",
    "charter_version",
    "count",
    "epoch",
    "first_nbc",
    "justification_root",
    "last_block_hash",
    "leader",
    "network",
    "parent_hash",
    "parent_slot",
    "registry_hash",
    "seal_nonce",
    "slot",
    "time_ms",
    "witness_root",
)


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """The header of R-ORD7."""

    network: NetworkId
    epoch: int
    slot: int
    leader: int
    parent_slot: int
    parent_hash: BatchHash
    first_nbc: int
    count: int
    blocks_root: bytes
    witness_root: bytes
    justification_root: bytes
    last_block_hash: BlockHash
    registry_hash: bytes
    charter_version: int
    time_ms: int
    seal_nonce: int = 0

    def encoded(self) -> bytes:
        """`enc(header)`."""
        return canonical.encode({name: getattr(self, name) for name in HEADER_FIELDS})

    def hash(self) -> BatchHash:
        """`tagged("batch", network, enc(header))`."""
        return BatchHash(tagged(Kind.BATCH, self.network, self.encoded()))


@dataclass(frozen=True, slots=True)
class Absence:
    """Who stands in for whom, and when, both ends included (R-ORD15)."""

    attending: Address
    delegate: Address
    from_ms: int
    to_ms: int
    patient: int | None = None
    """For this patient only, by a delegation."""
    proposal: ProposalId | None = None
    """For this proposal only, by an opening."""

    def as_map(self) -> dict[str, object]:
        """The entry of R-ORD15."""
        return {
            "attending": self.attending,
            "delegate": self.delegate,
            "from_ms": self.from_ms,
            "patient": self.patient,
            "proposal": self.proposal,
            "to_ms": self.to_ms,
        }


_LIST_BYTES: Final = 64
"""The map of a body without its entries: three names and three list headers."""
ENTRY_BYTES: Final = 5
"""The longest header of a byte string in a list."""


def registry_rows(absences: Iterable[Absence]) -> list[dict[str, object]]:
    """The entries as a registry lists them: encoded, they ascend (R-ORD15)."""
    return sorted((absence.as_map() for absence in absences), key=canonical.encode)


def registry_hash(network: NetworkId, absences: Sequence[Absence]) -> bytes:
    """The hash of the registry document (R-ORD15)."""
    rows = registry_rows(absences)
    return tagged(Kind.REGISTRY, network, canonical.encode({"absences": rows}))


@dataclass(frozen=True, slots=True)
class Batch:
    """A header with its body: blocks, witnesses, justification (R-ORD8)."""

    header: BatchHeader
    blocks: tuple[Block, ...]
    witnesses: tuple[Witness, ...]
    justification: tuple[Certificate, ...]
    hash: BatchHash = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", self.header.hash())

    def body_encoded(self) -> bytes:
        """`enc(body)` of R-ORD8."""
        return canonical.encode(
            {
                "blocks": [block.encoded() for block in self.blocks],
                "justification": [one.encoded() for one in self.justification],
                "witnesses": [witness.encoded() for witness in self.witnesses],
            },
            FRAME,
        )

    def roots_match(self) -> bool:
        """Whether the header's roots and count are those of this body."""
        header = self.header
        return (
            header.count == len(self.blocks) == len(self.witnesses)
            and header.blocks_root == merkle.root([b.encoded() for b in self.blocks])
            and header.witness_root == merkle.root([w.encoded() for w in self.witnesses])
            and header.justification_root == merkle.root([c.encoded() for c in self.justification])
        )


def room_beside(justification: Sequence[Certificate]) -> int:
    """Bytes of a body left for blocks and witnesses, ENTRY_BYTES for each included (R-ORD8).

    Negative where the certificates alone are too many for one body.
    """
    if len(justification) > FRAME.entries:
        return -1
    taken = sum(len(one.encoded()) + ENTRY_BYTES for one in justification)
    return BATCH_BODY_BYTES - _LIST_BYTES - taken


def parse_batch_header(encoded: bytes) -> BatchHeader:
    """Read a batch header from canonical bytes; CodecError when malformed."""
    reader = Reader(decoded(encoded), HEADER_FIELDS, "batch header")
    return BatchHeader(
        network=NetworkId(reader.octets("network", DIGEST_BYTES)),
        epoch=reader.integer("epoch", 0, 2**53),
        slot=reader.integer("slot", 1, 2**53),
        leader=reader.integer("leader", 0, DOCTORS - 1),
        parent_slot=reader.integer("parent_slot", 0, 2**53),
        parent_hash=BatchHash(reader.octets("parent_hash", DIGEST_BYTES)),
        first_nbc=reader.integer("first_nbc", 1, 2**53),
        count=reader.integer("count", 0, BATCH_BLOCKS),
        blocks_root=reader.octets("blocks_root", DIGEST_BYTES),
        witness_root=reader.octets("witness_root", DIGEST_BYTES),
        justification_root=reader.octets("justification_root", DIGEST_BYTES),
        last_block_hash=BlockHash(reader.octets("last_block_hash", DIGEST_BYTES)),
        registry_hash=reader.octets("registry_hash", DIGEST_BYTES),
        charter_version=reader.integer("charter_version", 0, 2**53),
        time_ms=reader.integer("time_ms", 0, 2**53),
        seal_nonce=reader.integer("seal_nonce"),
    )


def parse_batch(header_bytes: bytes, body_bytes: bytes) -> Batch:
    """Read a batch; CodecError when malformed. Roots, links and signatures are not checked."""
    reader = Reader(decoded(body_bytes, FRAME), ("blocks", "justification", "witnesses"), "batch")

    def listed(name: str, parse: Callable[[bytes], Value], longest: int) -> tuple[Value, ...]:
        read = opaque_of(RECORD.total, name)
        return reader.listed(name, longest, lambda entry: parse(read(entry)))

    return Batch(
        header=parse_batch_header(header_bytes),
        blocks=listed("blocks", parse_block, BATCH_BLOCKS),
        witnesses=listed("witnesses", parse_witness, BATCH_BLOCKS),
        justification=listed("justification", parse_certificate, FRAME.entries),
    )
