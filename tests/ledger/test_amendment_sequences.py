"""Random histories of amendments: what holds of every charter they lead to."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.ledger import canonical
from medquorum.ledger.amendment import apply, explain
from medquorum.ledger.change import (
    Admit,
    Change,
    Reinstate,
    Revoke,
    RotateKey,
    SetMode,
    Suspend,
)
from medquorum.ledger.charter import Charter, Member
from medquorum.ledger.charter_members import keys_of
from medquorum.ledger.governance import Amendment, parse_act
from medquorum.ledger.keys import Address, Purpose, public_key
from medquorum.ledger.types import BlockType, QuorumMode, Role
from tests.ledger.charter_kit import private_key
from tests.ledger.governance_kit import new_leaf, newcomer, small_charter

FOUNDING = small_charter()
NEWCOMERS = ("Dr. New", "Dr. Newer", "Dr. Newest")
AMENDMENTS_TRIED = 25


def rotated(member: Member, label: str, purpose: Purpose) -> Member:
    """The member with one other key, or leaf, of a small store: some come up twice."""
    if purpose is Purpose.TLS:
        return replace(member, tls_certificate=new_leaf(label))
    keys = replace(member.keys, consensus=public_key(private_key(label, Purpose.CONSENSUS)))
    return replace(member, keys=keys)


def any_change(draw: random.Random, charter: Charter, issuer: Address) -> Change:
    """A change that is often, not always, possible after this charter."""
    member = draw.choice(charter.members)
    taker = draw.choice(charter.doctors).address if member.role is Role.DOCTOR else None
    match draw.choice("aarrsssiiikkm"):
        case "a":
            return Admit(newcomer(draw.choice(NEWCOMERS)))
        case "r":
            return Revoke(member.address, taker)
        case "s":
            return Suspend(member.address, taker)
        case "i":
            return Reinstate(draw.choice([*sorted(charter.suspended), member.address]))
        case "k":
            own = charter.member(issuer) or member
            label = f"store {draw.randrange(6)}"
            return RotateKey(rotated(own, label, draw.choice((Purpose.CONSENSUS, Purpose.TLS))))
        case _:
            return SetMode(draw.choice([*QuorumMode]))


def any_amendment(draw: random.Random, charter: Charter) -> tuple[Amendment, Address]:
    """One to three changes, and a doctor or hospital who issues them."""
    issuer = draw.choice(charter.members).address
    count = draw.choice((1, 1, 1, 2, 3))
    changes = tuple(any_change(draw, charter, issuer) for _ in range(count))
    return Amendment(charter.version, changes), issuer


def check_charter(charter: Charter) -> None:
    """What R-CHA4, R-CHA8, R-GOV6, R-GOV7 and R-GOV9 say of one charter, said naively."""
    addresses = [member.address for member in charter.members]
    assert addresses == sorted(set(addresses))
    keys = [key for member in charter.members for key in keys_of(member).values()]
    assert len(keys) == len(set(keys))
    assert charter.retired.isdisjoint(keys)
    active = [
        member.address
        for member in charter.members
        if member.role is Role.DOCTOR and member.address not in charter.suspended
    ]
    assert active
    assert [doctor.address for doctor in charter.doctors] == active
    assert 2 * charter.quorum > len(active) >= charter.quorum
    gone = {*charter.successors}
    assert gone.isdisjoint(addresses)
    for name in (*NEWCOMERS, *(member.name for member in FOUNDING.doctors)):
        address = newcomer(name).address
        known = address in gone or charter.member(address) is not None
        assert (charter.responsible(address) in active) == known


def check_step(before: Charter, after: Charter) -> None:
    """What R-GOV6 says of two charters, said naively."""
    assert (after.version, after.network_id) == (before.version + 1, FOUNDING.network_id)
    assert before.retired <= after.retired
    now = {doctor.address: doctor.keys.consensus for doctor in after.doctors}
    same = sum(now.get(doctor.address) == doctor.keys.consensus for doctor in before.doctors)
    assert same >= min(before.quorum, len(before.doctors) - 1)
    lost = {key for member in before.members for key in keys_of(member).values()} - {
        key for member in after.members for key in keys_of(member).values()
    }
    assert lost <= after.retired


def history(seed: int) -> list[Charter]:
    """The charters that random amendments lead to, each step checked."""
    draw, charters = random.Random(seed), [FOUNDING]
    for _ in range(AMENDMENTS_TRIED):
        amendment, issuer = any_amendment(draw, charters[-1])
        after = apply(charters[-1], amendment, issuer)
        assert isinstance(after, Charter) == (explain(charters[-1], amendment, issuer) is None)
        read = parse_act(
            BlockType.AMENDMENT, canonical.decode(canonical.encode(amendment.as_map()))
        )
        assert isinstance(read, Amendment)
        assert apply(charters[-1], read, issuer) == after
        if isinstance(after, Charter):
            check_step(charters[-1], after)
            check_charter(after)
            charters.append(after)
    return charters


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_every_history_of_amendments_keeps_the_rules(seed: int) -> None:
    """R-CHA4, R-GOV6, R-GOV7, R-GOV9: whoever applies them, from memory or from bytes."""
    history(seed)


def test_histories_are_worth_checking() -> None:
    """Enough random amendments apply, and all that can happen does."""
    charters = [charter for seed in range(12) for charter in history(seed)]
    assert len(charters) > 100
    assert any(charter.successors for charter in charters)
    assert any(len(charter.suspended) > 1 for charter in charters)
    assert any(charter.ordering.mode is QuorumMode.BYZANTINE for charter in charters)
    assert any(len(charter.doctors) == 1 for charter in charters)
    assert any(
        charter.responsible(left) not in (None, heir)
        for charter in charters
        for left, heir in charter.successors.items()
    )
