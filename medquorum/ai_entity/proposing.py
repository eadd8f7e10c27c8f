"""Findings of a study as the report proposal that the node takes."""

from __future__ import annotations

from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.following import Study
from medquorum.ai_entity.node_api import ReportForm
from medquorum.ledger import canonical
from medquorum.ledger.limits import FRAME


def report_form(study: Study, findings: Findings) -> ReportForm:
    """Every provenance field of R-PRO9; the findings and scores stand in the sealed report."""
    provenance = {
        "confidence_ppm": findings.confidence_ppm,
        "kind": findings.kind.value,
        "model_digest": findings.model.digest.hex(),
        "model_name": findings.model.name,
        "model_version": findings.model.version,
        "preprocessing": findings.model.preprocessing,
        "training_digest": findings.model.training_digest.hex(),
    }
    overlay = findings.overlay
    return ReportForm(
        patient=int(study.image["n_pb"]),
        references=study.references,
        report=findings.to_report(),
        provenance=provenance,
        attachment=None if overlay is None else canonical.encode(overlay.to_content(), FRAME),
    )
