"""A radiograph of a block of bone, whole or broken, with what real ones bring along.

Beer-Lambert along y with the attenuation of each Hounsfield value, then scatter, an exposure
gradient, a collimated border, a lead letter, photon noise, detector blur, a logarithmic 12-bit
scale, and for some MONOCHROME1. The same seed shows the same bone, film and noise with or without
the break.
"""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.phantom.bone_block import BoneBlock, draw_bone
from medquorum.ai_entity.phantom.bone_cut import break_bone, draw_break
from medquorum.ai_entity.phantom.geometry import Field, Mask, Volume

PURPOSE_FILM: Final = 9
WATER_MU_PER_MM: Final = 0.02
"""At about 60 keV; bone grows faster with HU than tissue does (photoelectric share)."""
BONE_GAIN: Final = 1.6
MEDIAN_PATH: Final = 1.8
"""Automatic exposure: through thicker bodies the beam is raised until half the film gets this."""
BOX_MARGIN_MM: Final = 3.0
BRIGHTEST: Final = 4_095


@dataclass(frozen=True, slots=True)
class Film:
    """The artefacts of one exposure."""

    photons: float = 3e4
    """Per pixel in air."""
    scatter: float = 0.15
    """Scattered over primary, spread over ``scatter_mm``."""
    scatter_mm: float = 25.0
    gradient: float = 0.15
    """Heel effect: relative fall of the exposure over the height."""
    border_mm: float = 5.0
    """Collimated on every side; 0 for none."""
    marker: str = "R"
    """Lead letter in a corner, empty for none."""
    blur_pixels: float = 0.6
    inverted: bool = False
    """Stored as MONOCHROME1."""


PLAIN_FILM: Final = Film(scatter=0.0, gradient=0.0, border_mm=0.0, marker="")


@dataclass(frozen=True, slots=True)
class RadiographPhantom:
    """One radiograph and where it is broken."""

    stored: npt.NDArray[np.uint16]
    """[row, column], 12 bit; bright where dense unless ``inverted``."""
    pixel_mm: float
    inverted: bool
    box: tuple[int, int, int, int] | None
    """(x, y, width, height) of the fracture in pixels, None when whole."""
    source: str


def draw_film(seed: int) -> Film:
    """The film of a seed: every artefact within what departments produce."""
    rng = np.random.default_rng((PURPOSE_FILM, seed))
    return Film(
        photons=float(rng.uniform(8e3, 6e4)),
        scatter=float(rng.uniform(0.05, 0.3)),
        gradient=float(rng.uniform(-0.3, 0.3)),
        border_mm=float(rng.choice((0.0, 4.0, 9.0))),
        marker=str(rng.choice(("R", "L", ""))),
        blur_pixels=float(rng.uniform(0.4, 0.9)),
        inverted=bool(rng.random() < 0.3),
    )


def make_radiograph(seed: int, fractured: bool, voxel_mm: float = 0.6) -> RadiographPhantom:
    """A parametric long bone on its seed's film."""
    return radiograph_of(draw_bone(seed, voxel_mm), seed, fractured, draw_film(seed))


def radiograph_of(block: BoneBlock, seed: int, fractured: bool, film: Film) -> RadiographPhantom:
    """Project any block, broken by the seed's break or whole."""
    hu, box = block.hu, None
    if fractured:
        hu, ends = break_bone(block, draw_break(block, seed))
        box = _box(ends, block.voxel_mm)
    path = project(hu, block.voxel_mm)
    path -= max(float(np.median(project(block.hu, block.voxel_mm))) - MEDIAN_PATH, 0.0)
    stored = expose(path, block.voxel_mm, film, np.random.default_rng((PURPOSE_FILM + 1, seed)))
    return RadiographPhantom(stored, block.voxel_mm, film.inverted, box, block.source)


def without_artefacts(film: Film) -> Film:
    """The same film without scatter, gradient, border and marker."""
    return replace(film, scatter=0.0, gradient=0.0, border_mm=0.0, marker="")


def project(hu: Volume, voxel_mm: float) -> Field:
    """Attenuation [row, column] along y, rows from the head down."""
    steep = np.where(hu > 100.0, np.float32(BONE_GAIN), np.float32(1.0))
    share = np.maximum(1.0 + 1e-3 * (hu - 100.0) * steep + 0.1, 0.0)
    path = share.sum(axis=1, dtype=np.float64) * WATER_MU_PER_MM * voxel_mm
    return np.asarray(path[::-1])


def _box(ends: Mask, voxel_mm: float) -> tuple[int, int, int, int]:
    """Bounding box of the broken ends in the projection, with a margin, inside the image."""
    shadow = np.asarray(ends.any(axis=1))[::-1]
    rows, columns = np.nonzero(shadow)
    margin = int(np.ceil(BOX_MARGIN_MM / voxel_mm))
    top, left = max(int(rows.min()) - margin, 0), max(int(columns.min()) - margin, 0)
    bottom = min(int(rows.max()) + margin + 1, shadow.shape[0])
    right = min(int(columns.max()) + margin + 1, shadow.shape[1])
    return left, top, right - left, bottom - top


def expose(
    path: Field, pixel_mm: float, film: Film, rng: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """The stored film of an attenuation image."""
    fall = 1.0 + film.gradient * np.linspace(-0.5, 0.5, path.shape[0])[:, None]
    opening = _opening(path.shape, pixel_mm, film)
    primary = np.exp(-path) * fall * opening
    scattered = film.scatter * ndimage.gaussian_filter(primary, film.scatter_mm / pixel_mm)
    counts = rng.poisson(film.photons * (primary + scattered)).astype(np.float64)
    seen = ndimage.gaussian_filter(counts, film.blur_pixels)
    density = -np.log(np.maximum(seen, 1.0) / film.photons)
    scaled = np.clip((density + 0.3) / 4.0, 0.0, 1.0)
    stored = np.round(scaled * BRIGHTEST).astype(np.uint16)
    return np.asarray(BRIGHTEST - stored if film.inverted else stored, dtype=np.uint16)


def _opening(shape: tuple[int, ...], pixel_mm: float, film: Film) -> Field:
    """Share of the beam that passes collimator and lead letter."""
    passed = np.ones(shape)
    border = int(film.border_mm / pixel_mm)
    if border:
        passed[:border] = passed[-border:] = 0.01
        passed[:, :border] = passed[:, -border:] = 0.01
    if film.marker:
        letter = np.zeros(shape, dtype=np.uint8)
        size = 10.0 / pixel_mm / 22.0
        corner = (border + int(3.0 / pixel_mm), border + int(14.0 / pixel_mm))
        thick = max(int(1.8 / pixel_mm), 1)
        cv2.putText(letter, film.marker, corner, cv2.FONT_HERSHEY_SIMPLEX, size, 255, thick)
        passed[letter > 0] *= 0.03
    return np.asarray(ndimage.gaussian_filter(passed, 0.7))
