"""Break a bone in a block: a jagged plane, a gap, and the far fragment shifted and turned.

The plane is set where the bone is, across its local axis, tilted by up to 35 degrees. The
fragment beyond moves as one rigid piece; what it leaves becomes soft tissue. The box of the
fracture covers the last millimetres of both ends after the move.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.phantom.bone_block import BoneBlock
from medquorum.ai_entity.phantom.geometry import Field, Mask, Volume

PURPOSE_CUT: Final = 8
TISSUE_HU: Final = 50.0
END_MM: Final = 4.0
"""How much of each end belongs to the fracture's box."""
LOCAL_MM: Final = 22.0
"""Radius in which the bone's axis is measured."""


@dataclass(frozen=True, slots=True)
class Break:
    """How the bone is broken; vectors z, y, x in mm."""

    place_mm: Field
    normal: Field
    gap_mm: float
    shift_mm: Field
    turn: Field
    """Rotation matrix of the fragment about the place."""


def draw_break(block: BoneBlock, seed: int) -> Break:
    """A break in the middle part of the bone. Raises ValueError for a block without bone."""
    rng = np.random.default_rng((PURPOSE_CUT, seed))
    coarse = max(int(2.0 / block.voxel_mm), 1)
    voxels = np.argwhere(block.bone[::coarse, ::coarse, ::coarse]) * coarse
    if len(voxels) < 20:
        raise ValueError("the block shows too little bone to break")
    points = (voxels + 0.5) * block.voxel_mm
    middle = points.mean(axis=0)
    long_axis = _main_axis(points - middle)
    along = (points - middle) @ long_axis
    target = float(np.quantile(along, rng.uniform(0.3, 0.7)))
    near = points[np.abs(along - target) < 4.0]
    place = near.mean(axis=0)
    local = points[np.linalg.norm(points - place, axis=1) < LOCAL_MM]
    axis = _main_axis(local - local.mean(axis=0))
    normal = axis + rng.uniform(-0.5, 0.5, 3)
    shift = rng.uniform(0.15, 0.5) * _width_mm(near - place, axis)
    sideways = np.cross(axis, (0.0, 1.0, 0.0)) * rng.choice((-1.0, 1.0))
    sideways /= max(float(np.linalg.norm(sideways)), 1e-6)
    move = shift * sideways + rng.uniform(-2.0, 2.0, 3) - axis * rng.uniform(-1.5, 2.0)
    angles = rng.uniform(-0.05, 0.05, 3) + np.asarray((0.0, rng.uniform(-0.16, 0.16), 0.0))
    normal /= np.linalg.norm(normal)
    return Break(place, normal, float(rng.uniform(0.8, 3.0)), move, _rotation(angles))


def _main_axis(centred: Field) -> Field:
    """Direction of the largest spread, pointing up (or along +x when it lies flat)."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axis = vectors[:, -1]
    leading = axis[int(np.argmax(np.abs(axis)))]
    return np.asarray(axis * np.sign(leading))


def _width_mm(centred: Field, axis: Field) -> float:
    across = centred - np.outer(centred @ axis, axis)
    return float(2.0 * np.quantile(np.linalg.norm(across, axis=1), 0.9))


def _rotation(angles: Field) -> Field:
    """Small turns about z, y and x, one after the other."""
    whole = np.eye(3)
    for axis, angle in enumerate(angles):
        first, second = (index for index in range(3) if index != axis)
        one = np.eye(3)
        one[first, first] = one[second, second] = np.cos(angle)
        one[first, second], one[second, first] = -np.sin(angle), np.sin(angle)
        whole = whole @ one
    return whole


def break_bone(block: BoneBlock, cut: Break) -> tuple[Volume, Mask]:
    """Hounsfield units with the displaced fragment, and the voxels of both broken ends."""
    height = _height(block, cut)
    grown = ndimage.binary_dilation(block.bone, iterations=1)
    beyond = _beyond(grown, height > cut.gap_mm / 2.0, cut, block.voxel_mm)
    gap = grown & (np.abs(height) <= cut.gap_mm / 2.0) & _near(block, cut)
    stump_end = block.bone & ~beyond & (height < 0.0) & (height > -END_MM) & _near(block, cut)
    fragment_end = block.bone & beyond & (height < END_MM + cut.gap_mm) & _near(block, cut)
    inverse = cut.turn.T
    place = cut.place_mm / block.voxel_mm - 0.5
    offset = place - inverse @ (place + cut.shift_mm / block.voxel_mm)
    carried = np.where(beyond, block.hu - np.float32(TISSUE_HU), np.float32(0.0))
    moved = ndimage.affine_transform(carried, inverse, offset, order=1)
    rest = np.where(beyond | gap, np.float32(TISSUE_HU), block.hu)
    end = ndimage.affine_transform(fragment_end.astype(np.float32), inverse, offset, order=1)
    return np.asarray(rest + moved, dtype=np.float32), np.asarray(stump_end | (end > 0.5))


def _height(block: BoneBlock, cut: Break) -> Field:
    """Distance in mm above the jagged plane."""
    planes = np.ogrid[tuple(map(slice, block.hu.shape))]
    gaps = [
        (plane + 0.5) * block.voxel_mm - place
        for plane, place in zip(planes, cut.place_mm, strict=True)
    ]
    flat = sum(gap * part for gap, part in zip(gaps, cut.normal, strict=True))
    return np.asarray(flat + 0.8 * np.sin(1.3 * gaps[2] + 0.7 * gaps[1]) * np.cos(0.9 * gaps[0]))


def _near(block: BoneBlock, cut: Break) -> Mask:
    planes = np.ogrid[tuple(map(slice, block.hu.shape))]
    squares = [
        ((plane + 0.5) * block.voxel_mm - place) ** 2
        for plane, place in zip(planes, cut.place_mm, strict=True)
    ]
    return np.asarray(squares[0] + squares[1] + squares[2] < (1.6 * LOCAL_MM) ** 2)


def _beyond(bone: Mask, above: Mask, cut: Break, voxel_mm: float) -> Mask:
    """The piece of bone above the plane that hangs together with the cut."""
    numbered, count = ndimage.label(bone & above)
    if count == 0:
        return np.zeros_like(bone)
    centre = cut.place_mm / voxel_mm - 0.5
    found = np.argwhere(numbered > 0)
    nearest = found[int(np.argmin(((found - centre) ** 2).sum(axis=1)))]
    return np.asarray(numbered == numbered[tuple(nearest)])
