"""Sealing a part chunk by chunk as it streams past (R-BOD3 to R-BOD6).

Memory stays at about one chunk: the plaintext's length is known beforehand, so the framing goes
first and nothing waits for the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from medquorum.ledger.body import PartDescriptor, padded_size
from medquorum.ledger.errors import EnvelopeError
from medquorum.ledger.limits import CHUNK
from medquorum.ledger.part_keys import (
    FRAME_BYTES,
    LARGEST_PLAINTEXT,
    PartKeys,
    associated,
    commitment,
    leaf_hashes_root,
    nonce,
    sealed_leaf,
)
from medquorum.ledger.types import NetworkId, PartName, RecordId


@dataclass(frozen=True, slots=True)
class SealedPart:
    """A small part sealed at once."""

    descriptor: PartDescriptor
    chunks: tuple[bytes, ...] = field(repr=False)
    leaf_hashes: tuple[bytes, ...] = field(repr=False)


class PartSealer:
    """Seals one part: feed it exactly `plaintext_bytes`, take the sealed chunks, then finish.

    Raises EnvelopeError when more or less plaintext arrives than was announced.
    """

    def __init__(
        self,
        network: NetworkId,
        record: RecordId,
        name: PartName,
        keys: PartKeys,
        plaintext_bytes: int,
    ) -> None:
        if not 0 <= plaintext_bytes <= LARGEST_PLAINTEXT:
            raise EnvelopeError(f"R-BOD3: a part holds at most {LARGEST_PLAINTEXT} bytes")
        self._place = (network, record, name)
        self._salt = keys.salt
        self._cipher = AESGCM(keys.key)
        self._missing = plaintext_bytes
        self._size = padded_size(plaintext_bytes)
        self._plaintext_hash = hashlib.sha256()
        self._leaf_hashes: list[bytes] = []
        self._finished = False
        self._sealed_size = 0
        self._chunk = bytearray(min(CHUNK, self._size))
        self._chunk[:FRAME_BYTES] = plaintext_bytes.to_bytes(FRAME_BYTES, "big")
        self._filled = FRAME_BYTES

    def feed(self, piece: bytes | bytearray | memoryview) -> list[bytes]:
        """Take the next bytes of the plaintext; answer the chunks they completed, sealed."""
        view = memoryview(piece).cast("B")
        if len(view) > self._missing:
            raise EnvelopeError("R-BOD3: more plaintext than announced")
        self._missing -= len(view)
        self._plaintext_hash.update(view)
        sealed: list[bytes] = []
        while len(view):
            taken = min(len(view), len(self._chunk) - self._filled)
            self._chunk[self._filled : self._filled + taken] = view[:taken]
            self._filled += taken
            view = view[taken:]
            if self._filled == len(self._chunk):
                sealed.append(self._seal())
        return sealed

    def padding(self) -> Iterator[bytes]:
        """The sealed chunks after the last plaintext, one at a time: the padding may be large."""
        if self._missing:
            raise EnvelopeError("R-BOD3: less plaintext than announced")
        while self._sealed_size < self._size:
            self._chunk[self._filled :] = bytes(len(self._chunk) - self._filled)
            yield self._seal()

    def finish(self) -> tuple[list[bytes], PartDescriptor, tuple[bytes, ...]]:
        """The last sealed chunks, the descriptor and the leaf hashes of all chunks in order.

        Chunks already taken from `padding` are not given again. To be called once.
        """
        if self._finished:
            raise EnvelopeError("R-BOD4: the part is sealed already; its keys seal nothing else")
        trailing = list(self.padding())
        self._finished = True
        network, record, name = self._place
        descriptor = PartDescriptor(
            name=name,
            size=self._size,
            chunks=len(self._leaf_hashes),
            commitment=commitment(network, record, name, self._salt, self._plaintext_hash.digest()),
            root=leaf_hashes_root(self._leaf_hashes),
        )
        return trailing, descriptor, tuple(self._leaf_hashes)

    def _seal(self) -> bytes:
        index = len(self._leaf_hashes)
        sealed = self._cipher.encrypt(nonce(index), self._chunk, associated(*self._place, index))
        self._leaf_hashes.append(sealed_leaf(sealed))
        self._sealed_size += len(self._chunk)
        remaining = self._size - self._sealed_size
        if remaining < len(self._chunk):
            self._chunk = bytearray(remaining)
        self._filled = 0
        return sealed


def seal_part(
    network: NetworkId, record: RecordId, name: PartName, keys: PartKeys, plaintext: bytes
) -> SealedPart:
    """Seal a part that fits in memory."""
    sealer = PartSealer(network, record, name, keys, len(plaintext))
    chunks = sealer.feed(plaintext)
    trailing, descriptor, leaf_hashes = sealer.finish()
    return SealedPart(descriptor, (*chunks, *trailing), leaf_hashes)
