"""Opening a sealed part: in order with every check, or a chunk at random for a viewer (R-BOD3-6).

What `open_chunk` yields is authentic under the key at hand, but only `finish` shows that everyone
else was given the same plaintext: nobody approves before it has passed (R-VOT5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from medquorum.ledger.body import PartDescriptor, padded_size
from medquorum.ledger.errors import EnvelopeError
from medquorum.ledger.part_keys import (
    FRAME_BYTES,
    LARGEST_PLAINTEXT,
    PartKeys,
    associated,
    check_sizes,
    commitment,
    leaf_hashes_root,
    nonce,
    sealed_chunk_bytes,
    sealed_leaf,
)
from medquorum.ledger.types import NetworkId, RecordId


class PartOpener:
    """Opens one part with the keys of a wrap; `largest` bounds the plaintext it will yield.

    Raises EnvelopeError naming the rule; a recipient answers it with a complaint (R-BOD8).
    """

    def __init__(
        self,
        descriptor: PartDescriptor,
        network: NetworkId,
        record: RecordId,
        keys: PartKeys,
        *,
        largest: int = LARGEST_PLAINTEXT,
    ) -> None:
        check_sizes(descriptor)
        self._descriptor = descriptor
        self._place = (network, record, descriptor.name)
        self._salt = keys.salt
        self._cipher = AESGCM(keys.key)
        self._largest = largest
        self._missing = 0
        self._plaintext_hash = hashlib.sha256()
        self._leaf_hashes: list[bytes] = []

    def decrypt_chunk(self, index: int, sealed: bytes) -> bytes:
        """The stream bytes of any chunk, framing and padding included (see `locate`)."""
        if len(sealed) != sealed_chunk_bytes(self._descriptor, index):
            raise EnvelopeError("R-BOD4: the chunk has another length; fetch it again")
        try:
            return self._cipher.decrypt(nonce(index), sealed, associated(*self._place, index))
        except InvalidTag:
            raise EnvelopeError("R-BOD4: the chunk does not open with this key and place") from None

    def open_chunk(self, index: int, sealed: bytes) -> bytes:
        """The plaintext in the next chunk in order; empty where a chunk is all padding."""
        if index != len(self._leaf_hashes):
            raise EnvelopeError("R-BOD4: chunks are opened in order, each once")
        stream = self.decrypt_chunk(index, sealed)
        start = self._read_length(stream) if index == 0 else 0
        stop = min(len(stream), start + self._missing)
        plaintext = stream if (start, stop) == (0, len(stream)) else stream[start:stop]
        if stop < len(stream) and stream[stop:] != bytes(len(stream) - stop):
            raise EnvelopeError("R-BOD3: the padding is not zeros")
        self._missing -= len(plaintext)
        self._plaintext_hash.update(plaintext)
        self._leaf_hashes.append(sealed_leaf(sealed))
        return plaintext

    def finish(self) -> None:
        """Check that all chunks were opened and are those of root and commitment."""
        if len(self._leaf_hashes) != self._descriptor.chunks or self._missing:
            raise EnvelopeError("R-BOD4: chunks are missing; fetch them first")
        if leaf_hashes_root(self._leaf_hashes) != self._descriptor.root:
            raise EnvelopeError("R-BOD5: the chunks are not those of the part's root")
        expected = commitment(*self._place, self._salt, self._plaintext_hash.digest())
        if expected != self._descriptor.commitment:
            raise EnvelopeError("R-BOD6: the plaintext is not the one committed to")

    def _read_length(self, stream: bytes) -> int:
        length = int.from_bytes(stream[:FRAME_BYTES], "big")
        if length > LARGEST_PLAINTEXT or padded_size(length) != self._descriptor.size:
            raise EnvelopeError("R-BOD3: the length does not fit the part's size")
        if length > self._largest:
            raise EnvelopeError(f"R-BOD3: the part is longer than {self._largest} bytes")
        self._missing = length
        return FRAME_BYTES


def open_part(
    descriptor: PartDescriptor,
    network: NetworkId,
    record: RecordId,
    keys: PartKeys,
    chunks: Iterable[bytes],
) -> bytes:
    """Open and check a part that fits in memory."""
    opener = PartOpener(descriptor, network, record, keys)
    plaintext = b"".join(opener.open_chunk(index, sealed) for index, sealed in enumerate(chunks))
    opener.finish()
    return plaintext
