"""What may pass between a hospital and anybody else, and why anything else may not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from medquorum.ai_entity.federated.exchange import (
    ExchangeRefused,
    Refusal,
    check_numbers,
    check_update,
    check_weights,
    evaluation_numbers,
    pack_weights,
    shortened,
    training_numbers,
    unpack_weights,
    update_norm,
)
from tests.ai_entity.federated.agreements import small_agreement, small_weights

AGREEMENT = small_agreement()
TOLD: dict[str, Any] = {"hospital": 2, "num-examples": 6, "loss": 0.7, "dice-before": 0.25}


def refused(action: Callable[[], object]) -> Refusal:
    with pytest.raises(ExchangeRefused) as caught:
        action()
    return caught.value.refusal


def test_weights_pass_and_come_out_as_they_went_in() -> None:
    weights = small_weights(0.25)
    octets = pack_weights(AGREEMENT, weights)
    assert len(octets) == 4 * AGREEMENT.numbers
    opened = unpack_weights(AGREEMENT, octets)
    assert all(np.array_equal(opened[name], weights[name]) for name in weights)


def voxels() -> Any:
    return np.zeros((24, 24, 24), dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"image": voxels()}, Refusal.WRONG_NAMES),
        ({"down.bias": voxels()}, Refusal.WRONG_SHAPE),
        ({"down.bias": np.zeros((2, 1), dtype=np.float32)}, Refusal.WRONG_SHAPE),
        ({"down.bias": np.zeros(2, dtype=np.float64)}, Refusal.WRONG_TYPE),
        ({"down.bias": np.array(["STS_001", "x"])}, Refusal.WRONG_TYPE),
        ({"down.bias": np.array([np.nan, 0], dtype=np.float32)}, Refusal.NOT_FINITE),
        ({"down.bias": np.array([np.inf, 0], dtype=np.float32)}, Refusal.NOT_FINITE),
        ({"down.bias": np.array([10.5, 0], dtype=np.float32)}, Refusal.WEIGHT_TOO_LARGE),
    ],
)
def test_anything_but_the_networks_arrays_is_refused(
    change: dict[str, Any], refusal: Refusal
) -> None:
    arrays = {**small_weights(), **change}
    assert refused(lambda: check_weights(AGREEMENT, arrays)) is refusal


def test_a_missing_array_is_refused() -> None:
    arrays = {"down.bias": small_weights()["down.bias"]}
    assert refused(lambda: check_weights(AGREEMENT, arrays)) is Refusal.WRONG_NAMES


@pytest.mark.parametrize("extra", [-4, -1, 1, 4, 1_000])
def test_no_byte_travels_beside_the_weights(extra: int) -> None:
    octets = pack_weights(AGREEMENT, small_weights())
    changed = octets[:extra] if extra < 0 else octets + bytes(extra)
    assert refused(lambda: unpack_weights(AGREEMENT, changed)) is Refusal.WRONG_SHAPE


def test_numbers_that_were_agreed_pass() -> None:
    assert check_numbers(training_numbers(AGREEMENT), TOLD)["num-examples"] == 6.0
    told = {"hospital": 1, "num-examples": 2, "dice": 1.0}
    assert check_numbers(evaluation_numbers(AGREEMENT), told)["dice"] == 1.0


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"patient": 7}, Refusal.FOREIGN_NUMBER),
        ({"loss": [0.1, 0.2]}, Refusal.WRONG_TYPE),
        ({"loss": "0.1 Jane Doe"}, Refusal.WRONG_TYPE),
        ({"loss": True}, Refusal.WRONG_TYPE),
        ({"loss": float("nan")}, Refusal.NOT_FINITE),
        ({"loss": -0.1}, Refusal.NUMBER_OUT_OF_RANGE),
        ({"dice-before": 1.01}, Refusal.NUMBER_OUT_OF_RANGE),
        ({"hospital": 4}, Refusal.NUMBER_OUT_OF_RANGE),
        ({"num-examples": 10**9}, Refusal.NUMBER_OUT_OF_RANGE),
    ],
)
def test_other_numbers_are_refused(change: dict[str, Any], refusal: Refusal) -> None:
    told = {**TOLD, **change}
    assert refused(lambda: check_numbers(training_numbers(AGREEMENT), told)) is refusal


def test_a_missing_number_is_refused() -> None:
    told = {name: number for name, number in TOLD.items() if name != "loss"}
    assert (
        refused(lambda: check_numbers(training_numbers(AGREEMENT), told)) is Refusal.FOREIGN_NUMBER
    )


def test_a_step_within_the_limit_is_not_touched() -> None:
    before, after = small_weights(0.0), small_weights(0.5)
    assert update_norm(before, after) == pytest.approx(0.5 * np.sqrt(8.0))
    assert shortened(AGREEMENT, before, after) is after
    check_update(AGREEMENT, before, after)


def test_a_longer_step_is_shortened_to_the_limit_in_its_direction() -> None:
    before, after = small_weights(0.0), small_weights(3.0)
    assert refused(lambda: check_update(AGREEMENT, before, after)) is Refusal.UPDATE_TOO_LARGE
    kept = shortened(AGREEMENT, before, after)
    assert update_norm(before, kept) == pytest.approx(2.0, rel=1e-5)
    assert np.allclose(kept["down.weight"] / after["down.weight"], kept["down.bias"][0] / 3.0)
    check_update(AGREEMENT, before, kept)
