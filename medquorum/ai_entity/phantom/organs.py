"""The organs that phantoms tell apart, with the density and the FDG uptake of each.

Densities are textbook Hounsfield ranges of an unenhanced CT. Uptakes are SUVbw. Liver, blood,
spleen, marrow and lung follow the usual reference (SUVmax about 2.5, 2.3, 1.9, 1.0 and 0.7; means
lie lower), the cerebellum 8.0 +- 2.2 (Mol Imaging Biol 2007, doi 10.1007/s11307-006-0075-y)
stands for the brain. Heart, kidneys, bladder and gut vary most between healthy people; their
ranges are conventions wide enough to pass every common threshold (2.5, 4.0) without any tumour.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Organ(IntEnum):
    """Value of a voxel in an organ label map; paired organs share one label."""

    AIR = 0
    """Outside the body."""
    FAT = 1
    MUSCLE = 2
    BONE = 3
    """Cortex and marrow."""
    LUNGS = 4
    HEART = 5
    MEDIASTINUM = 6
    """Between the lungs without the heart: vessels, trachea, oesophagus, nodes."""
    LIVER = 7
    SPLEEN = 8
    KIDNEYS = 9
    STOMACH = 10
    GUT = 11
    BLADDER = 12
    BRAIN = 13
    VESSELS = 14
    """Aorta and great veins below the diaphragm."""


@dataclass(frozen=True, slots=True)
class Tissue:
    """Ranges from which a person's mean values are drawn."""

    hu: tuple[float, float]
    suv: tuple[float, float]
    enhancement: float
    """HU that intravenous contrast adds in the portal venous phase, at strength 1."""


TISSUES: Final[dict[Organ, Tissue]] = {
    Organ.AIR: Tissue((-1000.0, -1000.0), (0.0, 0.02), 0.0),
    Organ.FAT: Tissue((-112.0, -92.0), (0.2, 0.4), 0.0),
    Organ.MUSCLE: Tissue((45.0, 62.0), (0.5, 0.9), 12.0),
    Organ.BONE: Tissue((230.0, 330.0), (0.7, 1.5), 15.0),
    Organ.LUNGS: Tissue((-860.0, -780.0), (0.35, 0.7), 10.0),
    Organ.HEART: Tissue((38.0, 48.0), (1.3, 2.1), 90.0),
    Organ.MEDIASTINUM: Tissue((10.0, 30.0), (1.2, 2.0), 60.0),
    Organ.LIVER: Tissue((50.0, 64.0), (1.7, 2.5), 50.0),
    Organ.SPLEEN: Tissue((45.0, 55.0), (1.4, 2.0), 70.0),
    Organ.KIDNEYS: Tissue((28.0, 38.0), (2.2, 4.2), 120.0),
    Organ.STOMACH: Tissue((20.0, 35.0), (1.4, 3.2), 20.0),
    Organ.GUT: Tissue((20.0, 40.0), (1.0, 2.2), 25.0),
    Organ.BLADDER: Tissue((2.0, 14.0), (9.0, 45.0), 0.0),
    Organ.BRAIN: Tissue((34.0, 40.0), (5.8, 10.2), 5.0),
    Organ.VESSELS: Tissue((36.0, 46.0), (1.2, 2.0), 110.0),
}
"""Every organ once. The heart's entry is its blood: the myocardium is a detail below."""

MYOCARDIUM_SUV: Final = (1.8, 12.0)
"""Fasting decides: from hardly above blood to the hottest organ of the chest."""

RENAL_PELVIS_SUV: Final = (5.0, 22.0)
"""Excreted tracer."""

HOT_GUT_SUV: Final = (3.0, 7.5)
"""Segments of physiologic bowel uptake."""

WHITE_MATTER_SHARE: Final = 0.35
"""Uptake of white matter as a share of grey matter."""

PHYSIOLOGIC_HOT: Final = (Organ.BRAIN, Organ.HEART, Organ.KIDNEYS, Organ.BLADDER, Organ.GUT)
"""Where healthy people pass the threshold of SUV 4."""
