"""The keystore's container: public part in clear, private part under Argon2id + AES-256-GCM.

PKCS#8 encryption as the library writes it is PBKDF2 with 2,048 rounds, about a millisecond per
guess; hence a container of our own (RFC 9106 Argon2id, 64 MiB, 3 passes). The additional data
of the seal is every clear field, so owner, purposes, public keys, certificate and the cost of
the key derivation cannot be changed without the passphrase. A file has exactly one encoding:
it is parsed, encoded again and compared, so no byte of it is free.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import BaseModel, ConfigDict, Field, ValidationError

KEYSTORE_LIMIT_BYTES: Final = 65_536
"""Sixteen keys and one certificate take less than 8 KiB."""

KEYS_LIMIT: Final = 16
KEY_LENGTH_BYTES: Final = 32
NONCE_LENGTH_BYTES: Final = 12
SALT_LENGTH_BYTES: Final = 16


class KeystoreError(Exception):
    """Root of the keystore's errors: Corrupt, Unsupported, CannotOpen, Misuse below it."""


class KeystoreCorrupt(KeystoreError):
    """The file is not a keystore in its one encoding, or its public and private parts differ."""


class KeystoreUnsupported(KeystoreError):
    """Version, cipher or key-derivation cost is one this program refuses to handle."""


class KeystoreCannotOpen(KeystoreError):
    """Wrong passphrase, or the file was changed: the seal cannot tell the two apart."""


class KeystoreMisuse(KeystoreError):
    """The caller asked for a purpose that is absent, or gave an unusable passphrase."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class KdfCost(_Frozen):
    """Cost of one passphrase guess (RFC 9106 parameters)."""

    name: Literal["argon2id"] = "argon2id"
    memory_kib: int = 65_536
    iterations: int = 3
    lanes: int = 1


class KdfLimits(_Frozen):
    """Costs accepted at opening: too little is a weak file, too much is a denial of service."""

    memory_kib: tuple[int, int] = (19_456, 262_144)
    iterations: tuple[int, int] = (2, 10)
    lanes: tuple[int, int] = (1, 4)

    def check(self, cost: KdfCost) -> None:
        """Raise KeystoreUnsupported unless every parameter of `cost` lies in its range."""
        for field in ("memory_kib", "iterations", "lanes"):
            low, high = getattr(self, field)
            if not low <= getattr(cost, field) <= high:
                raise KeystoreUnsupported(
                    f"keystore {field} must be {low} to {high}; refuse this file or make a new one"
                )


HexBytes = Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$", max_length=KEYSTORE_LIMIT_BYTES)]
Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class KeystoreHeader(_Frozen):
    """Everything readable without the passphrase; it is the seal's additional data."""

    v: int
    owner: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    aead: str
    kdf: KdfCost
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    public_keys: Annotated[
        dict[Purpose, Annotated[str, Field(pattern=r"^0[23][0-9a-f]{64}$")]],
        Field(min_length=1, max_length=KEYS_LIMIT),
    ]
    certificates: Annotated[dict[Purpose, HexBytes], Field(max_length=KEYS_LIMIT)]


class KeystoreContainer(KeystoreHeader):
    """The whole file."""

    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
    ciphertext: HexBytes

    def header(self) -> KeystoreHeader:
        """Return the clear part alone."""
        return KeystoreHeader(**self.model_dump(exclude={"nonce", "ciphertext"}))


VERSION: Final = 1
AEAD_NAME: Final = "AES-256-GCM"


def encode_container(container: KeystoreContainer) -> bytes:
    """Return the file's one encoding: sorted keys, one space of indent, final newline."""
    return (json.dumps(container.model_dump(), sort_keys=True, indent=1) + "\n").encode("ascii")


def decode_container(content: bytes) -> KeystoreContainer:
    """Parse a keystore file strictly.

    Raises KeystoreUnsupported for another version or cipher, KeystoreCorrupt for the rest.
    """
    if len(content) > KEYSTORE_LIMIT_BYTES:
        raise KeystoreCorrupt(f"keystore exceeds {KEYSTORE_LIMIT_BYTES} bytes")
    try:
        fields = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise KeystoreCorrupt("not a keystore file (no valid JSON); restore it") from error
    if isinstance(fields, dict) and fields.get("v") != VERSION:
        raise KeystoreUnsupported("unknown keystore version; use the program that wrote it")
    try:
        container = KeystoreContainer.model_validate(fields)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        raise KeystoreCorrupt(f"keystore fields are wrong: {places}; restore the file") from None
    if container.aead != AEAD_NAME:
        raise KeystoreUnsupported("unknown keystore cipher; use the program that wrote it")
    if encode_container(container) != content:
        raise KeystoreCorrupt("keystore is not in its exact encoding; restore the file")
    return container


def seal_scalars(
    header: KeystoreHeader, scalars: Mapping[str, bytes], passphrase: bytes, nonce: bytes
) -> KeystoreContainer:
    """Encrypt the private scalars (32 bytes each, by purpose) under the passphrase."""
    payload = json.dumps({p: s.hex() for p, s in scalars.items()}, sort_keys=True).encode("ascii")
    sealed = _cipher(header, passphrase).encrypt(nonce, payload, _additional_bytes(header))
    return KeystoreContainer(**header.model_dump(), nonce=nonce.hex(), ciphertext=sealed.hex())


def open_scalars(container: KeystoreContainer, passphrase: bytes) -> dict[str, bytes]:
    """Decrypt the private scalars; KeystoreCannotOpen when passphrase or file is wrong."""
    header = container.header()
    try:
        payload = _cipher(header, passphrase).decrypt(
            bytes.fromhex(container.nonce),
            bytes.fromhex(container.ciphertext),
            _additional_bytes(header),
        )
    except InvalidTag:
        raise KeystoreCannotOpen("wrong passphrase, or the keystore was changed") from None
    return {purpose: bytes.fromhex(scalar) for purpose, scalar in json.loads(payload).items()}


def _cipher(header: KeystoreHeader, passphrase: bytes) -> AESGCM:
    kdf = Argon2id(
        salt=bytes.fromhex(header.salt),
        length=KEY_LENGTH_BYTES,
        iterations=header.kdf.iterations,
        lanes=header.kdf.lanes,
        memory_cost=header.kdf.memory_kib,
    )
    return AESGCM(kdf.derive(passphrase))


def _additional_bytes(header: KeystoreHeader) -> bytes:
    clear_fields = json.dumps(header.model_dump(), sort_keys=True, separators=(",", ":"))
    return b"medquorum/v1/keystore\0" + clear_fields.encode("ascii")
