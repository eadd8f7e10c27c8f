"""Findings as a report shows them: with the model's card and what changed since the last study."""

from dataclasses import replace
from pathlib import Path

from medquorum.ai_entity.errors import AnalysisError
from medquorum.ai_entity.explain.card_facts import card_content
from medquorum.ai_entity.explain.card_words import read_card_document
from medquorum.ai_entity.explain.change_words import change_lines
from medquorum.ai_entity.explain.compare import compare
from medquorum.ai_entity.explain.previous import PreviousStudy
from medquorum.ai_entity.findings import Findings


def with_changes(
    findings: Findings, previous: PreviousStudy, recorded_ms: int | None = None
) -> Findings:
    """``findings`` as the report shows them beside the patient's earlier study.

    ``recorded_ms`` is the ledger time of this study's image.
    """
    changes = compare(findings, previous, recorded_ms)
    if changes is None:
        return findings
    return replace(findings, changes=changes, lines=(*findings.lines, *change_lines(changes)))


def with_card(findings: Findings, models: Path) -> Findings:
    """``findings`` with the card of their model, where the registry in ``models`` has it."""
    try:
        card = read_card_document(models, findings.model.digest)
    except (AnalysisError, OSError, ValueError):
        return findings
    return replace(findings, card=card_content(card))
