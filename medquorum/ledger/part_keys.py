"""What sealing and opening a part share: its keys, nonces, associated bytes, commitment, manifest.

Content keys seal one part of one record and nothing else, so that a counter is a safe nonce
(R-BOD4). GCM does not commit to its key: one ciphertext can be made to open under two. The salted
commitment to the plaintext does commit (R-BOD6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from medquorum.ledger import canonical, merkle
from medquorum.ledger.body import PartDescriptor, chunk_count, padded_size
from medquorum.ledger.errors import EnvelopeError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, prefixed, tag
from medquorum.ledger.limits import CHUNK, PART_BYTES
from medquorum.ledger.types import NetworkId, PartName, RecordId

Randomness = Callable[[int], bytes]
"""Gives that many unpredictable bytes: the operating system's in production, seeded in tests."""

KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
TAG_BYTES: Final = 16
FRAME_BYTES: Final = 8
"""The plaintext's length stands before it (R-BOD3)."""
LARGEST_PLAINTEXT: Final = PART_BYTES - FRAME_BYTES


@dataclass(frozen=True, slots=True)
class PartKeys:
    """Content key and commitment salt of one part of one record; never shown by repr."""

    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES or len(self.salt) != SALT_BYTES:
            raise EnvelopeError("R-BOD4: a content key and its salt have 32 bytes each")


def new_part_keys(random: Randomness) -> PartKeys:
    """Fresh keys for one part; `random` must be the operating system's outside of tests."""
    return PartKeys(random(KEY_BYTES), random(SALT_BYTES))


def nonce(index: int) -> bytes:
    """The nonce of chunk `index`, 12 bytes (R-BOD4)."""
    return index.to_bytes(12, "big")


def associated(network: NetworkId, record: RecordId, name: PartName, index: int) -> bytes:
    """The associated bytes that nail a chunk to its place (R-BOD4)."""
    return canonical.encode(
        {"index": index, "network": network, "part": name.value, "record": record}
    )


def commitment(
    network: NetworkId, record: RecordId, name: PartName, salt: bytes, plaintext_hash: bytes
) -> bytes:
    """The salted commitment to a plaintext by its SHA-256 (R-BOD6), 32 bytes."""
    fields = (tag(Kind.COMMITMENT), network, record, name.value.encode(), salt, plaintext_hash)
    return hashlib.sha256(b"".join(prefixed(text) for text in fields)).digest()


def sealed_leaf(sealed: bytes) -> bytes:
    """The leaf hash of a sealed chunk (R-BOD5, R-MRK1), without copying the chunk."""
    digest = hashlib.sha256(b"\x00")
    digest.update(sealed)
    return digest.digest()


def locate(offset: int) -> tuple[int, int]:
    """Where plaintext byte `offset` stands: chunk index and offset within that chunk's stream."""
    return divmod(offset + FRAME_BYTES, CHUNK)


def check_sizes(descriptor: PartDescriptor) -> None:
    """Refuse a descriptor whose size is no padded size or whose chunks do not fit it.

    Raises EnvelopeError naming R-BOD3 or R-BOD4.
    """
    size = descriptor.size
    if size > PART_BYTES or size < FRAME_BYTES or padded_size(size - FRAME_BYTES) != size:
        raise EnvelopeError("R-BOD3: the part's size is no padded size")
    if descriptor.chunks != chunk_count(size):
        raise EnvelopeError("R-BOD4: the part's chunks do not fit its size")


def sealed_chunk_bytes(descriptor: PartDescriptor, index: int) -> int:
    """The sealed length of chunk `index`; EnvelopeError when the part has no such chunk."""
    if not 0 <= index < descriptor.chunks:
        raise EnvelopeError("R-BOD4: the part has no chunk of that index")
    return min(CHUNK, descriptor.size - index * CHUNK) + TAG_BYTES


def leaf_hashes_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The part root over the leaf hashes of its sealed chunks in order (R-BOD5)."""
    return merkle.root_of_hashes(leaf_hashes)


def check_manifest(descriptor: PartDescriptor, leaf_hashes: Sequence[bytes]) -> None:
    """Refuse a list of leaf hashes that is not this part's; EnvelopeError names the rule.

    A manifest that passes lets every chunk be checked as it arrives (R-NET4).
    """
    check_sizes(descriptor)
    if len(leaf_hashes) != descriptor.chunks:
        raise EnvelopeError("R-BOD4: the manifest lists another number of chunks")
    if any(len(leaf) != DIGEST_BYTES for leaf in leaf_hashes):
        raise EnvelopeError("R-BOD5: a leaf hash has 32 bytes")
    if leaf_hashes_root(leaf_hashes) != descriptor.root:
        raise EnvelopeError("R-BOD5: the manifest is not that of the part's root")


def check_chunk(
    descriptor: PartDescriptor, leaf_hashes: Sequence[bytes], index: int, sealed: bytes
) -> None:
    """Refuse a sealed chunk that is not the one a checked manifest lists; EnvelopeError."""
    if len(sealed) != sealed_chunk_bytes(descriptor, index):
        raise EnvelopeError("R-BOD4: the chunk has another length; fetch it again")
    if sealed_leaf(sealed) != leaf_hashes[index]:
        raise EnvelopeError("R-BOD5: the chunk is not the one listed; fetch it again")
