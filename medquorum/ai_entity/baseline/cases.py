"""The fitting cases: crops of PET and CT with an expert contour, brought to the analysis grid.

The archive holds, per patient, ``<id>_suv`` [z,y,x] SUVbw, ``<id>_ct`` HU on the same grid,
``<id>_gtv`` the contour and ``<id>_spacing_zyx`` mm.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.baseline.feature_bank import FeatureBank, feature_planes
from medquorum.ai_entity.tumour.candidates import BODY_HU
from medquorum.ai_entity.tumour.grid import Placed, Volume, common_grid, resample

HELD_OUT: Final = ("STS_001", "STS_005", "STS_021")
"""Never fitted on in the shipped model: they are the cases that tests and demonstrations show."""

VOXELS_PER_CASE: Final = 2_500
"""Tumour voxels drawn per case, and twice as many others."""


@dataclass(frozen=True, slots=True)
class Case:
    """One patient: features on the grid, and the contour on its own grid."""

    name: str
    features: Volume
    """[f,z,y,x]"""
    body: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.bool_]
    """Contour on the analysis grid."""
    contour: Placed
    """Contour on the original grid, 0 or 1."""
    grid_affine: npt.NDArray[np.float64]

    def __repr__(self) -> str:
        return f"Case({self.features.shape})"


@dataclass(frozen=True, slots=True)
class Sample:
    """Balanced voxels of one case."""

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.float64]
    tumour_share: float


def archive_digest(path: Path) -> str:
    """SHA-256 of the archive."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_cases(path: Path, bank: FeatureBank) -> Iterator[Case]:
    """Every case of the archive in the order of its name."""
    with np.load(path, allow_pickle=False) as archive:
        names = sorted(key[: -len("_suv")] for key in archive.files if key.endswith("_suv"))
        for name in names:
            yield _case(
                name,
                bank,
                [np.asarray(archive[f"{name}_{part}"]) for part in ("suv", "ct", "gtv")],
                np.asarray(archive[f"{name}_spacing_zyx"], dtype=np.float64),
            )


def _case(
    name: str,
    bank: FeatureBank,
    arrays: list[npt.NDArray[np.generic]],
    spacing_zyx_mm: npt.NDArray[np.float64],
) -> Case:
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = spacing_zyx_mm
    affine[3, 3] = 1.0
    pet, ct, contour = (Placed(array.astype(np.float32), affine) for array in arrays)
    images = common_grid(ct, pet if "suv" in bank.channels else None)
    labels = resample(contour, images.affine, _shape(images.hu), 0.0) >= 0.5
    planes = [images.suv if channel == "suv" else images.hu for channel in bank.channels]
    channels = np.stack([plane for plane in planes if plane is not None])
    halo = bank.halo_voxels
    padded = np.pad(channels, ((0, 0), *(((halo, halo),) * 3)), mode="edge")
    inner = slice(halo, -halo)
    features = feature_planes(bank, padded)[:, inner, inner, inner]
    return Case(name, features.copy(), images.hu > BODY_HU, labels, contour, images.affine)


def _shape(volume: Volume) -> tuple[int, int, int]:
    z, y, x = volume.shape
    return z, y, x


def draw_sample(case: Case, seed: int) -> Sample:
    """Balanced voxels inside the body; both classes weigh the same in every case."""
    flat = case.features.reshape(len(case.features), -1)
    labels, body = case.labels.ravel(), case.body.ravel()
    tumour, other = np.flatnonzero(labels & body), np.flatnonzero(~labels & body)
    rng = np.random.default_rng(seed)
    picked = [
        rng.choice(tumour, min(VOXELS_PER_CASE, len(tumour)), replace=False),
        rng.choice(other, min(2 * VOXELS_PER_CASE, len(other)), replace=False),
    ]
    indices = np.concatenate(picked)
    weights = np.concatenate([np.full(len(part), 1.0 / len(part)) for part in picked])
    share = len(tumour) / (len(tumour) + len(other))
    return Sample(flat[:, indices].T.copy(), labels[indices], weights, share)
