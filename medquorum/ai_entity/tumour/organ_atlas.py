"""Where organs usually lie, seen from the lungs: labels that uptake cannot mislead.

A network that reads PET is tempted to call everything hot a bladder. Where both lungs are in view,
three facts about a voxel are multiplied (naive Bayes): how often the organ lies at its place, in
coordinates of the lungs' box; how often the organ has its density, smoothed; and how often the
network says what it says there when it is that organ. All three are counted on phantoms that
trained nothing (``phantom_fit``). Inside what may be lesion the network's word is no
guide and density half a one: there the place speaks, and the nearest organ outside, the less the
farther it is.

Without lungs (a limb, a head) nothing tells where an organ lies: density alone names fat, muscle
and bone, and no lesion lies in air. With lungs but no atlas the network's labels stay. The atlas
knows drawn bodies; a real one that is turned, opened or lacks an organ will be misplaced: a report
shows the name beside the picture.
"""

import base64
import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.boxes import Mask, box_of, boxes_apart, grown
from medquorum.ai_entity.tumour.density_organs import density_organs
from medquorum.ai_entity.tumour.grid import Affine, GridImages, Volume
from medquorum.ai_entity.tumour.side_by_side import side_by_side
from medquorum.ai_entity.tumour.windows import Organs

Exact = npt.NDArray[np.float64]

SHAPE: Final = (108, 30, 40)
"""Cells z, y, x over the range below: about 10 mm each in an adult."""
LOW: Final = (-2.2, -0.95, -0.85)
HIGH: Final = (2.3, 0.95, 0.85)
"""In lengths of the lungs' box from its middle: pelvis to crown, front to back, side to side."""
MIN_LUNG_MM3: Final = 400_000.0
PERCENTILES: Final = (2.0, 98.0)
"""Of lung voxels: the ends of the box, safe from stray voxels."""
HU_EDGES: Final = np.asarray([-900, -700, -500, -300, *range(-200, 320, 10)], dtype=np.float64)
SMOOTHING_VOXELS: Final = 1.0
SUSPECT: Final = 0.2
"""Voxels of this probability and their neighbours may be lesion."""
AROUND: Final = 4.0
"""Log odds that the nearest organ outside gives at its border."""
FADES_MM: Final = 6.0
IN_LESIONS: Final = 0.5
"""Weight of the density where a lesion may have changed it."""
LEVELS: Final = 15
"""Steps of a stored share: four bits."""
FLOOR: Final = 1e-3


@dataclass(frozen=True, slots=True)
class OrganAtlas:
    """Shares counted on phantoms."""

    places: npt.NDArray[np.uint8]
    """[15, z, y, x] in fifteenths."""
    densities: Exact
    """[15, bins]: share of each organ's voxels in each bin of HU_EDGES."""
    words: Exact
    """[15, 15]: share of each organ's voxels (row) to which the network gives a label (column)."""

    def __repr__(self) -> str:
        return f"OrganAtlas({self.places.shape})"


def lung_box(hu: Volume, affine: Affine) -> tuple[Exact, Exact] | None:
    """Middle and lengths (z, y, x of the patient, mm) of the lungs' box; None without lungs."""
    voxel_mm3 = abs(float(np.linalg.det(affine[:3, :3])))
    lungs = density_organs(hu, voxel_mm3) == Organ.LUNGS
    numbered, _ = ndimage.label(lungs)
    sizes = np.bincount(numbered.ravel()) * voxel_mm3
    sizes[0] = 0.0
    places = np.argwhere((sizes >= MIN_LUNG_MM3)[numbered])
    if len(places) == 0:
        return None
    points = (places @ affine[:3, :3].T + affine[:3, 3])[:, ::-1]
    low, high = np.percentile(points, PERCENTILES, axis=0)
    return (low + high) / 2.0, np.maximum(high - low, 1.0)


def cells(shape: tuple[int, ...], affine: Affine, box: tuple[Exact, Exact]) -> list[Organs]:
    """For every voxel [z,y,x] the index of its cell along z, y and x of the patient."""
    middle, lengths = box
    grids = np.ogrid[tuple(map(slice, shape))]
    found = []
    for axis in range(3):
        row = 2 - axis  # LPS is x, y, z
        steps = (affine[row, index] * grids[index] for index in range(3) if affine[row, index])
        place = sum(steps) + affine[row, 3]
        share = (place - middle[axis]) / lengths[axis]
        cell = (share - LOW[axis]) / (HIGH[axis] - LOW[axis]) * SHAPE[axis]
        whole = np.clip(np.floor(cell), 0, SHAPE[axis] - 1).astype(np.uint8)
        found.append(np.broadcast_to(whole, shape))
    return found


def density_bins(hu: Volume) -> Organs:
    """The bin of every voxel's smoothed density."""
    smooth = ndimage.gaussian_filter(hu, SMOOTHING_VOXELS)
    return np.asarray(np.digitize(smooth, HU_EDGES), dtype=np.uint8)


def place_organs(
    images: GridImages, organs: Organs, probability: Volume, atlas: OrganAtlas | None
) -> tuple[Organs, bool]:
    """Labels [z,y,x] by atlas, density and the network, and whether the lungs placed them.

    Under suspected lesions from around. Without lungs in view only air, fat, muscle and bone.
    """
    suspected = _suspected(probability)
    if (box := lung_box(images.hu, images.affine)) is None:
        return _place_tissues(images, suspected), False
    scores, placed, bins = None, organs, density_bins(images.hu)
    if atlas is not None:
        scores = _scores(atlas, cells(organs.shape, images.affine, box))
        placed = scores.by_everything(bins, organs)
    if suspected.all() or not suspected.any():
        return placed, scores is not None
    around, away_mm = _around(placed, suspected, images.affine)
    if scores is None:
        return around, False
    return scores.by_place(placed, bins, (around, away_mm)), True


def _place_tissues(images: GridImages, suspected: Mask) -> Organs:
    """Air, fat, muscle and bone [z,y,x]; what may be lesion is never air."""
    placed = density_organs(images.hu, images.voxel_volume_mm3)
    placed[placed == Organ.LUNGS] = Organ.AIR  # pieces too small to be a lung
    if suspected.any() and not suspected.all():
        placed, _ = _around(placed, suspected, images.affine)
    placed[suspected & (placed == Organ.AIR)] = Organ.MUSCLE
    return placed


def _around(placed: Organs, suspected: Mask, affine: Affine) -> tuple[Organs, Exact]:
    """``placed`` with the nearest label outside under what is suspected, and how far that is."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    around, away_mm = placed.copy(), np.zeros(placed.shape)
    for part in boxes_apart(suspected):
        away_mm[part], nearest = ndimage.distance_transform_edt(
            suspected[part], spacing, return_indices=True
        )
        around[part] = placed[part][tuple(nearest)]
    return around, away_mm


def _suspected(probability: Volume) -> Mask:
    """Voxels that may be lesion, with their neighbours."""
    suspected = probability >= SUSPECT
    box = box_of(suspected)
    if box is not None:
        wide = grown(box, 1, suspected.shape)
        suspected[wide] = ndimage.binary_dilation(suspected[wide])
    return suspected


def _scores(atlas: OrganAtlas, places: list[Organs]) -> "_Scores":
    steps = np.arange(LEVELS + 1, dtype=np.float32) / LEVELS + FLOOR
    return _Scores(atlas, places, _rows(np.log(steps)[atlas.places]))


def _rows(table: npt.NDArray[Any]) -> Volume:
    """[organs, ...] to [..., organs]: the shares of a voxel's organs side by side."""
    return np.ascontiguousarray(np.moveaxis(table, 0, -1), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Scores:
    """Log shares, plane by plane, so that memory grows with the area of a slice."""

    atlas: OrganAtlas
    places: list[Organs]
    logs: Volume
    """[z, y, x, 15]: of the atlas' shares."""

    def _prior(self, plane: int) -> Volume:
        """[y, x, 15]."""
        z, y, x = (axis[plane] for axis in self.places)
        return np.asarray(self.logs[z, y, x])

    def by_everything(self, bins: Organs, said: Organs) -> Organs:
        """The most likely organ by place, density and the network's word."""
        density = _rows(np.log(self.atlas.densities + FLOOR))
        words = _rows(np.log(self.atlas.words + FLOOR))
        found = np.empty(said.shape, dtype=np.uint8)

        def place(planes: range) -> None:
            for plane in planes:
                score = self._prior(plane)
                score += density[bins[plane]]
                score += words[said[plane]]
                found[plane] = score.argmax(axis=-1)

        middle = len(said) // 2
        side_by_side(partial(place, part) for part in (range(middle), range(middle, len(said))))
        return found

    def by_place(self, placed: Organs, bins: Organs, outside: tuple[Organs, Exact]) -> Organs:
        """``placed`` where the distance to the outside is 0; elsewhere by place and surroundings.

        What lies around counts less with the distance to it: a lesion has the organ it grew in
        around it, a brain that is drawn as a whole has its skull.
        """
        around, away_mm = outside
        density = IN_LESIONS * _rows(np.log(self.atlas.densities + FLOOR))
        found = placed.copy()
        labels = np.arange(len(Organ))
        for plane in range(len(placed)):
            inside = away_mm[plane] > 0.0
            if inside.any():
                near = AROUND * np.exp(-away_mm[plane][inside] / FADES_MM)
                score = self._prior(plane)[inside] + density[bins[plane][inside]]
                score += near[:, None] * (around[plane][inside][:, None] == labels)
                found[plane][inside] = score.argmax(axis=-1)
        return found


def atlas_to_plain(atlas: OrganAtlas) -> dict[str, Any]:
    """JSON values."""
    packed = zlib.compress(atlas.places.tobytes(), 9)
    return {
        "places_zlib_base64": base64.b64encode(packed).decode(),
        "densities": np.round(atlas.densities, 5).tolist(),
        "words": np.round(atlas.words, 5).tolist(),
    }


def atlas_from_plain(plain: Any) -> OrganAtlas:
    """The inverse. Raises ValueError, KeyError or TypeError."""
    count = len(Organ)
    size = count * int(np.prod(SHAPE))
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(base64.b64decode(plain["places_zlib_base64"]), size + 1)
    except zlib.error as error:
        raise ValueError("the atlas cannot be unpacked") from error
    places = np.frombuffer(content, dtype=np.uint8)
    densities = np.asarray(plain["densities"], dtype=np.float64)
    words = np.asarray(plain["words"], dtype=np.float64)
    if len(places) != size or places.max() > LEVELS:
        raise ValueError("the atlas has not the size of its cells")
    if densities.shape != (count, len(HU_EDGES) + 1) or words.shape != (count, count):
        raise ValueError("the atlas' tables have other sizes")
    if not (np.isfinite(densities).all() and np.isfinite(words).all()):
        raise ValueError("the atlas holds values that are no numbers")
    if min(densities.min(), words.min()) < 0.0:
        raise ValueError("a share is not negative")
    return OrganAtlas(places.reshape(count, *SHAPE), densities, words)


class AtlasCounter:
    """Counts phantoms one after the other."""

    def __init__(self) -> None:
        count = len(Organ)
        self._places = np.zeros((count, int(np.prod(SHAPE))))
        self._densities = np.ones((count, len(HU_EDGES) + 1)) * FLOOR
        self._words = np.ones((count, count)) * FLOOR

    def add_places(self, images: GridImages, truth: Organs) -> None:
        """One body of which only the anatomy is known."""
        box = lung_box(images.hu, images.affine)
        if box is None:
            return
        z, y, x = cells(truth.shape, images.affine, box)
        cell = np.ravel_multi_index((z, y, x), SHAPE).ravel()
        size = self._places.shape[1]
        flat = truth.ravel().astype(np.int64) * size + cell
        counts = np.bincount(flat, minlength=self._places.size)
        self._places += counts.reshape(self._places.shape)

    def add(self, images: GridImages, truth: Organs, said: Organs, lesions: Organs) -> None:
        """One phantom: its images, true labels, the network's labels, and where lesions lie."""
        self.add_places(images, truth)
        healthy = (lesions == 0).ravel()
        flat = truth.ravel().astype(np.int64)[healthy]
        bins = density_bins(images.hu).ravel()[healthy].astype(np.int64)
        for table, column in ((self._densities, bins), (self._words, said.ravel()[healthy])):
            pairs = flat * table.shape[1] + column
            table += np.bincount(pairs, minlength=table.size).reshape(table.shape)

    def atlas(self) -> OrganAtlas:
        """The shares so far; places smoothed over one cell, because people differ."""
        counts = self._places.reshape(len(Organ), *SHAPE)
        smooth = np.stack([ndimage.gaussian_filter(one, (1.0, 1.0, 1.0)) for one in counts])
        total = smooth.sum(axis=0)
        shares = np.where(total > 0.0, smooth / np.maximum(total, 1e-9), 0.0)
        shares[Organ.AIR][total <= 0.0] = 1.0
        return OrganAtlas(
            np.rint(shares * LEVELS).astype(np.uint8),
            self._densities / self._densities.sum(axis=1, keepdims=True),
            self._words / self._words.sum(axis=1, keepdims=True),
        )
