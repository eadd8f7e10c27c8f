"""Why an act of governance does not fit the chain as it is, in words that help (R-GOV3, R-GOV5)."""

from __future__ import annotations

from medquorum.ledger import registry
from medquorum.ledger.amendment import explain, verify_amendment
from medquorum.ledger.chain import ChainState
from medquorum.ledger.governance import (
    AbsenceAct,
    Act,
    Amendment,
    DelegationAct,
    EvidenceAct,
    OpeningAct,
)
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import DAY_MS, REGISTRY_ENTRIES
from medquorum.node.governance_words import moment_words, naming_of


def advise(act: Act, issuer: Address, state: ChainState) -> str | None:
    """The first thing that bars an act after this chain, and what to do; None if nothing does."""
    match act:
        case Amendment():
            problem = explain(state.charter, act, issuer)
            if problem is None and not verify_amendment(act):
                problem = "R-CHA5: a new key is not proved; make the request file again"
            return problem
        case AbsenceAct(_, None):
            return _end_of_absence(act, state)
        case AbsenceAct():
            return _absence(act, state) or _pair(act.attending, act.delegate, state) or _room(state)
        case DelegationAct():
            return _delegation(act, issuer, state)
        case OpeningAct():
            return _opening(act, state) or _pair(act.attending, act.delegate, state) or _room(state)
        case EvidenceAct():
            return None


def _end_of_absence(act: AbsenceAct, state: ChainState) -> str | None:
    if registry.declared_absences(state.absences, act.attending):
        return None
    name = naming_of(state.charters)(act.attending)
    return f"R-GOV5: {name} has no declared absence; see: medquorum absence list"


def _absence(act: AbsenceAct, state: ChainState) -> str | None:
    longest = state.charter.absence.max_days
    if act.from_ms >= act.to_ms:
        return "R-GOV5: the absence ends before it begins; give --from before --to"
    if act.to_ms - act.from_ms > longest * DAY_MS:
        return f"R-GOV5: the charter allows {longest} days of absence at once; shorten it"
    if act.to_ms <= state.time_ms:
        return f"R-GOV5: that is over: the chain is at {moment_words(state.time_ms)}"
    if registry.overlaps(state.absences, act.attending, act.from_ms, act.to_ms):
        name = naming_of(state.charters)(act.attending)
        return f"R-GOV5: it overlaps a declared absence of {name}; end that one first"
    return None


def _delegation(act: DelegationAct, issuer: Address, state: ChainState) -> str | None:
    naming = naming_of(state.charters)
    attending = state.attending_of(act.patient)
    if attending is None:
        return f"R-GOV5: patient {act.patient} is not registered here; check the number"
    if attending != act.attending or issuer != act.attending:
        return (
            f"R-GOV5: patient {act.patient} is attended by {naming(attending)}, who alone may "
            "hand the decisions on"
        )
    standing = registry.delegation_of(state.absences, act.patient)
    if act.delegate is None:
        nothing = f"R-GOV5: nothing is delegated of patient {act.patient}"
        return nothing if standing is None else None
    barred = _pair(act.attending, act.delegate, state)
    return barred or (_room(state) if standing is None else None)


def _opening(act: OpeningAct, state: ChainState) -> str | None:
    height = state.height_of(act.proposal)
    if height is not None:
        return f"R-GOV5: the proposal is decided: block {height}"
    if registry.opening_of(state.absences, act.proposal) is not None:
        return "R-GOV5: it is opened already; see: medquorum absence list"
    return None


def _pair(attending: Address, delegate: Address | None, state: ChainState) -> str | None:
    naming = naming_of(state.charters)
    if attending == delegate:
        return f"R-GOV5: {naming(attending)} cannot stand in for herself; name another doctor"
    for address in (attending, delegate):
        if address is not None and address not in state.charter.doctor_addresses:
            return f"R-GOV5: {naming(address)} is no active doctor of the charter; name one"
    return None


def _room(state: ChainState) -> str | None:
    if len(state.absences) < REGISTRY_ENTRIES:
        return None
    return f"R-ORD15: the registry holds {REGISTRY_ENTRIES} entries; end some first"
