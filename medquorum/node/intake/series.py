"""An archive as one series of one patient: each file alone, then against the first (R-BOD10).

Geometry: DICOM PS3.3 C.7.6.2. Whether the slices are evenly spaced is left to whoever builds a
volume of them; a doctor can read a series with a gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from medquorum.node.intake.dicom_file import DicomFile, open_dicom
from medquorum.node.intake.elements import Elements
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.limits import FRAMES
from medquorum.node.intake.pet import check_suv
from medquorum.node.intake.pixels import ImageShape, check_pixels, read_shape
from medquorum.node.intake.stack import check_stack
from medquorum.node.intake.ustar import Entry, entries

MODALITIES: Final[Mapping[str, frozenset[str]]] = {
    "IMG_CT": frozenset({"CT"}),
    "IMM_PET": frozenset({"PT"}),
    "IMG_XRAY": frozenset({"CR", "DX", "DR", "RG"}),
}
"""Modality (0008,0060) by part; the parts are those of R-BOD1."""
TOLERANCE: Final = 1e-3
"""Of direction cosines and spacings in mm: scanners print three or more decimals."""
_SPACING_MOST_MM: Final = 50.0

Facts = dict[str, object]
"""What all files of a series share, by keyword of the tag; never leaves this process."""


@dataclass(frozen=True, slots=True, repr=False)
class SeriesFile:
    """One checked file of a series."""

    entry: Entry
    file: DicomFile
    elements: Elements
    shape: ImageShape


def check_series(archive: BinaryIO, total: int, part: str, *, complete: bool = False) -> int:
    """How many files an archive of `total` bytes holds; IntakeRefused when one is not right.

    With `complete` the slices must be a gapless stack as well.
    """
    positions: list[tuple[float, ...]] = []
    cosines: tuple[float, ...] = ()
    count = 0
    for file in walk_series(archive, total, part):
        if complete:
            positions.append(file.elements.numbers("ImagePositionPatient", 3))
            cosines = file.elements.numbers("ImageOrientationPatient", 6)
        count = file.entry.ordinal
    if complete:
        check_stack(positions, cosines)
    return count


def walk_series(archive: BinaryIO, total: int, part: str) -> Iterator[SeriesFile]:
    """Every file of an archive of `total` bytes, each checked alone and against the first.

    Raises IntakeRefused.
    """
    together = Togetherness()
    # The whole archive is walked before any file is parsed: a bad one costs little.
    for entry in tuple(entries(archive, total)):
        file = open_dicom(archive, entry)
        elements = Elements(file.dataset, file.ordinal)
        facts, shape = check_one(archive, file, elements, part)
        together.add(elements, facts)
        yield SeriesFile(entry, file, elements, shape)


class Togetherness:
    """Whether files are one series: each is held against the first."""

    def __init__(self) -> None:
        self._shared: Facts | None = None
        self._images: set[str] = set()

    def add(self, elements: Elements, facts: Facts) -> None:
        """Take in one more file. Raises IntakeRefused."""
        image = elements.uid("SOPInstanceUID")
        if image in self._images:
            raise IntakeRefused(Fault.TWICE, elements.ordinal, "SOPInstanceUID")
        self._images.add(image)
        self._shared = self._shared or facts
        for keyword, value in facts.items():
            if not _same(value, self._shared.get(keyword)):
                raise IntakeRefused(Fault.MIXED, elements.ordinal, keyword)


def check_one(
    archive: BinaryIO, file: DicomFile, elements: Elements, part: str
) -> tuple[Facts, ImageShape]:
    """One file alone: what its series must share, and its shape. Raises IntakeRefused."""
    modality = elements.word("Modality")
    if modality is None:
        raise elements.missing("Modality")
    if modality not in MODALITIES[part]:
        raise IntakeRefused(Fault.MODALITY, file.ordinal, "Modality")
    elements.uid("SOPClassUID")
    sliced = part != "IMG_XRAY"
    shape = read_shape(elements, 1 if sliced else FRAMES)
    check_pixels(archive, file, shape)
    facts: Facts = {
        "SeriesInstanceUID": elements.uid("SeriesInstanceUID"),
        "PatientID": elements.word("PatientID"),
        "Modality": modality,
        "FrameOfReferenceUID": elements.word("FrameOfReferenceUID"),
    }
    if sliced:
        facts |= {"Rows": shape.rows, "Columns": shape.columns, **_geometry(elements)}
    if part == "IMM_PET":
        facts |= check_suv(elements)
    return facts, shape


def _geometry(elements: Elements) -> Facts:
    elements.numbers("ImagePositionPatient", 3)
    cosines = elements.numbers("ImageOrientationPatient", 6)
    row, column = cosines[:3], cosines[3:]
    crossing = sum(a * b for a, b in zip(row, column, strict=True))
    lengths = (math.hypot(*row) - 1, math.hypot(*column) - 1, crossing)
    if max(map(abs, lengths)) > TOLERANCE:
        raise elements.bad("ImageOrientationPatient")
    spacing = elements.numbers("PixelSpacing", 2)
    if not all(0.0 < each <= _SPACING_MOST_MM for each in spacing):
        raise elements.bad("PixelSpacing")
    if elements.numbers("RescaleSlope", 1)[0] == 0.0:
        raise elements.bad("RescaleSlope")
    elements.numbers("RescaleIntercept", 1)
    return {"ImageOrientationPatient": cosines, "PixelSpacing": spacing}


def _same(one: object, other: object) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(abs(a - b) <= TOLERANCE for a, b in zip(one, other, strict=True))
    return one == other
