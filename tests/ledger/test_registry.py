"""Who stands in for whom: what acts make of the registry, and when entries go."""

from dataclasses import replace

import pytest

from medquorum.ledger import registry
from medquorum.ledger.batch import Absence
from medquorum.ledger.governance import (
    AbsenceAct,
    Act,
    Amendment,
    DelegationAct,
    EvidenceAct,
    EvidenceKind,
    OpeningAct,
)
from medquorum.ledger.registry import FOR_EVER_MS, Moment
from medquorum.ledger.types import ProposalId
from tests.ledger.governance_kit import doctor

ME, OTHER, THIRD = doctor(0), doctor(1), doctor(2)
WANTED, ELSE = ProposalId(bytes([1]) * 32), ProposalId(bytes([2]) * 32)
MOMENT = Moment(parent_ms=1_000, time_ms=2_000, silence_hours=2)
AWAY = Absence(ME, OTHER, 10, 20)
DELEGATED = Absence(ME, OTHER, 10, 20, patient=7)
OPENED = Absence(ME, OTHER, 10, 20, proposal=WANTED)


@pytest.mark.parametrize(
    ("time_ms", "stands_in"), [(9, False), (10, True), (20, True), (21, False)]
)
@pytest.mark.parametrize("entry", [AWAY, DELEGATED, OPENED])
def test_a_delegate_for_a_time(entry: Absence, time_ms: int, stands_in: bool) -> None:
    """R-ORD15: from the first to the last millisecond, for this attending only."""
    found = registry.delegates((entry,), ME, 7, WANTED, time_ms)
    assert found == ({OTHER} if stands_in else frozenset())
    assert registry.delegates((entry,), OTHER, 7, WANTED, time_ms) == frozenset()


@pytest.mark.parametrize(
    ("entry", "patient", "proposal", "stands_in"),
    [
        (AWAY, 8, ELSE, True),
        (AWAY, None, ELSE, True),
        (DELEGATED, 7, ELSE, True),
        (DELEGATED, 8, WANTED, False),
        (DELEGATED, None, WANTED, False),
        (OPENED, 8, WANTED, True),
        (OPENED, None, WANTED, True),
        (OPENED, 7, ELSE, False),
    ],
)
def test_a_delegate_for_a_patient_or_a_proposal(
    entry: Absence, patient: int | None, proposal: ProposalId, stands_in: bool
) -> None:
    """R-ORD15: for that patient, or that proposal, only, where one is named."""
    found = registry.delegates((entry,), ME, patient, proposal, 15)
    assert found == ({OTHER} if stands_in else frozenset())


def test_several_may_stand_in_at_once() -> None:
    """R-ORD15: an absence, a delegation and an opening name three."""
    entries = (AWAY, replace(DELEGATED, delegate=THIRD), replace(OPENED, delegate=doctor(3)))
    assert registry.delegates(entries, ME, 7, WANTED, 15) == {OTHER, THIRD, doctor(3)}


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "shared"),
    [(0, 9, False), (0, 10, True), (15, 16, True), (0, 99, True), (20, 30, True), (21, 30, False)],
)
def test_absences_overlap_where_they_share_a_millisecond(
    from_ms: int, to_ms: int, shared: bool
) -> None:
    """R-GOV5: ends included; other doctors', patients' and proposals' entries do not count."""
    assert registry.overlaps((AWAY,), ME, from_ms, to_ms) is shared
    for entry in (DELEGATED, OPENED, replace(AWAY, attending=THIRD)):
        assert not registry.overlaps((entry,), ME, from_ms, to_ms)


def test_an_absence_is_declared_and_withdrawn() -> None:
    """R-GOV5: withdrawn are all of this attending without patient and proposal, no others."""
    later = AbsenceAct(ME, THIRD, 30, 40)
    entries = registry.declared((AWAY, DELEGATED, OPENED), later, MOMENT)
    assert entries == (AWAY, DELEGATED, OPENED, Absence(ME, THIRD, 30, 40))
    kept = (DELEGATED, OPENED, replace(AWAY, attending=THIRD))
    ended = registry.declared((*kept, *entries), AbsenceAct(ME, None), MOMENT)
    assert set(ended) == set(kept)


def test_a_delegation_replaces_the_patients_and_ends() -> None:
    """R-GOV5: one entry a patient, from the parent's time on."""
    again = registry.declared((DELEGATED, AWAY), DelegationAct(ME, THIRD, 7), MOMENT)
    assert again == (AWAY, Absence(ME, THIRD, 1_000, FOR_EVER_MS, patient=7))
    assert registry.delegation_of(again, 7) == again[1]
    assert registry.delegation_of(again, 8) is None
    beside = registry.declared(again, DelegationAct(OTHER, THIRD, 8), MOMENT)
    assert len(beside) == 3
    assert registry.declared(beside, DelegationAct(ME, None, 7), MOMENT) == (AWAY, beside[2])


def test_an_opening_begins_after_the_silence() -> None:
    """R-GOV5: hours from the batch's time, for 90 days."""
    (entry,) = registry.declared((), OpeningAct(ME, OTHER, WANTED), MOMENT)
    begins = 2_000 + 2 * 3_600_000
    assert entry == Absence(ME, OTHER, begins, begins + 90 * 86_400_000, proposal=WANTED)
    assert registry.opening_of((AWAY, entry), WANTED) == entry
    assert registry.opening_of((AWAY, entry), ELSE) is None


@pytest.mark.parametrize(
    "act", [Amendment(0, ()), EvidenceAct(ME, EvidenceKind.TWO_VOTES, b"", b"")]
)
def test_other_acts_declare_nothing(act: Act) -> None:
    """R-GOV5: an amendment and evidence leave the registry alone."""
    assert registry.declared((AWAY,), act, MOMENT) == (AWAY,)


def test_what_is_over_or_decided_goes() -> None:
    """R-ORD15: `to_ms` before the batch's time, or a proposal with a block in it."""
    entries = (AWAY, DELEGATED, OPENED)
    assert registry.remaining(entries, (), 20) == entries
    assert registry.remaining(entries, (), 21) == ()
    assert registry.remaining(entries, {WANTED}, 0) == (AWAY, DELEGATED)
    assert registry.remaining(entries, {ELSE}, 0) == entries
