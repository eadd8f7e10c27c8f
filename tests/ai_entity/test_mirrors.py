"""Mirrored passes: turned back, averaged, and stated on the card in one way only."""

import json

import numpy as np
import numpy.typing as npt
import pytest

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.model_card import ModelCard, read_card
from medquorum.ai_entity.registry import MODELS_FOLDER
from medquorum.ai_entity.tumour.mirrors import UNMIRRORED, mirrored, mirrors_from

Volume = npt.NDArray[np.float32]
WINDOWS = np.random.default_rng(5).normal(size=(2, 2, 4, 6, 8)).astype(np.float32)


def falling_to_the_right(windows: Volume) -> tuple[Volume, ...]:
    """A network that answers by place: 0 at the left border, 7 at the right."""
    place = np.broadcast_to(np.arange(8.0, dtype=np.float32), windows[:, :1].shape)
    return windows[:, :1] + place, windows


def test_every_pass_is_turned_back_before_the_mean() -> None:
    lesion, organs = mirrored(falling_to_the_right, ("", "x", "y", "zx"))(WINDOWS)
    place = np.arange(8.0) / 2 + np.arange(8.0)[::-1] / 2
    np.testing.assert_allclose(lesion, WINDOWS[:, :1] + place, rtol=1e-5)
    np.testing.assert_allclose(organs, WINDOWS, rtol=1e-6)


def test_one_plain_pass_is_the_network_itself() -> None:
    assert mirrored(falling_to_the_right, UNMIRRORED) is falling_to_the_right
    lesion, _ = mirrored(falling_to_the_right, ("x",))(WINDOWS)
    np.testing.assert_allclose(lesion, WINDOWS[:, :1] + np.arange(8.0)[::-1], rtol=1e-6)


def test_a_card_states_passes() -> None:
    assert mirrors_from(["", "x", "xy"]) == ("", "x", "xy")


@pytest.mark.parametrize("stated", ["", [], ["w"], ["xx"], ["xy", "yx"], ["", ""], [""] * 9, None])
def test_other_passes_are_refused(stated: object) -> None:
    with pytest.raises(ValueError, match="pass"):
        mirrors_from(stated)


def shipped_card(**changed: object) -> ModelCard:
    stated = json.loads((MODELS_FOLDER / "tumour_petct.json").read_bytes())
    digest = bytes.fromhex(stated["sha256"])
    kept = {key: value for key, value in (stated | changed).items() if value is not None}
    return read_card(json.dumps(kept).encode(), digest)


def test_the_card_says_how_often_each_network_is_asked() -> None:
    plan = shipped_card(mirrors=["", "y"], whole_body_mirrors=None).multitask
    assert plan is not None
    assert (plan.mirrors, plan.whole_body_mirrors) == (("", "y"), UNMIRRORED)


@pytest.mark.parametrize("key", ["mirrors", "whole_body_mirrors"])
def test_a_card_with_other_passes_is_malformed(key: str) -> None:
    with pytest.raises(ModelError) as caught:
        shipped_card(**{key: ["w"]})
    assert caught.value.reason is Reason.MALFORMED_MODEL
