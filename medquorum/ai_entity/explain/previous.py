"""The earlier report of the same patient, read from the ledger and checked again.

A node's answer is hostile until checked, also about one's own words: the report must parse by
R-CON3, be a machine's about a tumour, and its numbers must be integers where integers belong.
Anything else means that there is nothing to compare with, never a guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from medquorum.ai_entity.errors import IsolationError
from medquorum.ai_entity.findings import TumourFindings
from medquorum.ai_entity.findings_codec import tumour_from_content
from medquorum.ai_entity.limits import MAX_LESIONS
from medquorum.ai_entity.overlay import Overlay, overlay_from_content
from medquorum.ai_entity.tumour.grid import Affine
from medquorum.ledger import canonical
from medquorum.ledger.contents import AuthorKind, parse_medical_report
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import FRAME

LARGEST_LABEL: Final = 255
FINEST_MM: Final = 0.2
COARSEST_MM: Final = 40.0
FARTHEST_MM: Final = 1_000_000.0


@dataclass(frozen=True, slots=True, repr=False)
class PreviousStudy:
    """What the earlier report said."""

    block: str
    """Hash of its block, hex."""
    recorded_ms: int | None
    """Ledger time of the image it was about."""
    model_digest: str
    """Hex."""
    tumour: TumourFindings
    overlay: Overlay | None


def read_previous(
    report: bytes, attachment: bytes | None, block: str, recorded_ms: int | None
) -> PreviousStudy | None:
    """The earlier study from the plaintexts of M_REPORT and ATTACHMENT; None when it is no base."""
    try:
        parsed = parse_medical_report(report)
        findings: Mapping[str, Any] = parsed.findings
        if parsed.author_kind is not AuthorKind.MACHINE or findings["abstained"] is not None:
            return None
        if not isinstance(findings["tumour"], dict):
            return None
        tumour = tumour_from_content(findings["tumour"])
        _check_numbers(tumour)
        digest = bytes.fromhex(str(findings["model_digest"])).hex()
    except (CodecError, IsolationError, KeyError, TypeError, ValueError):
        return None
    return PreviousStudy(block, recorded_ms, digest, tumour, _overlay(attachment))


def _overlay(attachment: bytes | None) -> Overlay | None:
    """The overlay, whose pixels are proven readable here; None for any other attachment."""
    if attachment is None:
        return None
    try:
        content = canonical.decode(attachment, FRAME)
        if not isinstance(content, dict):
            return None
        overlay = overlay_from_content(content)
        overlay.labels()
        _check_place(overlay.affine())
        if overlay.landmarks is not None:
            overlay.landmarks.classes()
            _check_place(overlay.landmarks.affine())
    except (CodecError, ValueError):
        return None
    return overlay


def _check_numbers(tumour: TumourFindings) -> None:
    numbers = [lesion.number for lesion in tumour.lesions]
    if len(numbers) > MAX_LESIONS or len(set(numbers)) != len(numbers):
        raise ValueError("the earlier lesions are too many or numbered twice")
    if any(not 1 <= number <= LARGEST_LABEL for number in numbers):
        raise ValueError("an earlier lesion's number is no label")


def _check_place(affine: Affine) -> None:
    """Voxels of a body, somewhere within a kilometre."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    upright = abs(float(np.linalg.det(affine[:3, :3]))) >= 0.5 * float(np.prod(spacing))
    sane = ((spacing >= FINEST_MM) & (spacing <= COARSEST_MM)).all()
    if not (upright and sane and float(np.abs(affine[:3, 3]).max()) <= FARTHEST_MM):
        raise ValueError("the earlier map lies in no scanner")
