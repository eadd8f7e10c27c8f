"""The registry of stand-ins: absences, delegations, openings (R-ORD15, R-GOV5).

Pure functions on the entries as one batch left them. A batch is judged by the registry of its
parent; what it declares itself is in force from the next one on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, assert_never

from medquorum.ledger.batch import Absence
from medquorum.ledger.governance import (
    AbsenceAct,
    Act,
    Amendment,
    DelegationAct,
    EvidenceAct,
    OpeningAct,
)
from medquorum.ledger.keys import Address
from medquorum.ledger.types import ProposalId

HOUR_MS: Final = 3_600_000
OPENING_MS: Final = 90 * 86_400_000
"""How long an opening lasts: no proposal lives longer (R-PRO8)."""
FOR_EVER_MS: Final = 2**53


@dataclass(frozen=True, slots=True)
class Moment:
    """When a batch declares something, and the rule of the charter in force."""

    parent_ms: int
    """Time of the parent: what is delegated counts from it."""
    time_ms: int
    """Time of the batch: an opening's silence is counted from it."""
    silence_hours: int


def delegates(
    absences: Iterable[Absence],
    attending: Address,
    patient: int | None,
    proposal: ProposalId,
    time_ms: int,
) -> frozenset[Address]:
    """Who stands in for an attending physician, for this patient and proposal, at a batch time."""
    return frozenset(
        entry.delegate
        for entry in absences
        if entry.attending == attending
        and entry.from_ms <= time_ms <= entry.to_ms
        and entry.patient in (None, patient)
        and entry.proposal in (None, proposal)
    )


def declared_absences(absences: Iterable[Absence], attending: Address) -> tuple[Absence, ...]:
    """The entries of an attending that name neither patient nor proposal."""
    return tuple(
        entry
        for entry in absences
        if entry.attending == attending and entry.patient is None and entry.proposal is None
    )


def overlaps(absences: Iterable[Absence], attending: Address, from_ms: int, to_ms: int) -> bool:
    """Whether a declared absence of this attending shares a millisecond with that time."""
    return any(
        entry.from_ms <= to_ms and from_ms <= entry.to_ms
        for entry in declared_absences(absences, attending)
    )


def delegation_of(absences: Iterable[Absence], patient: int) -> Absence | None:
    """The entry of this patient."""
    return next((entry for entry in absences if entry.patient == patient), None)


def opening_of(absences: Iterable[Absence], proposal: ProposalId) -> Absence | None:
    """The entry of this proposal."""
    return next((entry for entry in absences if entry.proposal == proposal), None)


def declared(absences: tuple[Absence, ...], act: Act, moment: Moment) -> tuple[Absence, ...]:
    """The entries after an admissible act (R-GOV5)."""
    match act:
        case AbsenceAct(attending, delegate, from_ms, to_ms):
            if delegate is not None:
                return (*absences, Absence(attending, delegate, from_ms, to_ms))
            ended = declared_absences(absences, attending)
            return tuple(entry for entry in absences if entry not in ended)
        case DelegationAct(attending, delegate, patient):
            others = tuple(entry for entry in absences if entry.patient != patient)
            if delegate is None:
                return others
            return (*others, Absence(attending, delegate, moment.parent_ms, FOR_EVER_MS, patient))
        case OpeningAct(attending, delegate, proposal):
            from_ms = moment.time_ms + moment.silence_hours * HOUR_MS
            to_ms = from_ms + OPENING_MS
            opening = Absence(attending, delegate, from_ms, to_ms, proposal=proposal)
            return (*absences, opening)
        case Amendment() | EvidenceAct():
            return absences
    assert_never(act)


def remaining(
    absences: Iterable[Absence], decided: Collection[ProposalId], time_ms: int
) -> tuple[Absence, ...]:
    """What is left after a batch of that time with blocks of those proposals (R-ORD15)."""
    return tuple(
        entry for entry in absences if entry.to_ms >= time_ms and entry.proposal not in decided
    )
