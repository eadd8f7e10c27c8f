"""R-SIG1, R-SIG2, R-KEY1, R-MRK1, R-MRK2 against published values and hostile ones."""

import hashlib

import pytest
from ecdsa import NIST256p

from scripts.independent.canonical import Fault
from scripts.independent.crypto import (
    Signatures,
    check_key,
    leaf_hash,
    merkle_root,
    root_of_path,
    tagged,
)

from .primitives import key_of, merkle, merkle_path, public, sign

ORDER = NIST256p.order
# RFC 6979, A.2.5: P-256, SHA-256, message "sample"; s is replaced by n - s where it is high.
SAMPLE_KEY = bytes.fromhex("0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")
SAMPLE_R = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
SAMPLE_S = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8


def pair(r: int, s: int) -> bytes:
    """Form r || s."""
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def rule_of(key: bytes, digest: bytes, signature: bytes) -> str:
    """The rule by which a signature is refused."""
    with pytest.raises(Fault) as refusal:
        Signatures().check(key, digest, signature, rule="R-ANY", what="a test")
    return refusal.value.rule


def test_the_published_signature_verifies_in_its_low_form_only() -> None:
    digest = hashlib.sha256(b"sample").digest()
    low = pair(SAMPLE_R, ORDER - SAMPLE_S)
    signatures = Signatures()
    for _ in range(3):
        signatures.check(SAMPLE_KEY, digest, low, rule="R-ANY", what="a test")
    assert signatures.verified == 1
    assert rule_of(SAMPLE_KEY, digest, pair(SAMPLE_R, SAMPLE_S)) == "R-SIG2"
    assert rule_of(SAMPLE_KEY, hashlib.sha256(b"test").digest(), low) == "R-ANY"


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(64),
        pair(1, 0),
        pair(0, 1),
        pair(ORDER, 1),
        pair(1, ORDER // 2 + 1),
        pair(1, 1)[:-1],
        pair(1, 1) + b"\0",
    ],
)
def test_a_signature_out_of_range_is_refused_unread(signature: bytes) -> None:
    assert rule_of(SAMPLE_KEY, bytes(32), signature) == "R-SIG2"


def test_the_largest_allowed_numbers_are_read() -> None:
    assert rule_of(SAMPLE_KEY, bytes(32), pair(ORDER - 1, ORDER // 2)) == "R-ANY"


def test_a_sum_at_infinity_is_a_wrong_signature() -> None:
    """Who knows the secret d makes u1 G + u2 Q vanish with r = -digest / d, for any s."""
    digest = hashlib.sha256(b"hostile").digest()
    secret = key_of("hostile").privkey.secret_multiplier
    r = -int.from_bytes(digest, "big") * pow(secret, -1, ORDER) % ORDER
    assert rule_of(public("hostile"), digest, pair(r, 1)) == "R-ANY"


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"\0",
        bytes(33),
        b"\x04" + key_of("x").verifying_key.to_string(),
        b"\x06" + key_of("x").verifying_key.to_string(),
        key_of("x").verifying_key.to_string(),
        b"\x02" + (1).to_bytes(32, "big"),
        b"\x02" + (NIST256p.curve.p() + 5).to_bytes(32, "big"),
    ],
)
def test_a_key_that_is_no_compressed_point_is_refused(key: bytes) -> None:
    """R-KEY1: x = 1 is off the curve; x = 5 is on it, but p + 5 is another spelling of 5."""
    with pytest.raises(Fault) as refusal:
        check_key(key, "a key")
    assert refusal.value.rule == "R-KEY1"


def test_five_is_on_the_curve() -> None:
    check_key(b"\x02" + (5).to_bytes(32, "big"), "a key")


def test_digests_of_different_kinds_networks_and_splits_differ() -> None:
    """R-HASH1, R-HASH2."""
    payloads = [
        ("vote", b"", b"ab"),
        ("votea", b"", b"b"),
        ("vote", b"a", b"b"),
        ("wrap", b"", b"ab"),
    ]
    assert len({tagged(*payload) for payload in payloads}) == len(payloads)
    digest = tagged("vote", b"\1" * 32, b"payload")
    text = b"\0\0\0\0\0\0\0\x11medquorum/v1/vote" + b"\0\0\0\0\0\0\0\x20" + b"\1" * 32
    assert digest == hashlib.sha256(text + b"\0\0\0\0\0\0\0\7payload").digest()
    assert len(sign("anybody", digest)) == 64


def test_merkle_roots_are_those_of_certificate_transparency() -> None:
    """R-MRK1: the eight leaves that implementations of RFC 6962 test with."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
              "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in leaves]
    expected = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    for count, root in expected.items():
        assert merkle_root(hashes[:count]).hex() == root


@pytest.mark.parametrize("count", range(1, 18))
def test_a_path_leads_from_its_own_place_only(count: int) -> None:
    """R-MRK2."""
    leaves = [bytes([number]) for number in range(count)]
    root = merkle(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle_path(leaves, index)
        assert root_of_path(leaf, index, count, path) == root
        assert root_of_path(b"x", index, count, path) != root
        assert root_of_path(leaf, index, count, [*path, bytes(32)]) is None
        assert root_of_path(leaf, index, count, path[:-1]) != root or not path
        for other in range(count):
            if other != index:
                assert root_of_path(leaf, other, count, path) != root
    assert root_of_path(leaves[0], count, count, []) is None
