"""What the members of a charter must be together: in order, bounded, every key once (R-CHA4).

Also who of them acts for whom: suspended and revoked doctors have somebody in their place
(R-GOV7, R-GOV9).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.errors import CharterError
from medquorum.ledger.keys import PARSED_KEYS, Address, PublicKey, compress
from medquorum.ledger.limits import DOCTORS, MEMBERS
from medquorum.ledger.member import Member, check_address
from medquorum.ledger.types import Role


def certificate_key(member: Member) -> PublicKey:
    """The P-256 key of a member's TLS leaf; CharterError when it has none (R-CHA4)."""
    try:
        public = _certified_key(member.tls_certificate)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise CharterError(
            f"R-CHA4: the TLS certificate of {member.name} is not DER; ask for a new request"
        ) from None
    if public is None:
        raise CharterError(f"R-CHA4: the TLS certificate of {member.name} holds no P-256 key")
    return public


@lru_cache(maxsize=PARSED_KEYS)
def _certified_key(certificate: bytes) -> PublicKey | None:
    public = x509.load_der_x509_certificate(certificate).public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != "secp256r1":
        return None
    return compress(public)


def keys_of(member: Member) -> dict[str, PublicKey]:
    """Every key of a member by the name of its purpose, that of its TLS leaf among them.

    A leaf without a key, which no proved member has (R-CHA4), adds none.
    """
    keys = member.named_keys()
    try:
        keys["tls"] = certificate_key(member)
    except CharterError:
        return keys
    return keys


def check_newcomer(member: Member) -> None:
    """CharterError unless its address is that of its key, and its keys are its own (R-KEY2)."""
    check_address(member)
    check_distinct_keys(member)


def check_distinct_keys(member: Member) -> None:
    """CharterError unless every purpose, the TLS leaf too, has a key of its own (R-KEY4)."""
    keys = [*member.named_keys().values(), certificate_key(member)]
    if len(set(keys)) != len(keys):
        raise CharterError(f"R-KEY4: {member.name} uses one key for two purposes; make new keys")


def check_members(members: tuple[Member, ...]) -> None:
    """CharterError unless the members ascend, are within limits and share no key (R-CHA4)."""
    if not 1 <= len(members) <= MEMBERS:
        raise CharterError(f"R-CHA4: a charter has 1 to {MEMBERS} members")
    addresses = [member.address for member in members]
    if addresses != sorted(set(addresses)):
        raise CharterError("R-CHA4: members ascend by address, each once")
    owners: dict[PublicKey, str] = {}
    for member in members:
        for purpose, key in member.named_keys().items():
            if key in owners:
                raise CharterError(
                    f"R-KEY4: the {purpose} key of {member.name} is already a key of "
                    f"{owners[key]}; make new keys"
                )
            owners[key] = member.name
    doctors = sum(member.role is Role.DOCTOR for member in members)
    if doctors > DOCTORS:
        raise CharterError(f"R-CHA4: {doctors} doctors, at most {DOCTORS}")
    if doctors == 0:
        raise CharterError("R-CHA4: a charter has at least one doctor; add one")


def check_absentees(
    members: Mapping[Address, Member],
    suspended: Mapping[Address, Address | None],
    successors: Mapping[Address, Address],
) -> None:
    """CharterError unless all suspended are members, and none with a successor is (R-GOV7)."""
    for address, stand_in in suspended.items():
        member = members.get(address)
        if member is None:
            raise CharterError("R-GOV7: only a member is suspended")
        if (stand_in is None) != (member.role is not Role.DOCTOR):
            raise CharterError("R-GOV7: a suspended doctor, and nobody else, has a stand-in")
    if successors.keys() & members.keys():
        raise CharterError("R-GOV7: who has a successor is a member no more")


def active_doctors(
    members: tuple[Member, ...], suspended: Mapping[Address, Address | None]
) -> tuple[Member, ...]:
    """The doctors who are not suspended, in order of address; CharterError for none (R-GOV6)."""
    doctors = tuple(
        member
        for member in members
        if member.role is Role.DOCTOR and member.address not in suspended
    )
    if not doctors:
        raise CharterError("R-GOV6: no active doctor is left; keep or reinstate one")
    return doctors


def in_charge(
    doctor: Address,
    active: frozenset[Address],
    suspended: Mapping[Address, Address | None],
    successors: Mapping[Address, Address],
) -> Address | None:
    """The active doctor in this doctor's place, herself if active; None where there is none.

    Nobody is asked twice: a charter that amendments made has no circle, one made by hand may.
    """
    asked: set[Address] = set()
    now: Address | None = doctor
    while now is not None and now not in active and now not in asked:
        asked.add(now)
        now = suspended[now] if now in suspended else successors.get(now)
    return now if now in active else None
