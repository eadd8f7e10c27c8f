"""Contact sheets of the phantoms to look at: python -m scripts.phantom_sheets FOLDER [KIND..].

Kinds: torso, package, nema, radiograph. Writes one PNG per kind into FOLDER.
"""

import sys
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.package_ct import package_ct_file
from medquorum.ai_entity.phantom.bone_block import draw_bone, read_package_bone
from medquorum.ai_entity.phantom.growths import Story
from medquorum.ai_entity.phantom.nema import NemaPlan, make_nema, measured_volumes_ml
from medquorum.ai_entity.phantom.package_torso import (
    package_labels_file,
    real_or_parametric_anatomy,
)
from medquorum.ai_entity.phantom.radiograph import RadiographPhantom, draw_film, radiograph_of
from medquorum.ai_entity.phantom.scanner import SHIFTED, STANDARD
from medquorum.ai_entity.phantom.whole_body import TorsoPhantom, TorsoPlan, make_torso, scan_body

Picture = npt.NDArray[np.uint8]

SEED: Final = 20_000_100
ZOOM: Final = 2


def grey(plane: npt.NDArray[np.generic], low: float, high: float) -> Picture:
    """Window a plane to 8 bit RGB."""
    share = np.clip((np.asarray(plane, dtype=np.float64) - low) / (high - low), 0.0, 1.0)
    return np.repeat(np.round(share * 255.0).astype(np.uint8)[..., None], 3, axis=2)


def side_by_side(pictures: list[Picture], across: bool = True) -> Picture:
    """Join pictures in a row or a column, padded at the far side."""
    size = max(picture.shape[0 if across else 1] for picture in pictures)
    padded = []
    for picture in pictures:
        missing = size - picture.shape[0 if across else 1]
        sides = ((0, missing), (0, 4), (0, 0)) if across else ((0, 4), (0, missing), (0, 0))
        padded.append(np.pad(picture, sides, constant_values=40))
    return np.concatenate(padded, axis=1 if across else 0)


def torso_row(phantom: TorsoPhantom) -> Picture:
    """PET projection with lesions outlined, coronal CT in two windows, labels, an axial pair."""
    spot = np.argwhere(phantom.lesions)
    middle = spot[len(spot) // 2] if len(spot) else np.asarray(phantom.hu.shape) // 2
    z, y = int(middle[0]), int(middle[1])
    mip = 255 - grey(phantom.suv.max(axis=1)[::-1], 0.0, 10.0)
    shadow = np.asarray(phantom.lesions.any(axis=1))[::-1].astype(np.uint8)
    outlines, _ = cv2.findContours(shadow, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outlined = cv2.drawContours(mip.copy(), outlines, -1, (0, 0, 255), 1)
    coronal = phantom.hu[::-1, y]
    colours = cv2.applyColorMap(
        (phantom.organs[::-1, y] * 17).astype(np.uint8), cv2.COLORMAP_NIPY_SPECTRAL
        if hasattr(cv2, "COLORMAP_NIPY_SPECTRAL") else cv2.COLORMAP_JET,
    )  # fmt: skip
    axial = side_by_side(
        [
            grey(phantom.hu[z], -160, 240),
            grey(phantom.hu[z], -1000, 300),
            255 - grey(phantom.suv[z], 0, 8),
        ],
        across=False,
    )
    panels = [mip, outlined, grey(coronal, -160, 240), grey(coronal, -1000, 300), colours, axial]
    row = side_by_side([np.asarray(panel, dtype=np.uint8) for panel in panels])
    return np.asarray(cv2.resize(row, None, fx=ZOOM, fy=ZOOM, interpolation=0), dtype=np.uint8)


def torso_sheet() -> Picture:
    """One row per story."""
    rows = []
    for number, story in enumerate((Story.NEGATIVE, Story.EXTENDING, Story.SPREAD)):
        plan = TorsoPlan(story=story, with_head=number == 0)
        rows.append(torso_row(make_torso(SEED + number, plan)))
    return side_by_side(rows, across=False)


def package_sheet() -> Picture:
    """Real anatomy with made-up PET and lesions, or what stands in for it; prints which."""
    rows = []
    for number, story in enumerate((Story.NEGATIVE, Story.EXTENDING, Story.SPREAD)):
        anatomy = real_or_parametric_anatomy(SEED + number)
        print(anatomy.source)
        rows.append(torso_row(scan_body(anatomy, SEED + number, TorsoPlan(story=story))))
    return side_by_side(rows, across=False)


def nema_sheet() -> Picture:
    """PET and CT plane of the spheres at 8:1 and 4:1, standard and blurred scanner."""
    rows = []
    for scanner in (STANDARD, SHIFTED[0]):
        for ratio in (8.0, 4.0):
            phantom = make_nema(SEED, NemaPlan(ratio=ratio, grid_mm=2.0, scanner=scanner))
            middle = phantom.suv.shape[0] // 2
            pictures = [
                255 - grey(phantom.suv[middle], 0.0, 8.0),
                grey(phantom.hu[middle], -800, 300),
            ]
            rows.append(side_by_side([np.asarray(one, dtype=np.uint8) for one in pictures]))
            print(scanner.name, ratio, [f"{ml:.2f}" for ml in measured_volumes_ml(phantom)])
    left, right = side_by_side(rows[:2], across=False), side_by_side(rows[2:], across=False)
    return side_by_side([left, right])


def radiograph_sheet() -> Picture:
    """Whole above broken: parametric bones, then those of the package where it is installed."""
    seeds = range(SEED, SEED + 6)
    blocks = [(draw_bone(seed), seed) for seed in seeds]
    ct, labels = package_ct_file(), package_labels_file()
    if ct is not None and labels is not None:
        names = ("right clavicle", "left clavicle", "right fifth rib", "left fifth rib")
        blocks += [(read_package_bone((ct, labels), name), SEED) for name in names]
    columns = []
    for block, seed in blocks:
        films = [radiograph_of(block, seed, broken, draw_film(seed)) for broken in (False, True)]
        columns.append(side_by_side([_boxed(film) for film in films], across=False))
    return side_by_side(columns)


def _boxed(film: RadiographPhantom) -> Picture:
    picture = grey(film.stored, 0, 4095)
    if film.box is not None:
        x, y, width, height = film.box
        cv2.rectangle(picture, (x, y), (x + width, y + height), (0, 0, 255), 1)
    return picture


SHEETS: Final = {
    "torso": torso_sheet,
    "package": package_sheet,
    "nema": nema_sheet,
    "radiograph": radiograph_sheet,
}


def main(arguments: list[str]) -> int:
    """Write the sheets of the named kinds, all by default."""
    if not arguments or set(arguments[1:]) - set(SHEETS):
        print(__doc__)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for kind in arguments[1:] or SHEETS:
        path = folder / f"{kind}.png"
        cv2.imwrite(str(path), SHEETS[kind]())
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
