"""The NEMA IEC body phantom by its published geometry: the acceptance test of tumour volumes.

A trunk-shaped bottle with six hot spheres around an empty lung insert. Dimensions as in OpenGATE
(opengate/contrib/phantoms/nemaiec.py), which follows IEC 61675-1 and NEMA NU 2: outer outline a
half disc of radius 150 mm above two quarter discs of 80 mm and a box of 140 x 80 mm, wall 3 mm,
interior 194 mm long; spheres of 37, 28, 22, 17, 13 and 10 mm inner diameter, glass of 1 mm,
centres every 60 degrees on a circle of diameter 114.54 mm about the lung insert's axis, in one
plane.

Axes LPS: the round side of the body is the front, so the published y is turned round.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.phantom.geometry import Field, Mask, Point, Volume
from medquorum.ai_entity.phantom.scanner import STANDARD, Scanner, scan_ct, scan_pet

DIAMETERS_MM: Final = (37.0, 28.0, 22.0, 17.0, 13.0, 10.0)
GLASS_MM: Final = 1.0
CIRCLE_MM: Final = 57.27
"""Radius of the circle of centres."""
AXIS_Y_MM: Final = -35.0
"""The lung insert's axis; to the front."""
INSERT_MM: Final = (21.0, 25.0)
"""Inner and outer radius of the lung insert."""
LENGTH_MM: Final = 194.0
WALL_MM: Final = 3.0
PLASTIC_HU: Final = 120.0
LUNG_INSERT_HU: Final = -700.0
FINE_PARTS: Final = 4
"""Sub-voxels per axis at the spheres' borders."""


@dataclass(frozen=True, slots=True)
class NemaPlan:
    """Activity, grid and scanner."""

    ratio: float = 8.0
    """Sphere over background activity; 4 and 8 are usual."""
    background_suv: float = 1.0
    grid_mm: float = 4.0
    scanner: Scanner = STANDARD
    shift_mm: Point = (0.0, 0.0, 0.0)
    """Moves the phantom against the grid, z, y, x: volumes must not depend on it."""


@dataclass(frozen=True, slots=True)
class NemaPhantom:
    """Images [z,y,x] and which sphere is where."""

    hu: Volume
    suv: Volume
    spheres: tuple[Mask, ...]
    """Voxels whose centre lies in the sphere, largest first."""
    centres_zyx_mm: tuple[Point, ...]
    """From the centre of voxel (0,0,0)."""
    spacing_zyx_mm: Point
    plan: NemaPlan


def sphere_volumes_ml() -> tuple[float, ...]:
    """True volumes 26.52 to 0.52 mL, largest first."""
    return tuple(float(np.pi / 6.0 * diameter**3 / 1000.0) for diameter in DIAMETERS_MM)


def make_nema(seed: int, plan: NemaPlan | None = None) -> NemaPhantom:
    """The phantom scanned once. Raises ValueError for a ratio below 1 or a grid beyond 1-6 mm."""
    plan = plan or NemaPlan()
    if plan.ratio < 1.0 or not 1.0 <= plan.grid_mm <= 6.0:
        raise ValueError("the NEMA phantom takes a ratio of at least 1 and a grid of 1 to 6 mm")
    z, y, x = _axes(plan)
    body = _outline(x, y, -WALL_MM) & (np.abs(z) < LENGTH_MM / 2.0)
    shell = _outline(x, y, 0.0) & (np.abs(z) < LENGTH_MM / 2.0 + 10.0)
    insert = np.hypot(x, y - AXIS_Y_MM) + 0.0 * z
    suv = np.where(body & (insert > INSERT_MM[1]), plan.background_suv, 0.0)
    hu = np.where(shell, np.where(body, 0.0, PLASTIC_HU), -1000.0)
    hu[(insert < INSERT_MM[1]) & body] = PLASTIC_HU
    hu[(insert < INSERT_MM[0]) & body] = LUNG_INSERT_HU
    masks, centres = [], []
    origin = tuple(float(axis.ravel()[0]) for axis in (z, y, x))
    for number, diameter in enumerate(DIAMETERS_MM):
        angle = np.pi / 3.0 * number
        place = (
            0.0,
            AXIS_Y_MM - CIRCLE_MM * float(np.sin(angle)),
            CIRCLE_MM * float(np.cos(angle)),
        )
        glass = _share((z, y, x), place, diameter / 2.0 + GLASS_MM, plan.grid_mm)
        inner = _share((z, y, x), place, diameter / 2.0, plan.grid_mm)
        suv = suv * (1.0 - glass) + inner * plan.ratio * plan.background_suv
        hu = hu + (glass - inner) * PLASTIC_HU
        masks.append(_distance((z, y, x), place) < diameter / 2.0)
        centres.append((place[0] - origin[0], place[1] - origin[1], place[2] - origin[2]))
    spacing = (plan.grid_mm, plan.grid_mm, plan.grid_mm)
    rng = np.random.default_rng((5, seed))
    return NemaPhantom(
        hu=scan_ct(hu.astype(np.float32), plan.scanner, rng),
        suv=scan_pet(suv.astype(np.float32), spacing, plan.scanner, rng),
        spheres=tuple(masks),
        centres_zyx_mm=tuple(centres),
        spacing_zyx_mm=spacing,
        plan=plan,
    )


def _axes(plan: NemaPlan) -> tuple[Field, Field, Field]:
    """Open planes z, y, x in the phantom's own mm; the box leaves 16 mm of air."""
    halves = (LENGTH_MM / 2.0 + 26.0, 166.0, 166.0)
    z, y, x = (
        np.arange(-half + plan.grid_mm / 2.0, half, plan.grid_mm) - shift
        for half, shift in zip(halves, plan.shift_mm, strict=True)
    )
    return z[:, None, None], y[None, :, None], x[None, None, :]


def _outline(x: Field, y: Field, grown_mm: float) -> Mask:
    """The cross-section; ``grown_mm`` below 0 gives its inner side."""
    half_disc = (np.hypot(x, y) < 150.0 + grown_mm) & (y <= 0.0)
    corners = (np.hypot(np.abs(x) - 70.0, y) < 80.0 + grown_mm) & (y > 0.0)
    box = (np.abs(x) <= 70.0) & (y > 0.0) & (y < 80.0 + grown_mm)
    return np.asarray(half_disc | corners | box)


def _distance(axes: tuple[Field, Field, Field], centre: Point) -> Field:
    squares = [(axis - middle) ** 2 for axis, middle in zip(axes, centre, strict=True)]
    return np.asarray(np.sqrt(squares[0] + squares[1] + squares[2]))


def _share(axes: tuple[Field, Field, Field], centre: Point, radius_mm: float, step: float) -> Field:
    """Share of every voxel inside the sphere, counted in sub-voxels where the border may cross."""
    distance = _distance(axes, centre)
    share = (distance < radius_mm).astype(np.float64)
    edge = np.argwhere(np.abs(distance - radius_mm) < step)
    z, y, x = (axis.ravel() for axis in axes)
    offsets = ((np.arange(FINE_PARTS) + 0.5) / FINE_PARTS - 0.5) * step
    for row, column, plane in edge:
        gaps = (
            (z[row] + offsets - centre[0])[:, None, None] ** 2
            + (y[column] + offsets - centre[1])[None, :, None] ** 2
            + (x[plane] + offsets - centre[2])[None, None, :] ** 2
        )
        share[row, column, plane] = np.count_nonzero(gaps < radius_mm**2) / FINE_PARTS**3
    return share


def measured_volumes_ml(phantom: NemaPhantom, threshold: float = 0.5) -> tuple[float, ...]:
    """Volume of each sphere by a share of its contrast, on the image refined to half voxels.

    A voxel counts when its SUV passes background + ``threshold`` x (maximum - background), inside
    a box that no other sphere enters. Half height is the true border of a flat edge; a sphere of
    radius r loses about 3 (sigma / r)^2 of its volume by its curvature, so small ones read small.
    """
    volumes = []
    step = phantom.plan.grid_mm
    for diameter, centre in zip(DIAMETERS_MM, phantom.centres_zyx_mm, strict=True):
        reach = diameter / 2.0 + 8.0
        box = tuple(
            slice(max(int((place - reach) / step), 0), int((place + reach) / step) + 2)
            for place in centre
        )
        fine = ndimage.zoom(phantom.suv[box], 4, order=1, grid_mode=True, mode="nearest")
        background = phantom.plan.background_suv * phantom.plan.scanner.pet_gain
        bound = background + threshold * (float(fine.max()) - background)
        volumes.append(float(np.count_nonzero(fine > bound)) * (step / 4.0) ** 3 / 1000.0)
    return tuple(volumes)


def recovery_coefficients(phantom: NemaPhantom) -> tuple[float, ...]:
    """Mean measured over true activity of every sphere, largest first (EARL's RC mean)."""
    true = phantom.plan.ratio * phantom.plan.background_suv
    return tuple(float(phantom.suv[mask].mean()) / true for mask in phantom.spheres)
