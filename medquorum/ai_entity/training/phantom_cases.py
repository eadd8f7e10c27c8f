"""Torso phantoms for training, made once and kept in a folder.

Only seeds of the family TRAINING. Half of the bodies are scanned by the standard scanner, the
others by one drawn around it (blur, noise, contrast), within narrower bounds than the shifted
scanners that models are judged with. Every third body has its head, because the brain is the
hottest organ that is no tumour. One file per body: int16 [4, z, y, x] of HU, SUV in hundredths,
lesion 0/1 and organ label; read by memory map, so that processes share one copy.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.phantom.growths import Story
from medquorum.ai_entity.phantom.scanner import STANDARD, Family, Scanner, family_seed
from medquorum.ai_entity.phantom.whole_body import TorsoPlan, make_torso

SUV_STEPS: Final = 100.0
"""Steps per SUV unit in the file: finer than the noise, up to SUV 327."""
STORIES: Final = (
    Story.SPREAD,
    Story.NEGATIVE,
    Story.LARGE,
    Story.EXTENDING,
    Story.MULTIPLE,
    Story.CONFINED,
    Story.EXTENDING,
)
"""Taken in turn; seven, so that every story meets bodies with and without a head."""
PURPOSE_SCANNER: Final = 11


def phantom_plan(index: int) -> TorsoPlan:
    """Story, head and scanner of the training phantom of this index."""
    rng = np.random.default_rng((PURPOSE_SCANNER, index))
    scanner = STANDARD
    if index % 2:
        scanner = Scanner(
            "drawn for training",
            pet_fwhm_mm=float(rng.uniform(5.0, 7.0)),
            pet_noise=float(rng.uniform(0.07, 0.15)),
            ct_noise_hu=float(rng.uniform(6.0, 18.0)),
            contrast=float(rng.uniform(0.0, 0.7)),
        )
    return TorsoPlan(STORIES[index % len(STORIES)], scanner=scanner, with_head=index % 3 == 0)


def make_phantoms(folder: Path, count: int) -> Iterator[Path]:
    """The files of the first ``count`` training phantoms, made where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        path = folder / f"torso_{index:03d}.npy"
        if not path.exists():
            _write(path, index)
        yield path


def _write(path: Path, index: int) -> None:
    torso = make_torso(family_seed(Family.TRAINING, index), phantom_plan(index))
    parts = (torso.hu, torso.suv * SUV_STEPS, torso.lesions, torso.organs)
    stacked: npt.NDArray[np.int16] = np.stack(
        [np.clip(np.rint(part), -32768, 32767).astype(np.int16) for part in parts]
    )
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with fresh.open("wb") as stream:
        np.save(stream, stacked)
    fresh.replace(path)
