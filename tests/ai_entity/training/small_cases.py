"""Small cases and networks for training tests: seconds, not minutes."""

from pathlib import Path

import numpy as np
import torch

from medquorum.ai_entity.training.network import Inputs, TumourNetwork
from medquorum.ai_entity.training.phantom_cases import SUV_STEPS
from medquorum.ai_entity.training.training_case import TrainingCase, grid_case, phantom_case

SIDE = 24
SMALL_WIDTHS = (8, 8, 16, 16)


def ball(centre: tuple[int, int, int], radius: float) -> np.ndarray:
    """A ball in a cube of SIDE voxels."""
    z, y, x = np.ogrid[:SIDE, :SIDE, :SIDE]
    away = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
    return np.asarray(away <= radius**2)


def ball_case(name: str, seed: int) -> TrainingCase:
    """A limb with a hot ball in it, without organ labels."""
    rng = np.random.default_rng(seed)
    lesion = ball((12, 11, 13), 6.0)
    hu = np.where(ball((12, 12, 12), 11.0), 50.0, -1000.0) - 15.0 * lesion
    suv = np.where(lesion, 8.0, 0.7) * (hu > -300)
    noise = rng.normal(0.0, 5.0, hu.shape)
    return grid_case(name, (hu + noise).astype(np.float32), suv.astype(np.float32), lesion)


def ball_phantom(folder: Path, seed: int) -> TrainingCase:
    """The same as files of a torso and a body: air, muscle, and a liver that holds the lesion."""
    case = ball_case("phantom", seed)
    organs = np.where(ball((12, 12, 12), 11.0), 2, 0)
    organs[ball((12, 11, 13), 8.0)] = 7
    hu, suv, lesion = case.stacked
    stacked = np.stack([hu, suv * SUV_STEPS, lesion, organs]).astype(np.int16)
    for name in ("body", "torso"):
        np.save(folder / f"{name}_{seed:03d}.npy", stacked)
    return phantom_case(folder / f"torso_{seed:03d}.npy")


def small_network(inputs: Inputs = Inputs.PETCT, seed: int = 0) -> TumourNetwork:
    """A narrow network with weights drawn from the seed."""
    torch.manual_seed(seed)
    return TumourNetwork(inputs, SMALL_WIDTHS)
