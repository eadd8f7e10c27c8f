"""Amendments of a small charter: newcomers, members with other keys, cores around acts."""

from dataclasses import replace
from functools import cache

from medquorum.ledger.amendment import apply, explain
from medquorum.ledger.change import Change
from medquorum.ledger.charter import Charter
from medquorum.ledger.governance import Act, Amendment
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address, Purpose, public_key
from medquorum.ledger.member import Member, MemberProofs, request_digest
from medquorum.ledger.proposal import Core, GovernanceIssue, governance_core
from medquorum.ledger.reasons import Reason, Reject
from medquorum.ledger.signature import sign
from medquorum.ledger.types import NetworkId, QuorumMode, RecordId, Role
from medquorum.node.tls import issue_leaf_certificate
from tests.ledger.charter_kit import (
    CREATED_AT_MS,
    UNSIGNED,
    Cast,
    address_of_name,
    make_charter,
    make_member,
    private_key,
)

DOCTORS = tuple(f"Dr. {number}" for number in range(5))
HOSPITAL = "Hospital St. Mary"
LABORATORY = "Laboratory North"
SIGNING = (Purpose.CLINICAL, Purpose.CONSENSUS, Purpose.POLICY)


@cache
def small_charter(doctors: int = 5, mode: QuorumMode = QuorumMode.MAJORITY) -> Charter:
    """A founding charter of the first n of DOCTORS and two institutions."""
    others = ((HOSPITAL, Role.HOSPITAL), (LABORATORY, Role.LABORATORY))
    return make_charter(Cast(DOCTORS[:doctors], others), mode)


def doctor(number: int) -> Address:
    """The address of one of DOCTORS; their numbers in ordering are other ones."""
    return address_of_name(DOCTORS[number])


def member_of(charter: Charter, name: str) -> Member:
    """The member of this name."""
    return next(member for member in charter.members if member.name == name)


@cache
def newcomer(name: str = "Dr. New", role: Role = Role.DOCTOR) -> Member:
    """A member no charter has yet, with proofs."""
    return make_member(name, role)


def rekeyed(member: Member, label: str, *purposes: Purpose) -> Member:
    """The member with other keys for these purposes, proved by the keys it then has.

    A label names the new keys; keys made earlier must have been given the same label's purposes.
    """
    keys = {purpose.value: public_key(private_key(label, purpose)) for purpose in purposes}
    tls = keys.pop(Purpose.TLS.value, None)
    leaf = member.tls_certificate if tls is None else new_leaf(label)
    new_keys = replace(member.keys, **keys)
    unproved = MemberProofs(UNSIGNED, UNSIGNED, UNSIGNED if new_keys.policy else None)
    changed = replace(member, keys=new_keys, tls_certificate=leaf, proofs=unproved)
    return proved(changed, (label, member.name))


def proved(member: Member, labels: tuple[str, ...]) -> Member:
    """The member with proofs by whichever of these labels' keys it names."""
    digest = request_digest(member.statement())
    proofs = {}
    for purpose, key in member.keys.by_purpose().items():
        if purpose in SIGNING:
            held = next(
                private_key(label, purpose)
                for label in labels
                if public_key(private_key(label, purpose)) == key
            )
            proofs[purpose.value] = sign(held, digest)
    return replace(member, proofs=MemberProofs(**proofs))


@cache
def new_leaf(label: str) -> bytes:
    """A TLS leaf with the key of a label."""
    return issue_leaf_certificate(private_key(label, Purpose.TLS), label.encode().hex()[:64])


def amended(charter: Charter, *changes: Change, issuer: Address | None = None) -> Charter:
    """The next version; AssertionError where the amendment does not apply."""
    result = apply(charter, Amendment(charter.version, changes), issuer or doctor(0))
    assert isinstance(result, Charter)
    return result


def refusal(charter: Charter, *changes: Change, issuer: Address | None = None) -> str:
    """In words why the amendment does not apply, after asserting that it is refused."""
    amendment = Amendment(charter.version, changes)
    assert apply(charter, amendment, issuer or doctor(0)) == Reject(Reason.BAD_AMENDMENT)
    words = explain(charter, amendment, issuer or doctor(0))
    assert words is not None
    return words


def core_of(act: Act, issuer: Address, network: NetworkId, record: bytes = ZERO) -> Core:
    """The core of a governance proposal of one day."""
    issued = CREATED_AT_MS + 86_400_000
    asked = GovernanceIssue(network, issuer, RecordId(record), issued, issued + 86_400_000)
    return governance_core(act, asked)
