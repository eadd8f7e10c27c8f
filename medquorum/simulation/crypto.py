"""Keys, signatures and charters of simulated networks: deterministic, and quick by default.

Public keys are real points of P-256, because the ledger parses them (R-KEY1). A *fast* signature
is a keyed hash of 64 bytes that everybody could compute; nobody in a simulation does but through
the signer of his own key. *Real* signatures (R-SIG1 to R-SIG3) are drawn in a share of the runs.
A charter made here is valid by rules R-CHA1 to R-CHA4; its proofs and TLS leaves are placeholders,
and nothing in a simulation asks for them (R-CHA5 is checked where a charter file is opened).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.charter import Charter, Member, MemberKeys, MemberProofs, OrderingPolicy
from medquorum.ledger.charter_rules import TypePolicy, default_policies
from medquorum.ledger.keys import Address, PublicKey, Purpose, address_of, public_key
from medquorum.ledger.signature import Signature, Signer, Verifier, sign, verify
from medquorum.ledger.types import Panel, QuorumMode, Role

CREATED_AT_MS: Final = 1_767_225_600_000
"""When every simulated charter was made: 2026-01-01."""
START_MS: Final = CREATED_AT_MS + 86_400_000
"""Virtual time at the start of a run."""
REAL_SIGNATURES_KEPT: Final = 65_536
"""Verifications remembered in real mode: every node of a run checks the same ones."""
_PURPOSES: Final = tuple(Purpose)
_PATIENTS_FROM: Final = 1_000_000
"""Key indices of patients; members' keys lie below."""
_PLACEHOLDER: Final = Signature(bytes(64))


class Signatures(StrEnum):
    """Which signatures a run uses."""

    FAST = "fast"
    """Keyed hashes, about a microsecond each."""
    REAL = "real"
    """ECDSA P-256 as hospitals use it."""


@cache
def private_key(index: int) -> ec.EllipticCurvePrivateKey:
    """The key with the scalar index + 2; for simulations only."""
    return ec.derive_private_key(index + 2, ec.SECP256R1())


@cache
def simulated_key(index: int) -> PublicKey:
    """The public key of this index, always the same."""
    key = public_key(private_key(index))
    _INDICES[key] = index
    return key


_INDICES: dict[PublicKey, int] = {}


def member_key(member: int, purpose: Purpose) -> PublicKey:
    """The key of a member, by its place before sorting, for one purpose."""
    return simulated_key(member * len(_PURPOSES) + _PURPOSES.index(purpose))


def patient_key(patient: int, purpose: Purpose = Purpose.CLINICAL) -> PublicKey:
    """The clinical or encryption key of a simulated patient."""
    return simulated_key(_PATIENTS_FROM + patient * len(_PURPOSES) + _PURPOSES.index(purpose))


def fast_signer(public: PublicKey) -> Signer:
    """Signs for this key with 64 bytes that `fast_verify` accepts."""
    return lambda digest: Signature(hashlib.sha512(public + digest).digest())


def fast_verify(public: PublicKey, digest: bytes, signature: Signature) -> bool:
    """Whether `fast_signer(public)` made the signature of this digest."""
    return hashlib.sha512(public + digest).digest() == signature


@lru_cache(maxsize=REAL_SIGNATURES_KEPT)
def _real_verify(public: PublicKey, digest: bytes, signature: Signature) -> bool:
    return verify(public, digest, signature)


def _real_signer(public: PublicKey) -> Signer:
    private = private_key(_INDICES[public])
    return lambda digest: sign(private, digest)


@dataclass(frozen=True, slots=True)
class Cryptography:
    """The signing and verifying of one run."""

    signatures: Signatures

    def signer(self, public: PublicKey) -> Signer:
        """The signing capability of a simulated key."""
        if self.signatures is Signatures.FAST:
            return fast_signer(public)
        return _real_signer(public)

    @property
    def verify(self) -> Verifier:
        """What replicas verify with."""
        return fast_verify if self.signatures is Signatures.FAST else _real_verify


FAST: Final = Cryptography(Signatures.FAST)
REAL: Final = Cryptography(Signatures.REAL)


@dataclass(frozen=True, slots=True)
class CharterShape:
    """What distinguishes one simulated charter from another; times in ms."""

    doctors: int
    mode: QuorumMode = QuorumMode.BYZANTINE
    hospitals: int = 1
    laboratories: int = 1
    radiologists: int = 1
    ai_entities: int = 1
    panel: Panel = Panel.ALL_DOCTORS
    slot_timeout_ms: int = 1_000
    slot_timeout_max_ms: int = 20_000
    idle_status_ms: int = 10_000
    retransmit_ms: int = 2_500
    batch_blocks: int = 256

    @property
    def roles(self) -> tuple[Role, ...]:
        """The role of every member, doctors first, by place before sorting."""
        return (
            *(Role.DOCTOR,) * self.doctors,
            *(Role.HOSPITAL,) * self.hospitals,
            *(Role.LABORATORY,) * self.laboratories,
            *(Role.RADIOLOGIST,) * self.radiologists,
            *(Role.AI_ENTITY,) * self.ai_entities,
        )


@cache
def member_at(place: int, role: Role) -> Member:
    """The member of this place, with proofs nobody should verify."""
    clinical = member_key(place, Purpose.CLINICAL)
    return Member(
        name=f"{role.value} {place}",
        role=role,
        endpoint=f"member-{place}.example:7600",
        address=address_of(clinical),
        keys=MemberKeys(
            clinical,
            member_key(place, Purpose.CONSENSUS),
            member_key(place, Purpose.ENCRYPTION),
        ),
        tls_certificate=b"simulated leaf",
        proofs=MemberProofs(_PLACEHOLDER, _PLACEHOLDER),
    )


@lru_cache(maxsize=256)
def charter_for(shape: CharterShape) -> Charter:
    """The founding charter of this shape; the same object each time."""
    members = [member_at(place, role) for place, role in enumerate(shape.roles)]
    return Charter(
        name=f"Simulated network of {shape.doctors} doctors",
        created_at_ms=CREATED_AT_MS,
        ordering=OrderingPolicy(
            shape.mode,
            slot_timeout_ms=shape.slot_timeout_ms,
            slot_timeout_max_ms=shape.slot_timeout_max_ms,
            idle_status_ms=shape.idle_status_ms,
            retransmit_ms=shape.retransmit_ms,
            batch_blocks=shape.batch_blocks,
        ),
        members=tuple(sorted(members, key=lambda member: member.address)),
        policies={
            kind: TypePolicy(shape.panel, policy.strict, policy.auto_policies)
            for kind, policy in default_policies().items()
        },
    )


def addresses_of(charter: Charter, role: Role) -> tuple[Address, ...]:
    """The members of one role, ascending."""
    return tuple(member.address for member in charter.members if member.role is role)
