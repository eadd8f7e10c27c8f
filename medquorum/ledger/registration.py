"""How a patient enters the ledger: proof of holding the keys, commitment to the name (R-PRO4-5)."""

from __future__ import annotations

from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import Address, PublicKey, is_public_key
from medquorum.ledger.proposal import Core, Registration
from medquorum.ledger.signature import Signer, Verifier
from medquorum.ledger.signature import verify as verify_signature
from medquorum.ledger.types import NetworkId

NAME_SALT_BYTES: Final = 32


def patient_name_commitment(network: NetworkId, salt: bytes, name: str) -> bytes:
    """PAT NAME of a core: the salted commitment to the name (R-PRO5), 32 bytes.

    Raises CodecError for a salt of another length or a name without canonical form (R-CAN1).
    """
    if len(salt) != NAME_SALT_BYTES:
        raise CodecError(f"R-PRO5: the salt of a name has {NAME_SALT_BYTES} bytes")
    canonical.encode(name)
    return tagged(Kind.PATIENT_NAME, network, salt + name.encode())


def registration_payload(
    *, encryption_key: PublicKey, issuer: Address, patient_key: PublicKey
) -> bytes:
    """`enc({encryption_key, issuer, patient_key})` of R-PRO4, as a wallet shows and signs it."""
    return canonical.encode(
        {"encryption_key": encryption_key, "issuer": issuer, "patient_key": patient_key}
    )


def registration_proof(network: NetworkId, payload: bytes, sign: Signer) -> Registration:
    """The registration of a payload; `sign` is the patient's key's."""
    fields = canonical.decode(payload)
    proof = sign(tagged(Kind.REGISTRATION, network, payload))
    return Registration(PublicKey(fields["encryption_key"]), proof)


def verify_registration(core: Core, verify: Verifier = verify_signature) -> bool:
    """Whether the patient's key vouches for encryption key and issuer of this registration.

    For the network the core names. False as well for a core that registers nobody, or names an
    impossible encryption key or the patient's own (R-KEY4).
    """
    registration = core.registration
    if registration is None or registration.encryption_key == core.patient_key:
        return False
    if not is_public_key(registration.encryption_key):
        return False
    payload = registration_payload(
        encryption_key=registration.encryption_key,
        issuer=core.issuer,
        patient_key=core.patient_key,
    )
    digest = tagged(Kind.REGISTRATION, core.network, payload)
    return verify(core.patient_key, digest, registration.proof)
