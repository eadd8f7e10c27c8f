"""Governance blocks after the chain before them: who assents, and whether the act fits.

Carries out R-GOV4 and R-GOV5. What only a whole chain shows (that an opening or an evidence is the
first of its kind, whose patient a delegation is about) is checked in `chain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .acts import Absence, Amendment, Delegation, Evidence, GovernanceCore, Opening
from .amendments import amended
from .blocks import Header
from .canonical import Fault
from .changes import SetMode
from .charter import Charter
from .crypto import ZERO, Signatures
from .evidence import Occasion, check_evidence
from .registry import Registry, check_entry_act
from .votes import Assent


@dataclass(frozen=True, slots=True)
class Before:
    """What an act is judged by: the charters of every epoch so far, and what the parent left.

    The registry is the parent's with what the blocks before in the batch declare. It is none, and
    so is `parent_ms`, the parent's time, where a proof does not show it.
    """

    charters: Sequence[Charter]
    registry: Registry | None
    parent_ms: int | None
    signatures: Signatures

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.charters[-1]


@dataclass(frozen=True, slots=True)
class Effect:
    """What an accepted act does besides the registry."""

    charter: Charter | None = None
    occasion: Occasion | None = None


def assent_of(core: GovernanceCore, proposal: bytes, charter: Charter) -> Assent:
    """Return whose assent an act needs (R-GOV4)."""
    act = core.act
    doctors = len(charter.panel)
    majority = doctors // 2 + 1
    needed = 0
    required: frozenset[bytes] = frozenset()
    match act:
        case Amendment():
            sets_mode = any(isinstance(change, SetMode) for change in act.changes)
            needed = 2 * doctors // 3 + 1 if sets_mode else majority
        case Absence() | Delegation() | Opening():
            own = isinstance(act, Delegation) or (
                isinstance(act, Absence) and act.attending == core.issuer
            )
            needed = 0 if own else majority
            required = frozenset() if act.delegate is None else frozenset({act.delegate})
    return Assent(proposal, charter.panel, needed, required)


def check_act(core: GovernanceCore, before: Before) -> Effect:
    """Return what an accepted act does; raise `Fault` where it does not fit (R-GOV5)."""
    act = core.act
    charter = before.charter
    if isinstance(act, Amendment):
        changes = act.changes
        made = amended(charter, act.base_version, changes, core.issuer, before.signatures)
        return Effect(charter=made)
    if isinstance(act, Evidence):
        return Effect(occasion=check_evidence(act, before.charters, before.signatures))
    check_entry_act(act, before.registry, charter, before.parent_ms)
    return Effect()


def check_governance_numbers(header: Header) -> None:
    """Raise `Fault` unless a governance block takes no place in a patient's chain (R-GOV1)."""
    if (header.n_pa, header.hpatient, header.n_pb) != (0, ZERO, 0):
        raise Fault("R-GOV1", "a governance block claims a place in a patient's chain")
