"""Phantom trials, their figures and pages: counts that can be checked by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medquorum.ai_entity.evaluation_nema import read_spheres
from medquorum.ai_entity.evaluation_phantoms import (
    Observation,
    PhantomResult,
    confusion_of,
    false_alarms,
    judge_trial,
    phantom_summary,
)
from medquorum.ai_entity.evaluation_tables import nema_table, phantom_table
from medquorum.ai_entity.phantom.growths import Story
from medquorum.ai_entity.phantom.nema import NemaPlan, make_nema
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.scanner import SHIFTED, STANDARD, Family, family_seed
from medquorum.ai_entity.phantom.whole_body import make_torso
from medquorum.ai_entity.phantom_fit import fit_file, run_network
from medquorum.ai_entity.phantom_report import (
    confusion_svg,
    phantom_page,
    write_card_entry,
)
from medquorum.ai_entity.phantom_trials import Trial, trial_plan
from medquorum.ai_entity.registry import LoadedModel, Registry
from medquorum.ai_entity.tumour.level_head import read_head
from tests.ai_entity.small_network import small_network, write_network


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """The small network: lesion where SUV is above 3, organs by density."""
    folder = tmp_path_factory.mktemp("small")
    digest = write_network(folder, small_network("petct", members=1), "petct", members=1)
    return Registry(folder).load(digest)


def trial(index: int, grid_mm: float = 6.0) -> Trial:
    plan = replace(trial_plan(Family.VALIDATION, index), grid_mm=grid_mm)
    torso = make_torso(family_seed(Family.VALIDATION, index), plan)
    return Trial(index, plan.story, torso, plan.scanner.name)


def test_hold_out_trials_meet_every_story_under_every_shifted_scanner() -> None:
    plans = [trial_plan(Family.HOLD_OUT, index) for index in range(24)]
    assert {(plan.story, plan.scanner.name) for plan in plans} == {
        (story, scanner.name) for story in Story for scanner in SHIFTED
    }
    assert {plan.with_head for plan in plans} == {True, False}
    validation = [trial_plan(Family.VALIDATION, index).scanner for index in range(6)]
    assert validation[0] == STANDARD
    assert not {one.name for one in validation} & {one.name for one in SHIFTED}


def test_a_network_that_draws_all_uptake_is_counted_so(model: LoadedModel) -> None:
    one = trial(1)
    result = judge_trial(model, one)
    assert result.story == "confined"
    assert {seen.organ for seen in result.observations} >= set(one.truth())
    called = [seen for seen in result.observations if seen.found != 0 and seen.truth == 0]
    assert called, "everything hot is drawn, so something healthy is"
    assert result.drawn_ml > result.truth_ml


def made(phantom: int, *pairs: tuple[Organ, int, int]) -> PhantomResult:
    seen = tuple(
        Observation(phantom, organ, truth, found, (1.0, 0.0, 0.0, 0.0))
        for organ, truth, found in pairs
    )
    return PhantomResult(phantom, "spread", "noisy", 0.5, 12.0, 10.0, 0.9, seen)


def test_the_figures_of_made_observations(model: LoadedModel) -> None:
    results = [
        made(0, (Organ.LIVER, 3, 3), (Organ.HEART, 0, 2), (Organ.BONE, 0, 0)),
        made(1, (Organ.LIVER, 3, 0), (Organ.HEART, 0, 0), (Organ.BONE, 0, 1)),
    ]
    everything = [one for result in results for one in result.observations]
    assert confusion_of(everything).tolist() == [
        [2, 1, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 1],
    ]
    assert false_alarms(everything, hot=True) == {"organs": 2, "called": 1, "share": 0.5}
    assert false_alarms(everything, hot=False) == {"organs": 2, "called": 1, "share": 0.5}
    document = phantom_summary(results, model) | {"seed_family": "hold-out"}
    assert document["sensitivity"]["Metastasis"] == 0.5
    assert document["any_tumour_found_where_metastasis"] == 0.5
    assert document["sensitivity"]["Tumor"] is None
    assert document["volume_bias_ml"]["mean"] == 2.0
    assert document["cases"][1]["wrong"] == {
        "liver": "Metastasis called Negative",
        "bone": "Negative called Tumor",
    }
    lines = "\n".join(phantom_table(document))
    assert "1 of 2 negative organs, 50.0 %" in lines
    assert "Metastasis, mL in the organ, 1 to 4: 0 of 0 called so, 0 any tumour" in lines
    assert "Not for clinical use." in lines
    page = phantom_page(document, None)
    assert "| mL in the organ, 1 to 4 | 0 | 0 | 0 |" in page
    assert "| called right where it is Metastasis | >= 90 % | 50.0 % |" in page
    assert confusion_svg(document).count("<rect") == 1 + 16


def test_spheres_are_read_from_what_is_drawn_and_from_uptake_else(model: LoadedModel) -> None:
    phantom = make_nema(1, NemaPlan(ratio=8.0))
    readings = read_spheres(model, phantom)
    assert [one.drawn_by_network for one in readings[:4]] == [True] * 4
    for one in readings[:4]:
        adaptive = one.volumes_ml["adaptive"]
        assert adaptive is not None
        assert adaptive == pytest.approx(one.truth_ml, rel=0.2)
    blind = replace(model, card=replace(model.card, threshold_ppm=1_000_000))
    again = read_spheres(blind, phantom)
    assert [one.drawn_by_network for one in again] == [False] * 6
    assert again[0].volumes_ml["network"] is None
    assert again[0].volumes_ml["adaptive"] == pytest.approx(26.5, rel=0.1)
    sphere = {
        "contrast": 8.0, "diameter_mm": 37.0, "true_ml": 26.5, "drawn_by_network": 0,
        "relative_error": {"adaptive": {"mean": -0.02, "standard_deviation": 0.01}},
    }  # fmt: skip
    document = {
        "phantom": "NEMA", "within_10_percent_from_17_mm": {"adaptive": True}, "model": "m",
        "scans_per_contrast": 1, "spheres": [sphere], "model_digest": "00",
    }  # fmt: skip
    assert "-2.0 +- 1.0 %" in "\n".join(nema_table(document))


def test_fitting_learns_that_a_bladder_is_no_tumour(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few of the iterations are enough to learn that; the fit is the same each time."""
    monkeypatch.setattr("medquorum.ai_entity.phantom_fit.ITERATIONS", 60)
    many = [trial(index, grid_mm=8.0) for index in (1, 2, 4)]
    content = fit_file(model, run_network(model, many), bodies=0)
    head = read_head(content, model.card.digest)
    assert head.judge is not None
    assert head.atlas is not None
    fitted = replace(model, levels=content)
    shares = []
    for one in many:
        before, after = (judge_trial(each, one) for each in (model, fitted))
        shares += [seen.shares for seen in after.observations]
        assert after.organ_agreement > before.organ_agreement
        wrong = [
            sum(seen.found != 0 and seen.truth == 0 for seen in result.observations)
            for result in (before, after)
        ]
        assert wrong[1] <= wrong[0]
    assert np.sum(shares, axis=1) == pytest.approx(1.0)
    assert fit_file(model, run_network(model, many), bodies=0) == content


def test_a_page_says_whose_figures_it_holds_and_a_dash_where_there_are_none(
    model: LoadedModel,
) -> None:
    document = phantom_summary([made(0, (Organ.LIVER, 0, 0))], model) | {"seed_family": "hold-out"}
    page = phantom_page(document, None)
    assert "| called right where it is Metastasis | >= 90 % | - |" in page
    assert model.card.digest.hex() in page
    assert "says nothing about patients" in page


def test_figures_go_on_the_card_of_the_model_they_belong_to(
    tmp_path: Path, model: LoadedModel
) -> None:
    results = [made(0, (Organ.LIVER, 3, 3), (Organ.BONE, 0, 1))]
    document = phantom_summary(results, model) | {"seed_family": "hold-out"}
    card = tmp_path / "card.json"
    card.write_text(json.dumps({"sha256": model.card.digest.hex()}))
    write_card_entry(card, document)
    entry = json.loads(card.read_bytes())["test_synthetic"]
    assert (entry["phantoms"], entry["metastasis_sensitivity"]) == (1, 1.0)
    assert entry["false_tumour_share"] == 1.0
    card.write_text(json.dumps({"sha256": "00" * 32}))
    with pytest.raises(ValueError, match="another model"):
        write_card_entry(card, document)
