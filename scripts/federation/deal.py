"""Deal patients to hospitals: each gets a folder of its own, the coordinator a fixed hold-out.

Whole patients only; the same seed deals the same way. Where no archive of real cases is at hand,
torso phantoms with one large lesion are made and cropped like the real ones.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from medquorum.ai_entity.case_archive import PARTS, CaseArchive
from medquorum.ai_entity.phantom.growths import Story
from medquorum.ai_entity.phantom.scanner import Family, family_seed
from medquorum.ai_entity.phantom.whole_body import TorsoPlan, make_torso

CROP_MARGIN_VOXELS: Final = 13
"""5 cm at 4 mm, as around the tumours of the real cases."""


@dataclass(frozen=True, slots=True)
class Deal:
    """How many patients each gets."""

    hospitals: int
    training: int
    held_out: int
    """Per hospital, for its own evaluation."""
    hold_out: int
    """Of nobody, for the comparison."""
    seed: int

    @property
    def patients(self) -> int:
        """All of them."""
        return self.hospitals * (self.training + self.held_out) + self.hold_out

    @classmethod
    def of(cls, patients: int, hospitals: int, seed: int) -> "Deal":
        """Everybody: a sixth for the comparison, a quarter of each hospital's for itself."""
        hold_out = max(1, patients // 6)
        each = (patients - hold_out) // hospitals
        if each < 2:
            raise ValueError(f"{patients} patients are too few for {hospitals} hospitals")
        held_out = max(1, each // 4)
        return cls(hospitals, each - held_out, held_out, patients - hospitals * each, seed)


def deal_patients(archive: Path, deal: Deal, folders: Sequence[Path], hold_out: Path) -> None:
    """Write cases.npz and split.json into every hospital's folder and into the hold-out's."""
    names = CaseArchive(archive).names
    order = [names[i] for i in np.random.default_rng((deal.seed, 17)).permutation(len(names))]
    for folder in folders:
        train, held_out = _take(order, deal.training), _take(order, deal.held_out)
        _write(archive, folder, train, held_out)
    _write(archive, hold_out, [], _take(order, deal.hold_out))


def _take(order: list[str], count: int) -> list[str]:
    taken = order[:count]
    del order[:count]
    return sorted(taken)


def _write(archive: Path, folder: Path, train: list[str], held_out: list[str]) -> None:
    folder.mkdir(parents=True)
    with np.load(archive, allow_pickle=False) as stored:
        arrays = {
            f"{name}_{part}": stored[f"{name}_{part}"]
            for name in (*train, *held_out)
            for part in PARTS
        }
    np.savez(folder / "cases.npz", **arrays)
    split = {"train": train, "held_out": held_out}
    (folder / "split.json").write_text(json.dumps(split, indent=1) + "\n", encoding="utf-8")


def make_phantom_archive(path: Path, count: int) -> None:
    """Crops of ``count`` torso phantoms with one large lesion each, as a case archive."""
    arrays: dict[str, Any] = {}
    for index in range(count):
        arrays |= dict(_phantom_crop(f"PHANTOM_{index:03d}", index))
    np.savez_compressed(path, **arrays)


def _phantom_crop(name: str, index: int) -> Iterator[tuple[str, Any]]:
    torso = make_torso(family_seed(Family.TRAINING, 5_000 + index), TorsoPlan(Story.LARGE))
    found = np.argwhere(torso.lesions)
    low = np.maximum(found.min(axis=0) - CROP_MARGIN_VOXELS, 0)
    high = found.max(axis=0) + CROP_MARGIN_VOXELS + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    yield f"{name}_suv", torso.suv[box].astype(np.float16)
    yield f"{name}_ct", np.clip(np.rint(torso.hu[box]), -1024, 3071).astype(np.int16)
    yield f"{name}_gtv", torso.lesions[box]
    yield f"{name}_spacing_zyx", np.asarray(torso.spacing_zyx_mm, dtype=np.float32)
