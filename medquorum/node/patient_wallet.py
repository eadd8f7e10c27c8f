"""A patient's own keys: one to vouch for a registration, one to read her records (R-PRO4, R-KEY4).

The wallet is a keystore with the purposes `patient` (Kp) and `encryption`. It is made on the
patient's device and stays there; an institution sees public keys, proof, name and salt.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from medquorum.ledger.keys import Address, PublicKey, address_of, address_text
from medquorum.ledger.registration import (
    NAME_SALT_BYTES,
    registration_payload,
    registration_proof,
)
from medquorum.ledger.signature import signer
from medquorum.ledger.types import PATIENT_PREFIX, NetworkId
from medquorum.node.desk import Registration
from medquorum.node.keystore import (
    KdfCost,
    Keystore,
    KeystoreMisuse,
    KeystorePublic,
    create_keystore,
    open_keystore,
    read_public,
)
from medquorum.node.keystore_file import KEYSTORE_LIMIT_BYTES
from medquorum.node.page_key_file import is_page_key_file, open_page_keys, read_page_key_file
from medquorum.node.private_files import PrivateFileError, read_private_file

PATIENT: Final = "patient"
ENCRYPTION: Final = "encryption"
_COST: Final = KdfCost()


def create_wallet(path: Path, passphrase: str, *, cost: KdfCost = _COST) -> KeystorePublic:
    """Make a patient's keys in a new file (mode 0600); errors as `create_keystore`."""
    return create_keystore(path, (PATIENT, ENCRYPTION), passphrase, address_of=_owner, cost=cost)


def open_wallet(path: Path, passphrase: str) -> Keystore:
    """A wallet of the command line or of the page; errors as `open_keystore`."""
    content = _page_file(path)
    return (
        open_keystore(path, passphrase) if content is None else open_page_keys(content, passphrase)
    )


def read_wallet_public(path: Path) -> KeystorePublic:
    """A wallet's public half, not authenticated; errors as `read_public`."""
    content = _page_file(path)
    return read_public(path) if content is None else read_page_key_file(content).public()


def _page_file(path: Path) -> bytes | None:
    """The bytes of a wallet made in the page, None of any other file."""
    if not path.exists():
        return None
    try:
        content = read_private_file(path, limit_bytes=KEYSTORE_LIMIT_BYTES)
    except PrivateFileError as error:
        raise KeystoreMisuse(str(error)) from error
    return content if is_page_key_file(content) else None


def _owner(points: Mapping[str, bytes]) -> Address:
    return address_of(PublicKey(points[PATIENT]))


def wallet_address(public: KeystorePublic) -> str:
    """The patient's address as text, `mqpat1…`; KeystoreMisuse for another keystore."""
    point = public.public_keys.get(PATIENT)
    if point is None:
        raise KeystoreMisuse("this is no patient's wallet; make one with: medquorum patient new")
    return address_text(address_of(PublicKey(bytes.fromhex(point))), PATIENT_PREFIX)


def make_registration(
    wallet: Keystore, network: NetworkId, issuer: Address, name: str
) -> Registration:
    """What an institution (`issuer`) needs to register this patient, and nothing more.

    The proof names the issuer, so no other can use it; the salt is fresh, so two registrations of
    one name have nothing in common.
    """
    keys = {purpose: bytes.fromhex(point) for purpose, point in wallet.public.public_keys.items()}
    if PATIENT not in keys or ENCRYPTION not in keys:
        raise KeystoreMisuse("this is no patient's wallet; make one with: medquorum patient new")
    payload = registration_payload(
        encryption_key=PublicKey(keys[ENCRYPTION]),
        issuer=issuer,
        patient_key=PublicKey(keys[PATIENT]),
    )
    proven = registration_proof(network, payload, signer(wallet.private_key(PATIENT)))
    return Registration(
        public_key=keys[PATIENT],
        encryption_key=keys[ENCRYPTION],
        proof=proven.proof,
        name_salt=os.urandom(NAME_SALT_BYTES),
        name=unicodedata.normalize("NFC", name.strip()),
    )
