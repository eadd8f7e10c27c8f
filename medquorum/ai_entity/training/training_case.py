"""One case as training sees it, on the 4 mm grid: images, the share of lesion per voxel, organs.

Real cases come from a case archive: their contour is interpolated like an image, so that a voxel
at its border holds a share of lesion and not a yes or no. They have no organ labels. Phantoms have
both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.case_archive import CaseArchive, ReferenceCase
from medquorum.ai_entity.training.phantom_cases import SUV_STEPS
from medquorum.ai_entity.tumour.grid import Placed, Volume, common_grid, resample

BODY_HU: Final = -300.0
BODY_STRIDE: Final = 3
"""Every third voxel along each axis may be the centre of a patch."""
HOT_SUV: Final = 2.5

Places = npt.NDArray[np.int64]
Box = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class TrainingCase:
    """Arrays [z,y,x] on the 4 mm grid, or the file that holds them."""

    name: str
    stacked: npt.NDArray[np.float32] | npt.NDArray[np.int16]
    """[3, z, y, x] HU, SUVbw, share of lesion (float32) of a real case; of a phantom int16
    [4, z, y, x] as ``phantom_cases`` writes it."""
    lesion_places: tuple[Places, ...]
    """Voxels of every connected lesion."""
    body_places: Places
    hot_places: Places
    """Voxels of usual uptake that passes thresholds for tumour: phantoms only, else empty."""

    def __repr__(self) -> str:
        return f"TrainingCase({self.shape})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """[z, y, x]."""
        z, y, x = self.stacked.shape[1:]
        return z, y, x

    @property
    def is_phantom(self) -> bool:
        """Whether organs are known."""
        return len(self.stacked) == 4

    def read(self, box: Box) -> npt.NDArray[np.float32]:
        """HU, SUVbw and share of lesion of a box, float32 [3, ...]."""
        part = np.asarray(self.stacked[:3][:, *box], dtype=np.float32)
        if self.is_phantom:
            part[1] /= SUV_STEPS
        return part

    def read_organs(self, box: Box) -> npt.NDArray[np.int16] | None:
        """Organ labels of a box, None where nobody drew them."""
        return np.asarray(self.stacked[3][box]) if self.is_phantom else None


def grid_case(
    name: str, hu: Volume, suv: Volume | None, lesion: npt.NDArray[np.floating | np.bool_]
) -> TrainingCase:
    """A case from arrays [z,y,x] of the 4 mm grid (HU, SUVbw or None, lesion or its share)."""
    pet = np.zeros_like(hu) if suv is None else suv
    stacked = np.stack([hu, pet, lesion.astype(np.float32)]).astype(np.float32)
    lesions, body = _centres(stacked[0], stacked[2] > 0.5)
    return TrainingCase(name, stacked, lesions, body, np.empty((0, 3), dtype=np.int64))


def real_case(case: ReferenceCase) -> TrainingCase:
    """A case of the archive on the 4 mm grid of its PET."""
    images = common_grid(case.ct, case.pet)
    z, y, x = images.hu.shape
    contour = Placed(case.contour.astype(np.float32), case.pet.affine)
    return grid_case(
        case.name, images.hu, images.suv, resample(contour, images.affine, (z, y, x), 0.0)
    )


def real_cases(archive: CaseArchive) -> Iterator[TrainingCase]:
    """All cases of an archive in the order of their names."""
    for case in archive:
        yield real_case(case)


def phantom_case(path: Path) -> TrainingCase:
    """A phantom file by memory map."""
    stacked = np.load(path, mmap_mode="r", allow_pickle=False)
    lesion = stacked[2] > 0
    hot = (stacked[1] > HOT_SUV * SUV_STEPS) & ~ndimage.binary_dilation(lesion, iterations=2)
    return TrainingCase(
        path.stem, stacked, *_centres(np.asarray(stacked[0]), lesion), np.argwhere(hot)
    )


def _centres(
    hu: npt.NDArray[np.float32 | np.int16], lesion: npt.NDArray[np.bool_]
) -> tuple[tuple[Places, ...], Places]:
    body = np.zeros(hu.shape, dtype=np.bool_)
    thin = (slice(None, None, BODY_STRIDE),) * 3
    body[thin] = hu[thin] > BODY_HU
    found = np.argwhere(body)
    numbered, count = ndimage.label(lesion)
    places = np.argwhere(lesion)
    group = numbered[lesion]
    lesions = tuple(places[group == number] for number in range(1, count + 1))
    return lesions, found if len(found) else np.argwhere(np.ones_like(body))
