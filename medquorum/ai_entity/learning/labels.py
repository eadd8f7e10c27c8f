"""A report's content to a label, once its body is open.

An X-ray's label is the report's conclusion. A CT's or PET's is a mask on the working grid: nothing
for *negative*, the report's own overlay for *tumour*. An overlay is believed only when it lies on
the very grid its image has.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.learning.lessons import Excluded, Lesson
from medquorum.ai_entity.learning.readings import Picture, Study
from medquorum.ai_entity.overlay import NM_PER_MM, Overlay, overlay_from_content
from medquorum.ledger import canonical
from medquorum.ledger.contents import AuthorKind, Conclusion, MedicalReport, parse_medical_report
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.limits import FRAME

AFFINE_TOLERANCE_NM: Final = 1_000
"""A thousandth of a millimetre: rounding, not another place."""


class LabelRefused(Exception):
    """The report teaches nothing; `why` is one of the closed reasons."""

    def __init__(self, why: Excluded) -> None:
        super().__init__(why.value)
        self.why = why


def read_report(encoded: bytes, lesson: Lesson) -> MedicalReport:
    """The report of a lesson. Raises LabelRefused."""
    try:
        report = parse_medical_report(encoded)
    except LedgerError:
        raise LabelRefused(Excluded.MALFORMED_REPORT) from None
    if (report.author_kind is AuthorKind.HUMAN) != lesson.by_human:
        raise LabelRefused(Excluded.MALFORMED_REPORT)
    return report


def read_overlay(encoded: bytes | None, lesson: Lesson) -> Overlay | None:
    """The overlay in a report's attachment; None without one. Raises LabelRefused.

    A human may attach anything; a machine attaches its overlay and nothing else.
    """
    if encoded is None:
        return None
    try:
        content = canonical.decode(encoded, FRAME)
        if not isinstance(content, dict):
            raise ValueError("not a map")
        return overlay_from_content(content)
    except (LedgerError, ValueError):
        if lesson.by_human:
            return None
        raise LabelRefused(Excluded.MALFORMED_REPORT) from None


def fracture_label(report: MedicalReport, overlay: Overlay | None, picture: Picture) -> int:
    """1 for a fracture, 0 for none. Raises LabelRefused."""
    if overlay is not None and not _over_picture(overlay, picture):
        raise LabelRefused(Excluded.FOREIGN_OUTLINE)
    match report.conclusion:
        case Conclusion.FRACTURE:
            return 1
        case Conclusion.NEGATIVE:
            return 0
        case _:
            raise LabelRefused(Excluded.NO_CONCLUSION)


def tumour_mask(
    report: MedicalReport, overlay: Overlay | None, study: Study
) -> npt.NDArray[np.uint8]:
    """1 where the report sees tumour, on the study's grid. Raises LabelRefused."""
    if overlay is not None and not _on_grid(overlay, study):
        raise LabelRefused(Excluded.FOREIGN_OUTLINE)
    if report.conclusion is Conclusion.NEGATIVE:
        return np.zeros(study.hu.shape, dtype=np.uint8)
    if report.conclusion is not Conclusion.TUMOUR:
        raise LabelRefused(Excluded.NO_CONCLUSION)
    if overlay is None:
        raise LabelRefused(Excluded.NO_OUTLINE)
    try:
        mask = (overlay.labels() > 0).astype(np.uint8)
    except ValueError:
        raise LabelRefused(Excluded.MALFORMED_REPORT) from None
    if not mask.any():
        raise LabelRefused(Excluded.NO_OUTLINE)
    return mask


def _on_grid(overlay: Overlay, study: Study) -> bool:
    if overlay.shape != study.hu.shape:
        return False
    apart = np.subtract(overlay.affine_nm, study.affine_nm, dtype=object)
    return all(abs(int(nm)) <= AFFINE_TOLERANCE_NM for nm in apart)


def _over_picture(overlay: Overlay, picture: Picture) -> bool:
    """Whether one slice of square-on pixels ends, within one of them, where the picture ends."""
    slices, rows, columns = overlay.shape
    step_y, step_x = overlay.affine_nm[5] / NM_PER_MM, overlay.affine_nm[10] / NM_PER_MM
    high, wide = picture.original
    same_height = abs(rows * step_y - high) <= max(step_y, 1.0)
    return slices == 1 and same_height and abs(columns * step_x - wide) <= max(step_x, 1.0)


def summary_of(label: int | npt.NDArray[np.uint8]) -> dict[str, Any]:
    """What a manifest says of a label."""
    if isinstance(label, int):
        return {"fracture": label}
    return {"tumour_voxels": int(label.sum())}
