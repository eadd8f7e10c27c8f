"""What Hounsfield units alone tell of organs, for models that draw lesions but no organs.

Air, fat, bone and the lungs (their densities, enclosed by the body in a transverse slice) are told
apart; everything else is called muscle. Good enough to name the place of a lesion in a limb.
"""

from typing import Final

import numpy as np

from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.boxes import filled_planes
from medquorum.ai_entity.tumour.grid import Volume
from medquorum.ai_entity.tumour.windows import Organs

AIR_HU: Final = -950.0
BODY_HU: Final = -500.0
FAT_HU: Final = -30.0
BONE_HU: Final = 200.0
MIN_LUNG_MM3: Final = 400_000.0
"""Less is partial volume at the skin: limbs show up to 5 L of room air, none of it enclosed."""


def density_organs(hu: Volume, voxel_mm3: float) -> Organs:
    """Labels of ``Organ`` [z,y,x]."""
    body = hu > BODY_HU
    organs = np.full(hu.shape, Organ.AIR, dtype=np.uint8)
    organs[body] = Organ.MUSCLE
    organs[body & (hu < FAT_HU)] = Organ.FAT
    organs[hu > BONE_HU] = Organ.BONE
    lungs = filled_planes(body) & ~body & (hu > AIR_HU)
    if float(lungs.sum()) * voxel_mm3 >= MIN_LUNG_MM3:
        organs[lungs] = Organ.LUNGS
    return organs
