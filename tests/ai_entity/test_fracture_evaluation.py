"""What an evaluation says of films whose answers are known."""

import numpy as np
import pytest

from medquorum.ai_entity.fracture.evaluation import (
    FUSED,
    NETWORK,
    RULE,
    FilmResult,
    evaluate_phantoms,
    summarise,
    touches,
)
from medquorum.ai_entity.fracture.evaluation_table import fracture_table
from medquorum.ai_entity.fracture.fused import FractureModels, load_models
from medquorum.ai_entity.phantom.limb_bone import Displacement
from medquorum.ai_entity.registry import Registry


@pytest.fixture(scope="module")
def models() -> FractureModels:
    return load_models(Registry())


def film(
    fractured: bool, fused: float, rule: float = 0.5, abstained: str | None = None
) -> FilmResult:
    called = fused >= 0.9 and abstained is None
    return FilmResult(
        fractured=fractured,
        displacement=Displacement.SLIGHT if fractured else None,
        source="drawn in the plane",
        probability={RULE: rule, NETWORK: fused, FUSED: fused},
        abstained=abstained,
        called=called,
        box_hit=True if called and fractured else None,
    )


def test_a_perfect_fusion_beside_a_rule_that_guesses(models: FractureModels) -> None:
    rows = [film(bool(n % 2), 0.99 if n % 2 else 0.01) for n in range(40)]
    document = summarise(rows, models)
    assert document["auroc"][FUSED]["estimate"] == 1.0
    assert document["auroc"][RULE]["estimate"] == 0.5
    assert document["calibration"][FUSED]["ece"] == pytest.approx(0.01, abs=1e-6)
    assert document["by_displacement"]["slight"][FUSED] == {
        "films": 20,
        "auroc": 1.0,
        "sensitivity": 1.0,
    }
    assert document["by_displacement"]["hairline"][FUSED]["films"] == 0
    assert document["concluded"] == {"films": 40, "sensitivity": 1.0, "specificity": 1.0}
    assert document["boxes"] == {"called_fractures": 20, "first_box_touches": 1.0}
    assert any("AUROC" in line for line in fracture_table(document))


def test_abstentions_leave_the_conclusions_but_not_the_auroc(models: FractureModels) -> None:
    rows = [film(bool(n % 2), 0.99 if n % 2 else 0.01) for n in range(20)]
    rows += [film(True, 0.02, abstained="too dark"), film(False, 0.98, abstained="too dark")]
    document = summarise(rows, models)
    assert document["abstained"] == {"too dark": 2}
    assert document["concluded"]["films"] == 20
    assert document["auroc"][FUSED]["estimate"] < 1.0


def test_overconfidence_shows(models: FractureModels) -> None:
    rng = np.random.default_rng(1)
    rows = [film(bool(rng.random() < 0.6), 0.95) for _ in range(200)]
    assert summarise(rows, models)["calibration"][FUSED]["ece"] > 0.25


def test_the_hold_out_is_judged_end_to_end(models: FractureModels) -> None:
    told: list[str] = []
    document = evaluate_phantoms(models, 20, told.append)
    assert document["films"] == 20 and document["fractured"] == 10
    assert told[-1] == "film 20 of 20"
    assert document["auroc"][FUSED]["estimate"] > 0.6
    assert document["model_digest"] == models.reported.card.digest.hex()
    with pytest.raises(ValueError, match="20 to"):
        evaluate_phantoms(models, 19)


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [
        ((0, 0, 10, 10), (9, 9, 5, 5), True),
        ((0, 0, 10, 10), (10, 0, 5, 5), False),
        ((0, 20, 10, 10), (0, 0, 10, 20), False),
    ],
)
def test_boxes_touch(
    left: tuple[int, int, int, int], right: tuple[int, int, int, int], answer: bool
) -> None:
    assert touches(left, right) is answer
    assert touches(right, left) is answer
