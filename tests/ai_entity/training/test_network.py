"""Shapes, raw values and window dependence of the tumour network."""

import pytest
import torch

from medquorum.ai_entity.training.network import ORGANS, Inputs, TumourNetwork, scaled
from tests.ai_entity.training.small_cases import small_network

pytestmark = pytest.mark.train


@pytest.mark.parametrize("inputs", list(Inputs))
def test_both_answers_have_the_size_of_the_images(inputs: Inputs) -> None:
    lesion, organs = small_network(inputs)(torch.zeros(2, inputs.channels, 8, 16, 24))
    assert lesion.shape == (2, 1, 8, 16, 24)
    assert organs.shape == (2, ORGANS, 8, 16, 24)


def test_the_full_network_is_small_enough_to_ship_five_times_twice() -> None:
    weights = sum(part.numel() for part in TumourNetwork(Inputs.PETCT).parameters())
    assert 2 * weights * 5 * 2 < 20_000_000


def test_values_are_scaled_inside_the_network_and_limited() -> None:
    images = torch.tensor([[-2000.0, 40.0, 5000.0], [-1.0, 5.0, 900.0]]).reshape(1, 2, 3, 1, 1)
    window, wide, linear, logarithm = scaled(images)[0, :, :, 0, 0]
    assert window.tolist() == [-1.0, 0.0, 1.0]
    assert wide.tolist() == pytest.approx([-1.0, 0.04, 1.0])
    assert linear.tolist() == [0.0, 1.0, 10.0]
    assert logarithm[1].item() == pytest.approx(1.791759)


def test_a_network_for_ct_has_no_channel_for_a_pet() -> None:
    with pytest.raises(RuntimeError, match="channels"):
        small_network(Inputs.CT)(torch.zeros(1, 2, 8, 8, 8))
