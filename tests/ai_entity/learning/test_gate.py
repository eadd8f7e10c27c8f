"""The gate lets through what is no worse, and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest

from medquorum.ai_entity.learning.gate import (
    MIN_CASES,
    HeldOutCase,
    compare,
    fracture_score,
    judge,
)
from medquorum.ai_entity.learning.lessons import StudyKind

FRACTURE = StudyKind.FRACTURE


def cases(difference: float, spread: float, count: int = 60) -> list[HeldOutCase]:
    rng = np.random.default_rng(1)
    return [
        HeldOutCase(
            f"patient {index}",
            index % 3 == 0,
            current := float(rng.uniform(0.6, 0.9)),
            current + difference + float(rng.normal(0.0, spread)),
        )
        for index in range(count)
    ]


def test_the_same_model_passes() -> None:
    found = judge(cases(0.0, 0.0), FRACTURE)
    assert found.passed
    assert found.everything.lower == pytest.approx(0.0)


def test_a_better_model_passes_and_a_worse_one_does_not() -> None:
    assert judge(cases(0.05, 0.02), FRACTURE).passed
    worse = judge(cases(-0.05, 0.02), FRACTURE)
    assert not worse.passed
    assert "worse" in worse.reason


def test_a_slightly_worse_model_passes_only_within_the_margin() -> None:
    assert judge(cases(-0.01, 0.005), FRACTURE).passed
    assert not judge(cases(-0.01, 0.005), FRACTURE, margin=0.005).passed


def test_an_uncertain_model_does_not_pass() -> None:
    uncertain = judge(cases(0.0, 0.3, 12), FRACTURE)
    assert not uncertain.passed
    assert uncertain.everything.lower < -0.02


def test_too_few_cases_decide_nothing() -> None:
    found = judge(cases(0.2, 0.0, MIN_CASES - 1), FRACTURE)
    assert not found.passed
    assert "decide nothing" in found.reason
    assert not judge([], FRACTURE).passed


def test_cases_of_one_patient_are_drawn_together() -> None:
    many = [
        HeldOutCase(f"patient {index % 4}", False, 0.5, 0.5 + (0.1 if index % 4 else -0.2))
        for index in range(80)
    ]
    alone = [
        HeldOutCase(f"patient {index}", False, one.current, one.candidate)
        for index, one in enumerate(many)
    ]
    assert compare(many).patients == 4
    assert compare(many).lower < compare(alone).lower


def test_patients_with_wrong_labels_do_not_outvote_the_phantoms() -> None:
    told = [
        HeldOutCase(f"case {index}", index % 3 == 0, 0.5, 0.4 if index % 3 == 0 else 0.9)
        for index in range(60)
    ]
    found = judge(told, FRACTURE)
    assert found.everything.lower > 0.0
    assert not found.passed
    assert found.reason.endswith("on phantoms")


def test_phantoms_and_patients_are_told_apart_in_whole_numbers() -> None:
    document = judge(cases(0.01, 0.0), FRACTURE).document()
    assert (document["phantoms"]["cases"], document["ledger_patients"]["cases"]) == (20, 40)
    assert document["all"]["difference_ppm"] == 10_000
    assert json.loads(json.dumps(document), parse_float=pytest.fail) == document
    phantoms_only = judge([one for one in cases(0.0, 0.0) if one.synthetic], FRACTURE)
    assert phantoms_only.document()["ledger_patients"] is None


def test_a_sure_mistake_costs_most() -> None:
    assert fracture_score(1.0, True) == 1.0
    assert fracture_score(1.0, False) == 0.0
    assert fracture_score(0.5, False) == 0.75
