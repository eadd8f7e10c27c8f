"""What may pass between a hospital and anybody else: arrays of the agreed shapes, agreed numbers.

Used at every door: the trainer's gate, Flower's mod on either side of a message, the coordinator's
strategy. All checks read values, none trusts a sender. The arrays' bytes have one order and no
room beside them, so that nothing else can travel in their company.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.federated.agreement import Agreement

Weights = dict[str, npt.NDArray[np.float32]]

ROUNDING: Final = 1.001
"""A shortened step may be this much longer than the limit after its rounding to float32."""

WEIGHT_TYPE: Final = np.dtype("<f4")


class Refusal(StrEnum):
    """Why something may not pass."""

    FOREIGN_RECORD = "foreign_record"
    """A message holds something besides weights, instruction and numbers."""
    WRONG_NAMES = "wrong_names"
    """Arrays are missing, or some that the network does not have are there."""
    WRONG_SHAPE = "wrong_shape"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    """NaN or infinity among weights or numbers."""
    WEIGHT_TOO_LARGE = "weight_too_large"
    UPDATE_TOO_LARGE = "update_too_large"
    """A hospital moved the network further than the agreement allows in one round."""
    FOREIGN_NUMBER = "foreign_number"
    """A number beside the weights that the agreement does not know, or one is missing."""
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    WRONG_AGREEMENT = "wrong_agreement"
    """The message was made under another agreement."""
    ROUND_OUT_OF_RANGE = "round_out_of_range"
    ROUND_REPEATED = "round_repeated"
    """A hospital answers each round once: every answer tells a little about its patients."""
    WRONG_HOSPITAL = "wrong_hospital"
    """A reply in another hospital's name, or a second one."""
    MALFORMED = "malformed"
    """Bytes at the gate that are no frame."""


class ExchangeRefused(ValueError):
    """Something may not pass; ``refusal`` says why, the sentence which part of it."""

    def __init__(self, refusal: Refusal, sentence: str) -> None:
        super().__init__(f"{refusal}: {sentence}")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Range:
    """A number that may be told, and within which bounds."""

    low: float
    high: float


def training_numbers(agreement: Agreement) -> dict[str, Range]:
    """What a hospital tells beside its weights after a round."""
    return {
        "hospital": Range(1, len(agreement.hospitals)),
        "num-examples": Range(1, max(hospital.patients for hospital in agreement.hospitals)),
        "loss": Range(0.0, 1_000.0),
        "dice-before": Range(0.0, 1.0),
    }


def evaluation_numbers(agreement: Agreement) -> dict[str, Range]:
    """What a hospital tells about the network of all."""
    return {
        "hospital": Range(1, len(agreement.hospitals)),
        "num-examples": Range(1, 100_000),
        "dice": Range(0.0, 1.0),
    }


def check_numbers(allowed: Mapping[str, Range], told: Mapping[str, Any]) -> dict[str, float]:
    """The told numbers. Raises ExchangeRefused unless they are exactly the allowed ones."""
    if set(told) != set(allowed):
        odd = sorted(set(told) ^ set(allowed))
        raise ExchangeRefused(Refusal.FOREIGN_NUMBER, f"unknown or missing: {', '.join(odd)[:200]}")
    checked = {}
    for name, bounds in allowed.items():
        number = told[name]
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise ExchangeRefused(Refusal.WRONG_TYPE, f"{name} is no number")
        if not math.isfinite(number):
            raise ExchangeRefused(Refusal.NOT_FINITE, f"{name} is not finite")
        if not bounds.low <= number <= bounds.high:
            raise ExchangeRefused(
                Refusal.NUMBER_OUT_OF_RANGE, f"{name} is outside {bounds.low} to {bounds.high}"
            )
        checked[name] = float(number)
    return checked


def check_weights(agreement: Agreement, arrays: Mapping[str, npt.NDArray[Any]]) -> Weights:
    """The network's arrays in the agreed order. Raises ExchangeRefused for anything else."""
    wanted = {weight.name: weight.shape for weight in agreement.weights}
    if set(arrays) != set(wanted):
        odd = sorted(set(arrays) ^ set(wanted))
        raise ExchangeRefused(Refusal.WRONG_NAMES, f"unknown or missing: {', '.join(odd)[:200]}")
    for name, shape in wanted.items():
        array = arrays[name]
        if array.dtype != WEIGHT_TYPE:
            raise ExchangeRefused(Refusal.WRONG_TYPE, f"{name} is {array.dtype}, not float32")
        if array.shape != shape:
            raise ExchangeRefused(Refusal.WRONG_SHAPE, f"{name} is {array.shape}, not {shape}")
        if not np.isfinite(array).all():
            raise ExchangeRefused(Refusal.NOT_FINITE, f"{name} holds NaN or infinity")
        if float(np.abs(array).max()) > agreement.weight_limit:
            raise ExchangeRefused(
                Refusal.WEIGHT_TOO_LARGE, f"{name} exceeds {agreement.weight_limit}"
            )
    return {name: np.ascontiguousarray(arrays[name], dtype=np.float32) for name in wanted}


def update_norm(before: Weights, after: Weights) -> float:
    """L2 norm of all changes together."""
    squares = [
        float(np.square(after[name].astype(np.float64) - before[name]).sum()) for name in before
    ]
    return math.sqrt(sum(squares))


def shortened(agreement: Agreement, before: Weights, after: Weights) -> Weights:
    """``after``, or the point at the agreed distance on the way to it."""
    norm = update_norm(before, after)
    if norm <= agreement.update_limit:
        return after
    share = np.float32(agreement.update_limit / norm)
    return {name: before[name] + share * (after[name] - before[name]) for name in before}


def check_update(agreement: Agreement, before: Weights, after: Weights) -> None:
    """Raises ExchangeRefused for a step longer than agreed."""
    norm = update_norm(before, after)
    if norm > agreement.update_limit * ROUNDING:
        raise ExchangeRefused(
            Refusal.UPDATE_TOO_LARGE, f"a step of {norm:.4g}, agreed {agreement.update_limit:.4g}"
        )


def pack_weights(agreement: Agreement, weights: Weights) -> bytes:
    """All arrays, float32 little-endian, in the agreed order and nothing between them."""
    checked = check_weights(agreement, weights)
    return b"".join(array.astype(WEIGHT_TYPE).tobytes() for array in checked.values())


def unpack_weights(agreement: Agreement, octets: bytes) -> Weights:
    """The reverse. Raises ExchangeRefused for another length or unfit values."""
    if len(octets) != agreement.numbers * WEIGHT_TYPE.itemsize:
        raise ExchangeRefused(Refusal.WRONG_SHAPE, "the weights have another length than agreed")
    flat = np.frombuffer(octets, dtype=WEIGHT_TYPE)
    arrays, start = {}, 0
    for weight in agreement.weights:
        arrays[weight.name] = flat[start : start + weight.size].reshape(weight.shape)
        start += weight.size
    return check_weights(agreement, arrays)
