"""R-EXP3: a block of any epoch is proved from the founding charter, its registry with it."""

from typing import Any

import pytest

from .governing import PEERS, Governed, absence, entry, founded, peers
from .judging import VALID, verdict_on_proof_of
from .primitives import DAY_MS, START_MS, ZERO, address
from .test_epochs import LEDGER, OTHER_RULE, STILL_OTHER

COUNT = len(LEDGER.blocks)
LAST = COUNT
AS_DELEGATE = {"decision": "approve", "role": "delegate"}
APPROVES = peers(d1="a")


def refused(height: int, rule: str) -> tuple[str, int, str]:
    """What the verdict should be."""
    return ("TAMPERED", height, rule)


@pytest.mark.parametrize("n_bc", range(1, COUNT + 1))
def test_every_block_is_proved_through_its_epochs(n_bc: int) -> None:
    assert verdict_on_proof_of(LEDGER, n_bc) == VALID


def epochs_of(n_bc: int) -> list[dict[str, Any]]:
    """The epochs of a block's proof."""
    return list(LEDGER.proof(n_bc)["epochs"])


FIRST, SECOND, THIRD = epochs_of(LAST)


@pytest.mark.parametrize(
    ("spoiled", "rule"),
    [
        ({"epochs": [FIRST, SECOND]}, "R-ORD9"),
        ({"epochs": []}, "R-ORD9"),
        ({"epochs": [FIRST, THIRD, SECOND]}, "R-ORD9"),
        ({"epochs": [FIRST, SECOND, SECOND]}, "R-EXP3"),
        ({"epochs": [FIRST, SECOND, THIRD, THIRD]}, "R-EXP3"),
        ({"epochs": [{**FIRST, "headers": []}, SECOND, THIRD]}, "R-EXP3"),
        ({"epochs": [{**FIRST, "certificate": SECOND["certificate"]}, SECOND, THIRD]}, "R-ORD17"),
        ({"epochs": [FIRST, {**SECOND, "headers": SECOND["headers"][:-1]}, THIRD]}, "R-ORD17"),
        ({"epochs": [FIRST, {**SECOND, "witness": FIRST["witness"]}, THIRD]}, "R-MRK2"),
        ({"epochs": [FIRST, {**SECOND, "more": 1}, THIRD]}, "R-CAN5"),
        ({"epochs": [FIRST, SECOND, {**THIRD, "index": 1}]}, "R-EXP3"),
        ({"epochs": None}, "R-CAN5"),
        ({"registry": [entry()]}, "R-ORD15"),
        ({"registry": [entry()] * 513}, "R-ORD15"),
        ({"registry": None}, "R-CAN5"),
        ({"certificate": THIRD["certificate"]}, "R-ORD17"),
    ],
)
def test_other_epochs_prove_nothing(spoiled: dict[str, Any], rule: str) -> None:
    assert verdict_on_proof_of(LEDGER, LAST, spoiled) == refused(LAST, rule)


def test_an_epoch_ends_with_an_accepted_amendment() -> None:
    ledger = founded()
    core = ledger.core("xray", "radiologist", 1)
    ledger.append(core, "radiologist")
    against = peers(d0="r", d1="r")
    act = {"base_version": 0, "changes": [OTHER_RULE]}
    ledger.govern("amendment", "hospital", act, against, outcome="rejected")
    ledger.amend(STILL_OTHER)
    ledger.close()
    ledger.next_epoch(*ledger.seats[-1])
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist")
    ledger.close()
    assert verdict_on_proof_of(ledger, 5) == VALID
    for n_bc in (2, 3):
        other = {name: ledger.proof(n_bc)[name] for name in FIRST}
        assert verdict_on_proof_of(ledger, 5, {"epochs": [other]}) == refused(5, "R-EXP3")


def test_the_tail_of_a_proved_amendment_is_empty() -> None:
    ledger = founded()
    ledger.amend(OTHER_RULE)
    ledger.close(final=False)
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist")
    ledger.close()
    assert verdict_on_proof_of(ledger, 2) == refused(2, "R-GOV8")


def with_registry() -> Governed:
    """An absence, a block decided by the delegate, the end of the absence."""
    ledger = founded()
    ledger.govern("absence", "doctor-0", absence(), APPROVES)
    ledger.close()
    ledger.absences = [entry()]
    votes = {"doctor-1": AS_DELEGATE, "doctor-2": "approve", "doctor-3": "approve"}
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist", decisions=votes)
    ledger.govern("absence", "doctor-0", absence(delegate=None, from_ms=0, to_ms=0), {})
    ledger.close()
    ledger.absences = []
    return ledger


def test_a_delegate_is_proved_by_the_registry() -> None:
    ledger = with_registry()
    for n_bc in range(1, 5):
        assert verdict_on_proof_of(ledger, n_bc) == VALID
    for registry in ([], [entry(delegate=address("doctor-2"))], [entry(), entry()]):
        found = verdict_on_proof_of(ledger, 3, {"registry": registry})
        assert found == refused(3, "R-ORD15")


def test_an_act_has_no_patient_chain() -> None:
    ledger = with_registry()
    chain = ledger.proof(3)["patient_chain"]
    assert chain
    assert verdict_on_proof_of(ledger, 4, {"patient_chain": chain}) == refused(4, "R-EXP3")


@pytest.mark.parametrize(
    ("kind", "act", "issuer", "votes"),
    [
        ("absence", absence(to_ms=START_MS), "doctor-0", APPROVES),
        ("absence", absence(to_ms=START_MS + 31 * DAY_MS), "doctor-0", APPROVES),
        ("absence", absence(), "doctor-0", {}),
        ("absence", absence(), "hospital", PEERS),
        ("absence", absence(delegate=None, from_ms=0, to_ms=0), "doctor-0", {}),
        (
            "delegation",
            {"attending": address("doctor-0"), "delegate": None, "patient": 1},
            "doctor-0",
            {},
        ),
        (
            "opening",
            {"attending": address("doctor-0"), "delegate": address("doctor-0"), "proposal": ZERO},
            "hospital",
            PEERS,
        ),
        ("amendment", {"base_version": 1, "changes": [OTHER_RULE]}, "hospital", PEERS),
        ("amendment", {"base_version": 0, "changes": [OTHER_RULE]}, "hospital", APPROVES),
    ],
)
def test_an_inadmissible_act_is_refused_though_a_quorum_ordered_it(
    kind: str, act: dict[str, Any], issuer: str, votes: dict[str, Any]
) -> None:
    ledger = founded()
    ledger.govern(kind, issuer, act, votes)
    ledger.close()
    assert verdict_on_proof_of(ledger, 2)[:2] == ("TAMPERED", 2)


def test_what_stands_before_an_act_in_its_batch_is_not_shown() -> None:
    """R-EXP3: the end of an absence declared in the same batch, and what overlaps it after."""
    ledger = founded()
    ledger.govern("absence", "doctor-0", absence(), APPROVES)
    ledger.govern("absence", "doctor-0", absence(delegate=None, from_ms=0, to_ms=0), {})
    ledger.govern("absence", "doctor-0", absence(delegate="doctor-2"), peers(d2="a"))
    ledger.close()
    for n_bc in (2, 3, 4):
        assert verdict_on_proof_of(ledger, n_bc) == VALID


def test_every_altered_byte_of_a_proof_across_epochs_is_found() -> None:
    from scripts.independent.canonical import Tampered
    from scripts.independent.proof import audit_proof

    from .judging import SIGNATURES, charter_of
    from .primitives import enc

    content, charter = enc(LEDGER.proof(LAST)), charter_of(LEDGER)
    for position in range(0, len(content), 41):
        altered = bytearray(content)
        altered[position] ^= 1 << position % 8
        with pytest.raises(Tampered):
            audit_proof(bytes(altered), charter, SIGNATURES)
