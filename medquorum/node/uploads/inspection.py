"""What uploaded files are: series, pictures, volumes, and what is wrong with each; in the child."""

from __future__ import annotations

import hashlib
import mmap
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from medquorum.node.intake.dicom_file import MAGIC, PREAMBLE_BYTES, DicomFile, open_dicom
from medquorum.node.intake.elements import Elements
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.jpeg import START, check_jpeg
from medquorum.node.intake.limits import FILE_BYTES, MIB, PICTURE_BYTES
from medquorum.node.intake.png import SIGNATURE, check_png
from medquorum.node.intake.series import MODALITIES, SeriesFile, Togetherness, check_one
from medquorum.node.intake.ustar import Entry
from medquorum.node.uploads.deidentify import table
from medquorum.node.uploads.limits import ISSUES, SERIES, TABLE_LINES, VALUE_CHARACTERS
from medquorum.node.uploads.nifti import GZIP, is_nifti, nifti_shape
from medquorum.node.uploads.previews import preview_of_picture, preview_of_plane

PART_OF_KIND: Final = {"ct": "IMG_CT", "pet": "IMM_PET", "xray": "IMG_XRAY"}
_NO_IMAGES: Final = frozenset(
    {"1.2.840.10008.1.3.10", "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.88.67"}
)
"""Media directories, encapsulated PDF, dose reports."""


@dataclass(slots=True)
class _Group:
    """One series while its files arrive."""

    fields: dict[str, Any]
    files: list[int] = field(default_factory=list)
    planes: list[SeriesFile] = field(default_factory=list)
    """The files that are right, for the small picture of the middle one."""
    together: Togetherness = field(default_factory=Togetherness)


class Inspector:
    """Looks at files one after the other."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._studies: dict[str, int] = {}
        self._issues: list[dict[str, Any]] = []
        self._skipped: list[int] = []

    def look(self, ordinal: int, path: Path) -> None:
        """Take in one file; what is wrong with it becomes an issue."""
        try:
            with path.open("rb") as source:
                self._look(ordinal, source, path.stat().st_size)
        except IntakeRefused as refused:
            self._refuse(ordinal, refused)

    def result(self, folder: Path) -> dict[str, Any]:
        """The fields of `told.Inspection`."""
        for group in self._groups.values():
            if group.planes:
                group.fields["preview"] = self._preview(folder, group.planes)
        series = [
            {**group.fields, "series": place, "files": group.files}
            for place, group in enumerate(self._groups.values())
        ]
        return {"series": series, "issues": self._issues, "skipped": self._skipped}

    def _preview(self, folder: Path, planes: list[SeriesFile]) -> str | None:
        middle = planes[len(planes) // 2]
        try:
            with (folder / f"{middle.entry.ordinal:06d}").open("rb") as source:
                return preview_of_plane(source, middle)
        except IntakeRefused as refused:
            self._refuse(middle.entry.ordinal, refused)
            return None

    def _refuse(self, ordinal: int, refused: IntakeRefused) -> None:
        if len(self._issues) < ISSUES:
            fault = {"fault": refused.fault.value, "tag": refused.tag}
            self._issues.append({"ordinal": ordinal, **fault})

    def _look(self, ordinal: int, source: BinaryIO, size: int) -> None:
        beginning = source.read(PREAMBLE_BYTES + len(MAGIC) + 256)
        if beginning[PREAMBLE_BYTES:].startswith(MAGIC):
            if size > FILE_BYTES:
                raise IntakeRefused(Fault.FILE_SIZE, ordinal)
            self._dicom(ordinal, source, size)
        elif beginning.startswith((SIGNATURE, START)):
            self._picture(ordinal, source, size, beginning)
        elif is_nifti(beginning) or beginning.startswith(GZIP):
            self._nifti(ordinal, source)
        else:
            self._skipped.append(ordinal)

    def _dicom(self, ordinal: int, source: BinaryIO, size: int) -> None:
        file = open_dicom(source, Entry(ordinal, 0, size), blank_preamble=False)
        elements = Elements(file.dataset, ordinal)
        if file.pixels is None or str(file.dataset.get("SOPClassUID")) in _NO_IMAGES:
            self._skipped.append(ordinal)
            return
        name = elements.uid("SeriesInstanceUID")
        group = self._group(name, lambda: self._described(file, elements))
        group.files.append(ordinal)
        part = PART_OF_KIND.get(group.fields["kind"])
        if part is not None:
            facts, shape = check_one(source, file, elements, part)
            group.together.add(elements, facts)
            group.fields["planes"] += shape.frames
            group.planes.append(SeriesFile(Entry(ordinal, 0, size), file, elements, shape))

    def _group(self, name: str, describe: Any) -> _Group:
        if name not in self._groups:
            if len(self._groups) >= SERIES:
                raise IntakeRefused(Fault.TOO_MANY_FILES)
            self._groups[name] = _Group(describe())
        return self._groups[name]

    def _described(self, file: DicomFile, elements: Elements) -> dict[str, Any]:
        modality = elements.word("Modality") or ""
        parts = {part: kind for kind, part in PART_OF_KIND.items()}
        kinds = [parts[part] for part, names in MODALITIES.items() if modality in names]
        study = str(file.dataset.get("StudyInstanceUID") or "")
        burned = str(file.dataset.get("BurnedInAnnotation") or "").upper()
        makers = (file.dataset.get(key) for key in ("Manufacturer", "ManufacturerModelName"))
        return {
            "kind": kinds[0] if kinds else "other",
            "study": self._studies.setdefault(study, len(self._studies)),
            "modality": _words(modality),
            "origin": hashlib.sha256(elements.uid("SeriesInstanceUID").encode()).hexdigest(),
            "rows": elements.whole("Rows", 0),
            "columns": elements.whole("Columns", 0),
            "planes": 0,
            "made_by": _words(" ".join(str(maker) for maker in makers if maker)),
            "burned_in": {"YES": True, "NO": False}.get(burned),
            "preview": None,
            "table": [asdict(line) for line in islice(table(file.dataset), TABLE_LINES)],
        }

    def _picture(self, ordinal: int, source: BinaryIO, size: int, beginning: bytes) -> None:
        if size > PICTURE_BYTES:
            raise IntakeRefused(Fault.PICTURE_SIZE, ordinal)
        with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
            (check_png if beginning.startswith(SIGNATURE) else check_jpeg)(content)
        kind = "PNG" if beginning.startswith(SIGNATURE) else "JPEG"
        columns, rows, preview = preview_of_picture(source)
        fields = {"kind": "xray", "modality": kind, "preview": preview}
        self._single(ordinal, source, fields, (rows, columns, 1))

    def _nifti(self, ordinal: int, source: BinaryIO) -> None:
        columns, rows, planes = nifti_shape(source, ordinal)
        fields = {"kind": "nifti", "modality": "NIfTI", "preview": None}
        self._single(ordinal, source, fields, (rows, columns, planes))

    def _single(
        self, ordinal: int, source: BinaryIO, told: dict[str, Any], shape: tuple[int, int, int]
    ) -> None:
        rows, columns, planes = shape
        fields = {
            **told,
            "origin": _digest(source),
            "study": self._studies.setdefault(f"file {ordinal}", len(self._studies)),
            "rows": rows,
            "columns": columns,
            "planes": planes,
            "made_by": "",
            "burned_in": None,
            "table": [],
        }
        self._group(f"file {ordinal}", lambda: fields).files.append(ordinal)


def _digest(source: BinaryIO) -> str:
    """SHA-256 in hex of a whole file."""
    digest = hashlib.sha256()
    source.seek(0)
    while piece := source.read(MIB):
        digest.update(piece)
    return digest.hexdigest()


def _words(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:VALUE_CHARACTERS]
