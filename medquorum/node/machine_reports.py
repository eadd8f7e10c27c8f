"""What an AI entity's own node asks of a report before it seals it (R-PRO9, R-AI4, R-AI5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medquorum.ledger.approved_model import ApprovedModel, may_report
from medquorum.ledger.contents import parse_medical_report
from medquorum.ledger.errors import CodecError
from medquorum.ledger.limits import RECORD
from medquorum.ledger.machine_report import differing_field
from medquorum.ledger.provenance import FindingKind, Provenance
from medquorum.ledger.reasons import Reason, Reject
from medquorum.ledger.types import BlockHash
from medquorum.node.desk import DeskError
from medquorum.node.refusals import refusal


def provenance_of(given: Mapping[str, object], inputs: tuple[BlockHash, ...]) -> Provenance:
    """R-PRO9 from the fields an AI entity sends; DeskError 400 when one is missing or wrong."""
    try:
        return Provenance(
            kind=FindingKind(str(given["kind"])),
            model_name=str(given["model_name"]),
            model_version=str(given["model_version"]),
            model_digest=bytes.fromhex(str(given["model_digest"])),
            training_digest=bytes.fromhex(str(given["training_digest"])),
            preprocessing=str(given["preprocessing"]),
            confidence_ppm=int(str(given["confidence_ppm"])),
            inputs=inputs,
        )
    except (KeyError, ValueError) as error:
        raise DeskError(
            400, Reason.BAD_PROVENANCE.value, f"provenance: {type(error).__name__}; see R-PRO9"
        ) from None


def check_machine_report(
    ai: Provenance, approved: tuple[ApprovedModel, ...], part: Path | None
) -> None:
    """DeskError unless the model is approved and the report says of itself what `ai` says."""
    if not may_report(approved, ai):
        raise refusal(Reject(Reason.UNAPPROVED_MODEL))
    differing = None if part is None else _differing(part, ai)
    if differing is not None:
        raise DeskError(
            400,
            Reason.BAD_PROVENANCE.value,
            f"R-AI5: M_REPORT.{differing} is not what the proposal's provenance says; make both "
            "from the same findings",
        )


def _differing(part: Path, ai: Provenance) -> str | None:
    with part.open("rb") as file:
        encoded = file.read(RECORD.total + 1)
    try:
        return differing_field(parse_medical_report(encoded), ai)
    except CodecError as error:
        raise DeskError(400, Reason.MALFORMED.value, str(error)) from None
