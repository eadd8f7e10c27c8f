"""Which region of the body a lesion lies in, by density alone.

No free network that labels organs could be had, so the regions are those that Hounsfield units tell
apart reliably: *lung* (a lesion bordered by lung), *bone* (a lesion in or against bone) and *soft
tissue* (everything else: muscle, liver, nodes and so on are not told apart). A hospital's own model
may bring finer regions; the report names them as text.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.tumour.grid import Volume

LUNG: Final = "lung"
BONE: Final = "bone"
SOFT_TISSUE: Final = "soft tissue"
REGIONS: Final = (LUNG, BONE, SOFT_TISSUE)

LUNG_HU: Final = (-950.0, -500.0)
BONE_HU: Final = 200.0
SHELL_VOXELS: Final = 2
"""The neighbourhood that is looked at: 8 mm around the lesion."""

LUNG_SHARE: Final = 0.35
"""Of the shell: fat and skin against air make far less of such densities."""

BONE_SHARE: Final = 0.25
"""Of lesion and shell together."""

MIN_LUNG_MM3: Final = 400_000.0
"""Less is partial volume at the skin: 40 limb crops show up to 5 L of room air at the border, but
none of it enclosed by the body."""

MIN_BONE_MM3: Final = 20_000.0

Mask = npt.NDArray[np.bool_]


def region_of(hu: Volume, lesion: Mask, box: tuple[slice, ...]) -> str:
    """Region of one lesion given as a full-size mask with its bounding box."""
    wide = tuple(slice(max(edge.start - SHELL_VOXELS, 0), edge.stop + SHELL_VOXELS) for edge in box)
    inside, around = lesion[wide], hu[wide]
    grown = ndimage.binary_dilation(inside, iterations=SHELL_VOXELS)
    shell = grown & ~inside
    if shell.any():
        low, high = LUNG_HU
        if float(((around > low) & (around < high))[shell].mean()) >= LUNG_SHARE:
            return LUNG
    if float((around > BONE_HU)[grown].mean()) >= BONE_SHARE:
        return BONE
    return SOFT_TISSUE


def regions_in_view(hu: Volume, voxel_mm3: float) -> dict[str, Mask]:
    """The regions that the image shows enough of to say anything about them, with their voxels."""
    lung, bone = _enclosed_lung(hu), hu > BONE_HU
    found = {}
    if float(lung.sum()) * voxel_mm3 >= MIN_LUNG_MM3:
        found[LUNG] = lung
    if float(bone.sum()) * voxel_mm3 >= MIN_BONE_MM3:
        found[BONE] = bone
    found[SOFT_TISSUE] = np.asarray((hu > LUNG_HU[1]) & ~bone)
    return found


def _enclosed_lung(hu: Volume) -> Mask:
    """Lung densities that the body surrounds in their transverse slice."""
    low, high = LUNG_HU
    body = hu > high
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in body])
    return np.asarray(filled & ~body & (hu > low))
