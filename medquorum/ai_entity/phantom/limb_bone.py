"""One bone of a drawn limb: its attenuation in the image plane, whole or with a cut.

A bone is a hollow cylinder on a bowed axis that widens and turns spongy towards both ends, may
carry growth plates, and ends in a rounded joint surface. ``across`` and ``along`` are millimetres
from the axis and on it. A cut leaves two pieces; the far one is shifted, turned and pulled off or
pushed over. A cut that is oblique to the beam shows as a ramp, not as a line.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]

TISSUE_MU: Final = 0.02
"""Per mm, water at about 60 keV."""
CORTEX_MU: Final = 0.05
MARROW_MU: Final = 0.0195
SPONGY_MU: Final = 0.027


class Displacement(StrEnum):
    """How far the pieces of a fracture stand apart, for a shaft of 12 mm radius."""

    HAIRLINE = "hairline"
    """Shift below 0.6 mm, gap 0.3 to 0.9 mm; a third of them through one cortex only."""
    SLIGHT = "slight"
    """Shift 0.8 to 2.5 mm."""
    DISPLACED = "displaced"
    """Shift 2.5 to 14 mm, turned, apart or overlapping."""


@dataclass(frozen=True, slots=True)
class LimbBone:
    """One bone; lengths in mm."""

    centre_mm: float
    tilt: float
    bow_mm: float
    """Sideways deviation of the axis 80 mm from the middle."""
    radius_mm: float
    cortex_mm: float
    ends_mm: tuple[float, float]
    flare: float
    """Widening at the joint, as a share of the radius."""
    metaphysis_mm: float
    plates_mm: tuple[float, ...]
    """Growth plates: places on the axis."""


@dataclass(frozen=True, slots=True)
class LimbCut:
    """A fracture of one bone; lengths in mm."""

    displacement: Displacement
    along_mm: float
    slope: float
    gap_mm: float
    """Negative when the pieces overlap."""
    shift_mm: float
    turn_rad: float
    ramp_mm: float
    """Over how much of the axis a cut oblique to the beam is spread."""
    jag: tuple[float, float, float]
    """Amplitude in mm, waves per mm, phase."""
    reach: float
    """Share of the width that the crack crosses; 1 is complete."""
    third_piece: float
    """Slope of a second crack in the far piece; 0 for none."""


def bone_axis(bone: LimbBone, x: Plane, y: Plane) -> tuple[Plane, Plane]:
    """(across, along) of image points in mm."""
    line = bone.centre_mm + bone.tilt * y + bone.bow_mm * np.square(y / 80.0)
    return np.asarray((x - line) / np.sqrt(1.0 + bone.tilt**2), dtype=np.float32), y


def point_on(bone: LimbBone, across: float, along: float) -> tuple[float, float]:
    """Image point (x, y) in mm of a place in the bone's coordinates."""
    line = bone.centre_mm + bone.tilt * along + bone.bow_mm * (along / 80.0) ** 2
    return line + across * float(np.sqrt(1.0 + bone.tilt**2)), along


def outer_radius(bone: LimbBone, along: Plane) -> tuple[Plane, Plane]:
    """Outer radius in mm and how deep in a metaphysis (0..1) each place on the axis is."""
    low, high = bone.ends_mm
    inside = np.minimum(along - low, high - along)
    depth = np.clip(1.0 - inside / bone.metaphysis_mm, 0.0, 1.0)
    cap = 0.5 * bone.radius_mm
    rounded = np.sqrt(np.clip(1.0 - np.square(np.clip(1.0 - inside / cap, 0.0, 1.0)), 0.0, 1.0))
    outer = bone.radius_mm * (1.0 + bone.flare * np.square(depth)) * rounded
    return np.where(inside > 0.0, outer, 0.0).astype(np.float32), depth.astype(np.float32)


def whole_bone(bone: LimbBone, across: Plane, along: Plane) -> Plane:
    """Attenuation added in place of soft tissue, no unit."""
    outer, depth = outer_radius(bone, along)
    cortex = np.maximum(bone.cortex_mm * (1.0 - 0.75 * depth), 0.7)
    shell = _chord(across, outer)
    filling = _chord(across, np.maximum(outer - cortex, 0.0))
    inner_mu = MARROW_MU + (SPONGY_MU - MARROW_MU) * np.minimum(2.0 * depth, 1.0)
    added = (shell - filling) * (CORTEX_MU - TISSUE_MU) + filling * (inner_mu - TISSUE_MU)
    for place in bone.plates_mm:
        wave = 0.8 * np.sin(0.45 * across + place)
        away = (along - place - wave) / 0.9
        added = added * (1.0 - 0.65 * np.exp(-0.5 * np.square(away)))
        added = added * (1.0 + 0.25 * np.exp(-0.5 * np.square((np.abs(away) - 2.0) / 0.6)))
    return np.asarray(added, dtype=np.float32)


def cut_bone(bone: LimbBone, across: Plane, along: Plane, cut: LimbCut) -> Plane:
    """The same with the fracture."""
    if cut.reach < 1.0:
        return _cracked(bone, across, along, cut)
    cos, sin = np.cos(cut.turn_rad), np.sin(cut.turn_rad)
    down = along - cut.along_mm
    moved_across = across * cos + down * sin - cut.shift_mm
    moved_along = down * cos - across * sin + cut.along_mm
    near = _side(cut.along_mm + _line(cut, across) - cut.gap_mm / 2.0 - along, cut.ramp_mm)
    far = _side(
        moved_along - cut.along_mm - _line(cut, moved_across) - cut.gap_mm / 2.0, cut.ramp_mm
    )
    piece = whole_bone(bone, moved_across, moved_along) * far
    if cut.third_piece:
        crack = moved_along - cut.along_mm - 3.0 - cut.third_piece * (moved_across + bone.radius_mm)
        piece = piece * (1.0 - 0.7 * np.exp(-0.5 * np.square(crack / 0.5)))
    return np.asarray(whole_bone(bone, across, along) * near + piece, dtype=np.float32)


def _cracked(bone: LimbBone, across: Plane, along: Plane, cut: LimbCut) -> Plane:
    """A crack from one side that does not go through: nothing moves."""
    away = np.abs(along - cut.along_mm - _line(cut, across))
    open_mm = np.clip(cut.gap_mm / 2.0 + cut.ramp_mm / 2.0, 0.25, None)
    crack = np.clip((open_mm - away) / 0.3 + 0.5, 0.0, 1.0) * cut.gap_mm / (2.0 * open_mm)
    side = 1.0 if cut.shift_mm >= 0.0 else -1.0
    edge = bone.radius_mm * (1.0 - 2.0 * cut.reach)
    crack = crack * np.clip((side * across - edge) / 1.5 + 0.5, 0.0, 1.0)
    return np.asarray(whole_bone(bone, across, along) * (1.0 - crack), dtype=np.float32)


def _line(cut: LimbCut, across: Plane) -> Plane:
    height, waves, phase = cut.jag
    jagged = height * (np.sin(waves * across + phase) + 0.5 * np.sin(2.7 * waves * across))
    return np.asarray(cut.slope * across + jagged, dtype=np.float32)


def _side(distance: Plane, ramp_mm: float) -> Plane:
    """1 where ``distance`` is positive, a ramp around 0."""
    return np.asarray(np.clip(distance / max(ramp_mm, 0.3) + 0.5, 0.0, 1.0))


def _chord(across: Plane, radius: Plane) -> Plane:
    return np.asarray(2.0 * np.sqrt(np.maximum(np.square(radius) - np.square(across), 0.0)))


def draw_cut(rng: np.random.Generator, bone: LimbBone, span_mm: tuple[float, float]) -> LimbCut:
    """A fracture between two places on the axis; hairlines, slight and displaced ones by thirds."""
    kind = (Displacement.HAIRLINE, Displacement.SLIGHT, Displacement.DISPLACED)[
        int(rng.integers(3))
    ]
    size = bone.radius_mm / 12.0
    sign = float(rng.choice((-1.0, 1.0)))
    low, high, turn, gaps = {
        Displacement.HAIRLINE: (0.0, 0.6, 0.01, (0.3, 0.9)),
        Displacement.SLIGHT: (0.8, 2.5, 0.06, (0.2, 1.6)),
        Displacement.DISPLACED: (2.5, 14.0, 0.25, (-4.0, 4.0)),
    }[kind]
    crack = kind is Displacement.HAIRLINE and rng.random() < 0.35
    return LimbCut(
        displacement=kind,
        along_mm=float(rng.uniform(*span_mm)),
        slope=float(rng.normal(0.0, 0.6)),
        gap_mm=float(rng.uniform(*gaps)),
        shift_mm=sign * float(rng.uniform(low, high)) * size,
        turn_rad=sign * float(rng.uniform(0.0, turn)),
        ramp_mm=float(rng.choice((0.3, 0.3, 1.0, 3.0)) * rng.uniform(0.7, 1.3)),
        jag=(float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.6, 2.2)), float(rng.uniform(0, 6))),
        reach=float(rng.uniform(0.45, 0.8)) if crack else 1.0,
        third_piece=float(rng.uniform(0.8, 2.0))
        if kind is Displacement.DISPLACED and rng.random() < 0.3
        else 0.0,
    )
