"""Real pictures that no model here was fitted on, and what is said of them.

Two are films without a fracture; the others are pictures that somebody may hand in as one. They
come with the packages `pydicom` and `pydicom-data`. None is a film of a fracture: there is none to
have. The tibia shaped the rule's constants for joints and collimation; no weight was fitted on it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pydicom

from medquorum.ai_entity.fracture.fused import FractureModels
from medquorum.ai_entity.fracture.pipeline import describe, judge
from medquorum.ai_entity.fracture.radiograph import Radiograph, radiograph_of, read_radiograph
from medquorum.ai_entity.package_images import chest_radiograph, package_file, tibia_radiograph

TIBIA: Final = "tibia with a benign lesion (CR, not fractured)"
CHEST: Final = "chest (CR, no limb)"
SLICES: Final = (
    ("693_UNCR.dcm", "CT slice exported as a picture"),
    ("MR2_UNCR.dcm", "MR slice of a shoulder exported as a picture"),
    ("CT_small.dcm", "small CT slice exported as a picture"),
)


def real_pictures() -> Iterator[tuple[str, Radiograph]]:
    """Names and pictures. Raises FileNotFoundError without the packages."""
    tibia = read_radiograph(tibia_radiograph().read_bytes())
    yield TIBIA, tibia
    yield f"{TIBIA}, upside down", _turned(tibia)
    chest = read_radiograph(chest_radiograph().read_bytes())
    yield CHEST, chest
    yield f"{CHEST}, without its tags", replace(chest, body_part=None, pixel_mm=None)
    for name, words in SLICES:
        pixels = np.asarray(pydicom.dcmread(package_file(name)).pixel_array, dtype=np.float32)
        yield words, radiograph_of(pixels, None)


def _turned(image: Radiograph) -> Radiograph:
    return replace(
        image,
        grey=np.ascontiguousarray(image.grey[::-1, ::-1]),
        exposed=np.ascontiguousarray(image.exposed[::-1, ::-1]),
    )


def judge_real(models: FractureModels) -> list[dict[str, Any]]:
    """One entry per picture: conclusion, probabilities, reason to abstain."""
    found = []
    for name, image in real_pictures():
        judged = judge(image, models)
        opinion = judged.opinion
        found.append(
            {
                "picture": name,
                "conclusion": describe(judged).conclusion.value,
                "rule": round(opinion.rule, 3),
                "network": None if opinion.network is None else round(opinion.network, 3),
                "fused": round(opinion.fused, 3),
                "abstained": judged.reason,
            }
        )
    return found
