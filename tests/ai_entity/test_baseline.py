"""Fitting: the graph computes what was fitted, and fitting repeats itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medquorum.ai_entity.baseline.cases import draw_sample, load_cases
from medquorum.ai_entity.baseline.feature_bank import (
    CT_BANK,
    PET_CT_BANK,
    FeatureBank,
    feature_planes,
)
from medquorum.ai_entity.baseline.fit import fit_bank, model_card
from medquorum.ai_entity.baseline.head import FitPlan, Head, fit_head
from medquorum.ai_entity.baseline.onnx_graph import build_voxel_model
from medquorum.ai_entity.baseline.validation import fit_on
from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.registry import LoadedModel, ModelCard, check_ports, open_session
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.inference import predict

CARD = ModelCard("probe", "0", "petct", bytes(32), bytes(32), 300_000, ())


def random_head(bank: FeatureBank) -> Head:
    rng = np.random.default_rng(1)
    count = len(bank.feature_names)
    return Head(
        rng.normal(size=count), 1 + rng.random(count), rng.normal(size=(count, 8)) / 4,
        rng.normal(size=8), rng.normal(size=8), 0.3,
    )  # fmt: skip


def channels_for(bank: FeatureBank, shape: tuple[int, int, int]) -> np.ndarray:
    rng = np.random.default_rng(2)
    planes = {"suv": rng.random(shape) * 10, "hu": rng.normal(0, 200, shape)}
    return np.stack([planes[name] for name in bank.channels]).astype(np.float32)


def images_of(bank: FeatureBank, channels: np.ndarray) -> GridImages:
    planes = dict(zip(bank.channels, channels, strict=True))
    return GridImages(planes["hu"], planes.get("suv"), np.diag([4.0, 4.0, 4.0, 1.0]))


@pytest.mark.parametrize("bank", [PET_CT_BANK, CT_BANK])
def test_graph_and_numpy_agree_and_slabs_have_no_seam(
    bank: FeatureBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = random_head(bank)
    content = build_voxel_model(bank, head)
    assert content == build_voxel_model(bank, head)
    card = replace(CARD, kind=bank.name)
    check_ports(inspect_model(content), card)
    channels = channels_for(bank, (14, 9, 10))
    halo = bank.halo_voxels
    padded = np.pad(channels, ((0, 0), *(((halo, halo),) * 3)), mode="edge")
    planes = feature_planes(bank, padded)[:, halo:-halo, halo:-halo, halo:-halo]
    logits = head.logit(planes.reshape(len(planes), -1).T)
    expected = (1 / (1 + np.exp(-logits))).reshape(14, 9, 10)
    model = LoadedModel(card, open_session(content))
    images = images_of(bank, channels)
    whole = predict(model, images).probability
    assert np.abs(whole - expected).max() < 0.001
    monkeypatch.setattr("medquorum.ai_entity.tumour.inference.SLAB_VOXELS", 1)
    assert np.array_equal(predict(model, images).probability, whole)


def test_head_learns_a_curved_border_and_keeps_the_prior() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(4_000, 2)).astype(np.float32)
    labels = (points**2).sum(axis=1) < 1.0
    head = fit_head(points, labels, np.ones(4_000), 0.0, FitPlan(8, 1e-5, 150, 1))
    assert ((head.logit(points) > 0) == labels).mean() > 0.97
    shifted = fit_head(points, labels, np.ones(4_000), -2.0, FitPlan(8, 1e-5, 150, 1))
    assert np.allclose(shifted.logit(points), head.logit(points) - 2.0)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six made-up cases: a warm ball in a cool body."""
    path = tmp_path_factory.mktemp("cases") / "cases.npz"
    arrays: dict[str, np.ndarray] = {}
    z, y, x = np.mgrid[0:18, 0:20, 0:20]
    for case in range(6):
        rng = np.random.default_rng(case)
        ball = (z - 9) ** 2 + (y - 10) ** 2 + (x - 8 - case % 4) ** 2 < 25
        arrays[f"P{case}_suv"] = (0.7 + 5 * ball + 0.1 * rng.random(ball.shape)).astype(np.float16)
        arrays[f"P{case}_ct"] = (40 + rng.normal(0, 10, ball.shape)).astype(np.int16)
        arrays[f"P{case}_gtv"] = ball
        arrays[f"P{case}_spacing_zyx"] = np.asarray([4.0, 4.5, 4.5], np.float32)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_cross_validation_on_made_up_cases(archive: Path) -> None:
    fitted = fit_bank(archive, PET_CT_BANK, FitPlan(6, 1e-3, 40, 1))
    assert np.mean(fitted.outcome.fold_dice) > 0.85
    card = model_card(fitted, "00" * 32)
    assert card["cross_validation"]["cases"] == 6
    assert card["not_for_clinical_use"] is True


def test_samples_are_balanced_and_inside_the_body(archive: Path) -> None:
    case = next(load_cases(archive, PET_CT_BANK))
    sample = draw_sample(case, 1)
    assert sample.weights[sample.labels].sum() == pytest.approx(1.0)
    assert sample.weights[~sample.labels].sum() == pytest.approx(1.0)
    assert 0.0 < sample.tumour_share < 0.5
    heads = [fit_on([sample], FitPlan(4, 1e-3, 10, 1)) for _ in range(2)]
    assert build_voxel_model(PET_CT_BANK, heads[0]) == build_voxel_model(PET_CT_BANK, heads[1])
