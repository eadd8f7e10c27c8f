"""Held-out results: nothing of a fold's own patients is chosen on them; figures are right."""

from typing import Any

import numpy as np
import pytest

from medquorum.ai_entity.case_archive import ReferenceCase, axial
from medquorum.ai_entity.training.folds import Folds
from medquorum.ai_entity.training.tumour_results import measured, reliability_bins
from medquorum.ai_entity.tumour.grid import Placed, Volume

pytestmark = pytest.mark.train

SHAPE = (12, 12, 12)
FOLDS = Folds(0, (("A", "B"), ("C", "D")), {name: name * 64 for name in "ABCD"})


def patient(name: str, grown: int) -> tuple[ReferenceCase, Volume]:
    """A cube of 6 voxels of 4 mm; logits that are sure inside it and halfway ``grown`` beyond."""
    spacing = (4.0, 4.0, 4.0)
    contour = np.zeros(SHAPE, dtype=np.bool_)
    contour[3:9, 3:9, 3:9] = True
    logits = np.full(SHAPE, -6.0, dtype=np.float32)
    logits[3 - grown : 9 + grown, 3:9, 3:9] = 0.3
    logits[3:9, 3:9, 3:9] = 6.0
    suv = np.where(contour, 5.0, 1.0).astype(np.float32)
    pet, ct = (Placed(part, axial(spacing)) for part in (suv, suv * 0.0))
    return ReferenceCase(name, pet, ct, contour, spacing), logits


def results(grown: dict[str, int]) -> dict[str, Any]:
    made = {name: patient(name, grown[name]) for name in "ABCD"}
    return measured(
        FOLDS,
        {name: case for name, (case, _) in made.items()},
        {name: logits for name, (_, logits) in made.items()},
    )


def test_exact_logits_give_exact_figures() -> None:
    found = results(dict.fromkeys("ABCD", 0))
    row = found["cases"]["A"]
    assert row["member"] == 0 and found["cases"]["C"]["member"] == 1
    assert row["dice"] == 1.0
    assert row["volume_ml"] == row["reference_ml"] == pytest.approx(6**3 * 0.064, abs=0.01)
    assert row["missed_ml"] == row["added_ml"] == 0.0
    assert found["together"]["mean_dice"] == [1.0, 1.0, 1.0]
    assert found["together"]["bias_ml"][0] == 0.0
    assert found["together"]["mean_dice_suv_2_5"] == 1.0


def test_what_a_fold_is_cut_at_does_not_depend_on_its_own_patients() -> None:
    calm = results({"A": 0, "B": 0, "C": 0, "D": 0})["cases"]
    wild = results({"A": 2, "B": 2, "C": 0, "D": 0})["cases"]
    assert wild["A"]["threshold"] == calm["A"]["threshold"]
    assert wild["A"]["temperature"] == calm["A"]["temperature"]
    assert wild["A"]["volume_ml"] > calm["A"]["volume_ml"]
    assert wild["C"]["threshold"] > calm["C"]["threshold"]
    assert wild["C"]["temperature"] != calm["C"]["temperature"]


def test_volume_errors_are_told_apart() -> None:
    row = results({"A": 2, "B": 0, "C": 0, "D": 0})["cases"]["A"]
    assert row["added_ml"] == pytest.approx(row["volume_ml"] - row["reference_ml"], abs=0.02)
    assert row["missed_ml"] == 0.0


def test_bins_tell_what_was_stated_and_what_was_so() -> None:
    stated = np.asarray([0.02, 0.04, 0.55, 1.0])
    truth = np.asarray([False, True, True, True])
    assert reliability_bins(stated, truth) == [
        {"count": 2, "stated": 0.03, "observed": 0.5},
        {"count": 1, "stated": 0.55, "observed": 1.0},
        {"count": 1, "stated": 1.0, "observed": 1.0},
    ]
