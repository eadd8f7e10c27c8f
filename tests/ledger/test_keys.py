"""Public keys, addresses and their text (R-KEY1 to R-KEY4)."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger import keys
from medquorum.ledger.errors import KeyMaterialError
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import (
    PREFIXES,
    Address,
    PublicKey,
    Purpose,
    address_of,
    address_text,
    parse_address,
    parse_public_key,
    public_key,
)
from medquorum.ledger.types import ADDRESS_PREFIX, PATIENT_PREFIX
from tests.ledger.record_kit import digest, key, private_key

FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
LONG = (
    private_key("member").public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)
INVALID_POINTS = {
    "infinity": b"\x00",
    "infinity, padded": bytes(33),
    "uncompressed": LONG,
    "hybrid even": b"\x06" + LONG[1:],
    "hybrid odd": b"\x07" + LONG[1:],
    "hybrid marker, compressed length": b"\x06" + LONG[1:33],
    "x off the curve": b"\x02" + (1).to_bytes(32, "big"),
    "x beyond the field": b"\x02" + (FIELD + 5).to_bytes(32, "big"),
    "x is the field's prime": b"\x03" + FIELD.to_bytes(32, "big"),
    "one byte short": key("member")[:-1],
    "one byte long": key("member") + b"\x00",
    "no marker": LONG[1:33],
    "nothing": b"",
}


@pytest.mark.parametrize("encoded", INVALID_POINTS.values(), ids=INVALID_POINTS.keys())
def test_invalid_points_are_refused(encoded: bytes) -> None:
    """R-KEY1: a 33-byte compressed point on P-256 and nothing else."""
    with pytest.raises(KeyMaterialError, match="R-KEY1"):
        parse_public_key(PublicKey(encoded))


def test_other_curves_are_refused() -> None:
    """R-KEY1: P-256 only, though other curves have 33-byte points as well."""
    with pytest.raises(KeyMaterialError, match="R-KEY1"):
        public_key(ec.derive_private_key(7, ec.SECP256K1()))


def test_a_key_is_its_compressed_point() -> None:
    """R-KEY1: what is written is read back."""
    encoded = key("member")
    assert len(encoded) == 33
    assert encoded[0] in (2, 3)
    assert public_key(private_key("member")) == keys.compress(parse_public_key(encoded))


def test_an_address_is_the_hash_of_the_clinical_key() -> None:
    """R-KEY2: `tagged("address", "", key)`, all 32 bytes; of a real point only."""
    assert address_of(key("member")) == tagged(Kind.ADDRESS, b"", key("member"))
    assert len(address_of(key("member"))) == 32
    with pytest.raises(KeyMaterialError, match="R-KEY1"):
        address_of(PublicKey(b"\x02" + b"\xff" * 32))


BIP_350_VALID = [
    "a1lqfn3a",
    "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
    "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
    "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
    "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
    "?1v759aa",
]
BIP_350_INVALID = ["m1muywd", "qyrz8wqd2c9m1qyrz8wqd2c9m", "y1b0jsk6g", "lt1igcx5c0", "a1lqfn3b"]


def bech32m_holds(text: str) -> bool:
    """Whether the checksum of a text is that of BIP 350, by the product's polynomial."""
    prefix, _, rest = text.rpartition("1")
    words = [keys._CHARSET.find(letter) for letter in rest]
    return -1 not in words and len(words) > 5 and keys._checksum(prefix, words) == keys._BECH32M


@pytest.mark.parametrize("text", BIP_350_VALID)
def test_bip_350_valid_vectors(text: str) -> None:
    """R-KEY3: the checksum is that of BIP 350."""
    assert bech32m_holds(text)


@pytest.mark.parametrize("text", BIP_350_INVALID)
def test_bip_350_invalid_vectors(text: str) -> None:
    """R-KEY3: and only that."""
    assert not bech32m_holds(text)


def test_bip_350_words_are_regrouped_without_padding_tricks() -> None:
    """R-KEY3: a witness program in five-bit words, to octets and back."""
    text = "w508d6qejxtdg4y5r3zarvary0c5xw7k"
    words = [keys._CHARSET.find(letter) for letter in text]
    octets = keys._regroup(words[:32], 5, 8)
    assert octets is not None
    assert keys._regroup(bytes(octets), 8, 5) == words[:32]
    assert keys._regroup([31], 5, 8) is None


@given(st.binary(min_size=32, max_size=32), st.sampled_from(PREFIXES), st.data())
def test_addresses_survive_text_and_no_mistyped_letter(
    octets: bytes, prefix: str, choose: st.DataObject
) -> None:
    """R-KEY3: lower or upper case; one wrong letter is always noticed."""
    text = address_text(Address(octets), prefix)
    assert parse_address(text) == (octets, prefix)
    assert parse_address(text.upper()) == (octets, prefix)
    position = choose.draw(st.integers(len(prefix) + 1, len(text) - 1))
    letter = choose.draw(st.sampled_from(keys._CHARSET.replace(text[position], "")))
    with pytest.raises(KeyMaterialError, match="R-KEY3"):
        parse_address(text[:position] + letter + text[position + 1 :])


GOOD = address_text(Address(digest("member")), "mqdoc")
MISTYPED = {
    "mixed case": GOOD[:10].upper() + GOOD[10:],
    "other prefix": GOOD.replace("mqdoc", "mqlab"),
    "unknown prefix": GOOD.replace("mqdoc", "bc"),
    "no separator": GOOD.replace("1", ""),
    "truncated": GOOD[:-1],
    "lengthened": GOOD + "q",
    "empty": "",
    "prefix alone": "mqdoc1",
    "look-alike letter": GOOD.upper().replace("K", "\u212a"),
    "space": GOOD + " ",
}


@pytest.mark.parametrize("text", MISTYPED.values(), ids=MISTYPED.keys())
def test_mistyped_addresses_are_refused(text: str) -> None:
    """R-KEY3: whatever is not letter for letter an address."""
    with pytest.raises(KeyMaterialError, match="R-KEY3"):
        parse_address(text)


def test_addresses_of_another_length_are_refused() -> None:
    """R-KEY3: a right checksum over 20 bytes is still no address."""
    with pytest.raises(KeyMaterialError, match="32 bytes"):
        parse_address(address_text(Address(bytes(20)), "mqdoc"))


def test_every_role_and_the_patient_has_its_prefix() -> None:
    """R-KEY3: one prefix each."""
    assert sorted([*ADDRESS_PREFIX.values(), PATIENT_PREFIX]) == sorted(PREFIXES)


def test_purposes_are_those_of_the_rule() -> None:
    """R-KEY4: clinical, consensus, encryption, policy and the TLS leaf."""
    assert {purpose.value for purpose in Purpose} == {
        "clinical",
        "consensus",
        "encryption",
        "policy",
        "tls",
    }
