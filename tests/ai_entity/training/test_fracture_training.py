"""The fracture network's training: tiles, steps that resume, and a file that says the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medquorum.ai_entity.fracture.resnet_graph import build_resnet
from medquorum.ai_entity.fracture.tiles import place_tiles
from medquorum.ai_entity.model_output import open_session
from medquorum.ai_entity.phantom.limb_film import Family, make_limb_film
from medquorum.ai_entity.training.fracture_export import STRIDES, youden
from medquorum.ai_entity.training.fracture_films import TrainingFilm, windowed
from medquorum.ai_entity.training.fracture_loop import (
    FractureRecipe,
    Phase,
    hardest,
    local_loss,
    train_network,
)
from medquorum.ai_entity.training.fracture_network import (
    STAGES,
    FractureNetwork,
    folded_weights,
)
from medquorum.ai_entity.training.fracture_tiles import TileSource

pytestmark = pytest.mark.train

SMALL = ((4, 1, 1), (4, 1, 2), (4, 1, 2))
SMALL_STRIDES = (1, 2, 2)
RECIPE = FractureRecipe(
    phases=(Phase(32, 8, 3, trunk_only=True), Phase(32, 8, 3)),
    warm_up=2,
    checkpoint_every=3,
    half_precision=False,
)


@pytest.fixture(scope="module")
def films() -> list[TrainingFilm]:
    made = []
    for number in range(6):
        film = make_limb_film(Family.TRAINING, number, bool(number % 2))
        made.append(windowed(film.stored, film.inverted, film.box))
    return made


def small_network(seed: int = 1) -> FractureNetwork:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return FractureNetwork(SMALL)


def weights_of(network: FractureNetwork) -> dict[str, np.ndarray]:
    return {name: part.numpy().copy() for name, part in network.state_dict().items()}


def test_a_step_draws_the_same_tiles_whenever_it_is_asked(films: list[TrainingFilm]) -> None:
    first, second = (TileSource(films, 5) for _ in range(2))
    second.batch(0, 4, 32)
    left, right = first.batch(7, 16, 32), second.batch(7, 16, 32)
    assert np.array_equal(left.tiles, right.tiles) and np.array_equal(left.labels, right.labels)
    assert left.tiles.shape == left.breaks.shape == (16, 1, 32, 32)
    broken = left.breaks.reshape(16, -1).max(axis=1) > 0.5
    assert np.array_equal(broken, left.labels > 0.5)


def test_a_training_that_stopped_goes_on_as_if_it_had_not(
    films: list[TrainingFilm], tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    through = train_network(small_network(), TileSource(films, 1), RECIPE, whole, str)
    stopped = tmp_path / "stopped"
    stopped.mkdir()

    class Interruption(Exception):
        """The machine goes down."""

    class Interrupted(TileSource):
        def batch(self, step: int, count: int, pixels: int):  # type: ignore[no-untyped-def]
            if step == 4:
                raise Interruption
            return super().batch(step, count, pixels)

    with pytest.raises(Interruption):
        train_network(small_network(), Interrupted(films, 1), RECIPE, stopped, str)
    resumed = train_network(small_network(9), TileSource(films, 1), RECIPE, stopped, str)
    for name, part in weights_of(through).items():
        assert np.allclose(weights_of(resumed)[name], part, atol=1e-6), name


def test_the_file_says_what_the_network_says(films: list[TrainingFilm], tmp_path: Path) -> None:
    network = train_network(small_network(), TileSource(films, 1), RECIPE, tmp_path, str)
    tiles = TileSource(films, 2).batch(0, 4, 64).tiles
    session = open_session(build_resnet(folded_weights(network), SMALL_STRIDES))
    found = session.run(["logit"], {"tiles": tiles})[0][:, 0]
    with torch.no_grad():
        expected = network(torch.from_numpy(tiles)).numpy()
    assert found == pytest.approx(expected, abs=5e-3)


def test_a_resnet_50_has_its_size_and_strides() -> None:
    network = FractureNetwork()
    kept = sum(
        part.numel() for name, part in network.named_parameters() if not name.startswith("local")
    )
    assert kept == pytest.approx(23.5e6, rel=0.01)
    assert len(network.blocks) == len(STRIDES) == 16
    made = tuple(
        stride if index == 0 else 1 for _, count, stride in STAGES for index in range(count)
    )
    assert made == STRIDES


def test_places_weigh_the_same_whether_few_or_many_are_broken() -> None:
    breaks = torch.zeros((1, 1, 64, 64))
    breaks[:, :, :8, :8] = 1.0
    silent = local_loss(torch.zeros((1, 8, 8)), breaks)
    assert float(silent) == pytest.approx(2.0 * np.log(2.0), abs=1e-4)
    right = torch.full((1, 8, 8), -9.0)
    right[0, 0, 0] = 9.0
    assert float(local_loss(right, breaks)) < 0.01
    assert float(local_loss(-right, breaks)) > 10.0
    whole = local_loss(torch.full((1, 8, 8), -9.0), torch.zeros((1, 1, 64, 64)))
    assert float(whole) < 0.01


def test_the_whole_tiles_that_look_broken_are_learnt_from(films: list[TrainingFilm]) -> None:
    network = small_network().eval()
    batch = TileSource(films, 4).batch(0, 60, 32)
    kept = hardest(network.train(), batch, 20, half_precision=False)
    assert len(kept.labels) == 20 and network.training
    with torch.no_grad():
        found = network.eval()(torch.from_numpy(batch.tiles)).numpy()
        chosen = network(torch.from_numpy(kept.tiles)).numpy()
    whole = np.sort(found[batch.labels < 0.5])[::-1]
    count = int((kept.labels < 0.5).sum())
    assert count >= 11
    assert np.sort(chosen[kept.labels < 0.5])[::-1] == pytest.approx(whole[:count], abs=1e-4)


def test_the_rate_warms_up_stays_and_falls() -> None:
    recipe = replace(RECIPE, phases=(Phase(32, 8, 100),), warm_up=10, fall=0.3)
    assert recipe.rate_at(0) == pytest.approx(0.1 * recipe.rate)
    assert recipe.rate_at(50) == recipe.rate
    assert recipe.rate_at(85) == pytest.approx(0.5 * recipe.rate)
    assert recipe.ending_after(60).steps == 60
    with pytest.raises(ValueError, match="needs a step"):
        RECIPE.ending_after(3)


def test_the_threshold_is_where_sensitivity_and_specificity_are_best() -> None:
    probability = np.asarray([0.1, 0.2, 0.35, 0.3, 0.8, 0.9])
    truth = np.asarray([False, False, False, True, True, True])
    assert 0.35 < youden(probability, truth) < 0.8


def test_films_are_kept_with_places_along_bone(films: list[TrainingFilm]) -> None:
    assert all(len(film.centres) >= 1 and film.side > 10.0 for film in films)
    drawn = make_limb_film(Family.TRAINING, 0, False)
    assert films[0].grey.shape == drawn.stored.shape
    grey = films[0].grey.astype(np.float32) / 255.0
    assert place_tiles(grey, np.ones(grey.shape, dtype=np.bool_)).centres
