"""Lesions drawn into patches: in an organ, seen by the scanner, marked, and only in phantoms."""

from pathlib import Path

import numpy as np
import pytest
import torch

from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.training.pasted import Patch, with_lesions
from medquorum.ai_entity.training.patches import Drawing, draw_patch
from tests.ai_entity.training.small_cases import ball_case, ball_phantom

pytestmark = pytest.mark.train

SIDE = 32


def a_patch(inside: Organ) -> Patch:
    """A half of muscle and a half of one organ, nothing marked; the outer shell is unknown."""
    labels = torch.full((SIDE,) * 3, int(Organ.MUSCLE))
    labels[SIDE // 2 :] = int(inside)
    images = torch.stack([torch.full((SIDE,) * 3, 50.0), torch.full((SIDE,) * 3, 0.7)])
    known = torch.zeros(1, SIDE, SIDE, SIDE)
    known[:, 2:-2, 2:-2, 2:-2] = 1.0
    return images, torch.zeros(1, SIDE, SIDE, SIDE), known, labels


def test_a_lesion_is_hot_where_it_is_marked_and_nowhere_else() -> None:
    for seed in range(20):
        images, lesion, known, _ = with_lesions(a_patch(Organ.LIVER), np.random.default_rng(seed))
        marked = lesion[0] > 0.5
        assert marked.any() and bool((known[0][marked] == 1.0).all())
        deep = torch.nn.functional.max_pool3d(lesion[None], 9, 1, 4)[0, 0] == 0.0
        assert float(images[1][marked].mean()) > 1.2
        assert float((images[1][deep] - 0.7).abs().max()) < 1e-3
        assert float((images[0][~marked] - 50.0).abs().max()) < 1e-3


def test_nothing_grows_in_bladder_brain_or_air() -> None:
    labels = {Organ.BLADDER, Organ.BRAIN, Organ.AIR}
    for organ in labels:
        patch = a_patch(organ)
        patch[3][:] = int(organ)
        assert with_lesions(patch, np.random.default_rng(1))[1].sum() == 0


def test_lots_decide_between_a_hard_host_and_another() -> None:
    def share_in_kidneys(lots: int) -> float:
        """Of patches, those whose lesions lie mostly there."""
        inside = 0
        for seed in range(60):
            rng = np.random.default_rng(seed)
            _, lesion, _, labels = with_lesions(a_patch(Organ.KIDNEYS), rng, (6.0, 9.0), lots)
            inside += bool((labels[lesion[0] > 0.5] == Organ.KIDNEYS).float().mean() > 0.5)
        return inside / 60

    assert share_in_kidneys(1) < 0.7 < share_in_kidneys(9)


def test_the_given_patch_is_left_as_it_was() -> None:
    patch = a_patch(Organ.SPLEEN)
    with_lesions(patch, np.random.default_rng(3))
    assert float(patch[1].sum()) == 0.0 and float(patch[0][1].max()) < 0.71


def test_only_phantoms_get_lesions(tmp_path: Path) -> None:
    always = Drawing(pasted_share=1.0)
    real, phantom = ball_case("real", 1), ball_phantom(tmp_path, 1)
    for case, more in ((real, False), (phantom, True)):
        plain = [draw_patch(case, 24, np.random.default_rng(s))[1].sum() for s in range(6)]
        pasted = [draw_patch(case, 24, np.random.default_rng(s), always)[1].sum() for s in range(6)]
        assert bool(sum(pasted) > sum(plain) + 1.0) is more
