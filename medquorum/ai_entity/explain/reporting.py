"""Findings with the changes since the last study, in numbers and in the report's own lines."""

from dataclasses import replace

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
