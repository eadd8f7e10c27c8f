"""A radiograph of a made-up long bone, with or without a displaced cut.

Two hollow shafts (tibia and fibula proportions) inside a soft-tissue cylinder are projected by the
Beer-Lambert law. A fractured one is cut by an oblique plane; the part below is shifted, turned and
pulled apart, so that there is a dark gap, a step in the cortex, or a bright overlap. Intact ones
may carry what resembles a fracture: an oval lytic lesion, a nutrient canal, dense trabeculae.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Image = npt.NDArray[np.float64]

SIDE_PIXELS: Final = 640
PIXEL_MM: Final = 0.5
BONE_MU: Final = 0.05
"""Per mm, cortical bone at diagnostic energies; soft tissue 0.02, marrow 0.024."""
TISSUE_MU: Final = 0.02
MARROW_MU: Final = 0.024


@dataclass(frozen=True, slots=True)
class Shaft:
    """A hollow bone along its own axis; lengths in mm."""

    centre_mm: float
    radius_mm: float
    cortex_mm: float
    flare_mm: float
    """Where the metaphysis begins, measured along the axis from the image's middle."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A displaced fracture of the first shaft."""

    along_mm: float
    slope: float
    """Rise of the cut line over the width of the bone: 0 is transverse."""
    shift_mm: float
    gap_mm: float
    turn_rad: float


@dataclass(frozen=True, slots=True)
class LongBone:
    """The radiograph, bright where dense, and where the cut is."""

    pixels: npt.NDArray[np.uint16]
    """12 bit, MONOCHROME2."""
    cut: Cut | None


def make_long_bone(seed: int, fractured: bool) -> LongBone:
    """A radiograph [640,640] at 0.5 mm; a seed gives the same anatomy with or without the cut."""
    rng = np.random.default_rng(seed)
    main = Shaft(
        centre_mm=rng.uniform(-14, 6),
        radius_mm=rng.uniform(11, 17),
        cortex_mm=rng.uniform(3.0, 5.0),
        flare_mm=rng.uniform(70, 110),
    )
    second = Shaft(
        main.centre_mm + main.radius_mm + rng.uniform(10, 20),
        rng.uniform(4, 7),
        rng.uniform(1.5, 2.5),
        main.flare_mm + 10,
    )
    turn, tissue = rng.uniform(-0.25, 0.25), rng.uniform(45, 62)
    drawn = _draw_cut(rng)
    cut = drawn if fractured else None
    across, along = _coordinates(turn)
    path = _tissue(across, tissue) * TISSUE_MU
    path += _shaft_with_cut(across, along, main, cut)
    path += _shaft(across, along, second)
    path += _texture(rng, across, along, main)
    return LongBone(_expose(rng, path), cut)


def _draw_cut(rng: np.random.Generator) -> Cut:
    sign = 1.0 if rng.random() < 0.5 else -1.0
    return Cut(
        along_mm=rng.uniform(-55, 55),
        slope=rng.uniform(-0.7, 0.7),
        shift_mm=sign * rng.uniform(2.5, 14),
        gap_mm=rng.uniform(0.8, 5),
        turn_rad=sign * rng.uniform(0.0, 0.2),
    )


def _coordinates(turn: float) -> tuple[Image, Image]:
    half = (SIDE_PIXELS - 1) / 2.0
    y, x = np.mgrid[0:SIDE_PIXELS, 0:SIDE_PIXELS].astype(np.float64)
    x, y = (x - half) * PIXEL_MM, (y - half) * PIXEL_MM
    return x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)


def _chord(across: Image, radius: Image | float) -> Image:
    """Path length through a cylinder whose axis lies in the image plane."""
    return 2.0 * np.sqrt(np.maximum(np.square(radius) - across**2, 0.0))


def _tissue(across: Image, radius: float) -> Image:
    return _chord(across, radius)


def _shaft(across: Image, along: Image, shaft: Shaft) -> Image:
    """Attenuation added by a bone in place of soft tissue."""
    beyond = np.maximum(np.abs(along) - shaft.flare_mm, 0.0)
    outer = shaft.radius_mm + 0.25 * beyond
    inner = np.maximum(outer - shaft.cortex_mm / (1.0 + 0.05 * beyond), 0.5)
    offset = across - shaft.centre_mm
    shell, marrow = _chord(offset, outer), _chord(offset, inner)
    return np.asarray((shell - marrow) * (BONE_MU - TISSUE_MU) + marrow * (MARROW_MU - TISSUE_MU))


def _shaft_with_cut(across: Image, along: Image, shaft: Shaft, cut: Cut | None) -> Image:
    if cut is None:
        return _shaft(across, along, shaft)
    upper = along < _cut_line(across, shaft, cut) - cut.gap_mm / 2.0
    whole = _shaft(across, along, shaft) * _soft_edge(upper)
    cos, sin = np.cos(cut.turn_rad), np.sin(cut.turn_rad)
    x, y = across - shaft.centre_mm, along - cut.along_mm
    moved_across = x * cos + y * sin + shaft.centre_mm - cut.shift_mm
    moved_along = y * cos - x * sin + cut.along_mm
    lower = moved_along > _cut_line(moved_across, shaft, cut) + cut.gap_mm / 2.0
    return np.asarray(whole + _shaft(moved_across, moved_along, shaft) * _soft_edge(lower))


def _cut_line(across: Image, shaft: Shaft, cut: Cut) -> Image:
    jagged = 0.8 * np.sin(2.1 * (across - shaft.centre_mm))
    return np.asarray(cut.along_mm + cut.slope * (across - shaft.centre_mm) + jagged)


def _soft_edge(mask: npt.NDArray[np.bool_]) -> Image:
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float64), 0.7))


def _texture(rng: np.random.Generator, across: Image, along: Image, shaft: Shaft) -> Image:
    """Trabeculae, and in some a lytic oval or a nutrient canal: intact, but not smooth."""
    inside = np.abs(across - shaft.centre_mm) < shaft.radius_mm
    grain = ndimage.gaussian_filter(rng.normal(size=across.shape), (6.0, 1.5))
    texture = inside * grain / grain.std() * rng.uniform(0.004, 0.012)
    place, size = rng.uniform(-50, 50), rng.uniform(6, 11)
    has_lesion, has_canal = rng.random() < 0.4, rng.random() < 0.4
    if has_lesion:
        oval = ((across - shaft.centre_mm) / (0.6 * size)) ** 2 + ((along - place) / size) ** 2
        texture -= 0.12 / (1.0 + np.exp(np.minimum(8.0 * (oval - 1.0), 60.0)))
    if has_canal:
        line = across - shaft.centre_mm - shaft.radius_mm * 0.3 - 0.12 * (along - place)
        texture -= 0.05 * np.exp(-0.5 * (line / 0.6) ** 2) * (np.abs(along - place) < 18) * inside
    return np.asarray(texture)


def _expose(rng: np.random.Generator, path: Image) -> npt.NDArray[np.uint16]:
    """Photon noise, detector blur, logarithmic response to 12 bit, bright where dense."""
    photons = rng.uniform(1e4, 6e4)
    counts = rng.poisson(photons * np.exp(-path)).astype(np.float64)
    blurred = ndimage.gaussian_filter(counts, rng.uniform(0.6, 1.0))
    density = -np.log(np.maximum(blurred, 1.0) / photons)
    scaled = np.clip((density + 0.1) / 4.6, 0.0, 1.0)
    return np.asarray(np.round(scaled * 4095.0), dtype=np.uint16)


def dataset_seeds(first: int, count: int) -> list[tuple[int, bool]]:
    """(seed, fractured) pairs, alternating."""
    return [(first + index, bool(index % 2)) for index in range(count)]


def describe(bone: LongBone) -> dict[str, Any]:
    """What a demonstration may tell about the phantom."""
    return {"phantom": True, "fractured": bone.cut is not None, "pixel_mm": PIXEL_MM}
