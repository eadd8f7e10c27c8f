"""New keys for old ones: a member's next keystore, beside the one in use (R-GOV7)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.keys import Purpose
from medquorum.node import tls
from medquorum.node.keystore import (
    TLS_PURPOSE,
    KdfCost,
    Keystore,
    KeystoreMisuse,
    KeystorePublic,
    compressed_point,
    told,
    write_new,
)

EARLIER_ENCRYPTION: Final = "encryption-"
"""Purposes of encryption keys that were renewed begin so; a number follows."""
PRODUCTION_COST: Final = KdfCost()


def renew_keystore(
    path: Path,
    old: Keystore,
    purposes: Sequence[str],
    passphrase: str,
    *,
    cost: KdfCost = PRODUCTION_COST,
) -> KeystorePublic:
    """Write the keys of `old` to a new file, with new keys for these purposes; same owner.

    The TLS leaf stays as it is unless its key is renewed. An encryption key that is renewed is
    kept as an earlier one, to open what was sealed for it. Errors as `create_keystore`.
    """
    missing = set(purposes) - set(old.purposes)
    if missing:
        raise KeystoreMisuse(f"this keystore holds no {sorted(missing)[0]!r} key to renew")
    private_keys = {purpose: old.private_key(purpose) for purpose in old.purposes}
    if Purpose.ENCRYPTION in purposes:
        earlier = sum(purpose.startswith(EARLIER_ENCRYPTION) for purpose in old.purposes)
        kept = f"{EARLIER_ENCRYPTION}{earlier + 1}"
        private_keys[kept] = private_keys[Purpose.ENCRYPTION]
    for purpose in purposes:
        private_keys[purpose] = ec.generate_private_key(ec.SECP256R1())
    owner, leaf = old.public.owner, old.public.certificate_der
    if TLS_PURPOSE in purposes:
        leaf = tls.issue_leaf_certificate(private_keys[TLS_PURPOSE], owner.hex())
    compressed = {purpose: compressed_point(key) for purpose, key in private_keys.items()}
    return write_new(path, Keystore(told(owner, compressed, leaf), private_keys), passphrase, cost)
