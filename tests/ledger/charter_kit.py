"""Small valid charters with real keys, derived from names: the same keys in every run."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.charter import Charter, Member, MemberKeys, MemberProofs, OrderingPolicy
from medquorum.ledger.keys import Address, Purpose, address_of, public_key
from medquorum.ledger.member import request_digest
from medquorum.ledger.signature import Signature, Signer, sign, signer
from medquorum.ledger.types import QuorumMode, Role
from medquorum.node.tls import issue_leaf_certificate

CREATED_AT_MS = 1_767_225_600_000
UNSIGNED = Signature(bytes(64))


@cache
def private_key(name: str, purpose: Purpose) -> ec.EllipticCurvePrivateKey:
    """The key of a member of this name for one purpose; for tests only."""
    scalar = int.from_bytes(hashlib.sha256(f"{name}/{purpose.value}".encode()).digest(), "big")
    return ec.derive_private_key(scalar >> 1 or 1, ec.SECP256R1())


def signer_of(name: str, purpose: Purpose) -> Signer:
    """The signing capability of a member of this name."""
    return signer(private_key(name, purpose))


def address_of_name(name: str) -> Address:
    """The address of a member of this name."""
    return address_of(public_key(private_key(name, Purpose.CLINICAL)))


@cache
def leaf(name: str) -> bytes:
    """The TLS leaf of a member of this name, DER; its serial number differs from run to run."""
    return issue_leaf_certificate(private_key(name, Purpose.TLS), address_of_name(name).hex())


@cache
def make_member(name: str, role: Role, port: int = 7600, with_policy: bool = False) -> Member:
    """A member with valid proofs."""
    policy = public_key(private_key(name, Purpose.POLICY)) if with_policy else None
    member = Member(
        name=name,
        role=role,
        endpoint=f"127.0.0.1:{port}",
        address=address_of_name(name),
        keys=MemberKeys(
            public_key(private_key(name, Purpose.CLINICAL)),
            public_key(private_key(name, Purpose.CONSENSUS)),
            public_key(private_key(name, Purpose.ENCRYPTION)),
            policy,
        ),
        tls_certificate=leaf(name),
        proofs=MemberProofs(UNSIGNED, UNSIGNED, UNSIGNED if with_policy else None),
    )
    return prove(member)


def prove(member: Member) -> Member:
    """The member with proofs by its own keys of what it says now (R-CHA5)."""
    digest = request_digest(member.statement())
    name = member.name
    policy = None
    if member.keys.policy is not None:
        policy = sign(private_key(name, Purpose.POLICY), digest)
    return replace(
        member,
        proofs=MemberProofs(
            sign(private_key(name, Purpose.CLINICAL), digest),
            sign(private_key(name, Purpose.CONSENSUS), digest),
            policy,
        ),
    )


@dataclass(frozen=True)
class Cast:
    """Who takes part; everybody's keys follow from the name."""

    doctors: tuple[str, ...] = ("Dr. Amara", "Dr. Bianchi", "Dr. Chen", "Dr. Diallo")
    others: tuple[tuple[str, Role], ...] = (
        ("Hospital St. Mary", Role.HOSPITAL),
        ("Laboratory North", Role.LABORATORY),
        ("Radiology Center", Role.RADIOLOGIST),
        ("AI entity Aurora", Role.AI_ENTITY),
    )

    def members(self) -> tuple[Member, ...]:
        """All members, ascending by address."""
        roles = [*((name, Role.DOCTOR) for name in self.doctors), *self.others]
        made = [make_member(name, role, 7600 + place) for place, (name, role) in enumerate(roles)]
        return by_address(made)


def by_address(members: Sequence[Member]) -> tuple[Member, ...]:
    """In the order R-CHA4 asks for."""
    return tuple(sorted(members, key=lambda member: member.address))


def make_charter(cast: Cast | None = None, mode: QuorumMode = QuorumMode.BYZANTINE) -> Charter:
    """A founding charter of the demonstration's cast, or of another."""
    return Charter(
        name="Kit network",
        created_at_ms=CREATED_AT_MS,
        ordering=OrderingPolicy(mode),
        members=(cast or Cast()).members(),
    )
