"""The patients' histories: what an accepted block continues, and who decides on it.

Carries out R-ORD3, R-ORD5, R-PRO4 to R-PRO8 as far as they need history, R-VER1 and R-GOV9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .blocks import Header
from .canonical import Fault
from .charter import Charter
from .crypto import ZERO
from .proposals import IMAGE_TYPES, Core
from .votes import Question


@dataclass(slots=True)
class History:
    """One patient's accepted blocks, in order; `types` maps their hashes to their types.

    `number` is N PB, 0 until the registration is a block; `attending` is the doctor the chain
    names, who may have a successor by now (R-GOV9).
    """

    patient_key: bytes
    patient_name: bytes
    attending: bytes
    number: int = 0
    head: bytes = ZERO
    types: dict[bytes, str] = field(default_factory=dict)
    care_team: set[bytes] = field(default_factory=set)

    def append(self, core: Core, block_hash: bytes) -> None:
        """Take the patient's next accepted block."""
        if core.type in ("medical_form", "attending"):
            self.attending = core.doctor
        self.head = block_hash
        self.types[block_hash] = core.type
        self.care_team |= {core.doctor, core.issuer}


def new_history(core: Core) -> History:
    """Return the empty history of the patient a registration names."""
    return History(core.patient_key, core.patient_name, core.doctor)


def question_of(
    core: Core,
    proposal: bytes,
    history: History | None,
    charter: Charter,
    standing_in: Callable[[bytes], frozenset[bytes]],
) -> Question:
    """Return who decides on the proposal (R-VER1, R-VOT4); no history: nobody attends.

    `standing_in` gives the delegates in force for an attending.
    """
    attending = charter.responsible(history.attending) if history else None
    delegates = standing_in(attending) if attending is not None else frozenset()
    panel = charter.panel
    if charter.policy(core.type).panel == "care_team":
        team = history.care_team | delegates if history else set()
        panel &= team | {attending}
    return Question(proposal, core.type, attending, delegates, panel)


def check_patient(core: Core, history: History) -> None:
    """Raise `Fault` unless key and name are those registered, also of a rejected block (R-ORD5)."""
    if core.patient_key != history.patient_key:
        raise Fault("R-ORD4", "patient_key is not the registered one")
    if core.patient_name != history.patient_name:
        raise Fault("R-PRO5", "patient_name is not the registered one")


def check_position(core: Core, history: History, charter: Charter) -> None:
    """Raise `Fault` unless an accepted block fits the patient's history before it."""
    check_patient(core, history)
    if charter.policy(core.type).strict:
        if core.seen_head != history.head:
            raise Fault("R-PRO7", f"a {core.type} that has not seen the patient's head")
    elif core.registration is None and core.seen_head not in history.types:
        raise Fault("R-PRO7", "seen_head is no block of the patient")
    named = (*core.references, *([core.replaces] if core.replaces is not None else []))
    if any(block not in history.types for block in named):
        raise Fault("R-PRO8", "references or replaces name no block of the patient")
    if core.provenance is not None:
        types = {history.types[block] for block in core.references}
        if not types & IMAGE_TYPES:
            raise Fault("R-PRO8", "an AI report references no image")


def check_accepted_numbers(header: Header, patient: int, history: History) -> None:
    """Raise `Fault` unless the header continues the patient's chain (R-ORD3)."""
    if header.n_pb != patient or patient < 1:
        raise Fault("R-ORD3", "n_pb is not the patient's number")
    if header.n_pa != len(history.types) + 1:
        raise Fault("R-ORD3", "n_pa does not follow the patient's block before")
    if header.hpatient != history.head:
        raise Fault("R-ORD3", "hpatient is not the hash of the patient's block before")


def check_rejected_numbers(core: Core, header: Header) -> None:
    """Raise `Fault` unless a rejected block takes no place in a patient's chain (R-ORD5)."""
    if (header.n_pa, header.hpatient, header.n_pb) != (0, ZERO, core.patient or 0):
        raise Fault("R-ORD5", "a rejected block claims a place in a patient's chain")
