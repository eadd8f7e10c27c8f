"""One member's private keys, several by purpose, in one encrypted file.

Purposes are the charter's: clinical, issuing, consensus, encryption, policy, tls; one key is
never used for two of them (R-KEY4). The public half is readable without the passphrase, so requests
and charters are built without touching secrets. `repr` of an open keystore shows purposes only.
"""

import hashlib
import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.node import keystore_file, tls
from medquorum.node.keystore_file import (
    KdfCost,
    KdfLimits,
    KeystoreCannotOpen,
    KeystoreContainer,
    KeystoreCorrupt,
    KeystoreError,
    KeystoreHeader,
    KeystoreMisuse,
    KeystoreUnsupported,
)
from medquorum.node.private_files import PrivateFileError, read_private_file, write_private_file

__all__ = [
    "TLS_PURPOSE",
    "KdfCost",
    "KdfLimits",
    "Keystore",
    "KeystoreCannotOpen",
    "KeystoreCorrupt",
    "KeystoreError",
    "KeystoreMisuse",
    "KeystorePublic",
    "KeystoreUnsupported",
    "change_passphrase",
    "create_keystore",
    "open_keystore",
    "read_passphrase_file",
    "read_public",
    "write_keystore",
]

TLS_PURPOSE: Final = "tls"
"""The purpose whose key also gets a self-issued leaf certificate."""

PASSPHRASE_MIN_CHARACTERS: Final = 12
"""At one Argon2id guess per 0.4 s, 12 random characters are out of reach; 8 letters are not."""

PASSPHRASE_LIMIT_BYTES: Final = 1024

_PRODUCTION_COST: Final = KdfCost()
_PRODUCTION_LIMITS: Final = KdfLimits()

AddressRule = Callable[[Mapping[str, bytes]], bytes]
"""From compressed public keys by purpose to the owner's 32-byte address."""


@dataclass(frozen=True, slots=True)
class KeystorePublic:
    """What a keystore tells without its passphrase. Unauthenticated until it is opened."""

    owner: bytes
    """Address of the member, 32 bytes."""
    public_keys: Mapping[str, str]
    """Compressed P-256 points, 33 bytes as hex, by purpose."""
    certificate_der: bytes | None
    """The TLS leaf, when there is a tls key."""


class Keystore:
    """An open keystore: private keys by purpose."""

    __slots__ = ("_private_keys", "public")

    def __init__(
        self, public: KeystorePublic, private_keys: Mapping[str, ec.EllipticCurvePrivateKey]
    ) -> None:
        self.public = public
        self._private_keys = dict(private_keys)

    def __repr__(self) -> str:
        return f"Keystore(owner={self.public.owner.hex()[:16]}, purposes={self.purposes})"

    @property
    def purposes(self) -> tuple[str, ...]:
        """Purposes held, sorted."""
        return tuple(sorted(self._private_keys))

    def private_key(self, purpose: str) -> ec.EllipticCurvePrivateKey:
        """Return the key of one purpose; KeystoreMisuse when the keystore has none."""
        key = self._private_keys.get(purpose)
        if key is None:
            raise KeystoreMisuse(
                f"no {purpose!r} key here, only: {', '.join(self.purposes)}; use another keystore"
            )
        return key


def keys_fingerprint(public_keys: Mapping[str, bytes]) -> bytes:
    """Default owner: SHA-256 over the sorted public keys, for use before an address rule."""
    material = b"".join(public_keys[purpose] for purpose in sorted(public_keys))
    return hashlib.sha256(b"medquorum/v1/keystore-owner\0" + material).digest()


def create_keystore(
    path: Path,
    purposes: Sequence[str],
    passphrase: str,
    *,
    address_of: AddressRule = keys_fingerprint,
    cost: KdfCost = _PRODUCTION_COST,
) -> KeystorePublic:
    """Make one new key per purpose and write them to a new file (mode 0600, durable).

    Raises KeystoreMisuse for a bad purpose, a weak passphrase or an existing file.
    """
    if len(set(purposes)) != len(purposes):
        raise KeystoreMisuse("each purpose may be named once")
    private_keys = {purpose: ec.generate_private_key(ec.SECP256R1()) for purpose in purposes}
    return write_keystore(path, private_keys, passphrase, address_of=address_of, cost=cost)


def write_keystore(
    path: Path,
    private_keys: Mapping[str, ec.EllipticCurvePrivateKey],
    passphrase: str,
    *,
    address_of: AddressRule = keys_fingerprint,
    cost: KdfCost = _PRODUCTION_COST,
) -> KeystorePublic:
    """Write keys the caller already has to a new keystore; errors as `create_keystore`."""
    compressed = {purpose: compressed_point(key) for purpose, key in private_keys.items()}
    owner = address_of(compressed)
    leaf = None
    if TLS_PURPOSE in private_keys:
        leaf = tls.issue_leaf_certificate(private_keys[TLS_PURPOSE], owner.hex())
    return write_new(path, Keystore(told(owner, compressed, leaf), private_keys), passphrase, cost)


def told(owner: bytes, compressed: Mapping[str, bytes], leaf: bytes | None) -> KeystorePublic:
    """The public half of keys: owner, compressed points, TLS leaf."""
    points = {purpose: point.hex() for purpose, point in compressed.items()}
    return KeystorePublic(owner, MappingProxyType(points), leaf)


def write_new(path: Path, made: Keystore, passphrase: str, cost: KdfCost) -> KeystorePublic:
    """Write an open keystore to a new file; errors as `create_keystore`."""
    secret = _passphrase_bytes(passphrase, minimum=PASSPHRASE_MIN_CHARACTERS)
    public = made.public
    if len(set(public.public_keys.values())) != len(public.public_keys):
        raise KeystoreMisuse("one key may not serve two purposes; make a key for each")
    leaf = public.certificate_der
    try:
        header = KeystoreHeader(
            v=keystore_file.VERSION,
            owner=public.owner.hex(),
            aead=keystore_file.AEAD_NAME,
            kdf=cost,
            salt=secrets.token_hex(keystore_file.SALT_LENGTH_BYTES),
            public_keys=dict(public.public_keys),
            certificates={} if leaf is None else {TLS_PURPOSE: leaf.hex()},
        )
    except ValueError as error:
        raise KeystoreMisuse("1 to 16 purposes of lower-case letters, digits, dashes") from error
    scalars = {purpose: _scalar(made.private_key(purpose)) for purpose in made.purposes}
    _seal_to_file(path, header, scalars, secret, replace=False)
    return _public_part(header)


def read_public(path: Path) -> KeystorePublic:
    """Read the public half without the passphrase (shape checked, not authenticated)."""
    return _public_part(_read_container(path).header())


def open_keystore(
    path: Path, passphrase: str, *, limits: KdfLimits = _PRODUCTION_LIMITS
) -> Keystore:
    """Open a keystore: about half a second and 64 MiB by design.

    Raises KeystoreCannotOpen (passphrase or tampering), KeystoreCorrupt, KeystoreUnsupported
    (version, cost outside `limits`) or KeystoreMisuse (file permissions).
    """
    container = _read_container(path)
    limits.check(container.kdf)
    scalars = keystore_file.open_scalars(container, _passphrase_bytes(passphrase, minimum=1))
    private_keys = {
        purpose: ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
        for purpose, scalar in scalars.items()
    }
    derived = {purpose: compressed_point(key).hex() for purpose, key in private_keys.items()}
    if derived != container.public_keys:
        raise KeystoreCorrupt("private and public keys differ; restore the keystore")
    return Keystore(_public_part(container.header()), private_keys)


def read_passphrase_file(path: Path) -> str:
    """Return the one line of an owner-only file; KeystoreMisuse says what is wrong with it."""
    try:
        content = read_private_file(path, limit_bytes=PASSPHRASE_LIMIT_BYTES)
        passphrase = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except PrivateFileError as error:
        raise KeystoreMisuse(str(error)) from error
    except UnicodeDecodeError:
        raise KeystoreMisuse(f"{path} is not UTF-8 text") from None
    if "\n" in passphrase:
        raise KeystoreMisuse(f"{path} must hold one line")
    return passphrase


def change_passphrase(
    path: Path, old: str, new: str, *, limits: KdfLimits = _PRODUCTION_LIMITS
) -> None:
    """Re-encrypt a keystore in place under a new passphrase (fresh salt, nonce and same cost)."""
    secret = _passphrase_bytes(new, minimum=PASSPHRASE_MIN_CHARACTERS)
    container = _read_container(path)
    limits.check(container.kdf)
    scalars = keystore_file.open_scalars(container, _passphrase_bytes(old, minimum=1))
    salt = secrets.token_hex(keystore_file.SALT_LENGTH_BYTES)
    header = container.header().model_copy(update={"salt": salt})
    _seal_to_file(path, header, scalars, secret, replace=True)


def _read_container(path: Path) -> KeystoreContainer:
    if not path.exists():
        raise KeystoreMisuse(f"there is no {path}; copy the keystore there, or name where it is")
    try:
        content = read_private_file(path, limit_bytes=keystore_file.KEYSTORE_LIMIT_BYTES)
    except PrivateFileError as error:
        raise KeystoreMisuse(str(error)) from error
    return keystore_file.decode_container(content)


def _seal_to_file(
    path: Path,
    header: KeystoreHeader,
    scalars: Mapping[str, bytes],
    passphrase: bytes,
    *,
    replace: bool,
) -> None:
    nonce = secrets.token_bytes(keystore_file.NONCE_LENGTH_BYTES)
    container = keystore_file.seal_scalars(header, scalars, passphrase, nonce)
    try:
        write_private_file(path, keystore_file.encode_container(container), replace=replace)
    except PrivateFileError as error:
        raise KeystoreMisuse(str(error)) from error


def _public_part(header: KeystoreHeader) -> KeystorePublic:
    certificate = header.certificates.get(TLS_PURPOSE)
    return KeystorePublic(
        owner=bytes.fromhex(header.owner),
        public_keys=MappingProxyType(dict(header.public_keys)),
        certificate_der=None if certificate is None else bytes.fromhex(certificate),
    )


def _passphrase_bytes(passphrase: str, *, minimum: int) -> bytes:
    """NFC, so that the same keys typed on two systems open the same file."""
    normalised = unicodedata.normalize("NFC", passphrase)
    encoded = normalised.encode("utf-8", errors="surrogatepass")
    if len(normalised) < minimum:
        raise KeystoreMisuse(f"the passphrase needs at least {minimum} characters")
    if len(encoded) > PASSPHRASE_LIMIT_BYTES:
        raise KeystoreMisuse(f"the passphrase exceeds {PASSPHRASE_LIMIT_BYTES} bytes")
    return encoded


def compressed_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half of a key, 33 bytes (R-KEY1)."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )


def _scalar(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_numbers().private_value.to_bytes(keystore_file.KEY_LENGTH_BYTES, "big")
