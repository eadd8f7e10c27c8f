"""The manifest: leaf hashes that must give the part roots (R-NET4, R-BOD5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medquorum.ledger import canonical, merkle
from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import CHUNK, FRAME, PART_BYTES
from medquorum.ledger.types import PartName, RecordId
from medquorum.node.peers.manifest import (
    Manifest,
    ManifestFault,
    check_manifest,
    chunk_leaf,
    encode_manifest,
    parse_manifest,
    sealed_size,
)
from tests.node.peers.bodies import make_body

BODY = make_body(IMG_CT=2 * CHUNK + 100, V_IND=4_096)
LEAVES = {
    descriptor.name: b"".join(
        merkle.leaf_hash(BODY.chunks[descriptor.name, index]) for index in range(descriptor.chunks)
    )
    for descriptor in BODY.descriptors
}
MANIFEST = Manifest(BODY.record, LEAVES, (b"wrap",))


def test_a_true_manifest_survives_the_wire_and_fits() -> None:
    """R-NET4: leaf hashes by part, and the wraps beside them."""
    read = parse_manifest(encode_manifest(MANIFEST))
    assert read == MANIFEST
    assert check_manifest(read, BODY.record, BODY.descriptors) is None
    assert read.leaf(PartName.IMG_CT, 2) == merkle.leaf_hash(BODY.chunks[PartName.IMG_CT, 2])


SWAPPED = LEAVES[PartName.IMG_CT][32:64] + LEAVES[PartName.IMG_CT][:32]


@pytest.mark.parametrize(
    ("fault", "manifest"),
    [
        (ManifestFault.WRONG_RECORD, replace(MANIFEST, record=RecordId(bytes(32)))),
        (ManifestFault.WRONG_PARTS, replace(MANIFEST, parts={PartName.V_IND: bytes(32)})),
        (
            ManifestFault.WRONG_COUNT,
            replace(MANIFEST, parts={**LEAVES, PartName.V_IND: bytes(64)}),
        ),
        (
            ManifestFault.WRONG_ROOT,
            replace(
                MANIFEST,
                parts={**LEAVES, PartName.IMG_CT: SWAPPED + LEAVES[PartName.IMG_CT][64:]},
            ),
        ),
    ],
)
def test_a_false_manifest_is_named(fault: ManifestFault, manifest: Manifest) -> None:
    """R-NET4: record, parts, counts and roots are the proposal's."""
    assert check_manifest(manifest, BODY.record, BODY.descriptors) is fault


@pytest.mark.parametrize(
    "fields",
    [
        {"parts": {}, "record": bytes(32)},
        {"parts": {}, "record": bytes(31), "wraps": []},
        {"parts": {"OTHER": b""}, "record": bytes(32), "wraps": []},
        {"parts": {"V_IND": bytes(2_049 * 32)}, "record": bytes(32), "wraps": []},
        {"parts": {"V_IND": [bytes(32)]}, "record": bytes(32), "wraps": []},
        {"parts": [], "record": bytes(32), "wraps": []},
        {"parts": {}, "record": bytes(32), "wraps": [bytes(2_000)]},
        {"parts": {}, "record": bytes(32), "wraps": [b""] * 513},
    ],
)
def test_what_is_not_a_manifest_is_refused(fields: dict[str, object]) -> None:
    """R-NET4, R-CAN5."""
    with pytest.raises(CodecError):
        parse_manifest(canonical.encode(fields, FRAME))


def test_the_largest_body_has_a_manifest_that_fits() -> None:
    """R-NET4, R-BOD3: two parts of 2 GiB and 512 wraps stay below a frame."""
    parts = {PartName.IMG_CT: bytes(2_048 * 32), PartName.IMM_PET: bytes(2_048 * 32)}
    largest = Manifest(BODY.record, parts, (bytes(1_536),) * 512)
    assert len(encode_manifest(largest)) <= FRAME.total


def test_sealed_sizes_are_a_chunk_and_a_tag() -> None:
    """R-BOD4: the last chunk may be shorter."""
    assert [sealed_size(BODY.descriptors[0], index) for index in range(3)] == [
        CHUNK + 16,
        CHUNK + 16,
        116,
    ]
    whole = PartDescriptor(PartName.IMG_CT, PART_BYTES, PART_BYTES // CHUNK, bytes(32), bytes(32))
    assert sealed_size(whole, whole.chunks - 1) == CHUNK + 16


def test_the_leaf_of_a_chunk_is_that_of_the_tree() -> None:
    """R-MRK1: the shortcut gives the same hash."""
    for sealed in (b"", b"x", BODY.chunks[PartName.IMG_CT, 0]):
        assert chunk_leaf(sealed) == merkle.leaf_hash(sealed)
