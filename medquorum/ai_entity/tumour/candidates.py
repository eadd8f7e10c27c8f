"""Voxel probabilities to tumour candidates: threshold, body, connected components, smallest volume.

The benchmark for total metabolic tumour volume preselects lesions of at least 3 mL (Boellaard et
al., J Nucl Med 2024, doi 10.2967/jnumed.124.267789); the same floor is kept here, and below about
2 mL a 4 mm grid measures its own voxels.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.tumour.pet_metrics import Labels, keep_large

BODY_HU: Final = -400.0
"""Tissue above, air and lung below: a tumour in the lung is tissue."""


def label_lesions(
    probability: npt.NDArray[np.float32],
    hu: npt.NDArray[np.float32],
    threshold: float,
    voxel_mm3: float,
) -> tuple[Labels, int]:
    """Labels [z,y,x] 1..n, largest lesion first (ties: first in scan order), and n."""
    mask = keep_large((probability >= threshold) & (hu > BODY_HU), voxel_mm3)
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    rank = np.zeros(count + 1, dtype=np.int32)
    rank[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    return rank[labels], int(count)
