"""The fingerprint: published proquints, and words as people repeat them (R-CHA7)."""

import pytest

from medquorum.ledger.fingerprint import fingerprint, proquints, same_fingerprint
from medquorum.ledger.types import NetworkId


# The table of the proposal (Wilkerson 2009).
@pytest.mark.parametrize(
    ("quad", "words"),
    [
        ("127.0.0.1", "lusab-babad"),
        ("63.84.220.193", "gutih-tugad"),
        ("63.118.7.35", "gutuk-bisog"),
        ("140.98.193.141", "mudof-sakat"),
        ("64.255.6.200", "haguz-biram"),
        ("128.30.52.45", "mabiv-gibot"),
        ("147.67.119.2", "natag-lisaf"),
        ("212.58.253.68", "tibup-zujah"),
        ("216.35.68.215", "tobog-higil"),
        ("216.68.232.21", "todah-vobij"),
        ("198.81.129.136", "sinid-makam"),
        ("12.110.110.204", "budov-kuras"),
    ],
)
def test_R_CHA7_published_vectors(quad: str, words: str) -> None:
    octets = bytes(int(part) for part in quad.split("."))
    assert "-".join(proquints(octets)) == words


def test_R_CHA7_sixteen_bytes_make_eight_words() -> None:
    network = NetworkId(bytes(range(32)))
    assert len(fingerprint(network).split(" ")) == 8
    assert fingerprint(network) == fingerprint(NetworkId(network[:16] + bytes(16)))
    assert fingerprint(network) != fingerprint(NetworkId(b"\x01" + network[1:]))


def test_words_may_be_typed_in_any_case_and_spacing() -> None:
    network = NetworkId(b"\x7f\x00\x00\x01" * 8)
    assert same_fingerprint("  LUSAB-babad " + "lusab babad " * 3, network)
    assert not same_fingerprint("lusab babad " * 3, network)


def test_an_odd_number_of_bytes_has_no_words() -> None:
    with pytest.raises(ValueError, match="even"):
        proquints(b"\x01")
