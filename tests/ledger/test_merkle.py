"""RFC 6962 trees and their paths (R-MRK1, R-MRK2)."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger import merkle

# The reference leaves and roots of the Certificate Transparency implementation.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
TREES = st.lists(st.binary(max_size=8), min_size=1, max_size=40)


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(
        b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])
    ).digest()


def naive_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1, word for word."""
    if len(leaves) <= 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*naive_path(index, leaves[:split]), naive_root(leaves[split:])]
    return [*naive_path(index - split, leaves[split:]), naive_root(leaves[:split])]


@pytest.mark.parametrize("count", range(1, 9))
def test_reference_roots(count: int) -> None:
    """R-MRK1: the reference vectors."""
    assert merkle.root(LEAVES[:count]).hex() == ROOTS[count - 1]


def test_the_root_of_nothing() -> None:
    """R-MRK1: SHA-256 of nothing."""
    assert merkle.root([]).hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@given(TREES, st.data())
def test_roots_and_paths_equal_the_recursive_twin(
    leaves: list[bytes], choose: st.DataObject
) -> None:
    """R-MRK1, R-MRK2: same root, same path, and the path verifies at its place only."""
    index = choose.draw(st.integers(0, len(leaves) - 1))
    root = merkle.root(leaves)
    path = merkle.path(leaves, index)
    assert root == naive_root(leaves)
    assert list(path) == naive_path(index, leaves)
    assert merkle.verify_path(leaves[index], index, len(leaves), path, root)
    assert not merkle.verify_path(leaves[index] + b"x", index, len(leaves), path, root)
    assert not merkle.verify_path(leaves[index], index, len(leaves), (*path, root), root)
    assert not merkle.verify_path(leaves[index], index, len(leaves), path[1:], root) or not path
    assert not merkle.verify_path(leaves[index], len(leaves), len(leaves), path, root)
    assert not merkle.verify_path(leaves[index], -1, len(leaves), path, root)


@given(st.integers(2, 40), st.data())
def test_a_path_fits_one_index_only(count: int, choose: st.DataObject) -> None:
    """R-MRK2: a leaf cannot be shown at another place."""
    leaves = [bytes([n]) for n in range(count)]
    index = choose.draw(st.integers(0, count - 1))
    path, root = merkle.path(leaves, index), merkle.root(leaves)
    for other in range(count):
        shown = merkle.verify_path(leaves[index], other, count, path, root)
        assert shown is (other == index)


def test_a_repeated_leaf_changes_the_root() -> None:
    """R-MRK1: no duplication of the odd leaf (CVE-2012-2459)."""
    a, b, c = b"a", b"b", b"c"
    assert merkle.root([a, b, c]) != merkle.root([a, b, c, c])
    assert merkle.root([a, b, c, a, b]) != merkle.root([a, b, c, a, b, a, b])


def test_a_node_is_no_leaf() -> None:
    """R-MRK1: the prefixes stop a second preimage made of inner nodes."""
    leaves = [b"a", b"b", b"c", b"d"]
    inner = [
        merkle.leaf_hash(leaves[0]) + merkle.leaf_hash(leaves[1]),
        merkle.leaf_hash(leaves[2]) + merkle.leaf_hash(leaves[3]),
    ]
    assert merkle.root(inner) != merkle.root(leaves)


def test_paths_outside_the_tree_are_misuse() -> None:
    """R-MRK2: there is no path of a leaf that is not there."""
    for index in (-1, 1):
        with pytest.raises(IndexError, match="R-MRK2"):
            merkle.path([b"only"], index)
