"""Domain separation: a digest of one kind is worth nothing as another (R-HASH1 to R-HASH3)."""

import hashlib
import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger.hashing import Kind, prefixed, preimage, tagged
from tests.conftest import REPOSITORY
from tests.ledger.charter_kit import make_charter
from tests.ledger.record_kit import NETWORK, OTHER_NETWORK


def test_a_digest_is_that_of_the_written_rule() -> None:
    """R-HASH1, by hand: lengths as eight big-endian bytes before tag, network and payload."""
    text = (
        (17).to_bytes(8, "big")
        + b"medquorum/v1/vote"
        + (32).to_bytes(8, "big")
        + NETWORK
        + (3).to_bytes(8, "big")
        + b"abc"
    )
    assert preimage(Kind.VOTE, NETWORK, b"abc") == text
    assert tagged(Kind.VOTE, NETWORK, b"abc") == hashlib.sha256(text).digest()


def test_every_pair_of_kinds_differs() -> None:
    """R-HASH2: the full matrix, for the same network and payload, and across networks."""
    digests = [
        tagged(kind, network, b"payload") for kind in Kind for network in (NETWORK, OTHER_NETWORK)
    ]
    assert all(a != b for a, b in itertools.combinations(digests, 2))
    assert len(digests) == 2 * len(Kind)


def test_kinds_are_those_of_the_rule() -> None:
    """R-HASH2: code and page name the same kinds."""
    page = (REPOSITORY / "PROTOCOL.md").read_text(encoding="utf-8")
    rule = re.search(r"\*\*R-HASH2\*\* Kinds: (.*?)\. A digest", page)
    assert rule is not None
    assert sorted(re.findall(r"`([a-z-]+)`", rule[1])) == sorted(kind.value for kind in Kind)


@given(st.binary(max_size=20), st.binary(max_size=20), st.integers(1, 20))
def test_bytes_never_move_between_fields(network: bytes, payload: bytes, moved: int) -> None:
    """R-HASH1: the length prefixes keep network and payload apart."""
    joined = network + payload
    cut = (len(network) + moved) % (len(joined) + 1)
    other = (joined[:cut], joined[cut:])
    same = other == (network, payload)
    assert (tagged(Kind.WRAP, *other) == tagged(Kind.WRAP, network, payload)) is same


def test_prefixed_is_length_and_text() -> None:
    """Notation: `P(x)`."""
    assert prefixed(b"") == bytes(8)
    assert prefixed(b"ab") == bytes(7) + b"\x02ab"


def test_the_network_id_is_the_hash_of_the_founding_charter() -> None:
    """R-HASH3: `tagged("charter", "", enc(founding charter))`."""
    charter = make_charter()
    assert charter.network_id == tagged(Kind.CHARTER, b"", charter.encoded())
