"""The ten phases of a tumour consultation, and the short one of an X-ray, as literal tables.

Registered → form → CT prescribed → CT → assessed → treatment, or PET prescribed → PET → assessed →
treatment, or the negative result told to everyone. Phases follow from a patient's accepted blocks
(R-ORD4) and forbid nothing: test results, revised forms and images nobody prescribed stand in the
history and leave the phase as it is. Who reads the sealed parts knows more than who does not: an
event carries what its reader could see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from medquorum.ledger.contents import Conclusion, NextStep, PrescriptionKind
from medquorum.ledger.types import ISSUERS, BlockType, Role


class Track(StrEnum):
    """Which of the two consultations is followed."""

    TUMOUR = "tumour"
    XRAY = "xray"


class Phase(StrEnum):
    """Where a consultation stands: ten phases for tumours, the X-ray's own after them."""

    REGISTERED = "registered"
    """The patient holds keys; the first medical form is still to come."""
    FORM = "form"
    CT_PRESCRIBED = "ct_prescribed"
    CT = "ct"
    CT_ASSESSED = "ct_assessed"
    PET_PRESCRIBED = "pet_prescribed"
    PET = "pet"
    PET_ASSESSED = "pet_assessed"
    TREATMENT = "treatment"
    NEGATIVE = "negative"
    """The negative result is told to every participant; the consultation is closed."""

    XRAY_PRESCRIBED = "xray_prescribed"
    XRAY = "xray"
    XRAY_ASSESSED = "xray_assessed"
    XRAY_TREATMENT = "xray_treatment"
    XRAY_NEGATIVE = "xray_negative"


class Step(StrEnum):
    """What moves a consultation on."""

    FILL_FORM = "fill_form"
    PRESCRIBE_CT = "prescribe_ct"
    TAKE_CT = "take_ct"
    PRESCRIBE_PET = "prescribe_pet"
    TAKE_PET = "take_pet"
    PRESCRIBE_XRAY = "prescribe_xray"
    TAKE_XRAY = "take_xray"
    ASSESS = "assess"
    """A report on the images at hand."""
    CLOSE_NEGATIVE = "close_negative"
    """A doctor's report that concludes negative and asks for nothing more."""
    PRESCRIBE_TREATMENT = "prescribe_treatment"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a report says, as far as phases depend on it (R-CON3)."""

    conclusion: Conclusion
    next_step: NextStep


@dataclass(frozen=True, slots=True)
class Event:
    """One accepted block of a patient, seen as a step.

    `detail` is the kind of a prescription or the assessment of a report, None for other types and
    where the reader may not open the part. `about` is the type of the image a report or treatment
    refers to (`subject_of`) and `issuer` the issuer's role, each None where unknown; a report or
    treatment about an unknown image counts on both tracks.
    """

    type: BlockType
    detail: PrescriptionKind | Assessment | None = None
    about: BlockType | None = None
    issuer: Role | None = None


TUMOUR_TRANSITIONS: Final[Mapping[Phase, Mapping[Step, Phase]]] = {
    Phase.REGISTERED: {Step.FILL_FORM: Phase.FORM},
    Phase.FORM: {Step.PRESCRIBE_CT: Phase.CT_PRESCRIBED},
    Phase.CT_PRESCRIBED: {Step.TAKE_CT: Phase.CT},
    Phase.CT: {Step.ASSESS: Phase.CT_ASSESSED},
    Phase.CT_ASSESSED: {
        Step.PRESCRIBE_TREATMENT: Phase.TREATMENT,
        Step.PRESCRIBE_PET: Phase.PET_PRESCRIBED,
        Step.CLOSE_NEGATIVE: Phase.NEGATIVE,
        Step.PRESCRIBE_CT: Phase.CT_PRESCRIBED,
    },
    Phase.PET_PRESCRIBED: {Step.TAKE_PET: Phase.PET},
    Phase.PET: {Step.ASSESS: Phase.PET_ASSESSED},
    Phase.PET_ASSESSED: {
        Step.PRESCRIBE_TREATMENT: Phase.TREATMENT,
        Step.CLOSE_NEGATIVE: Phase.NEGATIVE,
        Step.PRESCRIBE_PET: Phase.PET_PRESCRIBED,
    },
    Phase.TREATMENT: {Step.PRESCRIBE_CT: Phase.CT_PRESCRIBED},
    Phase.NEGATIVE: {Step.PRESCRIBE_CT: Phase.CT_PRESCRIBED},
}
"""An image may be repeated after its assessment; a CT prescribed after the end begins anew."""

XRAY_TRANSITIONS: Final[Mapping[Phase, Mapping[Step, Phase]]] = {
    Phase.REGISTERED: {Step.FILL_FORM: Phase.FORM},
    Phase.FORM: {Step.PRESCRIBE_XRAY: Phase.XRAY_PRESCRIBED, Step.TAKE_XRAY: Phase.XRAY},
    Phase.XRAY_PRESCRIBED: {Step.TAKE_XRAY: Phase.XRAY},
    Phase.XRAY: {Step.ASSESS: Phase.XRAY_ASSESSED},
    Phase.XRAY_ASSESSED: {
        Step.PRESCRIBE_TREATMENT: Phase.XRAY_TREATMENT,
        Step.CLOSE_NEGATIVE: Phase.XRAY_NEGATIVE,
        Step.PRESCRIBE_XRAY: Phase.XRAY_PRESCRIBED,
    },
    Phase.XRAY_TREATMENT: {
        Step.PRESCRIBE_XRAY: Phase.XRAY_PRESCRIBED,
        Step.TAKE_XRAY: Phase.XRAY,
    },
    Phase.XRAY_NEGATIVE: {
        Step.PRESCRIBE_XRAY: Phase.XRAY_PRESCRIBED,
        Step.TAKE_XRAY: Phase.XRAY,
    },
}
"""A fracture is X-rayed at once: the prescription may be missing."""

TRANSITIONS: Final = {Track.TUMOUR: TUMOUR_TRANSITIONS, Track.XRAY: XRAY_TRANSITIONS}
TUMOUR_PHASES: Final = tuple(TUMOUR_TRANSITIONS)
XRAY_PHASES: Final = tuple(XRAY_TRANSITIONS)

STEP_ROLES: Final[Mapping[Step, frozenset[Role]]] = {
    Step.FILL_FORM: ISSUERS[BlockType.MEDICAL_FORM],
    Step.PRESCRIBE_CT: ISSUERS[BlockType.PRESCRIPTION],
    Step.TAKE_CT: ISSUERS[BlockType.CT],
    Step.PRESCRIBE_PET: ISSUERS[BlockType.PRESCRIPTION],
    Step.TAKE_PET: ISSUERS[BlockType.PET],
    Step.PRESCRIBE_XRAY: ISSUERS[BlockType.PRESCRIPTION],
    Step.TAKE_XRAY: ISSUERS[BlockType.XRAY],
    Step.ASSESS: ISSUERS[BlockType.REPORT],
    Step.CLOSE_NEGATIVE: frozenset({Role.DOCTOR}),
    Step.PRESCRIBE_TREATMENT: ISSUERS[BlockType.PRESCRIPTION],
}
"""Who may do a step: the issuers of its type (R-BLK2); only a doctor ends with a negative."""

_PLAIN_STEPS: Final[Mapping[BlockType, Step]] = {
    BlockType.MEDICAL_FORM: Step.FILL_FORM,
    BlockType.CT: Step.TAKE_CT,
    BlockType.PET: Step.TAKE_PET,
    BlockType.XRAY: Step.TAKE_XRAY,
}
_PRESCRIPTION_STEPS: Final[Mapping[PrescriptionKind, Step]] = {
    PrescriptionKind.CT: Step.PRESCRIBE_CT,
    PrescriptionKind.PET: Step.PRESCRIBE_PET,
    PrescriptionKind.XRAY: Step.PRESCRIBE_XRAY,
    PrescriptionKind.TREATMENT: Step.PRESCRIBE_TREATMENT,
}
_IMAGES: Final = (BlockType.PET, BlockType.CT, BlockType.XRAY)
"""A PET is read together with its CT, so it comes first."""
_AWAITED_IMAGE: Final[Mapping[Phase, BlockType]] = {
    Phase.CT: BlockType.CT,
    Phase.PET: BlockType.PET,
    Phase.XRAY: BlockType.XRAY,
}
"""What a first report in this phase must be about."""


@dataclass(frozen=True, slots=True)
class PermittedStep:
    """A step the consultation is waiting for, who may do it and where it leads."""

    step: Step
    roles: frozenset[Role]
    leads_to: Phase


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """A phase that was entered, and by which event of the history; None for the start."""

    phase: Phase
    event: int | None


@dataclass(frozen=True, slots=True)
class Consultation:
    """Where a patient's consultation stands, what may come next, and how it came here."""

    phase: Phase
    permitted: tuple[PermittedStep, ...]
    trail: tuple[TrailEntry, ...]


def subject_of(referenced: Iterable[BlockType]) -> BlockType | None:
    """The image a block is about, by the types of the blocks it references: PET, CT, then X-ray."""
    types = set(referenced)
    return next((kind for kind in _IMAGES if kind in types), None)


def track_of(phase: Phase, event: Event) -> Track:
    """The track a phase belongs to; the shared first phases take the event's."""
    if phase not in XRAY_TRANSITIONS:
        return Track.TUMOUR
    if phase not in TUMOUR_TRANSITIONS:
        return Track.XRAY
    return Track.XRAY if concerns(event, Track.XRAY) else Track.TUMOUR


def advance(phase: Phase, event: Event) -> Phase | None:
    """The phase an event leads to, or None where it changes nothing."""
    track = track_of(phase, event)
    if not concerns(event, track):
        return None
    transitions = TRANSITIONS[track][phase]
    for step in _steps(event):
        if step in transitions and not _about_another_image(phase, step, event):
            return transitions[step]
    return None


def phase_of(history: Iterable[Event], track: Track = Track.TUMOUR) -> Consultation:
    """Follow one track through a patient's accepted blocks, oldest first."""
    phase = Phase.REGISTERED
    trail = [TrailEntry(phase, None)]
    for index, event in enumerate(history):
        reached = advance(phase, event) if concerns(event, track) else None
        if reached is not None:
            phase = reached
            trail.append(TrailEntry(phase, index))
    return Consultation(phase, permitted_steps(phase, track), tuple(trail))


def permitted_steps(phase: Phase, track: Track) -> tuple[PermittedStep, ...]:
    """What a phase of this track waits for, in the order of its table."""
    return tuple(
        PermittedStep(step, STEP_ROLES[step], leads_to)
        for step, leads_to in TRANSITIONS[track][phase].items()
    )


def _steps(event: Event) -> tuple[Step, ...]:
    """The steps an event can be, the most decisive first."""
    if event.type in _PLAIN_STEPS:
        return (_PLAIN_STEPS[event.type],)
    match event.type, event.detail:
        case BlockType.PRESCRIPTION, PrescriptionKind() as kind:
            return (_PRESCRIPTION_STEPS[kind],)
        case BlockType.REPORT, Assessment(Conclusion.NEGATIVE, NextStep.NONE):
            if event.issuer in {None, Role.DOCTOR}:
                return (Step.CLOSE_NEGATIVE, Step.ASSESS)
            return (Step.ASSESS,)
        case BlockType.REPORT, _:
            return (Step.ASSESS,)
    return ()


def concerns(event: Event, track: Track) -> bool:
    """Whether an event can belong to a track, by its image or by what it says."""
    about_xray = event.about is BlockType.XRAY or event.type is BlockType.XRAY
    about_tumour = {event.about, event.type} & {BlockType.CT, BlockType.PET}
    match event.detail:
        case PrescriptionKind.XRAY:
            about_xray = True
        case PrescriptionKind.CT | PrescriptionKind.PET:
            return track is Track.TUMOUR
        case Assessment(conclusion=Conclusion.FRACTURE) if event.about is None:
            about_xray = True
        case Assessment(conclusion=Conclusion.TUMOUR) if event.about is None:
            return track is Track.TUMOUR
    if about_xray:
        return track is Track.XRAY
    return track is Track.TUMOUR or not about_tumour


def _about_another_image(phase: Phase, step: Step, event: Event) -> bool:
    """Whether a first assessment is about another image than the one this phase waits with."""
    if step is not Step.ASSESS or event.about is None:
        return False
    return _AWAITED_IMAGE.get(phase, event.about) is not event.about
