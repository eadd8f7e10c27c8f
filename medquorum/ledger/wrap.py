"""Wraps: how one recipient is given the keys of a body's parts (R-BOD7).

HPKE in one shot; all context stands in `info`, so a wrap moved to another record, recipient or
network does not open. HPKE draws its own randomness, hence the injectable `KeyWrapper`: a
simulation hands in one whose bytes repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError, EnvelopeError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, prefixed, tag, tagged
from medquorum.ledger.keys import Address, PublicKey, parse_public_key
from medquorum.ledger.limits import PARTS
from medquorum.ledger.part_keys import KEY_BYTES, SALT_BYTES, PartKeys
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Signer, Verifier
from medquorum.ledger.signature import verify as verify_signature
from medquorum.ledger.types import NetworkId, PartName, RecordId

WRAP_FIELDS: Final = ("grantor", "recipient", "record", "sealed", "signature")
SEALED_KEYS_BYTES: Final = 1_024
"""Room for the keys of eight parts (616 bytes) and HPKE's 81."""
_SUITE: Final = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class KeyWrapper(Protocol):
    """HPKE base mode, single shot: `enc || ciphertext`, no associated bytes."""

    def wrap(self, plaintext: bytes, recipient: PublicKey, info: bytes) -> bytes:
        """Seal to a recipient's encryption key."""

    def unwrap(self, sealed: bytes, private: ec.EllipticCurvePrivateKey, info: bytes) -> bytes:
        """Open with the private key; EnvelopeError when it was not sealed to it with this info."""


class HpkeKeyWrapper:
    """RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM."""

    def wrap(self, plaintext: bytes, recipient: PublicKey, info: bytes) -> bytes:
        """Seal to a recipient's encryption key with a fresh ephemeral key."""
        return _SUITE.encrypt(plaintext, parse_public_key(recipient), info=info)

    def unwrap(self, sealed: bytes, private: ec.EllipticCurvePrivateKey, info: bytes) -> bytes:
        """Open; EnvelopeError when the key, the info or a byte differs."""
        try:
            return _SUITE.decrypt(sealed, private, info=info)
        except (InvalidTag, TypeError, ValueError):
            raise EnvelopeError("R-BOD7: the wrap does not open with this key here") from None


HPKE: Final = HpkeKeyWrapper()


@dataclass(frozen=True, slots=True)
class Wrap:
    """The sealed keys of one record for one recipient, signed by who granted them."""

    grantor: Address
    recipient: Address
    record: RecordId
    sealed: bytes = field(repr=False)
    signature: Signature

    def digest(self, network: NetworkId) -> bytes:
        """What the grantor's clinical key signs."""
        return _digest(network, self.grantor, self.recipient, self.record, self.sealed)

    def encoded(self) -> bytes:
        """The canonical map of R-BOD7."""
        return canonical.encode({name: getattr(self, name) for name in WRAP_FIELDS})


def _digest(
    network: NetworkId, grantor: Address, recipient: Address, record: RecordId, sealed: bytes
) -> bytes:
    payload = {"grantor": grantor, "recipient": recipient, "record": record, "sealed": sealed}
    return tagged(Kind.WRAP, network, canonical.encode(payload))


def wrap_info(network: NetworkId, record: RecordId, recipient: Address) -> bytes:
    """The HPKE info of R-BOD7."""
    return b"".join(prefixed(text) for text in (tag(Kind.WRAP), network, record, recipient))


def make_wrap(
    network: NetworkId,
    record: RecordId,
    *,
    grantor: Address,
    sign: Signer,
    recipient_address: Address,
    recipient_encryption_key: PublicKey,
    keys: Mapping[PartName, PartKeys],
    key_wrapper: KeyWrapper = HPKE,
) -> Wrap:
    """Give a recipient the keys of some parts; `sign` is the grantor's clinical key's."""
    if not 0 < len(keys) <= PARTS:
        raise EnvelopeError(f"R-BOD7: a wrap carries the keys of 1 to {PARTS} parts")
    plaintext = canonical.encode({name.value: part.key + part.salt for name, part in keys.items()})
    info = wrap_info(network, record, recipient_address)
    sealed = key_wrapper.wrap(plaintext, recipient_encryption_key, info)
    digest = _digest(network, grantor, recipient_address, record, sealed)
    return Wrap(grantor, recipient_address, record, sealed, sign(digest))


def open_wrap(
    network: NetworkId,
    wrap: Wrap,
    private_key: ec.EllipticCurvePrivateKey,
    key_wrapper: KeyWrapper = HPKE,
) -> Mapping[PartName, PartKeys]:
    """The keys in a wrap addressed to this encryption key; EnvelopeError when there are none.

    Says nothing of who granted them: that is `verify_wrap`.
    """
    info = wrap_info(network, wrap.record, wrap.recipient)
    plaintext = key_wrapper.unwrap(wrap.sealed, private_key, info)
    try:
        opened = decoded(plaintext)
    except CodecError:
        raise EnvelopeError("R-BOD7: the wrapped keys are not canonical") from None
    if not isinstance(opened, dict) or not 0 < len(opened) <= PARTS:
        raise EnvelopeError(f"R-BOD7: a wrap carries the keys of 1 to {PARTS} parts")
    return {_part_name(name): _part_keys(both) for name, both in opened.items()}


def _part_name(name: str) -> PartName:
    try:
        return PartName(name)
    except ValueError:
        raise EnvelopeError("R-BOD7: the wrap names an unknown part") from None


def _part_keys(both: object) -> PartKeys:
    if not isinstance(both, bytes) or len(both) != KEY_BYTES + SALT_BYTES:
        raise EnvelopeError("R-BOD7: a part's key and salt have 64 bytes")
    return PartKeys(both[:KEY_BYTES], both[KEY_BYTES:])


def parse_wrap(encoded: bytes) -> Wrap:
    """Read a wrap from canonical bytes; CodecError when malformed. Verifies no signature."""
    reader = Reader(decoded(encoded), WRAP_FIELDS, "wrap")
    return Wrap(
        grantor=Address(reader.octets("grantor", DIGEST_BYTES)),
        recipient=Address(reader.octets("recipient", DIGEST_BYTES)),
        record=RecordId(reader.octets("record", DIGEST_BYTES)),
        sealed=reader.opaque("sealed", SEALED_KEYS_BYTES),
        signature=Signature(reader.octets("signature", SIGNATURE_BYTES)),
    )


def verify_wrap(
    network: NetworkId, wrap: Wrap, grantor_key: PublicKey, verify: Verifier = verify_signature
) -> bool:
    """Whether the grantor's clinical key signed this wrap for this network."""
    return verify(grantor_key, wrap.digest(network), wrap.signature)
