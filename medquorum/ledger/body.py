"""What a proposal says of its sealed body: part descriptors and their root (R-BOD1 to R-BOD3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from medquorum.ledger import canonical, merkle
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.limits import CHUNK, PART_BYTES
from medquorum.ledger.schema import Reader
from medquorum.ledger.types import PartName

_FIELDS = ("bytes", "chunks", "commitment", "name", "root")
ROOTS_REMEMBERED: Final = 1_024
"""A proposal is judged on arrival and in every batch that holds it; an entry is a few hundred
bytes."""


@dataclass(frozen=True, slots=True)
class PartDescriptor:
    """One part as the core names it."""

    name: PartName
    size: int
    """Padded plaintext bytes, framing included (R-BOD3)."""
    chunks: int
    commitment: bytes
    """Salted commitment to the plaintext (R-BOD6)."""
    root: bytes
    """Merkle root over the sealed chunks (R-BOD5)."""

    def as_map(self) -> dict[str, object]:
        """The canonical map of R-BOD1."""
        return {
            "bytes": self.size,
            "chunks": self.chunks,
            "commitment": self.commitment,
            "name": self.name.value,
            "root": self.root,
        }


def parse_descriptor(value: object) -> PartDescriptor:
    """Read one descriptor; CodecError when malformed."""
    reader = Reader(value, _FIELDS, "part descriptor")
    return PartDescriptor(
        name=reader.closed("name", PartName),
        size=reader.integer("bytes", 1, PART_BYTES),
        chunks=reader.integer("chunks", 1, PART_BYTES // CHUNK),
        commitment=reader.octets("commitment", DIGEST_BYTES),
        root=reader.octets("root", DIGEST_BYTES),
    )


@lru_cache(maxsize=ROOTS_REMEMBERED)
def body_root(parts: tuple[PartDescriptor, ...]) -> bytes:
    """Hpresent: the Merkle root over the descriptors in order (R-BOD2)."""
    return merkle.root([canonical.encode(part.as_map()) for part in parts])


def padded_size(plaintext_bytes: int) -> int:
    """The padded size of a framed plaintext (R-BOD3)."""
    framed = plaintext_bytes + 8
    for small in (4_096, 65_536):
        if framed <= small:
            return small
    step = 1 << framed.bit_length() - 4
    return -(-framed // step) * step


def chunk_count(size: int) -> int:
    """How many chunks a padded stream has (R-BOD4)."""
    return -(-size // CHUNK)
