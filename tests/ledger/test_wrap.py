"""Wraps and complaints (R-BOD7, R-BOD8)."""

from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from medquorum.ledger import canonical
from medquorum.ledger.envelope import (
    HPKE,
    Grievance,
    PartKeys,
    Wrap,
    make_wrap,
    open_wrap,
    parse_complaint,
    parse_wrap,
    verify_complaint,
    verify_wrap,
)
from medquorum.ledger.errors import CodecError, EnvelopeError
from medquorum.ledger.signature import signer
from medquorum.ledger.types import PartName, ProposalId, RecordId
from medquorum.ledger.wrap import wrap_info
from tests.ledger.hpke_twin import (
    AES_128_GCM,
    Opening,
    RepeatingKeyWrapper,
    open_sealed,
    uncompressed,
)
from tests.ledger.record_kit import (
    NETWORK,
    OTHER_NETWORK,
    RECORD,
    address,
    complaint,
    digest,
    key,
    part_keys,
    private_key,
)

RECIPIENT = private_key("doctor 1 encryption")
KEYS = {name: part_keys(name.value) for name in (PartName.IMG_CT, PartName.ATTACHMENT)}


def granted(
    keys: dict[PartName, PartKeys] = KEYS, recipient: str = "doctor 1", record: RecordId = RECORD
) -> Wrap:
    """A wrap by the hospital."""
    return make_wrap(
        NETWORK,
        record,
        grantor=address("hospital"),
        sign=signer(private_key("hospital clinical")),
        recipient_address=address(recipient),
        recipient_encryption_key=key(f"{recipient} encryption"),
        keys=keys,
    )


WRAP = granted()

# RFC 9180 appendix A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, first message.
RFC_INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
RFC_PRIVATE = 0xF3CE7FDAE57E1A310D87F1EBBDE6F328BE0A99CDBCADF4D6589CF29DE4B8FFD2
RFC_ENC = (
    "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b7"
    "8e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4"
)
RFC_CIPHERTEXT = (
    "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434"
)
RFC_SEALED = bytes.fromhex(RFC_ENC + RFC_CIPHERTEXT)
RFC_PLAINTEXT = b"Beauty is truth, truth beauty"


def test_rfc_9180_vector_opens_in_the_library_and_in_the_twin() -> None:
    """R-BOD7: KEM and KDF are those of the RFC; our suite differs in the AES key's length."""
    private = ec.derive_private_key(RFC_PRIVATE, ec.SECP256R1())
    suite = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    opened = openssl.hpke._decrypt_with_aad(
        suite, RFC_SEALED, private, info=RFC_INFO, aad=b"Count-0"
    )
    assert opened == RFC_PLAINTEXT
    twin = Opening(private, RFC_INFO, b"Count-0", AES_128_GCM)
    assert open_sealed(RFC_SEALED, twin) == RFC_PLAINTEXT
    with pytest.raises(InvalidTag):
        open_sealed(RFC_SEALED, replace(twin, info=b"other"))


def test_our_suite_and_the_twin_open_each_others_wraps() -> None:
    """R-BOD7: HKDF-SHA256 and AES-256-GCM, empty associated bytes, info as written."""
    info = b"".join(
        len(text).to_bytes(8, "big") + text
        for text in (b"medquorum/v1/wrap", NETWORK, RECORD, address("doctor 1"))
    )
    assert wrap_info(NETWORK, RECORD, address("doctor 1")) == info
    expected = canonical.encode({name.value: k.key + k.salt for name, k in KEYS.items()})
    assert open_sealed(WRAP.sealed, Opening(RECIPIENT, info)) == expected
    assert WRAP.sealed[:1] == uncompressed(RECIPIENT.public_key())[:1] == b"\x04"
    repeating = RepeatingKeyWrapper(private_key("ephemeral"))
    sealed = repeating.wrap(expected, key("doctor 1 encryption"), info)
    assert HPKE.unwrap(sealed, RECIPIENT, info) == expected


def test_a_wrap_gives_its_recipient_the_keys() -> None:
    """R-BOD7: all of them, through bytes and back, signed by the grantor."""
    received = parse_wrap(WRAP.encoded())
    assert received == WRAP
    assert verify_wrap(NETWORK, received, key("hospital clinical"))
    assert open_wrap(NETWORK, received, RECIPIENT) == KEYS


def test_wraps_are_never_twice_the_same_unless_a_simulation_asks() -> None:
    """R-BOD7: HPKE draws its own randomness; an injected wrapper repeats."""
    assert granted().sealed != WRAP.sealed
    wrapper = RepeatingKeyWrapper(private_key("ephemeral"))

    def again() -> Wrap:
        return make_wrap(
            NETWORK,
            RECORD,
            grantor=address("hospital"),
            sign=signer(private_key("hospital clinical")),
            recipient_address=address("doctor 1"),
            recipient_encryption_key=key("doctor 1 encryption"),
            keys=KEYS,
            key_wrapper=wrapper,
        )

    assert again() == again()
    assert open_wrap(NETWORK, again(), RECIPIENT, wrapper) == KEYS


MOVED = {
    "another record": replace(WRAP, record=RecordId(digest("another record"))),
    "another recipient": replace(WRAP, recipient=address("doctor 2")),
    "truncated": replace(WRAP, sealed=WRAP.sealed[:-1]),
    "no point": replace(WRAP, sealed=b"\x00" * 65 + WRAP.sealed[65:]),
    "too short for a point": replace(WRAP, sealed=b"\x04"),
    "empty": replace(WRAP, sealed=b""),
    "one bit": replace(WRAP, sealed=WRAP.sealed[:-1] + bytes([WRAP.sealed[-1] ^ 1])),
}


@pytest.mark.parametrize("wrap", MOVED.values(), ids=MOVED.keys())
def test_moved_and_damaged_wraps_do_not_open(wrap: Wrap) -> None:
    """R-BOD7: info binds network, record and recipient; the signature breaks as well."""
    with pytest.raises(EnvelopeError, match="R-BOD7"):
        open_wrap(NETWORK, wrap, RECIPIENT)
    assert not verify_wrap(NETWORK, wrap, key("hospital clinical"))


def test_nobody_else_opens_a_wrap() -> None:
    """R-BOD7: not another doctor, not on another network, not with a key of another curve."""
    with pytest.raises(EnvelopeError, match="R-BOD7"):
        open_wrap(NETWORK, WRAP, private_key("doctor 2 encryption"))
    with pytest.raises(EnvelopeError, match="R-BOD7"):
        open_wrap(OTHER_NETWORK, WRAP, RECIPIENT)
    with pytest.raises(EnvelopeError, match="R-BOD7"):
        open_wrap(NETWORK, WRAP, ec.derive_private_key(5, ec.SECP384R1()))


def test_a_grant_is_signed_by_its_grantor() -> None:
    """R-BOD7: on this network, as it stands."""
    assert not verify_wrap(OTHER_NETWORK, WRAP, key("hospital clinical"))
    assert not verify_wrap(NETWORK, WRAP, key("doctor 1 clinical"))
    other = replace(WRAP, grantor=address("laboratory"))
    assert not verify_wrap(NETWORK, other, key("hospital clinical"))


def wrapped(plaintext: bytes) -> Wrap:
    """What a dishonest grantor may seal."""
    info = wrap_info(NETWORK, RECORD, address("doctor 1"))
    return replace(WRAP, sealed=HPKE.wrap(plaintext, key("doctor 1 encryption"), info))


DISHONEST = {
    "not canonical": b"\xc1",
    "no map": canonical.encode([1]),
    "no parts": canonical.encode({}),
    "unknown part": canonical.encode({"OTHER": bytes(64)}),
    "short keys": canonical.encode({"PRESC": bytes(63)}),
    "keys that are text": canonical.encode({"PRESC": "x" * 64}),
    "nine parts": canonical.encode({name.value: bytes(64) for name in PartName}),
}


@pytest.mark.parametrize("plaintext", DISHONEST.values(), ids=DISHONEST.keys())
def test_dishonest_wraps_are_refused(plaintext: bytes) -> None:
    """R-BOD7: what is sealed is checked like everything else."""
    with pytest.raises(EnvelopeError, match="R-BOD7"):
        open_wrap(NETWORK, wrapped(plaintext), RECIPIENT)


def test_empty_and_overfull_grants_are_misuse() -> None:
    """R-BOD7: one to eight parts."""
    for keys in ({}, {name: part_keys(name.value) for name in PartName}):
        with pytest.raises(EnvelopeError, match="R-BOD7"):
            granted(keys)


def test_the_largest_wrap_fits() -> None:
    """R-BOD7: eight parts, through bytes."""
    keys = {name: part_keys(name.value) for name in list(PartName)[:8]}
    assert open_wrap(NETWORK, parse_wrap(granted(keys).encoded()), RECIPIENT) == keys


def test_a_wrap_shows_no_keys() -> None:
    """R-BOD9: what is off the chain is not in logs either."""
    assert "sealed" not in repr(WRAP)


def test_a_complaint_is_its_members() -> None:
    """R-BOD8: signed by the consensus key, for this network and these fields."""
    made = complaint()
    assert parse_complaint(made.encoded()) == made
    assert verify_complaint(NETWORK, made, key("laboratory consensus"))
    assert not verify_complaint(NETWORK, made, key("laboratory clinical"))
    assert not verify_complaint(OTHER_NETWORK, made, key("laboratory consensus"))
    for other in (
        replace(made, member=address("hospital")),
        replace(made, part=PartName.PRESC),
        replace(made, reason=Grievance.WRAP),
        replace(made, proposal=ProposalId(digest("another proposal"))),
    ):
        assert not verify_complaint(NETWORK, other, key("laboratory consensus"))


def test_complaints_have_the_reasons_of_the_rule() -> None:
    """R-BOD8: wrap, chunk, commitment, and no other."""
    assert {reason.value for reason in Grievance} == {"wrap", "chunk", "commitment"}
    fields = canonical.decode(complaint().encoded())
    with pytest.raises(CodecError, match=r"R-CAN5: complaint\.reason"):
        parse_complaint(canonical.encode({**fields, "reason": "other"}))
