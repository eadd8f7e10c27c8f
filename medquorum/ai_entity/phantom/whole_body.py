"""A CT and FDG PET of a torso with labelled organs, lesions and the truth per organ.

``make_torso`` draws the anatomy, ``scan_body`` takes any labelled body (also a real one, see
``package_torso``) through uptake, lesions and scanner. Every purpose has its own random stream, so
the same seed is the same person with or without disease, head or another scanner.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from medquorum.ai_entity.dicom_writer import AxialSeries
from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.phantom.anatomy import Anatomy, draw_anatomy
from medquorum.ai_entity.phantom.dicom_writer import write_ct, write_pet
from medquorum.ai_entity.phantom.geometry import Labels, Mask, Point, Volume
from medquorum.ai_entity.phantom.growths import Growth, Story, draw_growth, grow, plan_growths
from medquorum.ai_entity.phantom.organs import TISSUES, Organ
from medquorum.ai_entity.phantom.scanner import STANDARD, Scanner, scan_ct, scan_pet
from medquorum.ai_entity.phantom.uptake import physiologic_activity
from medquorum.ai_entity.tumour.organ_levels import organ_levels

PURPOSE_UPTAKE: Final = 2
PURPOSE_LESIONS: Final = 3
PURPOSE_NOISE: Final = 4


@dataclass(frozen=True, slots=True)
class TorsoPlan:
    """What to make besides the person."""

    story: Story = Story.NEGATIVE
    grid_mm: float = 4.0
    scanner: Scanner = STANDARD
    with_head: bool = False


@dataclass(frozen=True, slots=True)
class TorsoPhantom:
    """Images and truth on one axial grid [z,y,x]."""

    hu: Volume
    suv: Volume
    organs: Labels
    """Values of ``Organ``; under a lesion the organ it grows in."""
    lesions: Mask
    spacing_zyx_mm: Point
    origin_mm: Point
    """LPS place of voxel (0,0,0)."""
    levels: dict[Organ, Level]
    growths: tuple[Growth, ...]
    source: str

    def __repr__(self) -> str:
        return f"TorsoPhantom({self.source}, {self.hu.shape}, {len(self.growths)} lesions)"


def make_torso(seed: int, plan: TorsoPlan | None = None) -> TorsoPhantom:
    """The parametric person of a seed, scanned. Same arguments, same voxels."""
    plan = plan or TorsoPlan()
    return scan_body(draw_anatomy(seed, plan.grid_mm, plan.with_head), seed, plan)


def scan_body(anatomy: Anatomy, seed: int, plan: TorsoPlan) -> TorsoPhantom:
    """Uptake, lesions of the plan's story and the scanner for a labelled body."""
    spacing, organs = anatomy.spacing_zyx_mm, anatomy.organs
    rng = np.random.default_rng((PURPOSE_LESIONS, seed))
    growths = plan_growths(organs, spacing, plan.story, rng)
    return scan_with(anatomy, growths, seed, plan.scanner)


def scan_with(
    anatomy: Anatomy, growths: tuple[Growth, ...], seed: int, scanner: Scanner
) -> TorsoPhantom:
    """The same for stated lesions."""
    spacing, organs = anatomy.spacing_zyx_mm, anatomy.organs
    activity = physiologic_activity(organs, spacing, np.random.default_rng((PURPOSE_UPTAKE, seed)))
    hu = _enhanced(anatomy, scanner.contrast)
    lesions = np.zeros(organs.shape, dtype=np.bool_)
    for growth in growths:
        drawn = draw_growth(organs, spacing, growth)
        grow(hu, activity, drawn, growth)
        lesions |= drawn[0]
    noise = np.random.default_rng((PURPOSE_NOISE, seed))
    return TorsoPhantom(
        hu=scan_ct(hu, scanner, noise),
        suv=scan_pet(activity, spacing, scanner, noise),
        organs=organs,
        lesions=lesions,
        spacing_zyx_mm=spacing,
        origin_mm=anatomy.origin_mm,
        levels=organ_levels(lesions, organs, spacing),
        growths=growths,
        source=anatomy.source,
    )


def _enhanced(anatomy: Anatomy, strength: float) -> Volume:
    gains = np.asarray([TISSUES[organ].enhancement for organ in Organ], dtype=np.float32)
    return anatomy.hu + np.float32(strength) * gains[anatomy.organs]


def torso_files(phantom: TorsoPhantom) -> tuple[list[bytes], list[bytes]]:
    """The CT and PET series as DICOM files that name themselves phantoms."""
    study = f"torso {phantom.source}"
    series = AxialSeries(
        phantom.hu, phantom.spacing_zyx_mm, phantom.origin_mm, f"CT of {phantom.source}", study
    )
    pet = replace(series, voxels=phantom.suv, name=f"PET of {phantom.source}")
    return write_ct(series), write_pet(pet)
