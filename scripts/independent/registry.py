"""The registry: who stands in for whom, from when to when, for which patient or proposal.

Carries out R-ORD15 and the part of R-GOV5 that reads and writes entries. A batch is judged by the
registry as its parent left it; what its own blocks declare counts from the next one on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .acts import Absence, Act, Delegation, Opening
from .canonical import NUMBER_MAX, TIME_MAX_MS, Fault, Fields, Value, encode
from .charter import Charter
from .crypto import tagged

ENTRIES_MAX: Final = 512
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
OPENING_MS: Final = 90 * DAY_MS
ENTRY_FIELDS: Final = ("attending", "delegate", "from_ms", "patient", "proposal", "to_ms")


@dataclass(frozen=True, slots=True)
class Entry:
    """One doctor stands in for another; for one patient or one proposal where one is named."""

    attending: bytes
    delegate: bytes
    from_ms: int
    patient: int | None
    proposal: bytes | None
    to_ms: int

    def value(self) -> Value:
        """The map of R-ORD15."""
        return {name: getattr(self, name) for name in ENTRY_FIELDS}

    def is_general(self) -> bool:
        """Tell whether it holds for every patient and proposal of the attending."""
        return self.patient is None and self.proposal is None


Registry = tuple[Entry, ...]


def ordered(entries: Iterable[Entry]) -> Registry:
    """Return the entries as they stand in a registry: encoded, they ascend."""
    return tuple(sorted(set(entries), key=lambda entry: encode(entry.value())))


def registry_hash(entries: Registry, network: bytes) -> bytes:
    """Return the hash by which a batch header names a registry."""
    listed: Value = {"absences": [entry.value() for entry in entries]}
    return tagged("registry", network, encode(listed))


def read_registry(entries: list[Value]) -> Registry:
    """Return the registry a proof lists; raise `Fault` for any other form."""
    if len(entries) > ENTRIES_MAX:
        raise Fault("R-ORD15", f"a registry of more than {ENTRIES_MAX} entries")
    encoded = [encode(entry) for entry in entries]
    if any(later <= earlier for earlier, later in pairwise(encoded)):
        raise Fault("R-ORD15", "the entries of a registry do not ascend")
    return tuple(_read_entry(entry) for entry in entries)


def _read_entry(value: Value) -> Entry:
    fields = Fields(value, "an entry of the registry", ENTRY_FIELDS)
    return Entry(
        attending=fields.binary("attending", 32),
        delegate=fields.binary("delegate", 32),
        from_ms=fields.integer("from_ms"),
        patient=fields.optional_integer("patient", high=NUMBER_MAX),
        proposal=fields.optional_binary("proposal", 32),
        to_ms=fields.integer("to_ms"),
    )


def delegates_in_force(
    entries: Registry,
    *,
    attending: bytes | None,
    patient: int | None,
    proposal: bytes,
    time_ms: int,
    charter: Charter,
) -> frozenset[bytes]:
    """Return the active doctors who stand in for the attending on a proposal at a batch time."""
    return frozenset(
        entry.delegate
        for entry in entries
        if entry.attending == attending
        and entry.from_ms <= time_ms <= entry.to_ms
        and entry.patient in (None, patient)
        and entry.proposal in (None, proposal)
        and entry.delegate in charter.panel
    )


def check_entry_act(
    act: Act, entries: Registry | None, charter: Charter, parent_ms: int | None
) -> None:
    """Raise `Fault` where an act does not fit the charter and the registry before it (R-GOV5).

    `parent_ms` is the time of the batch before. It is none, as is the registry, where a proof does
    not show it.
    """
    match act:
        case Absence():
            _check_absence(act, entries, charter, parent_ms)
        case Delegation(delegate=None):
            if entries is not None and all(one.patient != act.patient for one in entries):
                raise Fault("R-GOV5", "a delegation ends that was not given")
        case Delegation():
            _check_pair(act.attending, act.delegate, charter)
        case Opening():
            _check_pair(act.attending, act.delegate, charter)
            if any(entry.proposal == act.proposal for entry in entries or ()):
                raise Fault("R-GOV5", "a proposal is opened that is open already")


def _check_absence(
    act: Absence, entries: Registry | None, charter: Charter, parent_ms: int | None
) -> None:
    declared = None if entries is None else _absences(entries, act.attending)
    if act.delegate is None:
        if (act.from_ms, act.to_ms) != (0, 0):
            raise Fault("R-GOV5", "the end of an absence has no times")
        if declared == []:
            raise Fault("R-GOV5", "an absence ends that is not declared")
        return
    _check_pair(act.attending, act.delegate, charter)
    if not 0 < act.to_ms - act.from_ms <= charter.absence.max_days * DAY_MS:
        raise Fault("R-GOV5", "an absence that ends before it begins, or is too long")
    if parent_ms is not None and act.to_ms <= parent_ms:
        raise Fault("R-GOV5", "an absence that is over already")
    for entry in declared or ():
        if entry.from_ms <= act.to_ms and act.from_ms <= entry.to_ms:
            raise Fault("R-GOV5", "an absence that overlaps another of the same doctor")


def _absences(entries: Registry, attending: bytes) -> list[Entry]:
    return [entry for entry in entries if entry.attending == attending and entry.is_general()]


def _check_pair(attending: bytes, delegate: bytes | None, charter: Charter) -> None:
    if attending == delegate or not {attending, delegate} <= charter.panel:
        raise Fault("R-GOV5", "attending and delegate are not two active doctors")


def after_act(
    entries: Registry, act: Act, *, charter: Charter, parent_ms: int, time_ms: int
) -> Registry:
    """Return the entries after an accepted act in a batch of `time_ms`; raise beyond the limit."""
    match act:
        case Absence(delegate=None):
            ended = _absences(entries, act.attending)
            return tuple(entry for entry in entries if entry not in ended)
        case Absence(attending, delegate, from_ms, to_ms) if delegate is not None:
            added = Entry(attending, delegate, from_ms, None, None, to_ms)
        case Delegation(attending, delegate, patient):
            entries = tuple(entry for entry in entries if entry.patient != patient)
            if delegate is None:
                return entries
            added = Entry(attending, delegate, parent_ms, patient, None, TIME_MAX_MS)
        case Opening(attending, delegate, proposal):
            begins = time_ms + charter.absence.silence_hours * HOUR_MS
            ends = begins + OPENING_MS
            added = Entry(attending, delegate, begins, None, proposal, ends)
        case _:
            return entries
    made = ordered((*entries, added))
    if len(made) > ENTRIES_MAX:
        raise Fault("R-GOV5", f"the registry would have more than {ENTRIES_MAX} entries")
    return made


def after_batch(entries: Registry, time_ms: int, decided: Collection[bytes]) -> Registry:
    """Return what a batch of `time_ms` leaves of the entries; `decided` proposals have a block."""
    return tuple(
        entry
        for entry in entries
        if entry.to_ms >= time_ms and (entry.proposal is None or entry.proposal not in decided)
    )
