"""A hospital's gate: what it trains, what it tells, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.ai_entity.federated.agreement import Agreement, Hospital
from medquorum.ai_entity.federated.exchange import Refusal, Weights, update_norm
from medquorum.ai_entity.federated.frames import Frame, Kind
from medquorum.ai_entity.federated.hospital import Gatekeeper
from tests.ai_entity.federated.agreements import small_agreement
from tests.ai_entity.federated.blobs import write_blob_archive

pytestmark = pytest.mark.train


def write_images(folder: Path) -> None:
    folder.mkdir()
    write_blob_archive(folder / "cases.npz", 3)
    split = {"train": ["BALL_000", "BALL_002"], "held_out": ["BALL_001"]}
    (folder / "split.json").write_text(json.dumps(split))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import torch

    from medquorum.ai_entity.federated.trainer import read_images

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("hospital") / "images"
    write_images(folder)
    return read_images(folder)


def agreed(images: Any, **changes: object) -> Agreement:
    from medquorum.ai_entity.federated.trainer import shapes_of
    from medquorum.ai_entity.training.network import Inputs, TumourNetwork

    hospitals = (Hospital("hospital-1", 2, images.training_set_sha256),)
    weights = shapes_of(TumourNetwork(Inputs.PETCT, (4, 4, 4, 4)))
    terms: dict[str, object] = {"weights": weights, "hospitals": hospitals, "weight_limit": 100.0}
    return small_agreement(**{**terms, **changes})


def opened(agreement: Agreement, images: Any) -> tuple[Gatekeeper, Weights]:
    from medquorum.ai_entity.federated.trainer import Trainer, network_of, weights_of

    keeper = Gatekeeper(agreement, 0, Trainer(agreement, 0, images))
    return keeper, weights_of(network_of(agreement))


def ask(keeper: Gatekeeper, agreement: Agreement, weights: Weights, /, **told: object) -> Frame:
    instruction = {"agreement": agreement.digest, "round": 1, **told}
    return keeper.answer(Frame(Kind.TRAIN, instruction, weights))


def test_a_round_moves_the_weights_as_far_as_agreed_and_tells_four_numbers(images: Any) -> None:
    agreement = agreed(images, update_limit=0.01)
    keeper, first = opened(agreement, images)
    answer = ask(keeper, agreement, first)
    assert answer.kind is Kind.TRAINED
    assert set(answer.told) == {"hospital", "num-examples", "loss", "dice-before"}
    assert answer.told["num-examples"] == 2
    assert answer.weights is not None
    assert update_norm(first, answer.weights) == pytest.approx(0.01, rel=1e-3)


def test_the_same_round_from_the_same_weights_gives_the_same_bytes(images: Any) -> None:
    agreement = agreed(images)
    answers = []
    for _ in range(2):
        keeper, first = opened(agreement, images)
        answers.append(ask(keeper, agreement, first).weights)
    one, two = answers
    assert one is not None
    assert two is not None
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


def test_training_makes_the_loss_smaller(images: Any) -> None:
    agreement = agreed(images, rounds=2, steps=12)
    keeper, weights = opened(agreement, images)
    losses = []
    for number in (1, 2):
        answer = ask(keeper, agreement, weights, round=number)
        assert answer.weights is not None
        weights = answer.weights
        losses.append(answer.told["loss"])
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("told", "refusal"),
    [
        ({"agreement": "0" * 64}, Refusal.WRONG_AGREEMENT),
        ({"round": 0}, Refusal.ROUND_OUT_OF_RANGE),
        ({"round": 3}, Refusal.ROUND_OUT_OF_RANGE),
        ({"round": "1"}, Refusal.ROUND_OUT_OF_RANGE),
    ],
)
def test_instructions_outside_the_agreement_are_refused(
    told: dict[str, object], refusal: Refusal, images: Any
) -> None:
    agreement = agreed(images)
    keeper, first = opened(agreement, images)
    answer = ask(keeper, agreement, first, **told)
    assert (answer.kind, answer.told["refusal"]) == (Kind.REFUSED, refusal.value)
    assert answer.weights is None


def test_a_round_is_answered_once_and_never_backwards(images: Any) -> None:
    agreement = agreed(images, steps=1)
    keeper, first = opened(agreement, images)
    assert ask(keeper, agreement, first, round=2).kind is Kind.TRAINED
    for number in (2, 1):
        answer = ask(keeper, agreement, first, round=number)
        assert answer.told["refusal"] == Refusal.ROUND_REPEATED.value


def test_the_network_of_all_is_evaluated_twice_at_most(images: Any) -> None:
    agreement = agreed(images)
    keeper, first = opened(agreement, images)
    asked = Frame(Kind.EVALUATE, {"agreement": agreement.digest, "round": 2}, first)
    answers = [keeper.answer(asked) for _ in range(3)]
    assert [answer.kind for answer in answers] == [Kind.EVALUATED, Kind.EVALUATED, Kind.REFUSED]
    assert set(answers[0].told) == {"hospital", "num-examples", "dice"}


def test_an_answer_is_no_instruction(images: Any) -> None:
    agreement = agreed(images)
    keeper, _ = opened(agreement, images)
    answer = keeper.answer(Frame(Kind.EVALUATED, {"dice": 0.5}))
    assert answer.told["refusal"] == Refusal.MALFORMED.value


def test_a_trainer_starts_only_with_the_training_set_of_the_agreement(images: Any) -> None:
    from medquorum.ai_entity.federated.trainer import Trainer

    other = agreed(images, hospitals=(Hospital("hospital-1", 2, "a" * 64),))
    with pytest.raises(ValueError, match="not the training set"):
        Trainer(other, 0, images)
    more = agreed(images, hospitals=(Hospital("hospital-1", 9, images.training_set_sha256),))
    with pytest.raises(ValueError, match="other patients"):
        Trainer(more, 0, images)


def test_the_split_names_every_case_once(tmp_path: Path) -> None:
    from medquorum.ai_entity.federated.trainer import read_images

    write_images(tmp_path / "images")
    split = {"train": ["BALL_000", "BALL_001"], "held_out": ["BALL_001"]}
    (tmp_path / "images" / "split.json").write_text(json.dumps(split))
    with pytest.raises(ValueError, match="every case"):
        read_images(tmp_path / "images")


def test_weights_of_the_network_are_plain_float32(images: Any) -> None:
    agreement = agreed(images)
    _, first = opened(agreement, images)
    assert all(array.dtype == np.float32 for array in first.values())
    assert sum(array.size for array in first.values()) == agreement.numbers
