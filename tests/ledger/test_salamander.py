"""GCM does not commit to its key; the commitment does (R-BOD6)."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from medquorum.ledger import merkle
from medquorum.ledger.envelope import PartKeys, PartOpener, check_manifest, commitment, seal_part
from medquorum.ledger.errors import EnvelopeError
from medquorum.ledger.part_keys import associated
from medquorum.ledger.types import NetworkId, PartName, RecordId
from tests.ledger.gcm_twin import sealed_under_both
from tests.ledger.record_kit import NETWORK, RECORD, digest, part_keys

NAME = PartName.M_REPORT
ONE, TWO = part_keys("shown to the attending"), part_keys("shown to the peers")
BENIGN, CANCER = b"finding: BENIGN ", b"finding: CANCER "
PLAINTEXT = 4_088


def keystream(keys: PartKeys) -> bytes:
    """What the first chunk of 4,096 bytes is mixed with: counters from 2."""
    counter = bytes(12) + (2).to_bytes(4, "big")
    encryptor = Cipher(algorithms.AES(keys.key), modes.CTR(counter)).encryptor()
    return encryptor.update(bytes(4_096))


def mixed(left: bytes, right: bytes) -> bytes:
    """Exclusive or."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def two_faced_chunk() -> bytes:
    """One sealed chunk: honest framing and BENIGN under ONE, CANCER in its middle under TWO."""
    under_one = (PLAINTEXT.to_bytes(8, "big") + BENIGN).ljust(2_048, b".")
    under_two = CANCER.ljust(2_048, b".")
    ciphertext = mixed(under_one, keystream(ONE)[:2_048])
    ciphertext += mixed(under_two, keystream(TWO)[2_048:])
    place = associated(NETWORK, RECORD, NAME, 0)
    return sealed_under_both((ONE.key, TWO.key), bytes(12), place, ciphertext)


CHUNK = two_faced_chunk()
READ_BY_ONE = PartOpener(
    seal_part(NETWORK, RECORD, NAME, ONE, bytes(PLAINTEXT)).descriptor, NETWORK, RECORD, ONE
).decrypt_chunk(0, CHUNK)
DESCRIPTOR = replace(
    seal_part(NETWORK, RECORD, NAME, ONE, READ_BY_ONE[8:]).descriptor, root=merkle.root([CHUNK])
)


class LuckyOpener(PartOpener):
    """An issuer who spent 2^52 work, so that the framing holds under the second key as well."""

    def _read_length(self, stream: bytes) -> int:
        self._missing = PLAINTEXT
        return 8


def test_one_ciphertext_opens_under_two_keys() -> None:
    """The attack is real: one root, two valid tags, two findings."""
    check_manifest(DESCRIPTOR, [merkle.leaf_hash(CHUNK)])
    assert BENIGN in READ_BY_ONE
    read_by_two = PartOpener(DESCRIPTOR, NETWORK, RECORD, TWO).decrypt_chunk(0, CHUNK)
    assert CANCER in read_by_two
    assert CANCER not in READ_BY_ONE


def test_the_commitment_binds_to_one_plaintext() -> None:
    """R-BOD6: who is given the second key sees the mismatch, whatever salt comes with it."""
    first = PartOpener(DESCRIPTOR, NETWORK, RECORD, ONE)
    assert first.open_chunk(0, CHUNK) == READ_BY_ONE[8:]
    first.finish()
    for salt in (ONE.salt, TWO.salt, digest("any salt")):
        second = LuckyOpener(DESCRIPTOR, NETWORK, RECORD, PartKeys(TWO.key, salt))
        assert CANCER in second.open_chunk(0, CHUNK)
        with pytest.raises(EnvelopeError, match="R-BOD6"):
            second.finish()


def test_the_framing_alone_already_refuses_the_second_key() -> None:
    """R-BOD3: without that work the length is nonsense."""
    with pytest.raises(EnvelopeError, match="R-BOD3"):
        PartOpener(DESCRIPTOR, NETWORK, RECORD, TWO).open_chunk(0, CHUNK)


def test_two_records_cannot_hide_behind_one_descriptor() -> None:
    """R-BOD5, R-BOD6: two honest seals of two findings differ in root and commitment."""
    one = seal_part(NETWORK, RECORD, NAME, ONE, BENIGN).descriptor
    two = seal_part(NETWORK, RECORD, NAME, TWO, CANCER).descriptor
    assert one.root != two.root
    assert one.commitment != two.commitment
    with pytest.raises(EnvelopeError, match="R-BOD4"):
        chunk = seal_part(NETWORK, RECORD, NAME, TWO, CANCER).chunks[0]
        PartOpener(one, NETWORK, RECORD, ONE).open_chunk(0, chunk)


def test_every_field_enters_the_commitment() -> None:
    """R-BOD6: network, record, name, salt and plaintext."""
    text = digest("plaintext")
    made = {
        commitment(NETWORK, RECORD, NAME, ONE.salt, text),
        commitment(NetworkId(digest("network 2")), RECORD, NAME, ONE.salt, text),
        commitment(NETWORK, RecordId(digest("record 2")), NAME, ONE.salt, text),
        commitment(NETWORK, RECORD, PartName.PRESC, ONE.salt, text),
        commitment(NETWORK, RECORD, NAME, TWO.salt, text),
        commitment(NETWORK, RECORD, NAME, ONE.salt, digest("plaintext 2")),
    }
    assert len(made) == 6
