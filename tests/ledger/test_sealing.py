"""Sealing and opening parts chunk by chunk (R-BOD3 to R-BOD6)."""

import hashlib
import tracemalloc
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.ledger import canonical, merkle
from medquorum.ledger.body import PartDescriptor, chunk_count, padded_size
from medquorum.ledger.envelope import (
    PartKeys,
    PartOpener,
    PartSealer,
    check_chunk,
    check_manifest,
    locate,
    new_part_keys,
    open_part,
    seal_part,
)
from medquorum.ledger.errors import EnvelopeError
from medquorum.ledger.limits import CHUNK, PART_BYTES
from medquorum.ledger.types import PartName
from tests.ledger.record_kit import NETWORK, OTHER_NETWORK, RECORD, digest, part_keys

KEYS = part_keys("part")
NAME = PartName.IMG_CT
LONG = bytes(range(256)) * (10 * CHUNK // 1024)
"""Two and a half chunks, so three sealed ones."""
SEALED = seal_part(NETWORK, RECORD, NAME, KEYS, LONG)


def naive_padded(framed: int) -> int:
    """R-BOD3 as it is written."""
    if framed <= 65_536:
        return 4_096 if framed <= 4_096 else 65_536
    step, power = 1, 2
    while power * 2 <= framed:
        power *= 2
    step = power // 8
    return next(size for size in range(framed, framed + step) if size % step == 0)


@pytest.mark.parametrize(
    "framed", [8, 4_096, 4_097, 65_536, 65_537, 73_728, 73_729, 131_072, 131_073, 999_999]
)
def test_padded_sizes_are_those_of_the_rule(framed: int) -> None:
    """R-BOD3: classes, not lengths, are visible."""
    assert padded_size(framed - 8) == naive_padded(framed)
    assert padded_size(padded_size(framed - 8) - 8) == padded_size(framed - 8)


@given(st.integers(0, PART_BYTES - 8))
def test_padding_costs_at_most_an_eighth(plaintext: int) -> None:
    """R-BOD3: and a part of the largest plaintext is still a part."""
    size = padded_size(plaintext)
    assert plaintext + 8 <= size <= PART_BYTES
    assert size - plaintext - 8 <= max((plaintext + 8) // 8, 61_440)


@given(st.binary(max_size=9_000))
def test_a_part_opens_again(plaintext: bytes) -> None:
    """R-BOD3 to R-BOD6: sealed and opened, with every check."""
    part = seal_part(NETWORK, RECORD, NAME, KEYS, plaintext)
    assert part.descriptor.size == padded_size(len(plaintext))
    assert open_part(part.descriptor, NETWORK, RECORD, KEYS, part.chunks) == plaintext


@settings(max_examples=10)
@given(st.lists(st.integers(1, CHUNK), max_size=8))
def test_pieces_of_any_length_seal_alike(cuts: list[int]) -> None:
    """R-BOD4: how the plaintext arrives leaves no trace."""
    sealer = PartSealer(NETWORK, RECORD, NAME, KEYS, len(LONG))
    rest, chunks = memoryview(LONG), []
    for cut in cuts:
        chunks += sealer.feed(rest[:cut])
        rest = rest[cut:]
    chunks += sealer.feed(rest)
    trailing, descriptor, leaf_hashes = sealer.finish()
    assert (tuple(chunks + trailing), descriptor, leaf_hashes) == (
        SEALED.chunks,
        SEALED.descriptor,
        SEALED.leaf_hashes,
    )


def test_sealed_bytes_are_those_of_the_rules_by_hand() -> None:
    """R-BOD3 to R-BOD6 written out: stream, nonce, associated bytes, roots, commitment."""
    stream = len(LONG).to_bytes(8, "big") + LONG
    stream += bytes(padded_size(len(LONG)) - len(stream))
    expected = []
    for index in range(chunk_count(len(stream))):
        nonce = bytes(4) + index.to_bytes(8, "big")
        place = {"index": index, "network": NETWORK, "part": "IMG_CT", "record": RECORD}
        piece = stream[index * CHUNK : (index + 1) * CHUNK]
        expected.append(AESGCM(KEYS.key).encrypt(nonce, piece, canonical.encode(place)))
    assert list(SEALED.chunks) == expected
    assert SEALED.descriptor.root == merkle.root(expected)
    text = b""
    for field in (
        b"medquorum/v1/commitment",
        NETWORK,
        RECORD,
        b"IMG_CT",
        KEYS.salt,
        hashlib.sha256(LONG).digest(),
    ):
        text += len(field).to_bytes(8, "big") + field
    assert SEALED.descriptor.commitment == hashlib.sha256(text).digest()


def test_any_chunk_opens_alone() -> None:
    """R-BOD4: a viewer finds plaintext byte 1,500,000 without the chunks before it."""
    opener = PartOpener(SEALED.descriptor, NETWORK, RECORD, KEYS)
    index, offset = locate(1_500_000)
    stream = opener.decrypt_chunk(index, SEALED.chunks[index])
    assert stream[offset] == LONG[1_500_000]
    assert locate(0) == (0, 8)


def test_sealing_holds_about_one_chunk() -> None:
    """R-BOD4: padding is sealed one chunk at a time as well."""
    piece = bytes(CHUNK)
    sealer = PartSealer(NETWORK, RECORD, NAME, KEYS, 33 * CHUNK)
    tracemalloc.start()
    for _ in range(33):
        sealer.feed(piece)
    padding = sum(1 for _ in sealer.padding())
    trailing, descriptor, _ = sealer.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (trailing, padding, descriptor.chunks) == ([], 3, 36)
    assert peak < 4 * CHUNK


def test_only_the_announced_plaintext_is_sealed() -> None:
    """R-BOD3: the length goes first, so it must be true."""
    sealer = PartSealer(NETWORK, RECORD, NAME, KEYS, 3)
    sealer.feed(b"ab")
    with pytest.raises(EnvelopeError, match="R-BOD3: less"):
        sealer.finish()
    with pytest.raises(EnvelopeError, match="R-BOD3: more"):
        sealer.feed(b"cd")
    sealer.feed(b"c")
    sealer.finish()
    with pytest.raises(EnvelopeError, match="R-BOD4: the part is sealed"):
        sealer.finish()
    with pytest.raises(EnvelopeError, match="R-BOD3: a part holds"):
        PartSealer(NETWORK, RECORD, NAME, KEYS, PART_BYTES)


def opened(descriptor: PartDescriptor, *chunks: bytes) -> bytes:
    """What a recipient makes of these chunks."""
    return open_part(descriptor, NETWORK, RECORD, KEYS, chunks)


def test_moved_and_missing_chunks_are_refused() -> None:
    """R-BOD4: swapped order, another part, record or network, truncation, extension."""
    first, second, third = SEALED.chunks
    for chunks in ((second, first, third), (first, first, third)):
        with pytest.raises(EnvelopeError, match="R-BOD4: the chunk does not open"):
            opened(SEALED.descriptor, *chunks)
    with pytest.raises(EnvelopeError, match="R-BOD4: chunks are missing"):
        opened(SEALED.descriptor, first, second)
    with pytest.raises(EnvelopeError, match="R-BOD4: the part has no chunk"):
        opened(SEALED.descriptor, first, second, third, third)
    for cut in (third[:-1], third + b"\x00", b""):
        with pytest.raises(EnvelopeError, match="R-BOD4: the chunk has another length"):
            opened(SEALED.descriptor, first, second, cut)
    swapped = replace(SEALED.descriptor, name=PartName.IMM_PET)
    for descriptor, network, record in (
        (swapped, NETWORK, RECORD),
        (SEALED.descriptor, OTHER_NETWORK, RECORD),
        (SEALED.descriptor, NETWORK, digest("another record")),
    ):
        with pytest.raises(EnvelopeError, match="R-BOD4: the chunk does not open"):
            opener = PartOpener(descriptor, network, record, KEYS)  # type: ignore[arg-type]
            opener.open_chunk(0, first)


@given(st.integers(0, 4_111), st.integers(1, 255))
def test_a_changed_byte_does_not_open(position: int, change: int) -> None:
    """R-BOD4: not one bit."""
    part = seal_part(NETWORK, RECORD, NAME, KEYS, b"content")
    chunk = bytearray(part.chunks[0])
    chunk[position] ^= change
    with pytest.raises(EnvelopeError, match="R-BOD4"):
        opened(part.descriptor, bytes(chunk))


def test_chunks_are_opened_in_order_and_once() -> None:
    """R-BOD4: streaming skips nothing."""
    opener = PartOpener(SEALED.descriptor, NETWORK, RECORD, KEYS)
    with pytest.raises(EnvelopeError, match="in order"):
        opener.open_chunk(1, SEALED.chunks[1])
    opener.open_chunk(0, SEALED.chunks[0])
    with pytest.raises(EnvelopeError, match="in order"):
        opener.open_chunk(0, SEALED.chunks[0])


def forged(stream: bytes) -> tuple[PartDescriptor, bytes]:
    """A dishonest issuer seals any stream of one chunk under the right key and place."""
    place = {"index": 0, "network": NETWORK, "part": NAME.value, "record": RECORD}
    chunk = AESGCM(KEYS.key).encrypt(bytes(12), stream, canonical.encode(place))
    honest = seal_part(NETWORK, RECORD, NAME, KEYS, stream[8:]).descriptor
    return replace(honest, size=len(stream), chunks=1, root=merkle.root([chunk])), chunk


@pytest.mark.parametrize("length", [4_089, 2**31, 2**64 - 1])
def test_a_false_length_is_refused(length: int) -> None:
    """R-BOD3: nothing beyond the part is ever yielded."""
    descriptor, chunk = forged(length.to_bytes(8, "big") + bytes(4_088))
    with pytest.raises(EnvelopeError, match="R-BOD3: the length"):
        opened(descriptor, chunk)


@pytest.mark.parametrize("position", [10, 100, 4_095])
def test_padding_that_is_not_zeros_is_refused(position: int) -> None:
    """R-BOD3: no room for a second content."""
    stream = bytearray((2).to_bytes(8, "big") + b"ab" + bytes(4_086))
    stream[position] = 1
    descriptor, chunk = forged(bytes(stream))
    with pytest.raises(EnvelopeError, match="R-BOD3: the padding"):
        opened(descriptor, chunk)


def test_more_than_the_readers_limit_is_refused() -> None:
    """R-BOD3: a reader's own bound stops before any plaintext is given."""
    opener = PartOpener(SEALED.descriptor, NETWORK, RECORD, KEYS, largest=len(LONG) - 1)
    with pytest.raises(EnvelopeError, match="R-BOD3: the part is longer"):
        opener.open_chunk(0, SEALED.chunks[0])


def test_sizes_that_do_not_fit_are_refused() -> None:
    """R-BOD3, R-BOD4: before a chunk is looked at."""
    for size, chunks, rule in (
        (4_097, 1, "R-BOD3"),
        (7, 1, "R-BOD3"),
        (PART_BYTES * 2, 4_096, "R-BOD3"),
        (65_536, 2, "R-BOD4"),
    ):
        descriptor = replace(SEALED.descriptor, size=size, chunks=chunks)
        with pytest.raises(EnvelopeError, match=rule):
            PartOpener(descriptor, NETWORK, RECORD, KEYS)


def test_another_root_or_commitment_is_refused() -> None:
    """R-BOD5, R-BOD6: what everybody was promised is what was opened."""
    with pytest.raises(EnvelopeError, match="R-BOD5"):
        opened(replace(SEALED.descriptor, root=digest("root")), *SEALED.chunks)
    with pytest.raises(EnvelopeError, match="R-BOD6"):
        opened(replace(SEALED.descriptor, commitment=digest("other")), *SEALED.chunks)
    salted = PartOpener(SEALED.descriptor, NETWORK, RECORD, replace(KEYS, salt=digest("salt")))
    for index, chunk in enumerate(SEALED.chunks):
        salted.open_chunk(index, chunk)
    with pytest.raises(EnvelopeError, match="R-BOD6"):
        salted.finish()


def test_chunks_are_checked_against_the_manifest() -> None:
    """R-BOD5, R-NET4: a chunk is checked as it arrives, without keys."""
    descriptor, leaves = SEALED.descriptor, SEALED.leaf_hashes
    check_manifest(descriptor, leaves)
    for index, chunk in enumerate(SEALED.chunks):
        check_chunk(descriptor, leaves, index, chunk)
    with pytest.raises(EnvelopeError, match="R-BOD5"):
        check_chunk(descriptor, leaves, 0, SEALED.chunks[1])
    with pytest.raises(EnvelopeError, match="R-BOD4"):
        check_chunk(descriptor, leaves, 0, SEALED.chunks[0][:-1])
    with pytest.raises(EnvelopeError, match="R-BOD4"):
        check_manifest(descriptor, leaves[:-1])
    for wrong in ((leaves[1], leaves[0], leaves[2]), (leaves[0][:-1], *leaves[1:])):
        with pytest.raises(EnvelopeError, match="R-BOD5"):
            check_manifest(descriptor, wrong)


def test_part_keys_are_random_hidden_and_whole() -> None:
    """R-BOD4: 32 bytes each, drawn from what is handed in, never shown."""
    drawn = iter((digest("key"), digest("salt")))
    keys = new_part_keys(lambda count: next(drawn)[:count])
    assert keys == PartKeys(digest("key"), digest("salt"))
    assert repr(keys) == "PartKeys()"
    with pytest.raises(EnvelopeError, match="R-BOD4"):
        PartKeys(digest("key")[:-1], digest("salt"))
