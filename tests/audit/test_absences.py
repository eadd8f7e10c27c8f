"""R-GOV1 to R-GOV5, R-ORD15, R-VER3: absences, and what every governance block has in common."""

from typing import Any

import pytest

from .governing import PEERS, Governed, absence, entry, founded, peers
from .judging import VALID, verdict_of
from .primitives import DAY_MS, START_MS, ZERO, address

APPROVES = peers(d1="a")
AS_DELEGATE = {"decision": "approve", "role": "delegate"}


def tampered(height: int, rule: str) -> tuple[str, int, str]:
    """What the verdict should be."""
    return ("TAMPERED", height, rule)


def away(delegate: str = "doctor-1") -> Governed:
    """Doctor-0, who attends patient 1, is away for a week and has named a delegate."""
    ledger = founded()
    act = absence(delegate=delegate)
    ledger.govern("absence", "doctor-0", act, peers(**{f"d{delegate[-1]}": "a"}))
    ledger.close()
    ledger.absences = [entry(delegate=address(delegate))]
    return ledger


def film(ledger: Governed, decisions: dict[str, Any], **changes: Any) -> tuple[str, int, str]:
    """The verdict after one more image of patient 1, decided so."""
    outcome = changes.pop("outcome", "accepted")
    core = ledger.core("xray", "radiologist", 1, **changes)
    ledger.append(core, "radiologist", decisions=decisions, outcome=outcome)
    ledger.close()
    return verdict_of(ledger)


def test_a_delegate_speaks_for_the_attending_from_the_next_batch_on() -> None:
    votes = {"doctor-1": AS_DELEGATE, "doctor-2": "approve", "doctor-3": "approve"}
    assert film(away(), votes) == VALID
    assert film(away(), {**votes, "doctor-0": {"decision": "reject"}}) == VALID
    as_peer = {**votes, "doctor-1": {"decision": "approve", "role": "peer"}}
    assert film(away(), as_peer) == tampered(3, "R-VER2")
    automatic = {**AS_DELEGATE, "mode": "policy:xray-quality"}
    assert film(away(), {**votes, "doctor-1": automatic}) == tampered(3, "R-VER2")
    assert film(away("doctor-2"), votes) == tampered(3, "R-VER2")
    ledger = founded()
    ledger.govern("absence", "doctor-0", absence(), APPROVES)
    assert film(ledger, votes) == tampered(3, "R-VER2")


def test_the_attending_may_still_decide_and_both_must_refuse_to_reject() -> None:
    """R-VER3."""
    own = {"doctor-0": "approve", "doctor-2": "approve", "doctor-3": "approve"}
    assert film(away(), own) == VALID
    refused = {"doctor-0": {"decision": "reject"}}
    assert film(away(), refused, outcome="rejected") == tampered(3, "R-VER3")
    both = {**refused, "doctor-1": {"decision": "approve", "role": "peer"}}
    assert film(away(), both, outcome="rejected") == VALID


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "expected"),
    [
        (2_999, 3_000, VALID),
        (3_000, 3_001, VALID),
        (0, 2_999, tampered(3, "R-VER2")),
        (3_001, 9_000, tampered(3, "R-VER2")),
    ],
)
def test_an_absence_has_a_beginning_and_an_end(
    from_ms: int, to_ms: int, expected: tuple[str, int, str]
) -> None:
    """R-ORD15: both are in it; the batch it serves in is that of three seconds."""
    votes = {"doctor-1": AS_DELEGATE, "doctor-2": "approve", "doctor-3": "approve"}
    ledger = founded()
    times: dict[str, Any] = {"from_ms": START_MS + from_ms, "to_ms": START_MS + to_ms}
    ledger.govern("absence", "doctor-0", absence(**times), APPROVES)
    ledger.close()
    ledger.absences = [entry(**times)]
    assert film(ledger, votes) == expected


def test_the_registry_is_that_which_the_parent_left() -> None:
    """R-ORD15: declared, over, and gone after its end."""
    ledger = away()
    ledger.absences = []
    ledger.close()
    assert verdict_of(ledger) == tampered(3, "R-ORD15")
    ledger = founded()
    times: dict[str, Any] = {"from_ms": START_MS, "to_ms": START_MS + 3_000}
    ledger.govern("absence", "doctor-0", absence(**times), APPROVES)
    ledger.close()
    ledger.absences = [entry(**times)]
    ledger.close()
    ledger.close()
    assert verdict_of(ledger) == VALID
    ledger.absences = []
    ledger.close()
    assert verdict_of(ledger) == VALID


def test_a_tail_ages_the_registry_and_the_next_epoch_does_not_know() -> None:
    """R-GOV8, R-ORD15: an absence that ends within the tail; the epoch starts before it."""
    change = {"kind": "set_absence_rule", "max_days": 9, "silence_hours": 1}
    for in_tail, after, expected in (
        ([], [True], VALID),
        ([True], [True], tampered(3, "R-ORD15")),
        ([], [], tampered(3, "R-ORD15")),
    ):
        ledger = founded()
        times: dict[str, Any] = {"from_ms": START_MS, "to_ms": START_MS + 2_500}
        ledger.govern("absence", "doctor-0", absence(**times), APPROVES)
        ledger.amend(change)
        ledger.close(final=False)
        ledger.absences = [entry(**times)]
        ledger.tail(final=False)
        ledger.absences = [entry(**times) for _ in in_tail]
        ledger.tail()
        ledger.next_epoch(*ledger.seats[-1])
        ledger.absences = [entry(**times) for _ in after]
        ledger.close()
        height, rule = (4, expected[2]) if expected != VALID else (0, "")
        assert verdict_of(ledger) == (expected[0], height, rule)


def test_an_absence_ends_early() -> None:
    ledger = away()
    end = absence(delegate=None, from_ms=0, to_ms=0)
    ledger.govern("absence", "doctor-0", end, {})
    again = absence(delegate="doctor-2")
    ledger.govern("absence", "doctor-0", again, peers(d2="a"))
    ledger.close()
    ledger.absences = [entry(delegate=address("doctor-2"))]
    ledger.close()
    assert verdict_of(ledger) == VALID


def test_another_declares_an_absence_with_a_majority_and_the_delegate() -> None:
    """R-GOV4: three of four, the delegate among them."""
    for votes, expected in (
        (peers(d0="a", d1="a", d2="a"), VALID),
        (peers(d1="a", d2="a"), tampered(2, "R-GOV4")),
        (peers(d0="a", d2="a", d3="a"), tampered(2, "R-GOV4")),
        (peers(d0="a", d1="a", d2="a", d3="r"), VALID),
    ):
        ledger = founded()
        ledger.govern("absence", "doctor-3", absence(), votes)
        ledger.close()
        assert verdict_of(ledger) == expected


@pytest.mark.parametrize(
    ("act", "issuer", "votes", "valid"),
    [
        (absence(), "doctor-0", peers(d1="r"), True),
        (absence(), "doctor-0", peers(d1="n"), True),
        (absence(), "doctor-0", peers(d2="r", d3="r"), False),
        (absence(), "doctor-0", {}, False),
        (absence(delegate="hospital"), "doctor-0", {}, True),
        (absence(), "doctor-2", peers(d0="r", d2="r"), True),
        (absence(), "doctor-2", peers(d0="r"), False),
        (absence(delegate=None, from_ms=0, to_ms=0), "doctor-0", peers(d1="r", d2="r"), False),
        (absence(delegate=None), "doctor-1", peers(d1="r", d2="r"), True),
    ],
)
def test_an_act_is_rejected_once_it_cannot_be_approved(
    act: dict[str, Any], issuer: str, votes: dict[str, Any], valid: bool
) -> None:
    """R-GOV4."""
    ledger = founded()
    ledger.govern("absence", issuer, act, votes, outcome="rejected")
    ledger.close()
    assert verdict_of(ledger) == (VALID if valid else tampered(2, "R-GOV4"))


@pytest.mark.parametrize(
    ("act", "issuer", "votes", "rule"),
    [
        (absence(to_ms=START_MS), "doctor-0", APPROVES, "R-GOV5"),
        (absence(to_ms=START_MS + 30 * DAY_MS), "doctor-0", APPROVES, ""),
        (absence(to_ms=START_MS + 30 * DAY_MS + 1), "doctor-0", APPROVES, "R-GOV5"),
        (absence(from_ms=0, to_ms=START_MS + 1_000), "doctor-0", APPROVES, "R-GOV5"),
        (
            absence(from_ms=START_MS - DAY_MS, to_ms=START_MS + 1_001),
            "doctor-0", APPROVES, "",
        ),
        (absence(delegate=None, from_ms=0, to_ms=0), "doctor-0", {}, "R-GOV5"),
        (absence("hospital"), "doctor-0", peers(d0="a", d1="a", d2="a"), "R-GOV5"),
        (absence("doctor-1"), "doctor-1", APPROVES, "R-GOV5"),
        (absence(), "hospital", PEERS, "R-GOV3"),
        (absence(more=1), "doctor-0", APPROVES, "R-CAN5"),
        (absence(from_ms=-1), "doctor-0", APPROVES, "R-CAN5"),
        (absence(), "doctor-0", {"doctor-1": "approve"}, ""),
        (absence(), "doctor-0", {"doctor-1": AS_DELEGATE}, "R-GOV1"),
        (absence(), "doctor-0", {"doctor-1": {"role": "peer", "grade": 1}}, "R-GOV1"),
        (
            absence(), "doctor-0",
            {"doctor-1": {"role": "peer", "mode": "policy:xray-quality"}}, "R-GOV1",
        ),
    ],
)  # fmt: skip
def test_an_absence_is_sound(
    act: dict[str, Any], issuer: str, votes: dict[str, Any], rule: str
) -> None:
    """R-GOV1 to R-GOV5."""
    ledger = founded()
    ledger.govern("absence", issuer, act, votes)
    ledger.close()
    assert verdict_of(ledger) == (tampered(2, rule) if rule else VALID)


def test_absences_of_one_doctor_do_not_overlap() -> None:
    end = START_MS + 7 * DAY_MS
    cases: list[tuple[dict[str, Any], tuple[str, int, str]]] = [
        ({"from_ms": end, "to_ms": end + 1}, tampered(3, "R-GOV5")),
        ({"from_ms": end + 1, "to_ms": end + 2}, VALID),
        ({"from_ms": START_MS - 1, "to_ms": end + 1}, tampered(3, "R-GOV5")),
    ]
    for times, expected in cases:
        ledger = away()
        ledger.govern("absence", "doctor-0", absence(**times), APPROVES)
        ledger.close()
        assert verdict_of(ledger) == expected
        ledger = founded()
        ledger.govern("absence", "doctor-0", absence(), APPROVES)
        ledger.govern("absence", "doctor-0", absence(**times), APPROVES)
        ledger.close()
        assert verdict_of(ledger) == expected
    ledger = away()
    ledger.govern("absence", "doctor-2", absence("doctor-2", "doctor-0"), peers(d0="a"))
    ledger.close()
    assert verdict_of(ledger) == VALID


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"n_pb": 1}, "R-GOV1"),
        ({"n_pa": 1}, "R-GOV1"),
        ({"hpatient": bytes([1]) * 32}, "R-GOV1"),
        ({"proposal": ZERO}, "R-ORD1"),
    ],
)
def test_a_governance_block_stands_in_no_patients_chain(changes: dict[str, Any], rule: str) -> None:
    ledger = founded()
    ledger.govern("absence", "doctor-0", absence(), APPROVES, header_changes=changes)
    ledger.close()
    assert verdict_of(ledger) == tampered(2, rule)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"network": ZERO}, "R-GOV1"),
        ({"expires_at_ms": START_MS}, "R-PRO8"),
        ({"expires_at_ms": START_MS + 91 * DAY_MS}, "R-PRO8"),
        ({"expires_at_ms": START_MS + 1_001}, "R-ORD4"),
        ({"signer": "doctor-0/consensus"}, "R-GOV1"),
        ({"signer": "doctor-1/clinical"}, "R-GOV1"),
        ({"version": 2}, "R-CAN5"),
        ({"type": "consent"}, "R-BLK1"),
        ({"type": "opening"}, "R-CAN5"),
        ({"record": b""}, "R-CAN5"),
    ],
)
def test_a_governance_core_is_sound(changes: dict[str, Any], rule: str) -> None:
    ledger = founded()
    ledger.govern("absence", "doctor-0", absence(), APPROVES, **changes)
    ledger.close()
    assert verdict_of(ledger) == tampered(2, rule)
