"""Images to arrays on the models' working grids, in the limited child process.

An X-ray becomes its grey picture (what the fracture pipelines start from), at most
``PICTURE_PIXELS`` long; a CT, with PET where there is one, becomes HU and SUVbw on the 4 mm grid.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import AnalysisError, IsolationError, Reason
from medquorum.ai_entity.isolated import Answer, run_isolated
from medquorum.ai_entity.overlay import NM_PER_MM

PICTURE_PIXELS: Final = 1_280
"""Longer side of a kept picture: twice the working size of the edge pipeline."""

GREY_STEPS: Final = 65_535
PICTURES_AT_ONCE: Final = 16
"""Of 3.3 MB each: below the limit of a child's answer."""

UM_PER_MM: Final = 1_000
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """One radiograph as it is kept."""

    grey: npt.NDArray[np.uint16]
    """[rows, columns], 65,535 is 1.0, bright where dense."""
    field: tuple[int, int, int, int]
    """Exposed rows and columns: first, one past the last, first, one past the last."""
    pixel_um: int | None
    """Side of a kept pixel; None where the file does not say."""
    original: tuple[int, int]
    """Rows and columns of the file."""

    def __repr__(self) -> str:
        return f"Picture({self.grey.shape})"


@dataclass(frozen=True, slots=True)
class Study:
    """CT [HU] and PET [SUVbw] or None on the 4 mm grid."""

    hu: npt.NDArray[np.int16]
    suv: npt.NDArray[np.float32] | None
    affine_nm: tuple[int, ...]
    """As an overlay has it: three rows of (z,y,x,1) -> LPS."""
    names_fdg: bool | None = None
    """Whether the PET's header says that its tracer is FDG; None where it does not tell."""

    def __repr__(self) -> str:
        return f"Study({self.hu.shape}, pet={self.suv is not None})"


def read_pictures(paths: Sequence[Path]) -> list[Picture | AnalysisError]:
    """A picture, or why there is none, for each file, in order."""
    found: list[Picture | AnalysisError] = []
    for start in range(0, len(paths), PICTURES_AT_ONCE):
        found.extend(_read_some(paths[start : start + PICTURES_AT_ONCE]))
    return found


def _read_some(paths: Sequence[Path]) -> Iterator[Picture | AnalysisError]:
    try:
        arguments = {"paths": [str(path.resolve()) for path in paths]}
        answer = run_isolated(f"{__name__}:pictures_in_child", arguments)
    except IsolationError as error:
        if len(paths) == 1:
            yield error
            return
        for path in paths:  # one file took the child down: the others are read without it
            yield from _read_some([path])
        return
    for place, facts in enumerate(answer.plain["pictures"]):
        yield _picture(place, facts, answer)


def _picture(place: int, facts: dict[str, Any], answer: Answer) -> Picture | AnalysisError:
    if "refused" in facts:
        return IsolationError(Reason(str(facts["refused"])), "the image is not readable")
    top, bottom, left, right = (int(edge) for edge in facts["field"])
    rows, columns = (int(side) for side in facts["original"])
    pixel = facts["pixel_um"]
    return Picture(
        answer.arrays[f"grey_{place}"].astype(np.uint16),
        (top, bottom, left, right),
        None if pixel is None else int(pixel),
        (rows, columns),
    )


def pictures_in_child(paths: list[str]) -> Answer:
    """Runs in the child."""
    from medquorum.ai_entity.fracture.radiograph import read_bounded, read_radiograph

    facts: list[dict[str, Any]] = []
    arrays: dict[str, Array] = {}
    for place, path in enumerate(paths):
        try:
            film = read_radiograph(read_bounded(Path(path)))
        except AnalysisError as error:
            facts.append({"refused": error.reason.value})
            continue
        scale, grey = _kept(film.grey)
        arrays[f"grey_{place}"] = np.round(grey * GREY_STEPS).astype(np.uint16)
        pixel_um = None if film.pixel_mm is None else round(film.pixel_mm / scale * UM_PER_MM)
        facts.append(
            {
                "field": _field(film.exposed, grey.shape),
                "pixel_um": pixel_um,
                "original": list(film.grey.shape),
            }
        )
    return Answer({"pictures": facts}, arrays)


def _kept(grey: npt.NDArray[np.float32]) -> tuple[float, npt.NDArray[np.float32]]:
    """Kept pixels per pixel, and the picture, averaged down where it is larger."""
    import cv2

    scale = min(1.0, PICTURE_PIXELS / max(grey.shape))
    if scale == 1.0:
        return scale, grey
    rows, columns = (max(1, round(side * scale)) for side in grey.shape)
    small = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    return scale, np.asarray(np.clip(small, 0.0, 1.0), dtype=np.float32)


def _field(exposed: npt.NDArray[np.bool_], kept: tuple[int, ...]) -> list[int]:
    edges: list[int] = []
    for axis, side in enumerate(kept):
        inside = np.flatnonzero(exposed.any(axis=1 - axis))
        share = side / exposed.shape[axis]
        edges += [round(int(inside[0]) * share), round((int(inside[-1]) + 1) * share)]
    return edges


def read_study(ct: Path, pet: Path | None) -> Study:
    """CT and PET, each an archive or folder, on the 4 mm grid. Raises AnalysisError."""
    arguments = {"ct": str(ct.resolve()), "pet": None if pet is None else str(pet.resolve())}
    answer = run_isolated(f"{__name__}:study_in_child", arguments)
    suv = answer.arrays.get("suv")
    return Study(
        answer.arrays["hu"].astype(np.int16),
        None if suv is None else suv.astype(np.float32),
        tuple(int(number) for number in answer.plain["affine_nm"]),
        answer.plain["names_fdg"],
    )


def study_in_child(ct: str, pet: str | None) -> Answer:
    """Runs in the child."""
    from medquorum.ai_entity.tumour.pipeline import read_images

    images = read_images(Path(ct), None if pet is None else Path(pet))
    arrays: dict[str, Array] = {
        "hu": np.round(np.clip(images.hu, -32_768, 32_767)).astype(np.int16)
    }
    if images.suv is not None:
        arrays["suv"] = images.suv
    affine = [round(float(number) * NM_PER_MM) for number in images.affine[:3].ravel()]
    return Answer({"affine_nm": affine, "names_fdg": images.names_fdg}, arrays)
