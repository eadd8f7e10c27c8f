"""Images described and decoded plane by plane; runs in the child only.

A CT becomes HU and a PET SUVbw, both int16, with slope and intercept of each slice's own file; a
radiograph becomes uint16, bright where the body is dense.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final, Protocol

import numpy as np

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.series import SeriesFile, walk_series
from medquorum.node.viewing.geometry import Caution, Concern, Vector, stack_of
from medquorum.node.viewing.limits import (
    BYTES_PER_VOXEL,
    FACT_CHARACTERS,
    FACTS,
    FILM_PIXELS,
    PLANES,
    WARNINGS,
)
from medquorum.node.viewing.planes import Plane, cells_of, check_decoder, stored_values
from medquorum.node.viewing.suv import PetSlice, suv_factor

CT_WINDOWS: Final = (
    ("soft_tissue", 40, 400),
    ("lung", -600, 1500),
    ("bone", 400, 1800),
    ("brain", 40, 80),
    ("liver", 60, 160),
)
"""Name, centre and width in HU, as workstations have them."""
PET_WINDOWS: Final = (("suv_5", 2.5, 5.0), ("suv_10", 5.0, 10.0), ("suv_20", 10.0, 20.0))
INT16_MOST: Final = 32_767
FILM_PERCENT: Final = (0.5, 99.5)
"""Grey values outside are shown clipped: markers and dead pixels lie there."""


Described = dict[str, Any]
"""The fields of `told.Description`, whose limits the node checks; its import is left to it."""


class Image(Protocol):
    """An image that was described."""

    @property
    def described(self) -> Described:
        """What it is."""

    def offset_of(self, index: int) -> int:
        """Where a plane begins in the decoded file, bytes."""

    def plane(self, index: int) -> bytes:
        """One plane as the description says. Raises IntakeRefused."""


@dataclass(frozen=True, slots=True, repr=False)
class Volume:
    """A CT or PET."""

    described: Described
    archive: BinaryIO
    files: tuple[SeriesFile, ...]
    """In order along the normal."""
    scale: float
    """Of a rescaled value to the number that is stored."""

    def offset_of(self, index: int) -> int:
        """Planes of one size, one after the other."""
        shape = self.files[0].shape
        return index * shape.rows * shape.columns * BYTES_PER_VOXEL

    def plane(self, index: int) -> bytes:
        """int16, row by row."""
        file = self.files[index]
        slope, intercept = _rescale(file)
        values = stored_values(self.archive, file, 0).astype(np.float64)
        values = np.rint((values * slope + intercept) * self.scale)
        return np.clip(values, -INT16_MOST - 1, INT16_MOST).astype("<i2").tobytes()


@dataclass(frozen=True, slots=True, repr=False)
class Films:
    """Radiographs: every frame of every file."""

    described: Described
    archive: BinaryIO
    frames: tuple[tuple[SeriesFile, int], ...]

    def offset_of(self, index: int) -> int:
        """Films of their own sizes, one after the other."""
        before = (file.shape for file, _ in self.frames[:index])
        return sum(shape.rows * shape.columns for shape in before) * BYTES_PER_VOXEL

    def plane(self, index: int) -> bytes:
        """uint16, row by row."""
        file, frame = self.frames[index]
        return _bright_bone(self.archive, file, frame).tobytes()


def describe_archive(archive: BinaryIO, total: int, part: str) -> Image:
    """An archive of `total` bytes, described. Raises IntakeRefused."""
    files = tuple(walk_series(archive, total, part))
    for file in files:
        check_decoder(file)
    if part == "IMG_XRAY":
        return _films(archive, files)
    return _volume(archive, files, pet=part == "IMM_PET")


def _volume(archive: BinaryIO, files: Sequence[SeriesFile], *, pet: bool) -> Volume:
    first = files[0]
    cosines = first.elements.numbers("ImageOrientationPatient", 6)
    stack = stack_of([_position(file) for file in files], cosines)
    ordered = tuple(files[place] for place in stack.order)
    factor, slope = 1.0, 1.0
    if pet:
        slices = [PetSlice(file.file.dataset, file.elements) for file in ordered]
        factor = suv_factor(slices)
        slope = max(_largest(file) for file in ordered) * factor / INT16_MOST
        if not 0.0 < slope < 1e9:
            raise first.elements.bad("RescaleSlope")
    row_mm, column_mm = first.elements.numbers("PixelSpacing", 2)
    warnings = [*stack.warnings, *_concerns(first)][:WARNINGS]
    described: Described = {
        "kind": "pet" if pet else "ct",
        "columns": first.shape.columns,
        "rows": first.shape.rows,
        "slices": len(ordered),
        "spacing_mm": (column_mm, row_mm, stack.step_mm),
        "origin": stack.positions[0],
        "orientation": cosines,
        "positions": stack.positions,
        "unit": "SUV" if pet else "HU",
        "stored": "int16",
        "rescale": {"slope": slope, "intercept": 0.0},
        "windows": _windows(PET_WINDOWS) if pet else [*_own(first), *_windows(CT_WINDOWS)],
        "photometric": first.elements.word("PhotometricInterpretation"),
        "series": _facts(first),
        "warnings": [asdict(one) for one in warnings],
        "frame_of_reference": _frame_of_reference(first),
    }
    return Volume(described, archive, ordered, factor / slope)


def _films(archive: BinaryIO, files: Sequence[SeriesFile]) -> Films:
    frames = tuple((file, number) for file in files for number in range(file.shape.frames))
    if len(frames) > PLANES:
        raise IntakeRefused(Fault.FRAMES, files[0].entry.ordinal, "NumberOfFrames")
    for file in files:
        if file.shape.rows * file.shape.columns > FILM_PIXELS:
            raise IntakeRefused(Fault.SIDE, file.entry.ordinal, "Rows")
    first = files[0]
    inverted = first.elements.word("PhotometricInterpretation") == "MONOCHROME1"
    warnings = [*([Caution(Concern.INVERTED)] if inverted else []), *_concerns(first)]
    shown = _bright_bone(archive, first, 0)
    spacing = _film_spacing(first)
    described: Described = {
        "kind": "xray",
        "columns": first.shape.columns,
        "rows": first.shape.rows,
        "slices": len(frames),
        "frames": [{"columns": f.shape.columns, "rows": f.shape.rows} for f, _ in frames],
        "spacing_mm": spacing,
        "origin": None,
        "positions": [],
        "unit": "none",
        "stored": "uint16",
        "rescale": {"slope": 1.0, "intercept": 0.0},
        "windows": film_windows(shown),
        "photometric": first.elements.word("PhotometricInterpretation"),
        "series": _facts(first),
        "warnings": [asdict(one) for one in warnings[:WARNINGS]],
    }
    return Films(described, archive, frames)


def film_windows(shown: Plane) -> list[dict[str, Any]]:
    """What a film is first shown with: its own grey values without the outermost, then all."""
    low, high = (float(one) for one in np.percentile(shown[::4, ::4], FILM_PERCENT))
    least, most = float(shown.min()), float(shown.max())
    spans = (("file", low, high), ("full", least, most))
    return [
        {"name": name, "centre": (start + end) / 2, "width": max(end - start, 1.0)}
        for name, start, end in spans
    ]


def _bright_bone(archive: BinaryIO, file: SeriesFile, frame: int) -> Plane:
    """uint16 values from 0, inverted where MONOCHROME1 says so."""
    cells = cells_of(file)
    values = stored_values(archive, file, frame).astype(np.int64)
    if cells.signed:
        values += 1 << (cells.stored - 1)
    if cells.stored > 16:
        values >>= cells.stored - 16
    if file.elements.word("PhotometricInterpretation") == "MONOCHROME1":
        values = (1 << min(cells.stored, 16)) - 1 - values
    return np.clip(values, 0, 65_535).astype("<u2")


def _position(file: SeriesFile) -> Vector:
    x, y, z = file.elements.numbers("ImagePositionPatient", 3)
    return (x, y, z)


def _rescale(file: SeriesFile) -> tuple[float, float]:
    slope = file.elements.numbers("RescaleSlope", 1)[0]
    return slope, file.elements.numbers("RescaleIntercept", 1)[0]


def _largest(file: SeriesFile) -> float:
    slope, intercept = _rescale(file)
    return abs(cells_of(file).most * slope) + abs(intercept)


def _film_spacing(file: SeriesFile) -> tuple[float, float, None] | None:
    """Of the detector, or of the patient where the file was calibrated; None where it has none."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        value = file.file.dataset.get(keyword)
        try:
            row_mm, column_mm = (float(one) for one in value)
        except (TypeError, ValueError):
            continue
        if 0.0 < row_mm <= 50.0 and 0.0 < column_mm <= 50.0:
            return (column_mm, row_mm, None)
    return None


def _windows(presets: Sequence[tuple[str, float, float]]) -> list[dict[str, Any]]:
    return [{"name": name, "centre": centre, "width": width} for name, centre, width in presets]


def _own(file: SeriesFile) -> list[dict[str, Any]]:
    """The file's own first window, where it has a usable one."""
    pairs = []
    for keyword in ("WindowCenter", "WindowWidth"):
        value = file.file.dataset.get(keyword)
        try:
            several = value if hasattr(value, "__len__") and not isinstance(value, str) else [value]
            pairs.append(float(several[0]))
        except (TypeError, ValueError, IndexError):
            return []
    centre, width = pairs
    usable = abs(centre) < 1e6 and 0.0 < width < 1e6
    return [{"name": "file", "centre": centre, "width": width}] if usable else []


def _facts(file: SeriesFile) -> dict[str, str]:
    found = {}
    for keyword in FACTS:
        value = file.file.dataset.get(keyword)
        if value in (None, ""):
            continue
        text = "".join(one for one in str(value) if one.isprintable())[:FACT_CHARACTERS].strip()
        if text:
            found[keyword] = text
    return found


def _concerns(file: SeriesFile) -> list[Caution]:
    found = []
    if str(file.file.dataset.get("BurnedInAnnotation") or "").upper() == "YES":
        found.append(Caution(Concern.BURNED_IN))
    if str(file.file.dataset.get("LossyImageCompression") or "") == "01":
        found.append(Caution(Concern.LOSSY))
    return found


def _frame_of_reference(file: SeriesFile) -> str | None:
    word = file.elements.word("FrameOfReferenceUID")
    return word if word is not None and len(word) <= 64 and word.isprintable() else None
