"""Training learns, ignores what is unknown, and resumes as if nothing had happened."""

from pathlib import Path

import numpy as np
import pytest
import torch

from medquorum.ai_entity.evaluation import dice_of
from medquorum.ai_entity.training.checkpoint import read_checkpoint, write_checkpoint
from medquorum.ai_entity.training.loop import (
    Recipe,
    advance,
    begin,
    draw_batch,
    learning_rate,
    lesion_loss,
    organ_loss,
    train_steps,
)
from medquorum.ai_entity.training.network import Inputs
from medquorum.ai_entity.training.patches import Batch
from tests.ai_entity.training.small_cases import SIDE, ball_case, ball_phantom, small_network

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_a_few_steps_learn_one_small_lesion() -> None:
    case = ball_case("one", 1)
    network = small_network()
    recipe = Recipe(60, 1, SIDE, learning_rate=1e-2, warm_up=5, average=0.9, half_precision=False)
    progress = advance(begin(network, recipe), recipe, ([case], []))
    network.load_state_dict(progress.average)
    images = torch.from_numpy(case.stacked[None, :2])
    with torch.no_grad():
        drawn = network.eval()(images)[0][0, 0].numpy() > 0.0
    assert dice_of(drawn, case.stacked[2] > 0.5) > 0.9


def test_organs_are_learnt_from_phantoms_alone(tmp_path: Path) -> None:
    recipe = Recipe(3, 1, SIDE, phantom_share=0.5)
    phantom, real = ball_phantom(tmp_path, 1), ball_case("real", 2)
    from_phantom = draw_batch(recipe, 0, [], [phantom], 2)
    from_real = draw_batch(recipe, 0, [real], [], 2)
    assert set(np.unique(from_phantom.organs)) >= {0, 2, 7}
    assert torch.equal(from_real.organs, torch.full_like(from_real.organs, -1))
    logits = torch.randn(1, 15, SIDE, SIDE, SIDE, requires_grad=True)
    organ_loss(logits, from_real.organs).backward()
    assert logits.grad is not None and float(logits.grad.abs().max()) == 0.0


def test_voxels_outside_the_case_teach_nothing() -> None:
    known = torch.zeros(1, 1, 8, 8, 8)
    known[..., :4] = 1.0
    lesion = torch.zeros(1, 1, 8, 8, 8)
    batch = Batch(torch.zeros(1, 2, 8, 8, 8), lesion, known, torch.zeros(1, 8, 8, 8).long())
    logits = torch.randn(1, 1, 8, 8, 8, requires_grad=True)
    lesion_loss(logits, batch).backward()
    assert logits.grad is not None
    assert float(logits.grad[..., 4:].abs().max()) == 0.0
    assert float(logits.grad[..., :4].abs().min()) > 0.0


def test_a_resumed_training_gives_the_same_weights(tmp_path: Path) -> None:
    recipe = Recipe(6, 9, 16, warm_up=2, half_precision=False)
    cases = ([ball_case("one", 1), ball_case("two", 2)], [ball_phantom(tmp_path, 3)])
    whole = advance(begin(small_network(), recipe), recipe, cases)

    class Stopped(Exception):
        pass

    def stop_after_three(progress: object) -> None:
        if first.step == 3:
            write_checkpoint(tmp_path / "stage.npz", first)
            raise Stopped

    first = begin(small_network(), recipe)
    with pytest.raises(Stopped):
        advance(first, recipe, cases, stop_after_three)
    second = begin(small_network(seed=77), recipe)
    read_checkpoint(tmp_path / "stage.npz", second)
    assert second.step == 3
    advance(second, recipe, cases)
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, second.network.state_dict()[name]), name
        assert torch.equal(whole.average[name], second.average[name]), name


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    recipe = Recipe(2, 1, 16)
    write_checkpoint(tmp_path / "stage.npz", begin(torch.nn.Linear(2, 2), recipe))
    with pytest.raises(ValueError, match="another network"):
        read_checkpoint(tmp_path / "stage.npz", begin(small_network(), recipe))


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    cases = [ball_case("one", 1), ball_case("two", 2)]
    networks = [small_network(Inputs.CT) for _ in range(3)]
    for network, seed in zip(networks, (5, 5, 6), strict=True):
        assert train_steps(network, cases, 2, seed) > 0.0
    same, again, other = (network.state_dict()["lesion.weight"] for network in networks)
    assert torch.equal(same, again)
    assert not torch.equal(same, other)


def test_training_without_cases_or_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="one step and one case"):
        train_steps(small_network(), [], 3, 1)
    with pytest.raises(ValueError, match="one step and one case"):
        train_steps(small_network(), [ball_case("one", 1)], 0, 1)


def test_the_learning_rate_rises_and_ends_at_zero() -> None:
    recipe = Recipe(100, 1, warm_up=10, learning_rate=1.0)
    rates = [learning_rate(recipe, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(rates[9])
    assert rates[100] == pytest.approx(0.0, abs=1e-12)
