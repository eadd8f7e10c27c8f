"""Phases of a consultation: every transition, every phase, and what changes nothing (R-ORD4)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger.consultation import (
    STEP_ROLES,
    TRANSITIONS,
    TUMOUR_PHASES,
    XRAY_PHASES,
    Assessment,
    Event,
    Phase,
    Step,
    Track,
    advance,
    permitted_steps,
    phase_of,
    subject_of,
)
from medquorum.ledger.contents import Conclusion, NextStep, PrescriptionKind
from medquorum.ledger.types import ISSUERS, BlockType, Role

FORM = Event(BlockType.MEDICAL_FORM)
PRESCRIBE_CT = Event(BlockType.PRESCRIPTION, PrescriptionKind.CT)
CT = Event(BlockType.CT)
PRESCRIBE_PET = Event(BlockType.PRESCRIPTION, PrescriptionKind.PET)
PET = Event(BlockType.PET)
PRESCRIBE_XRAY = Event(BlockType.PRESCRIPTION, PrescriptionKind.XRAY)
XRAY = Event(BlockType.XRAY)
TREAT = Event(BlockType.PRESCRIPTION, PrescriptionKind.TREATMENT)
NEGATIVE = Assessment(Conclusion.NEGATIVE, NextStep.NONE)
TUMOUR = Event(BlockType.REPORT, Assessment(Conclusion.TUMOUR, NextStep.PET))
FRACTURE = Event(BlockType.REPORT, Assessment(Conclusion.FRACTURE, NextStep.TREATMENT))
CLOSE = Event(BlockType.REPORT, NEGATIVE)
TEST = Event(BlockType.TEST_RESULT)

EVENT_OF_STEP = {
    Step.FILL_FORM: FORM,
    Step.PRESCRIBE_CT: PRESCRIBE_CT,
    Step.TAKE_CT: CT,
    Step.PRESCRIBE_PET: PRESCRIBE_PET,
    Step.TAKE_PET: PET,
    Step.PRESCRIBE_XRAY: PRESCRIBE_XRAY,
    Step.TAKE_XRAY: XRAY,
    Step.CLOSE_NEGATIVE: CLOSE,
    Step.PRESCRIBE_TREATMENT: TREAT,
}
PAPER = {
    Track.TUMOUR: (
        "registered form ct_prescribed ct ct_assessed pet_prescribed pet pet_assessed treatment "
        "negative"
    ),
    Track.XRAY: ("registered form xray_prescribed xray xray_assessed xray_treatment xray_negative"),
}
ARROWS = [
    (track, phase, step, reached)
    for track, table in TRANSITIONS.items()
    for phase, row in table.items()
    for step, reached in row.items()
]


def event_of(step: Step, track: Track) -> Event:
    """The plainest event that is this step."""
    if step is Step.ASSESS:
        return TUMOUR if track is Track.TUMOUR else FRACTURE
    return EVENT_OF_STEP[step]


def test_there_are_ten_phases_and_the_short_ones() -> None:
    """The ten of the published consultation, in its order, and those of an X-ray."""
    assert " ".join(TUMOUR_PHASES) == PAPER[Track.TUMOUR]
    assert " ".join(XRAY_PHASES) == PAPER[Track.XRAY]
    assert len(TUMOUR_PHASES) == 10
    assert set(TUMOUR_PHASES) | set(XRAY_PHASES) == set(Phase)


@pytest.mark.parametrize(("track", "phase", "step", "reached"), ARROWS)
def test_every_arrow_of_the_tables(track: Track, phase: Phase, step: Step, reached: Phase) -> None:
    """R-ORD4: an accepted block of that kind leads there."""
    assert advance(phase, event_of(step, track)) is reached


@pytest.mark.parametrize("track", Track)
def test_every_other_step_changes_nothing(track: Track) -> None:
    """What stands in no table leaves the phase alone; every phase with every step."""
    for phase, step in itertools.product(TRANSITIONS[track], Step):
        if step in TRANSITIONS[track][phase] or phase in {Phase.REGISTERED, Phase.FORM}:
            continue
        # A closing negative report is first of all an assessment.
        if step is Step.CLOSE_NEGATIVE and Step.ASSESS in TRANSITIONS[track][phase]:
            assert advance(phase, CLOSE) is TRANSITIONS[track][phase][Step.ASSESS]
            continue
        assert advance(phase, event_of(step, track)) is None, (phase, step)


@pytest.mark.parametrize("track", Track)
def test_every_phase_is_reachable(track: Track) -> None:
    """From the first phase, by permitted steps only."""
    reached, frontier = {Phase.REGISTERED}, [Phase.REGISTERED]
    while frontier:
        for permitted in permitted_steps(frontier.pop(), track):
            if permitted.leads_to not in reached:
                reached.add(permitted.leads_to)
                frontier.append(permitted.leads_to)
    assert reached == set(TRANSITIONS[track])


TO_CT = [FORM, PRESCRIBE_CT, CT]
HISTORIES = {
    "nothing yet": ([], Phase.REGISTERED),
    "treated after CT": ([*TO_CT, TUMOUR, TREAT], Phase.TREATMENT),
    "treated after PET": ([*TO_CT, TUMOUR, PRESCRIBE_PET, PET, TUMOUR, TREAT], Phase.TREATMENT),
    "negative after CT": ([*TO_CT, CLOSE, CLOSE], Phase.NEGATIVE),
    "negative after PET": (
        [*TO_CT, TUMOUR, PRESCRIBE_PET, PET, TUMOUR, CLOSE],
        Phase.NEGATIVE,
    ),
    "a first negative report assesses": ([*TO_CT, CLOSE], Phase.CT_ASSESSED),
    "a new consultation after the last": (
        [*TO_CT, CLOSE, CLOSE, PRESCRIBE_CT],
        Phase.CT_PRESCRIBED,
    ),
}


@pytest.mark.parametrize(("history", "phase"), HISTORIES.values(), ids=HISTORIES.keys())
def test_consultations_of_the_paper(history: list[Event], phase: Phase) -> None:
    """Both branches of the published diagram and both ends."""
    assert phase_of(history).phase is phase


NEVER = [TEST, FORM, Event(BlockType.ATTENDING), Event(BlockType.PRESCRIPTION)]


@given(st.data())
def test_tests_and_revised_forms_change_nothing(choose: st.DataObject) -> None:
    """Anywhere in a history after the first form, they leave phase and trail as they are."""
    history = [*TO_CT, TUMOUR, PRESCRIBE_PET, PET, TUMOUR, TREAT]
    cut = choose.draw(st.integers(1, len(history)))
    inserted = choose.draw(st.lists(st.sampled_from(NEVER), max_size=4))
    with_more = phase_of([*history[:cut], *inserted, *history[cut:]])
    plain = phase_of(history)
    assert (with_more.phase, with_more.permitted) == (plain.phase, plain.permitted)
    assert [e.phase for e in with_more.trail] == [e.phase for e in plain.trail]


EVENTS = st.builds(
    Event,
    st.sampled_from(BlockType),
    st.none()
    | st.sampled_from(PrescriptionKind)
    | st.builds(Assessment, st.sampled_from(Conclusion), st.sampled_from(NextStep)),
    st.none() | st.sampled_from([BlockType.CT, BlockType.PET, BlockType.XRAY]),
    st.none() | st.sampled_from(Role),
)


@given(st.lists(EVENTS, max_size=40), st.sampled_from(Track))
def test_any_history_stays_on_its_track(history: list[Event], track: Track) -> None:
    """Whatever happened, phase and trail are of the table, joined by its arrows."""
    followed = phase_of(history, track)
    assert followed.trail[-1].phase is followed.phase
    for before, after in itertools.pairwise(followed.trail):
        assert after.phase in TRANSITIONS[track][before.phase].values()
        assert after.event is not None
        assert advance(before.phase, history[after.event]) is after.phase


def test_the_trail_names_the_events() -> None:
    """Where each phase was entered in the history."""
    trail = phase_of([FORM, TEST, PRESCRIBE_CT, CT]).trail
    assert [(entry.phase, entry.event) for entry in trail] == [
        (Phase.REGISTERED, None),
        (Phase.FORM, 0),
        (Phase.CT_PRESCRIBED, 2),
        (Phase.CT, 3),
    ]


def test_permitted_steps_name_who_may_do_them() -> None:
    """R-BLK2: roles that may issue the block; only a doctor closes with a negative result."""
    steps = {one.step: one for one in phase_of([*TO_CT, TUMOUR]).permitted}
    assert set(steps) == {
        Step.PRESCRIBE_TREATMENT,
        Step.PRESCRIBE_PET,
        Step.CLOSE_NEGATIVE,
        Step.PRESCRIBE_CT,
    }
    assert all(one.roles == {Role.DOCTOR} for one in steps.values())
    (assess,) = phase_of(TO_CT).permitted
    assert assess.roles == ISSUERS[BlockType.REPORT]
    assert set(STEP_ROLES) == set(Step)


def test_only_a_doctor_closes_with_a_negative() -> None:
    """An AI entity's or radiologist's negative report is an assessment, however often."""
    by_doctor = Event(BlockType.REPORT, NEGATIVE, BlockType.CT, Role.DOCTOR)
    for role in (Role.AI_ENTITY, Role.RADIOLOGIST):
        report = Event(BlockType.REPORT, NEGATIVE, BlockType.CT, role)
        assert phase_of([*TO_CT, report, report]).phase is Phase.CT_ASSESSED
        assert phase_of([*TO_CT, report, by_doctor]).phase is Phase.NEGATIVE


def test_the_tracks_run_side_by_side() -> None:
    """An X-ray in the middle of a tumour consultation has its own phase."""
    about_xray = Event(BlockType.REPORT, NEGATIVE, BlockType.XRAY, Role.DOCTOR)
    about_ct = Event(BlockType.REPORT, NEGATIVE, BlockType.CT, Role.DOCTOR)
    history = [*TO_CT, PRESCRIBE_XRAY, XRAY, about_xray, about_xray]
    assert phase_of(history).phase is Phase.CT
    assert phase_of(history, Track.XRAY).phase is Phase.XRAY_NEGATIVE
    both = [*history, about_ct]
    assert phase_of(both).phase is Phase.CT_ASSESSED
    treated = Event(BlockType.PRESCRIPTION, PrescriptionKind.TREATMENT, BlockType.XRAY)
    xray = [FORM, XRAY, FRACTURE, treated]
    assert phase_of(xray, Track.XRAY).phase is Phase.XRAY_TREATMENT
    assert phase_of(xray).phase is Phase.FORM


def test_a_report_about_the_earlier_image_does_not_assess_the_later() -> None:
    """A late report about the CT leaves the PET waiting for its own."""
    late = Event(BlockType.REPORT, NEGATIVE, BlockType.CT, Role.DOCTOR)
    history = [*TO_CT, TUMOUR, PRESCRIBE_PET, PET]
    assert phase_of([*history, late]).phase is Phase.PET
    about_both = subject_of([BlockType.CT, BlockType.PET])
    assert about_both is BlockType.PET
    report = Event(BlockType.REPORT, NEGATIVE, about_both)
    assert phase_of([*history, report]).phase is Phase.PET_ASSESSED
    assert subject_of([BlockType.TEST_RESULT]) is None


def test_a_reader_without_the_report_still_sees_the_assessment() -> None:
    """The type of a block is public: a sealed report has assessed the image."""
    assert phase_of([*TO_CT, Event(BlockType.REPORT)]).phase is Phase.CT_ASSESSED
