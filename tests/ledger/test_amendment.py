"""What an amendment makes of a charter."""

from dataclasses import replace

import pytest

from medquorum.ledger.amendment import verify_amendment
from medquorum.ledger.change import (
    Admit,
    Reinstate,
    Revoke,
    RotateKey,
    SetAbsenceRule,
    SetMode,
    SetPolicy,
    Suspend,
)
from medquorum.ledger.charter import AbsenceRule, Member, TypePolicy
from medquorum.ledger.charter_members import keys_of
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Purpose
from medquorum.ledger.types import BlockType, Panel, QuorumMode, Role
from medquorum.node.tls import issue_leaf_certificate
from tests.ledger.charter_kit import address_of_name, make_member, private_key
from tests.ledger.governance_kit import (
    DOCTORS,
    HOSPITAL,
    LABORATORY,
    amended,
    doctor,
    member_of,
    newcomer,
    proved,
    refusal,
    rekeyed,
    small_charter,
)

CHARTER = small_charter()
FIRST = member_of(CHARTER, DOCTORS[0])
SECOND = member_of(CHARTER, DOCTORS[1])
LAB = address_of_name(LABORATORY)
CARE_TEAM = TypePolicy(Panel.CARE_TEAM, strict=True)


def test_a_member_is_admitted() -> None:
    """R-GOV6, R-CHA8: one version on, in order of address; an admitted doctor gets a number."""
    after = amended(CHARTER, Admit(newcomer()))
    assert (after.version, after.network_id) == (1, CHARTER.network_id)
    assert {*after.members} - {*CHARTER.members} == {newcomer()}
    assert [one.address for one in after.doctors] == sorted(one.address for one in after.doctors)
    assert after.doctor_number(newcomer().address) is not None
    assert (after.quorum, after.electorate().epoch) == (4, 1)
    assert after.electorate().keys[after.doctor_number(newcomer().address) or 0] == (
        newcomer().keys.consensus
    )
    assert CHARTER.member(newcomer().address) is None


def test_who_leaves_never_comes_back() -> None:
    """R-GOV7: keys and TLS key are retired for ever; a doctor's patients go to the successor."""
    after = amended(CHARTER, Revoke(doctor(0), doctor(1)))
    assert after.member(doctor(0)) is None
    assert after.retired == frozenset(keys_of(FIRST).values())
    assert {"clinical", "consensus", "encryption", "tls"} == keys_of(FIRST).keys()
    assert after.responsible(doctor(0)) == doctor(1)
    assert after.quorum == 3
    assert "retired for ever" in refusal(after, Admit(FIRST))
    other = make_member("Dr. Other", Role.DOCTOR)
    for borrowed in (
        replace(other, keys=replace(other.keys, consensus=FIRST.keys.consensus)),
        replace(other, keys=replace(other.keys, encryption=FIRST.keys.clinical)),
        replace(other, tls_certificate=FIRST.tls_certificate),
    ):
        assert "retired for ever" in refusal(after, Admit(borrowed))


def test_who_is_suspended_keeps_place_and_keys() -> None:
    """R-GOV7, R-CHA8: no number, no key in the electorate; reinstated all is as before."""
    after = amended(CHARTER, Suspend(doctor(0), doctor(1)))
    assert after.member(doctor(0)) == FIRST
    assert not after.is_active(doctor(0))
    assert after.doctor_number(doctor(0)) is None
    assert doctor(0) not in after.doctor_addresses
    assert FIRST.keys.consensus not in after.electorate().keys
    assert (len(after.doctors), after.responsible(doctor(0))) == (4, doctor(1))
    again = amended(after, Reinstate(doctor(0)))
    assert again.is_active(doctor(0))
    assert again.responsible(doctor(0)) == doctor(0)
    assert (again.members, again.doctors) == (CHARTER.members, CHARTER.doctors)
    assert (again.version, again.electorate().epoch) == (2, 2)


def test_institutions_leave_and_are_suspended_without_a_successor() -> None:
    """R-GOV7: a successor is named exactly for doctors."""
    assert amended(CHARTER, Revoke(LAB)).member(LAB) is None
    assert not amended(CHARTER, Suspend(LAB)).is_active(LAB)
    for change in (Revoke(LAB, doctor(0)), Suspend(LAB, doctor(0))):
        assert refusal(CHARTER, change).endswith("is no doctor: name nobody in its place")


def test_places_are_taken_in_turn() -> None:
    """R-GOV9: over successors and stand-ins to an active doctor, and back when one returns."""
    first = amended(CHARTER, Revoke(doctor(0), doctor(1)))
    second = amended(first, Suspend(doctor(1), doctor(2)))
    third = amended(second, Suspend(doctor(2), doctor(3)))
    assert [third.responsible(doctor(n)) for n in range(4)] == [doctor(3)] * 4
    back = amended(third, Reinstate(doctor(1)))
    assert [back.responsible(doctor(n)) for n in range(4)] == [
        doctor(1), doctor(1), doctor(3), doctor(3),
    ]  # fmt: skip
    assert back.responsible(LAB) is None
    assert back.responsible(address_of_name("Nobody")) is None


def test_a_circle_made_by_hand_ends() -> None:
    """R-GOV9: a charter that no amendment made must not hang whoever asks it."""
    circle = replace(
        CHARTER,
        version=1,
        founding=CHARTER.network_id,
        suspended={doctor(0): doctor(1), doctor(1): doctor(0)},
    )
    assert circle.responsible(doctor(0)) is None


@pytest.mark.parametrize("purpose", [*Purpose])
def test_keys_are_exchanged_by_their_member(purpose: Purpose) -> None:
    """R-KEY2, R-GOV7: address and role stay, what is replaced is retired."""
    changed = rekeyed(FIRST, f"new {purpose}", purpose)
    after = amended(CHARTER, RotateKey(changed))
    assert after.member(doctor(0)) == changed
    replaced = {*keys_of(FIRST).values()} - {*keys_of(changed).values()}
    assert after.retired == replaced
    assert len(replaced) == (0 if purpose is Purpose.POLICY else 1)
    assert verify_amendment(Amendment(0, (RotateKey(changed),)))
    if purpose is not Purpose.POLICY:
        assert "retired for ever" in refusal(after, RotateKey(FIRST))


def test_a_leaf_is_renewed_with_its_key() -> None:
    """R-GOV7: another leaf of the same TLS key retires nothing; the same leaf is no change."""
    leaf = issue_leaf_certificate(private_key(DOCTORS[0], Purpose.TLS), "00")
    renewed = proved(replace(FIRST, tls_certificate=leaf), (DOCTORS[0],))
    after = amended(CHARTER, RotateKey(renewed))
    assert (after.member(doctor(0)), after.retired) == (renewed, frozenset())
    moved = proved(replace(FIRST, endpoint="10.0.0.1:7600"), (DOCTORS[0],))
    assert "keys and TLS leaf are as before" in refusal(CHARTER, RotateKey(moved))


def test_a_policy_key_may_go() -> None:
    """R-GOV7: it is retired like one that is replaced."""
    with_policy = rekeyed(FIRST, "policy", Purpose.POLICY)
    after = amended(CHARTER, RotateKey(with_policy))
    without = amended(after, RotateKey(FIRST))
    assert without.retired == {with_policy.keys.policy}


def test_as_many_doctors_go_at_once_as_a_quorum_can_spare() -> None:
    """R-GOV6: n - q, but one even where a quorum needs everybody."""
    two = tuple(Revoke(doctor(number), doctor(4)) for number in range(2))
    assert len(amended(CHARTER, *two).doctors) == 3
    pair = small_charter(2)
    assert pair.quorum == 2
    alone = amended(pair, Revoke(doctor(0), doctor(1)))
    assert [one.address for one in alone.doctors] == [doctor(1)]
    keys = amended(CHARTER, RotateKey(rekeyed(FIRST, "e", Purpose.ENCRYPTION)), *two[1:])
    assert len(keys.doctors) == 4


def test_rules_change_and_members_with_them() -> None:
    """R-GOV6: in one amendment, each counted by the charter before it."""
    rule = AbsenceRule(max_days=3, silence_hours=1)
    after = amended(
        CHARTER,
        SetMode(QuorumMode.BYZANTINE),
        SetPolicy(BlockType.CT, CARE_TEAM),
        SetAbsenceRule(rule),
        Admit(newcomer()),
        Suspend(doctor(0), doctor(1)),
    )
    assert (after.ordering.mode, after.quorum) == (QuorumMode.BYZANTINE, 4)
    assert replace(after.ordering, mode=QuorumMode.MAJORITY) == CHARTER.ordering
    assert after.policy(BlockType.CT) == CARE_TEAM
    assert after.policy(BlockType.PET) == CHARTER.policy(BlockType.PET)
    assert (after.absence, after.maturity) == (rule, CHARTER.maturity)
    assert (len(after.doctors), after.network_id) == (5, CHARTER.network_id)
    back = amended(after, SetMode(QuorumMode.MAJORITY))
    assert back.quorum == 3


def test_new_keys_are_proved() -> None:
    """R-CHA5, R-GOV7: an address or a name proves nothing."""
    forged = replace(newcomer(), proofs=FIRST.proofs)
    stolen = replace(rekeyed(FIRST, "k", Purpose.CONSENSUS), proofs=FIRST.proofs)
    for change in (Admit(newcomer()), Suspend(doctor(0), doctor(1))):
        assert verify_amendment(Amendment(0, (change,)))
    for entering in (Admit(forged), RotateKey(stolen)):
        assert not verify_amendment(Amendment(0, (Suspend(doctor(0), doctor(1)), entering)))


def test_a_charter_holds_no_more_than_it_may() -> None:
    """R-CHA4: 128 doctors, the suspended among them."""
    full = replace(
        CHARTER,
        members=tuple(
            sorted(
                (*CHARTER.members, *(_extra(number) for number in range(123))),
                key=lambda member: member.address,
            )
        ),
    )
    held = amended(full, Suspend(doctor(0), doctor(1)))
    assert "R-CHA4: 129 doctors" in refusal(held, Admit(newcomer()), issuer=doctor(1))
    freed = amended(held, Revoke(doctor(0), doctor(1)), Admit(newcomer()), issuer=doctor(1))
    assert len(freed.doctors) == 128


def _extra(number: int) -> Member:
    return replace(
        make_member(f"Dr. Extra {number}", Role.DOCTOR), tls_certificate=f"leaf {number}".encode()
    )


def test_hospitals_may_amend_what_is_not_theirs_alone() -> None:
    """R-GOV3, R-GOV7: everything but other members' keys."""
    hospital = address_of_name(HOSPITAL)
    amended(CHARTER, Admit(newcomer()), issuer=hospital)
    own = rekeyed(member_of(CHARTER, HOSPITAL), "h", Purpose.CLINICAL)
    assert amended(CHARTER, RotateKey(own), issuer=hospital).member(hospital) == own
    assert f"only {HOSPITAL} itself" in refusal(CHARTER, RotateKey(own))
