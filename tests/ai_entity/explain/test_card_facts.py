"""What a report says of its model: whole, bounded, without a float."""

import json
from dataclasses import replace
from pathlib import Path

from medquorum.ai_entity.explain.card_facts import LONGEST_BYTES, card_content
from medquorum.ai_entity.explain.card_words import read_card_document
from medquorum.ai_entity.explain.reporting import with_card
from medquorum.ai_entity.findings import Findings, Kind, ModelFacts
from medquorum.ai_entity.registry import MODELS_FOLDER
from medquorum.ledger.contents import (
    AuthorKind,
    Conclusion,
    MedicalReport,
    NextStep,
    parse_medical_report,
)

FUSION = bytes.fromhex(json.loads((MODELS_FOLDER / "fracture_fusion.json").read_bytes())["sha256"])


def findings(digest: bytes = FUSION) -> Findings:
    model = ModelFacts("medquorum-fracture", "1", digest, bytes(32), "1")
    return Findings(
        kind=Kind.FRACTURE,
        model=model,
        conclusion=Conclusion.NEGATIVE,
        next_step=NextStep.NONE,
        confidence_ppm=900_000,
        abstained=None,
        scores_ppm=(),
        lines=("No fracture seen.",),
    )


def test_every_shipped_card_fits_into_a_report_with_what_it_says() -> None:
    told = with_card(findings(), MODELS_FOLDER)
    card = read_card_document(MODELS_FOLDER, FUSION)
    report = MedicalReport(
        AuthorKind.MACHINE, Conclusion.NEGATIVE, NextStep.NONE, "", told.to_content()
    )
    shown = parse_medical_report(report.encoded()).findings["model_card"]
    assert shown == card_content(card)
    assert "not for clinical use" in shown["paragraph"]
    assert shown["limits"] == card["limits"]
    bins = card["reliability"]["bins"]
    assert [one["count"] for one in shown["reliability"]["bins"]] == [one["count"] for one in bins]
    assert sum(one["stated_ppm"] for one in shown["reliability"]["bins"]) == sum(
        round(one["stated"] * 1_000_000) for one in bins
    )


def test_a_model_without_a_card_leaves_the_findings_as_they_were(tmp_path: Path) -> None:
    bare = findings(bytes(32))
    assert with_card(bare, MODELS_FOLDER) == bare
    assert with_card(bare, tmp_path) == bare
    assert "model_card" not in bare.to_content()
    assert replace(bare, card={"limits": []}).to_content()["model_card"] == {"limits": []}


def test_a_hospitals_card_of_any_length_stays_in_its_bounds() -> None:
    long = "Ångström " * 4_000
    card = {"name": long, "training": long, "limits": [long] * 40}
    content = card_content(card)
    texts = [content["paragraph"], *content["limits"]]
    assert len(content["limits"]) == 12
    assert all(len(text.encode()) <= LONGEST_BYTES for text in texts)
    assert content["reliability"] is None
