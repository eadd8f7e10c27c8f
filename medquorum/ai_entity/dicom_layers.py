"""A series as its files store it: checked and in order, made into numbers plane by plane.

A CT of 300 slices takes 314 MB as numbers and half of that as stored; who only wants its average on
a coarser grid never needs more than a few planes of numbers at once.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.block_means import Blocks, block_means, stored_means
from medquorum.ai_entity.dicom_slice import Slice
from medquorum.ai_entity.patient_identity import NOBODY, Identity
from medquorum.ai_entity.suv import PetFacts

Affine = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """Provenance that identifies no one."""

    content_digest: bytes
    """SHA-256 over the SHA-256 of every file in slice order."""
    frame_of_reference_digest: bytes
    """SHA-256 of FrameOfReferenceUID, empty when the series has none."""
    slice_count: int
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageVolume:
    """Voxels [z,y,x] in rescaled units, and the way from indices to LPS millimetres."""

    voxels: npt.NDArray[np.float32]
    affine: Affine
    """4 x 4: (z, y, x, 1) -> (x_mm, y_mm, z_mm, 1), LPS."""
    spacing_zyx_mm: tuple[float, float, float]
    modality: str
    facts: SeriesFacts
    pet: PetFacts | None
    patient: Identity = NOBODY
    """Compared with that of other images, and never shown or kept."""

    def __repr__(self) -> str:
        return f"ImageVolume({self.modality}, {self.voxels.shape}, {self.spacing_zyx_mm} mm)"

    @property
    def voxel_volume_ml(self) -> float:
        """Product of the spacings, in millilitres."""
        return float(np.prod(self.spacing_zyx_mm)) / 1000.0


@dataclass(frozen=True, slots=True)
class SeriesLayers:
    """The slices of one evenly spaced stack in the order of their places."""

    slices: tuple[Slice, ...]
    affine: Affine
    """As of ``ImageVolume``."""
    spacing_zyx_mm: tuple[float, float, float]
    facts: SeriesFacts
    pet: PetFacts | None
    patient: Identity = NOBODY
    """As of ``ImageVolume``."""

    def __repr__(self) -> str:
        return f"SeriesLayers({self.slices[0].modality}, {self.shape})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns."""
        rows, columns = self.slices[0].stored.shape
        return len(self.slices), rows, columns

    def volume(self) -> ImageVolume:
        """All voxels as numbers."""
        return ImageVolume(
            self._planes(0, len(self.slices)),
            self.affine,
            self.spacing_zyx_mm,
            self.slices[0].modality,
            self.facts,
            self.pet,
            self.patient,
        )

    def means(self, blocks: Blocks) -> npt.NDArray[np.float32]:
        """Means [z',y',x'] of whole blocks, the bits of ``block_means`` of all voxels."""
        deep, high, wide = (size // block for size, block in zip(self.shape, blocks, strict=True))
        found = np.empty((deep, high, wide), dtype=np.float32)
        for layer in range(deep):
            found[layer] = self._layer_means(layer * blocks[0], blocks)
        return found

    def _layer_means(self, start: int, blocks: Blocks) -> npt.NDArray[np.float32]:
        slices = self.slices[start : start + blocks[0]]
        rescales = {(one.slope, one.intercept) for one in slices}
        quick = None
        if len(rescales) == 1:
            quick = stored_means([one.stored for one in slices], blocks, rescales.pop())
        if quick is not None:
            return quick
        return np.asarray(block_means(self._planes(start, start + len(slices)), blocks)[0])

    def _planes(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        voxels = np.empty((stop - start, *self.shape[1:]), dtype=np.float32)
        for plane, one in zip(voxels, self.slices[start:stop], strict=True):
            plane[...] = one.values
        return voxels
