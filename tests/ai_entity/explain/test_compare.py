"""What changed between two examinations of one phantom patient."""

from dataclasses import replace

import pytest

from medquorum.ai_entity.explain.change_facts import Alignment, Changes, Course, Fate, Measure
from medquorum.ai_entity.explain.change_words import change_lines
from medquorum.ai_entity.explain.compare import MS_PER_DAY, compare
from medquorum.ai_entity.explain.previous import read_previous
from medquorum.ai_entity.explain.reporting import with_changes
from medquorum.ai_entity.findings import Findings, Level
from medquorum.ai_entity.phantom.anatomy import Anatomy
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ledger import canonical
from medquorum.ledger.contents import parse_medical_report
from tests.ai_entity.explain.bodies import (
    GRID_MM,
    Scan,
    lesion_in,
    parts_of,
    person,
    recorded,
    scanned,
)


@pytest.fixture(scope="module")
def patient() -> Anatomy:
    return person()


@pytest.fixture(scope="module")
def baseline(patient: Anatomy) -> Findings:
    growths = (lesion_in(patient, Organ.LIVER, 16.0), lesion_in(patient, Organ.LUNGS, 12.0))
    levels = (("liver", Level.TUMOR), ("lungs", Level.METASTASIS), ("bone", Level.NEGATIVE))
    return scanned(patient, Scan(growths, levels=levels))


def against(later: Findings, earlier: Findings) -> Changes:
    changes = compare(later, recorded(earlier))
    assert changes is not None
    return changes


def test_growth_a_new_lesion_and_another_frame(patient: Anatomy, baseline: Findings) -> None:
    growths = (
        lesion_in(patient, Organ.LIVER, 22.0, 14.0),
        lesion_in(patient, Organ.LUNGS, 12.0),
        lesion_in(patient, Organ.BONE, 12.0, 9.0, 0.2),
    )
    levels = (("liver", Level.TUMOR), ("lungs", Level.METASTASIS), ("bone", Level.METASTASIS))
    later = scanned(patient, Scan(growths, 2, (130.0, -40.0, 300.0), levels=levels))
    changes = against(later, baseline)
    assert changes.placement.alignment is Alignment.REGISTERED
    assert changes.placement.shift_um == pytest.approx((130_000, -40_000, 300_000), abs=4_000)
    (new,) = changes.of_fate(Fate.NEW)
    assert changes.of_fate(Fate.VANISHED) == ()
    grown, same = changes.of_fate(Fate.PERSISTS)
    assert grown.volume_ul.change_ppm == pytest.approx(1.6e6, rel=0.2), "(22 / 16) ** 3 - 1"
    assert same.volume_ul.change_ppm == pytest.approx(0, abs=60_000)
    assert new.volume_ul == Measure(None, new.volume_ul.now)
    assert [(one.region, one.before, one.now) for one in changes.levels] == [
        ("bone", "Negative", "Metastasis")
    ]
    assert (changes.by_percist, changes.by_eortc) == (Course.PROGRESSIVE, Course.PROGRESSIVE)
    assert changes.same_model
    assert changes.same_modality


def test_a_response_is_a_response_and_not_called_one(patient: Anatomy, baseline: Findings) -> None:
    later = scanned(
        patient,
        Scan((lesion_in(patient, Organ.LIVER, 13.0, 4.0),), 3, (0.0, 0.0, 90.0)),
    )
    changes = against(later, baseline)
    (gone,) = changes.of_fate(Fate.VANISHED)
    assert gone.numbers == ()
    assert len(changes.of_fate(Fate.PERSISTS)) == 1
    assert (changes.by_percist, changes.by_eortc) == (Course.PARTIAL, Course.PARTIAL)
    words = "\n".join(change_lines(changes))
    assert "This is no response assessment" in words
    assert "SUVpeak by body weight for SULpeak" in words
    assert "is no longer found" in words


def test_the_same_patient_scanned_again_is_stable(patient: Anatomy, baseline: Findings) -> None:
    growths = (lesion_in(patient, Organ.LIVER, 16.0), lesion_in(patient, Organ.LUNGS, 12.0))
    changes = against(scanned(patient, Scan(growths, 5, (5.0, 5.0, 5.0))), baseline)
    assert {one.fate for one in changes.lesions} == {Fate.PERSISTS}
    assert (changes.by_percist, changes.by_eortc) == (Course.STABLE, Course.STABLE)
    assert "within what two readers differ by" in "\n".join(change_lines(changes))


def test_nothing_left_is_complete_and_nothing_before_is_new(
    patient: Anatomy, baseline: Findings
) -> None:
    clean = scanned(patient, Scan((), 6))
    assert against(clean, baseline).by_percist is Course.COMPLETE
    first = against(baseline, clean)
    assert first.by_percist is Course.PROGRESSIVE
    assert first.total_tumour_volume_ul.change_ppm is None
    assert against(clean, clean).by_percist is Course.NOT_COMPARABLE


def test_one_frame_needs_no_registration(patient: Anatomy) -> None:
    growth = (lesion_in(patient, Organ.LIVER, 16.0),)
    scans = [scanned(patient, Scan(growth, seed, frame=b"\x07" * 32)) for seed in (1, 2)]
    changes = against(scans[1], scans[0])
    assert changes.placement.alignment is Alignment.SAME_FRAME
    assert changes.placement.shift_um == (0, 0, 0)
    assert [one.fate for one in changes.lesions] == [Fate.PERSISTS]


def test_a_place_that_was_not_looked_at_is_neither_new_nor_gone(patient: Anatomy) -> None:
    growths = (lesion_in(patient, Organ.LIVER, 16.0), lesion_in(patient, Organ.LUNGS, 12.0))
    whole = scanned(patient, Scan(growths, 1))
    assert whole.tumour is not None
    places = sorted(one.centroid_um[2] for one in whole.tumour.lesions)
    cut = round((places[0] + places[1]) / 2 / (1_000 * GRID_MM))
    upper = scanned(patient, Scan(growths, 2, from_slice=cut))
    fates = {one.fate for one in against(upper, whole).lesions}
    assert fates == {Fate.PERSISTS, Fate.OUTSIDE_NOW}
    fates = {one.fate for one in against(whole, upper).lesions}
    assert fates == {Fate.PERSISTS, Fate.OUTSIDE_BEFORE}
    assert against(whole, upper).by_percist is not Course.PROGRESSIVE


def test_two_that_joined_are_one_entry(patient: Anatomy) -> None:
    one = lesion_in(patient, Organ.LIVER, 11.0)
    z, y, x = one.centre_index
    other = replace(one, centre_index=(z + 6, y, x))
    apart = scanned(patient, Scan((one, other), 1))
    assert apart.tumour is not None
    assert len(apart.tumour.lesions) == 2
    big = replace(one, centre_index=(z + 3, y, x), radii_mm=(26.0,) * 3)
    changes = against(scanned(patient, Scan((big,), 2)), apart)
    (joined,) = changes.lesions
    assert joined.fate is Fate.PERSISTS
    assert (len(joined.numbers), joined.numbers_before) == (1, (1, 2))
    assert joined.volume_ul.before == sum(two.volume_ul for two in apart.tumour.lesions)
    assert "(earlier 1 + 2)" in "\n".join(change_lines(changes))


def test_without_a_map_of_the_body_only_totals_are_compared(baseline: Findings) -> None:
    assert baseline.overlay is not None
    bare = replace(baseline, overlay=replace(baseline.overlay, landmarks=None))
    changes = against(bare, baseline)
    assert changes.placement.alignment is Alignment.NONE
    assert {one.fate for one in changes.lesions} == {Fate.UNPLACED}
    assert "Only totals are compared" in "\n".join(change_lines(changes))
    assert changes.total_tumour_volume_ul.change_ppm == 0


def test_a_ct_against_a_pet_is_not_comparable(baseline: Findings) -> None:
    assert baseline.tumour is not None
    lesions = tuple(
        replace(one, suv_max_milli=None, suv_peak_milli=None, glycolysis_milli=None)
        for one in baseline.tumour.lesions
    )
    alone = replace(baseline.tumour, lesions=lesions, total_lesion_glycolysis_milli=None)
    changes = against(replace(baseline, tumour=alone), baseline)
    assert not changes.same_modality
    assert changes.by_percist is Course.NOT_COMPARABLE
    assert "the other has none" in "\n".join(change_lines(changes))


def test_the_report_carries_the_changes_inside_the_codecs_limits(baseline: Findings) -> None:
    earlier = recorded(baseline, 1_000)
    made = with_changes(baseline, earlier, 1_000 + 30 * MS_PER_DAY)
    encoded = canonical.encode(made.to_report())
    content = parse_medical_report(encoded).findings["changes"]
    assert isinstance(content, dict)
    assert content["previous_report"] == "ab" * 32
    assert content["days"] == 30
    assert content["total_tumour_volume_ul"]["before"] == content["total_tumour_volume_ul"]["now"]
    assert "recorded 30 day(s) earlier" in "\n".join(made.lines)


def test_an_abstention_is_compared_with_nothing(baseline: Findings) -> None:
    silent = replace(baseline, abstained="noise", tumour=None, overlay=None)
    earlier = recorded(baseline)
    assert with_changes(silent, earlier) is silent
    assert read_previous(*parts_of(replace(baseline, abstained="noise")), "ab", None) is None


@pytest.mark.parametrize(
    "change",
    [
        {"author_kind": "human"},
        {"findings": {}},
        {"findings": {"abstained": None, "tumour": "none", "model_digest": "00"}},
    ],
)
def test_a_report_that_is_no_base_is_left_alone(
    baseline: Findings, change: dict[str, object]
) -> None:
    report = canonical.encode(baseline.to_report() | change)
    assert read_previous(report, None, "ab", None) is None


def test_hostile_lesion_numbers_and_attachments_are_left_alone(baseline: Findings) -> None:
    report, attachment = parts_of(baseline)
    for number in (0, -1, 256, 2**40):
        content = baseline.to_report()
        content["findings"]["tumour"]["lesions"][0]["number"] = number
        assert read_previous(canonical.encode(content), attachment, "ab", None) is None
    assert baseline.overlay is not None
    good = baseline.overlay.to_content()
    for bad in ({"labels_zlib": [b"x"]}, {"affine_nm": [0] * 12}, {"landmarks": {"shape": [1]}}):
        previous = read_previous(report, canonical.encode(good | bad), "ab", None)
        assert previous is not None
        assert previous.overlay is None
    for bad_bytes in (b"", b"\xc1", canonical.encode([1])):
        previous = read_previous(report, bad_bytes, "ab", None)
        assert previous is not None
        assert previous.overlay is None
