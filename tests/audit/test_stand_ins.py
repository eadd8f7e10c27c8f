"""R-GOV3 to R-GOV5, R-ORD15: one patient left to a delegate, and one proposal opened to one."""

from typing import Any

import pytest

from .governing import PEERS, Governed, entry, founded, peers
from .judging import VALID, verdict_of
from .primitives import DAY_MS, START_MS, ZERO, address, enc, tagged

HOUR_MS = 3_600_000
FOREVER = 2**53
APPROVES = peers(d1="a")
AS_DELEGATE = {"decision": "approve", "role": "delegate"}
DECIDED = {"doctor-1": AS_DELEGATE, "doctor-2": "approve", "doctor-3": "approve"}


def tampered(height: int, rule: str) -> tuple[str, int, str]:
    """What the verdict should be."""
    return ("TAMPERED", height, rule)


def delegation(delegate: str | None = "doctor-1", **changes: Any) -> dict[str, Any]:
    """Patient 1 is left to a delegate."""
    heir = delegate and address(delegate)
    return {"attending": address("doctor-0"), "delegate": heir, "patient": 1, **changes}


def for_patient(**changes: Any) -> dict[str, Any]:
    """The entry that makes, in the second batch."""
    times = {"from_ms": START_MS + 1_000, "to_ms": FOREVER}
    return entry(**{**times, "patient": 1, **changes})


def test_one_patient_is_left_to_a_delegate() -> None:
    ledger = founded()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.govern("delegation", "doctor-0", delegation(), APPROVES)
    ledger.close()
    ledger.absences = [for_patient()]
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist", decisions=DECIDED)
    ledger.close()
    assert verdict_of(ledger) == VALID
    other = ledger.core("xray", "radiologist", 2)
    ledger.append(other, "radiologist", decisions=DECIDED)
    ledger.close()
    assert verdict_of(ledger) == tampered(5, "R-VER2")


def test_a_delegation_is_replaced_and_taken_back() -> None:
    ledger = founded()
    ledger.govern("delegation", "doctor-0", delegation(), APPROVES)
    ledger.close()
    ledger.absences = [for_patient()]
    ledger.govern("delegation", "doctor-0", delegation("doctor-2"), peers(d2="a"))
    ledger.close()
    ledger.absences = [for_patient(delegate=address("doctor-2"), from_ms=START_MS + 2_000)]
    ledger.govern("delegation", "doctor-0", delegation(None), {})
    ledger.close()
    ledger.absences = []
    ledger.close()
    assert verdict_of(ledger) == VALID
    ledger.govern("delegation", "doctor-0", delegation(None), {})
    ledger.close()
    assert verdict_of(ledger) == tampered(5, "R-GOV5")


@pytest.mark.parametrize(
    ("act", "issuer", "rule"),
    [
        (delegation(patient=2), "doctor-0", "R-GOV5"),
        (delegation(patient=0), "doctor-0", "R-CAN5"),
        (delegation(attending=address("doctor-2")), "doctor-2", "R-GOV5"),
        (delegation(), "doctor-2", "R-GOV3"),
        (delegation("doctor-0"), "doctor-0", "R-GOV5"),
        (delegation(None), "doctor-0", "R-GOV5"),
    ],
)
def test_a_delegation_is_the_attendings(act: dict[str, Any], issuer: str, rule: str) -> None:
    ledger = founded()
    ledger.govern("delegation", issuer, act, peers(d0="a", d1="a"))
    ledger.close()
    assert verdict_of(ledger) == tampered(2, rule)


def opening(proposal: bytes, **changes: Any) -> dict[str, Any]:
    """A proposal on which doctor-0 keeps silent is opened to doctor-1."""
    act = {"attending": address("doctor-0"), "delegate": address("doctor-1")}
    return {**act, "proposal": proposal, **changes}


def opened() -> tuple[Governed, dict[str, Any], bytes]:
    """A silence of 0 hours, a proposal, and its id."""
    ledger = founded(absence={"max_days": 30, "silence_hours": 0})
    core = ledger.core("xray", "radiologist", 1)
    return ledger, core, tagged("proposal", ledger.network, enc(core))


def test_a_proposal_is_opened_to_a_delegate() -> None:
    ledger, core, proposal = opened()
    ledger.govern("opening", "hospital", opening(proposal), PEERS)
    begins = START_MS + 2_000
    ledger.close()
    times = {"from_ms": begins, "to_ms": begins + 90 * DAY_MS}
    ledger.absences = [entry(proposal=proposal, **times)]
    ledger.append(core, "radiologist", decisions=DECIDED)
    ledger.close()
    ledger.absences = []
    ledger.close()
    assert verdict_of(ledger) == VALID
    other = ledger.core("xray", "radiologist", 1, record=ZERO)
    ledger.append(other, "radiologist", decisions=DECIDED)
    ledger.close()
    assert verdict_of(ledger) == tampered(4, "R-VER2")


@pytest.mark.parametrize(("late_ms", "expected"), [(0, VALID), (-1, tampered(3, "R-VER2"))])
def test_an_opening_begins_after_the_silence(late_ms: int, expected: tuple[str, int, str]) -> None:
    """R-GOV5: 72 hours after the batch it stands in, to the millisecond."""
    ledger = founded()
    core = ledger.core("xray", "radiologist", 1, expires_at_ms=START_MS + 9 * DAY_MS)
    proposal = tagged("proposal", ledger.network, enc(core))
    ledger.govern("opening", "doctor-3", opening(proposal), PEERS)
    ledger.close()
    begins = START_MS + 2_000 + 72 * HOUR_MS
    ledger.absences = [entry(proposal=proposal, from_ms=begins, to_ms=begins + 90 * DAY_MS)]
    ledger.append(core, "radiologist", decisions=DECIDED)
    ledger.close(time_ms=begins + late_ms)
    assert verdict_of(ledger) == expected


def test_an_opening_is_sound() -> None:
    """R-GOV4, R-GOV5."""
    ledger, _, proposal = opened()
    known = ledger.blocks[0].header["proposal"]
    for act, votes, rule in (
        (opening(known), PEERS, "R-GOV5"),
        (opening(proposal, delegate=address("hospital")), PEERS, "R-GOV5"),
        (opening(proposal, delegate=address("doctor-0")), PEERS, "R-GOV5"),
        (opening(proposal, attending=address("hospital")), PEERS, "R-GOV5"),
        (opening(proposal), peers(d0="a", d2="a", d3="a"), "R-GOV4"),
        (opening(proposal), peers(d0="a", d1="a"), "R-GOV4"),
        (opening(b""), PEERS, "R-CAN5"),
    ):
        ledger = opened()[0]
        ledger.govern("opening", "hospital", act, votes)
        ledger.close()
        assert verdict_of(ledger) == tampered(2, rule), act
    ledger = opened()[0]
    ledger.govern("opening", "hospital", opening(proposal), PEERS)
    ledger.govern("opening", "hospital", opening(proposal), PEERS)
    ledger.close()
    assert verdict_of(ledger) == tampered(3, "R-GOV5")
