"""The films that the fracture network learns from, drawn once and kept as bytes.

    python -m medquorum.ai_entity.training.fracture_films --out FOLDER --part 0 --parts 2

Drawn limbs, breaks in three dimensions and the first generator's long bones, each windowed as a
hospital's film would be. A part is one file, the same for the same numbers, so that parts may be
drawn by several processes.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.fracture.radiograph import radiograph_of
from medquorum.ai_entity.fracture.tiles import place_tiles
from medquorum.ai_entity.phantom.limb_film import Family, make_limb_film
from medquorum.ai_entity.phantom.long_bone import PIXEL_MM, make_long_bone
from medquorum.ai_entity.phantom.radiograph import make_radiograph

LIMBS: Final = 3_000
LONG_BONES: Final = 200
SOLID_BONES: Final = 120
"""Breaks in three dimensions; a second and a half each."""

LONG_BONE_SEED: Final = 400_000
SOLID_BONE_SEED: Final = 410_000
SOLID_VOXEL_MM: Final = 0.8
PLACES_PER_FIELD: Final = 4
"""Places where tiles are taken lie closer to bone's middle than tiles of an analysis do."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class TrainingFilm:
    """One windowed film."""

    grey: npt.NDArray[np.uint8]
    box: Box | None
    """Of the fracture, pixels."""
    centres: npt.NDArray[np.float32]
    """[n, 2] tile centres (x, y)."""
    side: float
    """Of PLACES_PER_FIELD places; a tile is smaller."""


def draw_films(part: int, parts: int) -> Iterator[TrainingFilm]:
    """Every ``parts``-th film of the training family from ``part`` on; every second is broken."""
    for number in range(part, LIMBS, parts):
        limb = make_limb_film(Family.TRAINING, number, bool((number // parts) % 2))
        yield windowed(limb.stored, limb.inverted, limb.box)
    for number in range(part, LONG_BONES, parts):
        bone = make_long_bone(LONG_BONE_SEED + number, bool((number // parts) % 2))
        middle = None
        if bone.cut is not None:
            row = bone.pixels.shape[0] / 2.0 + bone.cut.along_mm / PIXEL_MM
            middle = (240, max(int(row) - 30, 0), 160, 60)
        yield windowed(bone.pixels, False, middle)
    for number in range(part, SOLID_BONES, parts):
        solid = make_radiograph(
            SOLID_BONE_SEED + number, bool((number // parts) % 2), SOLID_VOXEL_MM
        )
        yield windowed(solid.stored, solid.inverted, solid.box)


def windowed(stored: npt.NDArray[np.uint16], inverted: bool, box: Box | None) -> TrainingFilm:
    """As the pipeline reads the film."""
    pixels = stored.astype(np.float32)
    image = radiograph_of(-pixels if inverted else pixels, None)
    grid = place_tiles(image.grey, image.exposed, PLACES_PER_FIELD)
    eight = np.round(image.grey * 255.0).astype(np.uint8)
    centres = np.asarray(grid.centres, dtype=np.float32).reshape(-1, 2)
    return TrainingFilm(eight, box, centres, grid.side)


def write_part(folder: Path, part: int, parts: int) -> Path:
    """Draw one part and keep it."""
    films = list(draw_films(part, parts))
    path = folder / f"films_{part}_of_{parts}.npz"
    np.savez(
        path,
        pixels=np.concatenate([film.grey.ravel() for film in films]),
        shapes=np.asarray([film.grey.shape for film in films], dtype=np.int32),
        boxes=np.asarray([film.box or (0, 0, 0, 0) for film in films], dtype=np.int32),
        centres=np.concatenate([film.centres for film in films]),
        counts=np.asarray([len(film.centres) for film in films], dtype=np.int32),
        sides=np.asarray([film.side for film in films], dtype=np.float32),
    )
    return path


def read_parts(paths: list[Path]) -> list[TrainingFilm]:
    """All films of several parts."""
    films = []
    for path in paths:
        with np.load(path, allow_pickle=False) as kept:
            pixels, shapes, boxes = kept["pixels"], kept["shapes"], kept["boxes"]
            centres, counts, sides = kept["centres"], kept["counts"], kept["sides"]
        at, tile = 0, 0
        for shape, box, count, side in zip(shapes, boxes, counts, sides, strict=True):
            size = int(shape[0]) * int(shape[1])
            grey = pixels[at : at + size].reshape(int(shape[0]), int(shape[1]))
            place = (int(box[0]), int(box[1]), int(box[2]), int(box[3])) if box[2] else None
            films.append(TrainingFilm(grey, place, centres[tile : tile + count], float(side)))
            at, tile = at + size, tile + int(count)
    return films


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(write_part(arguments.out, arguments.part, arguments.parts))


if __name__ == "__main__":
    main()
