"""R-GOV6, R-GOV7, R-GOV9: what an amendment makes of a charter, change by change."""

from typing import Any

import pytest

from scripts.independent.amendments import amended
from scripts.independent.canonical import Fault
from scripts.independent.changes import read_change
from scripts.independent.charter import Charter, read_charter

from .governing import majority_charter, rotated
from .judging import CHARTER, SIGNATURES
from .primitives import DOCTORS, address, certificate, charter_file, enc, high_s, member, public

MAJORITY = read_charter(charter_file(majority_charter()), SIGNATURES)
POLICY = {"auto_policies": [], "panel": "care_team", "strict": False}


def after(*changes: dict[str, Any], charter: Charter = MAJORITY, by: str = "doctor-0") -> Charter:
    """The charter that changes make, issued by a member."""
    read = tuple(map(read_change, changes))
    return amended(charter, charter.version, read, address(by), SIGNATURES)


def rule_of(*changes: dict[str, Any], charter: Charter = MAJORITY, by: str = "doctor-0") -> str:
    """The rule by which changes are refused."""
    with pytest.raises(Fault) as refusal:
        after(*changes, charter=charter, by=by)
    return refusal.value.rule


def admit(label: str, **changes: Any) -> dict[str, Any]:
    return {"kind": "admit", "member": {**member(label), **changes}}


def revoke(label: str, successor: str | None = None) -> dict[str, Any]:
    heir = successor and address(successor)
    return {"kind": "revoke", "member": address(label), "successor": heir}


def suspend(label: str, stand_in: str | None = None) -> dict[str, Any]:
    heir = stand_in and address(stand_in)
    return {"kind": "suspend", "member": address(label), "stand_in": heir}


def reinstate(label: str) -> dict[str, Any]:
    return {"kind": "reinstate", "member": address(label)}


def rotate(label: str, *purposes: str, **changes: Any) -> dict[str, Any]:
    return {"kind": "rotate_key", "member": rotated(label, *purposes, **changes)}


def mode(name: str) -> dict[str, Any]:
    return {"kind": "set_mode", "mode": name}


def policy(name: str = "xray", **changes: Any) -> dict[str, Any]:
    return {"kind": "set_policy", "policy": {**POLICY, **changes}, "type": name}


def silence(days: int, hours: int) -> dict[str, Any]:
    return {"kind": "set_absence_rule", "max_days": days, "silence_hours": hours}


def seats(charter: Charter) -> list[bytes]:
    return [doctor.address for doctor in charter.doctors]


def test_a_doctor_comes_and_takes_a_seat_by_address() -> None:
    made = after(admit("doctor-4"))
    assert seats(made) == sorted(address(name) for name in (*DOCTORS, "doctor-4"))
    assert (made.version, made.quorum) == (1, 3)
    assert made.network == MAJORITY.network
    assert after(admit("doctor-4"), mode("byzantine")).quorum == 4


def test_who_goes_leaves_her_patients_to_a_successor() -> None:
    made = after(revoke("doctor-0", "doctor-1"))
    assert made.doctor(address("doctor-0")) is None
    assert made.responsible(address("doctor-0")) == address("doctor-1")
    assert set(MAJORITY.members[address("doctor-0")].keys().values()) == made.retired
    twice = after(revoke("doctor-1", "doctor-2"), charter=made)
    assert twice.responsible(address("doctor-0")) == address("doctor-2")
    assert made.responsible(address("doctor-3")) == address("doctor-3")


def test_who_is_suspended_keeps_place_and_keys() -> None:
    made = after(suspend("doctor-0", "doctor-1"))
    assert address("doctor-0") in made.members
    assert seats(made) == [address(name) for name in DOCTORS if name != "doctor-0"]
    assert made.active(address("doctor-0")) is None
    assert made.responsible(address("doctor-0")) == address("doctor-1")
    onward = after(suspend("doctor-1", "doctor-2"), charter=made)
    assert onward.responsible(address("doctor-0")) == address("doctor-2")
    back = after(reinstate("doctor-0"), charter=onward)
    assert back.responsible(address("doctor-0")) == address("doctor-0")
    assert back.responsible(address("doctor-1")) == address("doctor-2")
    assert not made.retired


def test_a_suspended_doctor_who_goes_has_the_successor() -> None:
    made = after(suspend("doctor-0", "doctor-1"))
    gone = after(revoke("doctor-0", "doctor-2"), charter=made)
    assert gone.responsible(address("doctor-0")) == address("doctor-2")
    assert gone.suspended == {}


def test_other_keys_retire_the_old_ones() -> None:
    made = after(rotate("doctor-0", "consensus", "tls"))
    old, new = (one.members[address("doctor-0")].keys() for one in (MAJORITY, made))
    assert made.retired == {old["consensus"], old["tls"]}
    assert new["clinical"] == old["clinical"]
    assert rule_of(rotate("doctor-0", "policy"), charter=made) == "R-GOV7"
    without = rotate("hospital", "clinical")
    assert after(without, by="hospital").members[address("hospital")].clinical != public(
        "hospital/clinical"
    )


def test_changes_are_taken_in_order() -> None:
    order = (admit("doctor-4"), revoke("doctor-0", "doctor-4"))
    assert after(*order).responsible(address("doctor-0")) == address("doctor-4")
    assert rule_of(*reversed(order)) == "R-GOV7"
    assert after(suspend("laboratory"), reinstate("laboratory")).suspended == {}


def test_settings_change() -> None:
    assert after(mode("byzantine")).quorum == 3
    assert after(policy("xray")).policies["xray"].panel == "care_team"
    assert after(silence(1, 2)).absence.max_days == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ([admit("doctor-1")], "R-GOV7"),
        ([admit("doctor-4", address=address("doctor-5"))], "R-KEY2"),
        ([admit("doctor-4", tls_certificate=certificate("x", "doctor-4/policy"))], "R-KEY4"),
        ([admit("doctor-4", tls_certificate=certificate("x", "doctor-1/tls"))], "R-GOV7"),
        ([admit("doctor-4", tls_certificate=b"no key")], "R-CHA4"),
        ([admit("doctor-4", tls_certificate=b"")], "R-CHA4"),
        ([admit("doctor-4", name="")], "R-CHA4"),
        ([admit("doctor-4", endpoint="nowhere")], "R-CHA4"),
        ([admit("doctor-4", name="another")], "R-CHA5"),
        ([admit("doctor-4", more=1)], "R-CAN5"),
        ([{"kind": "admit", "member": rotated("doctor-4", "clinical")}], "R-KEY2"),
        ([admit("doctor-4"), admit("doctor-4")], "R-GOV7"),
        ([revoke("doctor-0")], "R-GOV7"),
        ([revoke("doctor-0", "doctor-0")], "R-GOV7"),
        ([revoke("doctor-0", "hospital")], "R-GOV7"),
        ([revoke("laboratory", "doctor-0")], "R-GOV7"),
        ([revoke("doctor-9", "doctor-0")], "R-GOV7"),
        ([suspend("doctor-0")], "R-GOV7"),
        ([suspend("doctor-0", "doctor-0")], "R-GOV7"),
        ([suspend("laboratory"), suspend("laboratory")], "R-GOV7"),
        ([suspend("doctor-0", "doctor-1"), revoke("doctor-1", "doctor-0")], "R-GOV7"),
        ([reinstate("doctor-0")], "R-GOV7"),
        ([rotate("doctor-1", "clinical")], "R-GOV7"),
        ([rotate("doctor-0")], "R-GOV7"),
        ([rotate("doctor-0", name="another name only")], "R-GOV7"),
        ([rotate("doctor-0", "clinical", role="hospital")], "R-GOV7"),
        ([mode("majority")], "R-GOV7"),
        ([mode("anarchy")], "R-CAN5"),
        ([policy("consent")], "R-CAN5"),
        ([policy("attending")], "R-CAN5"),
        ([policy(auto_policies=["b", "a"])], "R-CHA3"),
        ([policy(), policy()], "R-GOV7"),
        ([silence(30, 72)], "R-GOV7"),
        ([silence(3_661, 1)], "R-CAN5"),
        ([silence(1, 87_841)], "R-CAN5"),
        ([{"kind": "set_name", "name": "x"}], "R-GOV6"),
        ([{"mode": "byzantine"}], "R-GOV6"),
        ([{**mode("byzantine"), "more": 1}], "R-CAN5"),
    ],
)
def test_what_does_not_apply_is_refused(changes: list[dict[str, Any]], rule: str) -> None:
    assert rule_of(*changes) == rule


def test_a_key_is_retired_for_ever() -> None:
    gone = after(revoke("laboratory"))
    assert rule_of(admit("laboratory"), charter=gone) == "R-GOV7"
    reused = rotated("doctor-0", "consensus")
    shared = certificate("x", "laboratory/encryption")
    proved = rotated("doctor-0", "consensus", tls_certificate=shared)
    assert rule_of({"kind": "rotate_key", "member": proved}, charter=gone) == "R-GOV7"
    assert after({"kind": "rotate_key", "member": reused}, charter=gone).version == 2


def test_a_key_does_not_change_its_purpose() -> None:
    """R-KEY4, R-GOV7: a member's own key is no new one either."""
    keys = {**member("hospital")["keys"], "encryption": public("hospital/consensus")}
    keys["consensus"] = public("hospital/consensus/2")
    moved = rotated("hospital", "consensus", keys=keys)
    assert rule_of({"kind": "rotate_key", "member": moved}, by="hospital") == "R-GOV7"


def test_every_new_key_is_proved() -> None:
    """R-CHA5."""
    right = rotated("doctor-0", "clinical", "consensus", "policy")
    after({"kind": "rotate_key", "member": right})
    for name in ("clinical", "consensus", "policy"):
        proofs = {**right["proofs"], name: high_s(right["proofs"][name])}
        wrong = {"kind": "rotate_key", "member": {**right, "proofs": proofs}}
        assert rule_of(wrong) == "R-SIG2"
        proofs = {**right["proofs"], name: member("doctor-0")["proofs"][name]}
        wrong = {"kind": "rotate_key", "member": {**right, "proofs": proofs}}
        assert rule_of(wrong) == "R-CHA5"


def test_only_so_many_of_those_who_order_are_exchanged_at_once() -> None:
    """R-GOV6: four doctors, quorum 3: one; of seven in byzantine mode, quorum 5: two."""
    both = (suspend("doctor-0", "doctor-2"), revoke("doctor-1", "doctor-2"))
    assert rule_of(*both) == "R-GOV6"
    assert rule_of(rotate("doctor-0", "consensus"), suspend("doctor-1", "doctor-2")) == "R-GOV6"
    assert after(rotate("doctor-0", "clinical"), suspend("doctor-1", "doctor-2")).version == 1
    more = after(*(admit(f"doctor-{n}") for n in (4, 5, 6)), charter=CHARTER)
    assert (more.quorum, len(more.doctors)) == (5, 7)
    assert after(*both, charter=more).version == 2
    assert rule_of(*both, suspend("doctor-3", "doctor-2"), charter=more) == "R-GOV6"


def test_one_doctor_always_acts() -> None:
    """R-GOV6, R-GOV7: nobody is left to take over from the last."""
    alone = after(revoke("doctor-0", "doctor-1"))
    alone = after(revoke("doctor-1", "doctor-2"), charter=alone)
    alone = after(suspend("doctor-2", "doctor-3"), charter=alone)
    assert seats(alone) == [address("doctor-3")]
    assert alone.responsible(address("doctor-0")) == address("doctor-3")
    assert rule_of(suspend("doctor-3", "doctor-2"), charter=alone) == "R-GOV7"
    back = (reinstate("doctor-2"), suspend("doctor-3", "doctor-2"))
    assert seats(after(*back, charter=alone)) == [address("doctor-2")]


def test_an_amendment_is_of_the_version_it_changes() -> None:
    """R-GOV5."""
    changes = (read_change(mode("byzantine")),)
    for version in (1, 2):
        with pytest.raises(Fault) as refusal:
            amended(MAJORITY, version, changes, address("doctor-0"), SIGNATURES)
        assert refusal.value.rule == "R-GOV5"


@pytest.mark.parametrize(
    "wrong", [None, [], enc(mode("byzantine")), {"kind": 1}, {"kind": "admit"}]
)
def test_a_change_is_no_value_of_another_form(wrong: Any) -> None:
    """R-CAN5."""
    with pytest.raises(Fault):
        read_change(wrong)
