"""Calibration measures against naive twins, closed forms and data of known temperature."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.ai_entity.calibration import (
    auroc,
    bootstrap_interval,
    brier_score,
    calibration_line,
    confusion_matrix,
    expected_calibration_error,
    fit_temperature,
    logit,
    quadratic_kappa,
    reliability_table,
    sigmoid,
    softmax,
    tempered,
)

RNG = np.random.default_rng(1)


def test_sigmoid_and_logit_are_inverse_and_never_overflow() -> None:
    z = np.asarray([-800.0, -3.0, 0.0, 3.0, 800.0])
    assert sigmoid(z) == pytest.approx([0.0, 0.04742587, 0.5, 0.95257413, 1.0])
    assert logit(sigmoid(z[1:4])) == pytest.approx(z[1:4])
    assert np.isfinite(logit(np.asarray([0.0, 1.0]))).all()


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_made_data_is_found_again(true_temperature: float) -> None:
    z = RNG.normal(0.0, 4.0, 40_000)
    truth = RNG.random(len(z)) < sigmoid(z / true_temperature)
    found = fit_temperature(z, truth)
    assert found == pytest.approx(true_temperature, rel=0.06)
    assert expected_calibration_error(tempered(z, found), truth) < 0.012


def test_the_temperature_of_many_classes_is_found_again() -> None:
    z = RNG.normal(0.0, 3.0, (30_000, 4))
    drawn = np.asarray([RNG.choice(4, p=row) for row in softmax(z / 2.0)])
    assert fit_temperature(z, drawn) == pytest.approx(2.0, rel=0.06)


def test_separated_samples_get_a_bounded_temperature() -> None:
    z, truth = np.asarray([-2.0, -1.0, 1.0, 2.0]), np.asarray([0, 0, 1, 1])
    assert fit_temperature(z, truth) == pytest.approx(0.02, rel=0.01)
    assert fit_temperature(-z, truth) == pytest.approx(50.0, rel=0.01)
    with pytest.raises(ValueError, match="greater than zero"):
        tempered(z, 0.0)


def test_the_calibration_line_of_made_data() -> None:
    z = RNG.normal(0.0, 2.0, 60_000)
    truth = RNG.random(len(z)) < sigmoid(0.6 * z - 0.8)
    slope, intercept = calibration_line(z, truth)
    assert (slope, intercept) == pytest.approx((0.6, -0.8), abs=0.05)


def test_the_reliability_table_has_equal_masses_and_ties_have_no_order() -> None:
    p = np.repeat([0.2, 0.8], 30)
    truth = np.tile([True, False], 30)
    table = reliability_table(p, truth, 6)
    assert [one.count for one in table] == [10] * 6
    assert {round(one.observed, 12) for one in table} == {0.5}
    assert expected_calibration_error(p, truth, 6) == pytest.approx(0.3)
    assert expected_calibration_error(p[::-1], truth[::-1], 6) == pytest.approx(0.3)
    assert len(reliability_table(p[:3], truth[:3], 15)) == 3


def test_a_perfect_and_a_reversed_forecast() -> None:
    truth = np.asarray([True, False, True, False])
    certain = truth.astype(float)
    assert (brier_score(certain, truth), brier_score(1.0 - certain, truth)) == (0.0, 1.0)
    assert expected_calibration_error(1.0 - certain, truth) == 1.0
    assert (auroc(certain, truth), auroc(-certain, truth)) == (1.0, 0.0)
    assert brier_score(np.full((4, 4), 0.25), np.arange(4)) == pytest.approx(0.75)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_counts_pairs(rows: list[tuple[int, bool]]) -> None:
    score = np.asarray([row[0] for row in rows], dtype=float)
    truth = np.asarray([row[1] for row in rows])
    if truth.all() or not truth.any():
        with pytest.raises(ValueError, match="true and false"):
            auroc(score, truth)
        return
    pairs = list(itertools.product(score[truth], score[~truth]))
    naive = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)
    assert auroc(score, truth) == pytest.approx(naive)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_quadratic_kappa_against_its_definition(rows: list[tuple[int, int]]) -> None:
    left, right = (np.asarray(column) for column in zip(*rows, strict=True))
    counts = confusion_matrix(left, right, 4)
    assert counts.sum() == len(rows)
    assert all(counts[a, b] == rows.count((a, b)) for a, b in rows)
    chance = np.mean([(a - b) ** 2 for a in left for b in right])
    naive = 1.0 if chance == 0 else 1.0 - float(np.mean((left - right) ** 2)) / chance
    assert quadratic_kappa(counts) == pytest.approx(naive)


def test_labels_outside_the_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="0 to 3"):
        confusion_matrix(np.asarray([4]), np.asarray([0]), 4)
    with pytest.raises(ValueError, match="no kappa"):
        quadratic_kappa(np.zeros((4, 4), np.int64))


def test_the_bootstrap_interval_of_a_mean_is_the_known_one() -> None:
    values = RNG.normal(5.0, 2.0, 400)
    found = bootstrap_interval(lambda column: float(column.mean()), values)
    assert found.estimate == pytest.approx(float(values.mean()))
    half = 1.96 * float(values.std()) / 20.0
    assert found.low == pytest.approx(found.estimate - half, abs=0.05)
    assert found.high == pytest.approx(found.estimate + half, abs=0.05)
    assert found == bootstrap_interval(lambda column: float(column.mean()), values)


def test_resamples_of_one_class_are_left_out_and_emptiness_is_refused() -> None:
    found = bootstrap_interval(auroc, np.asarray([0.1, 0.9]), np.asarray([False, True]))
    assert (found.low, found.high) == (1.0, 1.0)
    for refused in (fit_temperature, reliability_table, brier_score):
        with pytest.raises(ValueError, match="not empty"):
            refused(np.zeros(0), np.zeros(0, np.bool_))
    with pytest.raises(ValueError, match="one length"):
        bootstrap_interval(brier_score, np.zeros(3), np.zeros(2))
