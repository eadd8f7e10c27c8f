"""The manifest of a sealed body: the leaf hash of every chunk, and the wraps (R-NET4).

With a manifest whose leaf hashes give the part roots the proposal names, every chunk can be checked
by itself, in any order and from any holder. The leaf hashes of a part are one byte string of 32
bytes a chunk, because a part may have more chunks (2,048) than a list may have entries (R-CAN3).
The wraps are handed on unjudged: each carries its grantor's signature (R-BOD7).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from medquorum.ledger import canonical, merkle
from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.limits import CHUNK, FRAME, PART_BYTES, PARTS
from medquorum.ledger.schema import Reader, decoded, opaque_of
from medquorum.ledger.types import PartName, RecordId

TAG_BYTES: Final = 16
"""AES-GCM's tag at the end of every sealed chunk (R-BOD4)."""
WRAPS: Final = 512
"""Wraps handed on with one manifest; more travel by gossip."""
_WRAP_BYTES: Final = 1_536
_FIELDS = ("parts", "record", "wraps")


class ManifestFault(StrEnum):
    """Why a manifest is of no use."""

    MALFORMED = "malformed"
    """Not the canonical map."""
    WRONG_RECORD = "wrong_record"
    """Of another body."""
    WRONG_PARTS = "wrong_parts"
    """Other parts than the proposal's descriptors name."""
    WRONG_COUNT = "wrong_count"
    """Not one leaf hash for each chunk."""
    WRONG_ROOT = "wrong_root"
    """The leaf hashes do not give the part's root (R-BOD5)."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Leaf hashes by part, 32 bytes a chunk, and encoded wraps."""

    record: RecordId
    parts: Mapping[PartName, bytes]
    wraps: tuple[bytes, ...] = ()

    def leaf(self, part: PartName, index: int) -> bytes:
        """The leaf hash of one chunk."""
        return self.parts[part][index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]


def sealed_size(descriptor: PartDescriptor, index: int) -> int:
    """Bytes of a sealed chunk: 1 MiB and a tag, the last one shorter (R-BOD4)."""
    last = index == descriptor.chunks - 1
    return (descriptor.size - index * CHUNK if last else CHUNK) + TAG_BYTES


def chunk_leaf(sealed: bytes) -> bytes:
    """`merkle.leaf_hash` of a sealed chunk, without copying its megabyte (R-MRK1)."""
    digest = hashlib.sha256(b"\x00")
    digest.update(sealed)
    return digest.digest()


def encode_manifest(manifest: Manifest) -> bytes:
    """Canonical bytes of a manifest, at most a frame's size."""
    fields = {
        "parts": {name.value: leaves for name, leaves in manifest.parts.items()},
        "record": manifest.record,
        "wraps": list(manifest.wraps[:WRAPS]),
    }
    return canonical.encode(fields, FRAME)


def parse_manifest(encoded: bytes) -> Manifest:
    """Read a manifest; CodecError when malformed."""
    reader = Reader(decoded(encoded, FRAME), _FIELDS, "manifest")
    return Manifest(
        record=RecordId(reader.octets("record", DIGEST_BYTES)),
        parts=reader.nested("parts", _parse_parts),
        wraps=reader.listed("wraps", WRAPS, opaque_of(_WRAP_BYTES, "wrap")),
    )


def _parse_parts(value: object) -> dict[PartName, bytes]:
    if not isinstance(value, dict) or len(value) > PARTS or not value.keys() <= set(PartName):
        raise CodecError("R-NET4: the parts of a manifest are not parts of a body")
    longest = PART_BYTES // CHUNK * DIGEST_BYTES
    reader = Reader(value, tuple(value), "manifest parts")
    return {PartName(name): reader.opaque(name, longest) for name in value}


def check_manifest(
    manifest: Manifest, record: RecordId, descriptors: Sequence[PartDescriptor]
) -> ManifestFault | None:
    """Whether the leaf hashes are those the proposal committed to; None when they are (R-NET4)."""
    if manifest.record != record:
        return ManifestFault.WRONG_RECORD
    if manifest.parts.keys() != {descriptor.name for descriptor in descriptors}:
        return ManifestFault.WRONG_PARTS
    for descriptor in descriptors:
        leaves = manifest.parts[descriptor.name]
        if len(leaves) != descriptor.chunks * DIGEST_BYTES:
            return ManifestFault.WRONG_COUNT
        hashes = [manifest.leaf(descriptor.name, index) for index in range(descriptor.chunks)]
        if merkle.root_of_hashes(hashes) != descriptor.root:
            return ManifestFault.WRONG_ROOT
    return None
