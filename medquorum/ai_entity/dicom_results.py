"""Findings as DICOM objects that archives and viewers read: segmentations and a report.

A segmentation of the lesions on the series they were measured on (the PET where there is one, else
the CT), one of the organs on the analysis grid, and a measurement report that refers to both
(``dicom_segmentation``, ``dicom_report``). All name the algorithm, its version and its SHA-256, are
unverified, and say that they are not for clinical use. The same input gives the same bytes
(``dicom_stamps``). Like every DICOM object derived from a
series they repeat the patient's and the study's attributes of their source.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydicom.dataset import FileDataset

from medquorum.ai_entity.dicom_report import measurement_report
from medquorum.ai_entity.dicom_segmentation import lesion_segmentation, organ_segmentation
from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.dicom_slice import parse_header, read_geometry, required
from medquorum.ai_entity.dicom_source import iterate_files
from medquorum.ai_entity.dicom_stamps import seed_of, settle
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.tumour.grid import Placed, carry_labels

REPEATED: Final = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
"""What a derived object takes from its source and cannot do without."""

REPEATED_IF_KNOWN: Final = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
"""Type 2 (PS3.5 7.4.3): repeated, empty where the source does not know."""

SHORT: Final = ("AccessionNumber", "StudyID")
SHORT_CHARACTERS: Final = 16
"""Of a short string (SH, PS3.5 table 6.2-1). A longer one is left empty: cut, it would name another
study, while StudyInstanceUID names this one."""


@dataclass(frozen=True, slots=True, repr=False)
class DicomResults:
    """Part-10 files."""

    segmentation: bytes
    report: bytes
    organ_map: bytes | None
    """None where nobody told organs apart."""


def dicom_results(source: Path, modality: str, findings: Findings) -> DicomResults | None:
    """SEG and SR of tumour findings on the series ``source`` of ``modality`` (``PT`` or ``CT``).

    None when there is no lesion to draw. Raises SeriesError.
    """
    if findings.tumour is None or findings.overlay is None or not findings.tumour.lesions:
        return None
    slices = sorted_slices(source)
    volume = read_series(source, modality)
    labels = carry_labels(
        findings.overlay.labels().astype(np.int32),
        findings.overlay.affine(),
        Placed(volume.voxels, volume.affine),
    )
    drawn = tuple(one for one in findings.tumour.lesions if (labels == one.number).any())
    if not drawn:
        return None
    try:
        with warnings.catch_warnings():  # their words quote values of the file
            warnings.simplefilter("ignore")
            lesions = lesion_segmentation(slices, labels, drawn, findings.model)
            organs = organ_segmentation(slices, findings)
            report = measurement_report(slices, drawn, findings, (lesions, organs))
            made = [one for one in (lesions, organs, report) if one is not None]
            settle(made, slices, seed_of(volume.facts.content_digest, findings))
            return DicomResults(
                _bytes(lesions), _bytes(report), None if organs is None else _bytes(organs)
            )
    except (AttributeError, ValueError, TypeError) as error:
        raise SeriesError(
            Reason.BAD_TAG,
            "the series has patient or study attributes that a segmentation cannot repeat; export "
            "it again, or leave out the DICOM results",
        ) from error


def sorted_slices(source: Path) -> list[FileDataset]:
    """The series' datasets in the order of ``read_series``: along the slice normal.

    Raises SeriesError naming a tag that a derived object needs.
    """
    placed = []
    for ordinal, content in enumerate(iterate_files(source), start=1):
        dataset = parse_header(content, ordinal)
        for keyword in REPEATED:
            required(dataset, keyword, ordinal)
        for keyword in REPEATED_IF_KNOWN:
            if keyword not in dataset or _too_long(dataset, keyword):
                setattr(dataset, keyword, "")
        geometry = read_geometry(dataset, ordinal)
        normal = np.cross(geometry.row_direction, geometry.column_direction)
        placed.append((float(normal @ np.asarray(geometry.position_mm)), ordinal, dataset))
    return [dataset for _, _, dataset in sorted(placed, key=lambda one: one[:2])]


def _too_long(dataset: FileDataset, keyword: str) -> bool:
    return keyword in SHORT and len(str(dataset.get(keyword) or "")) > SHORT_CHARACTERS


def _bytes(dataset: Any) -> bytes:
    target = io.BytesIO()
    dataset.save_as(target)
    return target.getvalue()
