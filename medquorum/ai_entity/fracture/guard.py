"""When a picture is not judged: another body part, no film, no shaft, noise, another scale, bone
dark."""

from typing import Final

import numpy as np

from medquorum.ai_entity.fracture.edges import EdgeMaps
from medquorum.ai_entity.fracture.polarity import Polarity
from medquorum.ai_entity.fracture.radiograph import SAMPLED_PIXELS, Radiograph

MAX_EDGE_DENSITY: Final = 0.1
"""A real intact tibia has 0.011, noisy drawn films up to 0.09, a chest 0.06, white noise 0.29."""

MIN_SHAFT_SHARE: Final = 0.5
"""Of the bone: a chest has 0.0, a real tibia with its ankle 0.74, phantoms 0.9 and more."""

MIN_BONE_SHARE: Final = 0.01
FIELD_MM: Final = (40.0, 700.0)
"""Longer side of the film: a fingertip and the longest detector of one exposure."""

MAX_COLOURFULNESS: Final = 0.04
"""A photographed film is tinted a little; a photograph of anything else has 0.1 and more."""

MIN_GREY_VALUES: Final = 32
"""Of 256: a drawing or a mask has a handful."""

UNSUPPORTED_PARTS: Final = frozenset(
    {"CHEST", "ABDOMEN", "SKULL", "HEAD", "SPINE", "CSPINE", "TSPINE", "LSPINE", "PELVIS", "BREAST"}
)

SWAPPED: Final = "bright and dark may be swapped: bone must be the bright part of the picture"


def reason_to_abstain(image: Radiograph, maps: EdgeMaps) -> str | None:
    """Why this picture is not judged, or None."""
    if image.body_part in UNSUPPORTED_PARTS:
        return "the body part has no long shaft, and only shafts are judged"
    not_a_film = _not_a_film(image)
    if not_a_film is not None:
        return not_a_film
    if np.count_nonzero(maps.edges) > MAX_EDGE_DENSITY * maps.edges.size:
        return "the picture has more edges than a limb: noise or another body part"
    bone, shaft = np.count_nonzero(maps.bone), np.count_nonzero(maps.shaft)
    if bone < MIN_BONE_SHARE * maps.bone.size or shaft < MIN_SHAFT_SHARE * bone:
        return "no long-bone shaft fills the picture"
    return SWAPPED if image.polarity is Polarity.DOUBTFUL else None


def _not_a_film(image: Radiograph) -> str | None:
    if image.colourfulness > MAX_COLOURFULNESS:
        return "a colour picture, not an X-ray"
    step = max(1, max(image.grey.shape) // SAMPLED_PIXELS)
    grey = np.round(image.grey[::step, ::step] * 255.0).astype(np.uint8)
    values = np.bincount(grey.ravel(), minlength=256)
    if np.count_nonzero(values) < MIN_GREY_VALUES:
        return "a picture of few grey values: a drawing, not an X-ray"
    if image.pixel_mm is not None:
        longer_mm = image.pixel_mm * max(image.grey.shape)
        if not FIELD_MM[0] <= longer_mm <= FIELD_MM[1]:
            return f"the film is {longer_mm:.0f} mm long: the pixel spacing is not a limb's"
    return None
