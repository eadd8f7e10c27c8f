"""R-VOT1 to R-VER5: what a witness must hold for a verdict."""

from typing import Any

import pytest

from .builder import Ledger
from .judging import VALID, verdict_of
from .primitives import ZERO, address

APPROVE = {"doctor-0": "approve", "doctor-1": "approve", "doctor-2": "approve"}


def verdict_on_second(
    decisions: dict[str, Any],
    *,
    outcome: str = "accepted",
    kind: str = "xray",
    issuer: str = "radiologist",
    **core: Any,
) -> tuple[str, int, str]:
    """The verdict on a chain whose second block has these votes; doctor-0 attends."""
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    core = ledger.core(kind, issuer, 1, **core)
    ledger.append(core, issuer, decisions=decisions, outcome=outcome)
    ledger.close()
    return verdict_of(ledger)


def refused(rule: str) -> tuple[str, int, str]:
    """Refused at the second block."""
    return ("TAMPERED", 2, rule)


def test_a_vote_removed_below_the_majority_is_found() -> None:
    assert verdict_on_second(APPROVE) == VALID
    two_of_four = {"doctor-0": "approve", "doctor-1": "approve"}
    assert verdict_on_second(two_of_four) == refused("R-VER2")
    dissent = {**two_of_four, "doctor-2": "reject", "doctor-3": "abstain"}
    assert verdict_on_second(dissent) == refused("R-VER2")


@pytest.mark.parametrize(
    "attending",
    [
        None,
        {"role": "peer"},
        {"mode": "policy:xray-quality"},
        {"decision": "abstain"},
        {"decision": "reject"},
    ],
)
def test_nothing_is_approved_without_the_attending(attending: dict[str, Any] | None) -> None:
    """R-VER2, R-VER4: as attending, with mode human."""
    votes: dict[str, Any] = {f"doctor-{n}": "approve" for n in (1, 2, 3)}
    if attending is not None:
        votes["doctor-0"] = attending
    assert verdict_on_second(votes) == refused("R-VER2")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("policy:xray-quality", VALID), ("policy:other", refused("R-VER4"))],
)
def test_a_policy_votes_only_where_the_charter_names_it(
    mode: str, expected: tuple[str, int, str]
) -> None:
    """R-VER4: elsewhere the vote is invalid, needed or not."""
    votes = {"doctor-0": "approve", "doctor-1": "approve", "doctor-2": {"mode": mode}}
    assert verdict_on_second(votes) == expected
    assert verdict_on_second({**votes, "doctor-3": "approve"}) == expected


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"algorithm": "webauthn-es256"}, "R-VOT2"),
        ({"algorithm": "rsa"}, "R-CAN5"),
        ({"bundle": b"x"}, "R-VOT2"),
        ({"comment": b"short"}, "R-CAN5"),
        ({"decision": "maybe"}, "R-CAN5"),
        ({"grade": 2}, "R-VOT4"),
        ({"grade": 5}, "R-CAN5"),
        ({"mode": "machine"}, "R-VOT1"),
        ({"mode": "policy:"}, "R-VOT1"),
        ({"mode": "policy:" + "p" * 73}, "R-VER4"),
        ({"mode": "policy:" + "p" * 74}, "R-CAN5"),
        ({"bundle": bytes(4_096)}, "R-VOT2"),
        ({"bundle": bytes(4_097)}, "R-VOT1"),
        ({"proposal": ZERO}, "R-VOT1"),
        ({"signer": "doctor-1/consensus"}, "R-VOT1"),
        ({"signer": "doctor-2/clinical"}, "R-VOT1"),
        ({"malleate": True}, "R-SIG2"),
        ({"mode": "policy:xray-quality", "signer": "doctor-1/clinical"}, "R-VOT1"),
        ({"voter": address("hospital"), "signer": "hospital/clinical"}, "R-VOT3"),
        ({"voter": address("ai_entity"), "signer": "ai_entity/clinical"}, "R-VOT3"),
        ({"voter": ZERO}, "R-VOT3"),
        ({"more": 1}, "R-CAN5"),
    ],
)
def test_a_wrong_vote_is_refused_even_where_it_is_not_needed(
    changes: dict[str, Any], rule: str
) -> None:
    """R-ORD4: all votes of a witness are valid."""
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    core = ledger.core("xray", "radiologist", 1)
    votes = {**APPROVE, "doctor-3": "approve", "doctor-1": changes}
    ledger.append(core, "radiologist", decisions=votes)
    ledger.close()
    assert verdict_of(ledger) == refused(rule)


def test_grades_are_given_on_reports() -> None:
    """R-VOT4."""
    graded = {**APPROVE, "doctor-1": {"grade": 1}, "doctor-2": {"grade": 4}}
    assert verdict_on_second(graded, kind="report", issuer="doctor-1") == VALID


def test_one_vote_a_doctor_and_in_order() -> None:
    """R-VOT3, R-ORD6."""
    for order, rule in (((0, 0, 1, 2), "R-VOT3"), ((1, 0, 2), "R-ORD6")):
        ledger = Ledger()
        ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
        core = ledger.core("xray", "radiologist", 1)
        made = Ledger.append(ledger, core, "radiologist")
        votes = ledger.votes(made.header["proposal"], APPROVE)
        ledger.blocks.pop(), ledger.waiting.pop(), ledger.patients[1].pop()
        ledger.append(core, "radiologist", witness=[votes[at] for at in order])
        ledger.close()
        assert verdict_of(ledger) == refused(rule)


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ({"doctor-0": "reject"}, VALID),
        ({"doctor-0": "abstain"}, VALID),
        ({"doctor-1": "reject", "doctor-2": "abstain"}, VALID),
        ({"doctor-1": "reject"}, refused("R-VER3")),
        ({"doctor-0": {"decision": "reject", "role": "peer"}}, VALID),
        ({"doctor-1": {"decision": "reject", "role": "attending"}}, refused("R-VER3")),
        ({}, refused("R-VER3")),
        (APPROVE, refused("R-VER3")),
    ],
)
def test_a_rejection_needs_that_approval_became_impossible(
    votes: dict[str, str], expected: tuple[str, int, str]
) -> None:
    """R-VER3."""
    assert verdict_on_second(votes, outcome="rejected") == expected


def test_the_care_team_decides_on_test_results() -> None:
    """R-VER1: so far the patient's blocks name doctor-0 alone; then doctor-1 joins."""
    alone = {"doctor-0": "approve"}
    assert verdict_on_second(alone, kind="test_result", issuer="laboratory") == VALID
    outsiders = {"doctor-1": "reject", "doctor-2": "reject", "doctor-3": "reject"}
    dissent = verdict_on_second(
        outsiders, kind="test_result", issuer="laboratory", outcome="rejected"
    )
    assert dissent == refused("R-VER3")
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.append(ledger.core("report", "doctor-1", 1), "doctor-1")
    ledger.append(ledger.core("test_result", "laboratory", 1), "laboratory", decisions=alone)
    ledger.close()
    assert verdict_of(ledger) == ("TAMPERED", 3, "R-VER2")


def test_nobody_decides_for_the_care_team_of_nobody() -> None:
    """R-VER3: a patient who does not exist has no panel to lose a majority in."""
    found = verdict_on_second(
        {}, kind="test_result", issuer="laboratory", outcome="rejected", patient=9
    )
    assert found == refused("R-VER3")


def test_a_form_changes_the_attending_once_it_is_appended() -> None:
    """R-PRO6, R-VOT4."""
    by_one = {
        "doctor-0": {"role": "peer"},
        "doctor-1": {"role": "attending"},
        "doctor-2": "approve",
    }
    handing_over = {"doctor": address("doctor-1")}
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.append(ledger.core("medical_form", "hospital", 1, **handing_over), "hospital")
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist", decisions=by_one)
    ledger.close()
    assert verdict_of(ledger) == VALID
    too_early = verdict_on_second(by_one, kind="medical_form", issuer="hospital", **handing_over)
    assert too_early == refused("R-VER2")


@pytest.mark.parametrize("role", ["attending", "delegate"])
def test_another_doctors_claim_to_decide_counts_as_a_peers_vote(role: str) -> None:
    """R-VOT4: the chain before the block decides who is attending or delegate."""
    claimed = {"doctor-0": "approve", "doctor-1": {"role": role}, "doctor-2": "approve"}
    assert verdict_on_second(claimed) == VALID
    alone = {f"doctor-{n}": {"role": role} for n in (1, 2, 3)}
    assert verdict_on_second(alone) == refused("R-VER2")


@pytest.mark.parametrize(
    "said", [{"role": "peer"}, {"role": "delegate"}, {"mode": "policy:xray-quality"}]
)
def test_the_attending_approves_as_attending_and_human_or_refuses(said: dict[str, Any]) -> None:
    """R-VER3: voted otherwise than to approve as attending with mode human."""
    assert verdict_on_second({"doctor-0": said}, outcome="rejected") == VALID
