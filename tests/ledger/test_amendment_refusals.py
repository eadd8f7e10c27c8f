"""Each amendment that does not apply, and the words it is refused with."""

from dataclasses import replace

import pytest

from medquorum.ledger.amendment import apply, explain
from medquorum.ledger.change import (
    Admit,
    Change,
    Reinstate,
    Revoke,
    RotateKey,
    SetAbsenceRule,
    SetMode,
    SetPolicy,
    Suspend,
)
from medquorum.ledger.charter import MemberKeys
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Address, PublicKey, Purpose, public_key
from medquorum.ledger.reasons import Reason, Reject
from medquorum.ledger.types import BlockType, QuorumMode, Role
from tests.ledger.charter_kit import address_of_name, private_key
from tests.ledger.governance_kit import (
    DOCTORS,
    LABORATORY,
    amended,
    doctor,
    member_of,
    new_leaf,
    newcomer,
    refusal,
    rekeyed,
    small_charter,
)

CHARTER = small_charter()
FIRST = member_of(CHARTER, DOCTORS[0])
SECOND = member_of(CHARTER, DOCTORS[1])
LAB = address_of_name(LABORATORY)
STRANGER = address_of_name("Nobody")


def with_consensus(key: PublicKey) -> MemberKeys:
    """The newcomer's keys with another one for ordering."""
    return replace(newcomer().keys, consensus=key)


REFUSED: dict[str, tuple[str, tuple[Change, ...]]] = {
    "admit a member": ("has a member's address already", (Admit(FIRST),)),
    "admit twice": ("has a member's address already", (Admit(newcomer()), Admit(newcomer()))),
    "admit with a member's key": (
        f"is already a key of {DOCTORS[1]}",
        (Admit(replace(newcomer(), keys=with_consensus(SECOND.keys.clinical))),),
    ),
    "admit with a member's leaf": (
        f"is already a key of {DOCTORS[1]}",
        (Admit(replace(newcomer(), tls_certificate=SECOND.tls_certificate)),),
    ),
    "admit under another address": (
        "R-KEY2: the address",
        (Admit(replace(newcomer(), address=STRANGER)),),
    ),
    "admit with one key for two purposes": (
        "R-KEY4: Dr. New uses one key for two purposes",
        (Admit(replace(newcomer(), keys=with_consensus(newcomer().keys.clinical))),),
    ),
    "admit without a leaf's key": (
        "R-CHA4: the TLS certificate",
        (Admit(replace(newcomer(), tls_certificate=b"leaf")),),
    ),
    "admit and revoke the same key": (
        "retired for ever",
        (Revoke(doctor(0), doctor(1)), Admit(FIRST)),
    ),
    "revoke a stranger": ("who is no member", (Revoke(STRANGER, doctor(1)),)),
    "revoke twice": (
        "who is no member",
        (Revoke(doctor(0), doctor(1)), Revoke(doctor(0), doctor(1))),
    ),
    "suspend twice": (
        "is suspended already",
        (Suspend(doctor(0), doctor(1)), Suspend(doctor(0), doctor(2))),
    ),
    "reinstate who is active": ("is not suspended", (Reinstate(doctor(0)),)),
    "reinstate who has left": (
        "who is no member",
        (Revoke(doctor(0), doctor(1)), Reinstate(doctor(0))),
    ),
    "rotate by another": (
        f"only {DOCTORS[1]} itself",
        (RotateKey(rekeyed(SECOND, "forced", Purpose.CONSENSUS)),),
    ),
    "rotate to another role": (
        "a member keeps its role",
        (RotateKey(replace(rekeyed(FIRST, "r", Purpose.CONSENSUS), role=Role.HOSPITAL)),),
    ),
    "rotate to a member's key": (
        f"is already a key of {DOCTORS[1]}",
        (RotateKey(replace(FIRST, keys=replace(FIRST.keys, encryption=SECOND.keys.encryption))),),
    ),
    "rotate one's keys round": (
        f"is already a key of {DOCTORS[0]}",
        (
            RotateKey(
                replace(
                    FIRST,
                    keys=replace(
                        FIRST.keys,
                        consensus=FIRST.keys.encryption,
                        encryption=FIRST.keys.consensus,
                    ),
                )
            ),
        ),
    ),
    "rotate to one key for two purposes": (
        f"R-KEY4: {DOCTORS[0]} uses one key for two purposes",
        (
            RotateKey(
                replace(
                    FIRST,
                    tls_certificate=new_leaf("both"),
                    keys=replace(
                        FIRST.keys, consensus=public_key(private_key("both", Purpose.TLS))
                    ),
                )
            ),
        ),
    ),
    "rotate nothing": ("keys and TLS leaf are as before", (RotateKey(FIRST),)),
    "the same mode": ("says so already", (SetMode(QuorumMode.MAJORITY),)),
    "the same policy": (
        "says so already",
        (SetPolicy(BlockType.CT, CHARTER.policy(BlockType.CT)),),
    ),
    "the same absence rule": ("says so already", (SetAbsenceRule(CHARTER.absence),)),
    "too many doctors leave": (
        "R-GOV6: 3 doctors would leave",
        tuple(Revoke(doctor(number), doctor(4)) for number in range(3)),
    ),
    "too many doctors suspended": (
        "R-GOV6: 3 doctors would leave",
        tuple(Suspend(doctor(number), doctor(4)) for number in range(3)),
    ),
    "too many of both and keys": (
        "R-GOV6: 3 doctors would leave",
        (
            Suspend(doctor(1), doctor(4)),
            Revoke(doctor(2), doctor(4)),
            RotateKey(rekeyed(FIRST, "c", Purpose.CONSENSUS)),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "changes"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_apply_is_refused_in_words(words: str, changes: tuple[Change, ...]) -> None:
    """R-GOV6, R-GOV7: BAD_AMENDMENT, and the sentence names who and what to do."""
    assert words in refusal(CHARTER, *changes)


def test_one_amendment_of_a_version_applies() -> None:
    """R-GOV5: the second of two on one version is stale, and so is one that is ahead."""
    after = amended(CHARTER, Suspend(doctor(0), doctor(1)))
    for charter, base in ((after, 0), (CHARTER, 1)):
        late = Amendment(base, (SetMode(QuorumMode.BYZANTINE),))
        assert apply(charter, late, doctor(1)) == Reject(Reason.STALE_AMENDMENT)
        words = explain(charter, late, doctor(1))
        assert words is not None and f"of version {base}, the charter" in words
    assert explain(CHARTER, Amendment(0, (SetMode(QuorumMode.BYZANTINE),)), doctor(1)) is None


@pytest.mark.parametrize("make", [Revoke, Suspend])
@pytest.mark.parametrize(
    "taker",
    [None, doctor(0), LAB, STRANGER],
    ids=("none", "self", "lab", "nobody"),
)
def test_a_doctors_place_goes_to_another_active_doctor(
    make: type[Revoke | Suspend], taker: Address | None
) -> None:
    """R-GOV7: not to nobody, not to herself, not to an institution or a stranger."""
    words = refusal(CHARTER, make(doctor(0), taker))
    assert words.startswith("R-GOV7: name another active doctor")


def test_nobody_stands_in_who_is_suspended() -> None:
    """R-GOV7, R-GOV9: so that stand-ins never go round in a circle."""
    after = amended(CHARTER, Suspend(doctor(0), doctor(1)))
    assert "another active doctor" in refusal(after, Suspend(doctor(1), doctor(0)))
    assert "another active doctor" in refusal(after, Revoke(doctor(1), doctor(0)))
    circle = (Suspend(doctor(0), doctor(1)), Suspend(doctor(1), doctor(0)))
    assert "another active doctor" in refusal(CHARTER, *circle)


def test_the_last_active_doctor_stays() -> None:
    """R-GOV6: nobody could take the place, order or amend; not even behind a newcomer."""
    alone = amended(small_charter(2), Suspend(doctor(0), doctor(1)))
    for change in (Revoke(doctor(1), doctor(0)), Suspend(doctor(1), doctor(0))):
        assert "another active doctor" in refusal(alone, change)
    changed = amended(alone, Admit(newcomer()), Revoke(doctor(1), newcomer().address))
    assert [one.address for one in changed.doctors] == [newcomer().address]
    assert changed.responsible(doctor(0)) == newcomer().address
