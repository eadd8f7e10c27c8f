"""The provenance of a machine's report stands in the clear and in the sealed part alike (R-AI5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from medquorum.ledger.contents import AuthorKind, MedicalReport
from medquorum.ledger.provenance import Provenance

SCORES: Final = "scores_ppm"
LARGEST_PPM: Final = 1_000_000


def repeated(ai: Provenance) -> dict[str, object]:
    """What the findings of M_REPORT repeat of the core's `ai`; digests in hex."""
    return {
        "confidence_ppm": ai.confidence_ppm,
        "kind": ai.kind.value,
        "machine_generated": True,
        "model_digest": ai.model_digest.hex(),
        "model_name": ai.model_name,
        "model_version": ai.model_version,
        "preprocessing": ai.preprocessing,
        "training_digest": ai.training_digest.hex(),
    }


def differing_field(report: MedicalReport, ai: Provenance) -> str | None:
    """The first field by which a sealed report is not the one its proposal describes."""
    if report.author_kind is not AuthorKind.MACHINE:
        return "author_kind"
    for name, value in repeated(ai).items():
        said = report.findings.get(name)
        if type(said) is not type(value) or said != value:
            return f"findings.{name}"
    return None if _are_scores(report.findings.get(SCORES)) else f"findings.{SCORES}"


def _are_scores(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        type(score) is int and 0 <= score <= LARGEST_PPM for score in value.values()
    )
