"""DICOM slices to spoil: a small CT series and ways to change one file of it."""

import io
from collections.abc import Callable

import numpy as np
import pydicom
from pydicom.dataset import FileDataset

from medquorum.ai_entity.dicom_writer import AxialSeries
from medquorum.ai_entity.phantom.dicom_writer import write_ct, write_pet

Change = Callable[[FileDataset], None]


def small_volume(modality: str = "CT") -> AxialSeries:
    """5 x 8 x 6 voxels with a different value in every voxel."""
    voxels = np.arange(5 * 8 * 6, dtype=np.float32).reshape(5, 8, 6)
    return AxialSeries(voxels, (2.5, 1.5, 1.25), (-10.0, 20.0, 30.0), f"{modality} s", "study")


def small_ct() -> list[bytes]:
    """Five CT slices; HU equals the voxel's number."""
    return write_ct(small_volume())


def small_pet() -> list[bytes]:
    """Five PET slices in BQML, a different slope in each."""
    return write_pet(small_volume("PET"))


def changed(content: bytes, change: Change) -> bytes:
    """The file after ``change`` of its dataset."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    change(dataset)
    target = io.BytesIO()
    dataset.save_as(target)
    return target.getvalue()


def without(keyword: str) -> Change:
    """Remove one element."""

    def change(dataset: FileDataset) -> None:
        del dataset[keyword]

    return change


def having(keyword: str, value: object) -> Change:
    """Set one element."""

    def change(dataset: FileDataset) -> None:
        setattr(dataset, keyword, value)

    return change


def all_changed(files: list[bytes], change: Change) -> list[bytes]:
    """Every file after the same change."""
    return [changed(content, change) for content in files]
