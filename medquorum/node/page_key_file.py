"""Page key files: private keys that a browser opens without showing them to any script.

WebCrypto has no Argon2id, so the keystore of the command line cannot be opened there. A page key
file holds each key as PKCS#8 under AES-256-GCM, the key of which is PBKDF2-SHA256 (600,000 rounds,
NIST SP 800-132) of the passphrase; `crypto.subtle.unwrapKey` opens it into a key that cannot be
exported. The additional bytes of a seal are every clear field that concerns it, so owner, purpose,
public key and cost cannot be changed without the passphrase.

A doctor's holds her clinical key, a patient's wallet made in the page holds `patient` and
`encryption`. The format, as JSON: `{format, kdf: {iterations, name}, keys: {purpose: {nonce,
public_key, sealed}}, owner, salt}`, all bytes in hexadecimal.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medquorum.ledger import canonical
from medquorum.node.keystore import (
    PASSPHRASE_MIN_CHARACTERS,
    Keystore,
    KeystorePublic,
    compressed_point,
)
from medquorum.node.keystore_file import (
    KEYS_LIMIT,
    KEYSTORE_LIMIT_BYTES,
    HexBytes,
    KeystoreCannotOpen,
    KeystoreCorrupt,
    KeystoreMisuse,
    KeystoreUnsupported,
    Purpose,
)

FORMAT: Final = "medquorum/page-keys/1"
ITERATIONS: Final = 600_000
"""OWASP's figure of 2023 for PBKDF2-SHA256: about 0.3 s for one guess."""
ITERATIONS_LIMIT: Final = 10_000_000
"""More would keep whoever opens the file waiting for seconds."""
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class PageKdf(_Frozen):
    """What a guess costs."""

    iterations: int
    name: Literal["pbkdf2-sha256"] = "pbkdf2-sha256"


class SealedKey(_Frozen):
    """One private key under its seal."""

    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
    public_key: Annotated[str, Field(pattern=r"^0[23][0-9a-f]{64}$")]
    sealed: HexBytes


class PageKeyFile(_Frozen):
    """The whole file."""

    format: Literal["medquorum/page-keys/1"] = FORMAT
    kdf: PageKdf
    keys: Annotated[dict[Purpose, SealedKey], Field(min_length=1, max_length=KEYS_LIMIT)]
    owner: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]

    def public(self) -> KeystorePublic:
        """Owner and public keys; unauthenticated until the file is opened."""
        points = {purpose: key.public_key for purpose, key in self.keys.items()}
        return KeystorePublic(bytes.fromhex(self.owner), MappingProxyType(points), None)


def is_page_key_file(content: bytes) -> bool:
    """Whether a file calls itself a page key file; it may still be a damaged one."""
    return FORMAT.encode() in content[:KEYSTORE_LIMIT_BYTES]


def seal_page_keys(
    private_keys: Mapping[str, ec.EllipticCurvePrivateKey], owner: bytes, passphrase: str
) -> bytes:
    """The bytes of a new file; KeystoreMisuse when the passphrase is too short."""
    if len(unicodedata.normalize("NFC", passphrase)) < PASSPHRASE_MIN_CHARACTERS:
        raise KeystoreMisuse(
            f"the passphrase needs at least {PASSPHRASE_MIN_CHARACTERS} characters"
        )
    salt = os.urandom(_SALT_BYTES)
    cipher = _cipher(passphrase, salt, ITERATIONS)
    keys = {}
    for purpose, private in sorted(private_keys.items()):
        point = compressed_point(private)
        nonce = os.urandom(_NONCE_BYTES)
        encoded = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        sealed = cipher.encrypt(
            nonce, encoded, _associated(owner, salt, ITERATIONS, purpose, point)
        )
        keys[purpose] = SealedKey(nonce=nonce.hex(), public_key=point.hex(), sealed=sealed.hex())
    file = PageKeyFile(
        kdf=PageKdf(iterations=ITERATIONS), keys=keys, owner=owner.hex(), salt=salt.hex()
    )
    return (json.dumps(file.model_dump(), sort_keys=True, indent=1) + "\n").encode("ascii")


def read_page_key_file(content: bytes) -> PageKeyFile:
    """Parse a file; KeystoreCorrupt, or KeystoreUnsupported for a cost out of range."""
    if len(content) > KEYSTORE_LIMIT_BYTES:
        raise KeystoreCorrupt(f"the key file exceeds {KEYSTORE_LIMIT_BYTES} bytes")
    try:
        file = PageKeyFile.model_validate_json(content)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
        raise KeystoreCorrupt(f"key file fields are wrong: {places}; restore the file") from None
    if not ITERATIONS <= file.kdf.iterations <= ITERATIONS_LIMIT:
        raise KeystoreUnsupported(
            f"key file iterations must be {ITERATIONS} to {ITERATIONS_LIMIT}; make a new file"
        )
    return file


def open_page_keys(content: bytes, passphrase: str) -> Keystore:
    """The keys of a file; about 0.3 s by design.

    Raises KeystoreCannotOpen (passphrase or tampering), KeystoreCorrupt, KeystoreUnsupported.
    """
    file = read_page_key_file(content)
    owner, salt, iterations = (
        bytes.fromhex(file.owner),
        bytes.fromhex(file.salt),
        file.kdf.iterations,
    )
    cipher = _cipher(passphrase, salt, iterations)
    private_keys = {}
    for purpose, key in file.keys.items():
        point = bytes.fromhex(key.public_key)
        associated = _associated(owner, salt, iterations, purpose, point)
        try:
            encoded = cipher.decrypt(
                bytes.fromhex(key.nonce), bytes.fromhex(key.sealed), associated
            )
        except InvalidTag:
            raise KeystoreCannotOpen("wrong passphrase, or the key file was changed") from None
        private_keys[purpose] = _loaded(encoded, point)
    return Keystore(file.public(), private_keys)


def _loaded(encoded: bytes, point: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        private = load_der_private_key(encoded, None)
    except ValueError:
        private = None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or compressed_point(private) != point:
        raise KeystoreCorrupt("private and public keys differ; restore the key file")
    return private


def _cipher(passphrase: str, salt: bytes, iterations: int) -> AESGCM:
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", errors="surrogatepass")
    return AESGCM(PBKDF2HMAC(hashes.SHA256(), 32, salt, iterations).derive(secret))


def _associated(owner: bytes, salt: bytes, iterations: int, purpose: str, point: bytes) -> bytes:
    clear = {
        "format": FORMAT,
        "iterations": iterations,
        "owner": owner,
        "public_key": point,
        "purpose": purpose,
        "salt": salt,
    }
    return b"medquorum/v1/page-keys\0" + canonical.encode(clear)
