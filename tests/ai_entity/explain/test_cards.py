"""The card in a paragraph, and the reliability diagram as a picture that can be read aloud."""

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from medquorum.ai_entity.explain.card_words import paragraph, read_card_document, summary
from medquorum.ai_entity.explain.reliability import (
    Bin,
    asserted,
    bins_measured_on,
    bins_of,
    calibration_error,
    calibration_lines,
    reliability_svg,
)
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry

CARD: dict[str, Any] = {
    "name": "probe",
    "version": "2",
    "architecture": "a small network",
    "training": {"real": "40 patients", "synthetic": "200 phantoms.", "seed": 4},
    "test_real": {
        "patients": 40,
        "mean_dice": [0.8123, 0.78, 0.84],
        "bias_ml": {"estimate": -3.2, "low": -9.0, "high": 2.0},
        "how": "5-fold cross-validation by patient",
    },
    "limits": ["Not for clinical use: no.", "Limbs only.", "FDG only.", "A", "No fourth."],
    "training_sha256": "ab" * 32,
}
NS = "{http://www.w3.org/2000/svg}"


def test_real_and_drawn_tests_are_two_sentences() -> None:
    told = paragraph(CARD)
    assert "Trained on real: 40 patients; synthetic: 200 phantoms." in told
    assert (
        "Tested on real patients: 40 patients, 5-fold cross-validation by patient, "
        "mean Dice 0.812 (95 % interval 0.78 to 0.84), "
        "volume bias in mL -3.2 (95 % interval -9 to 2)." in told
    )
    assert "No test on phantoms stands on its card." in told
    assert "Limbs only. FDG only." in told
    assert "fourth" not in told
    assert "\n" not in told


def test_what_is_not_said_is_said_to_be_missing() -> None:
    told = paragraph({"training_sha256": "cd" * 32, "test_phantoms": {"phantoms": 9, "auroc": 0.9}})
    assert "known only by the digest cdcdcdcdcdcd" in told
    assert "It is not known to have been tested on real patients." in told
    assert "Tested on phantoms: 9 phantoms, AUROC 0.9." in told
    adopted = {"training": {"text": "Trained elsewhere: by others."}, "tested_on": {"real": None}}
    assert "Trained elsewhere: by others." in paragraph(adopted)


@pytest.mark.parametrize("kind", ["petct", "ct", "fracture"])
def test_every_shipped_card_makes_a_paragraph(kind: str) -> None:
    card = read_card_document(MODELS_FOLDER, Registry().digest_of(kind))
    told = paragraph(card)
    assert str(card["name"]) in told
    assert "not for clinical use" in told
    assert 200 < len(told) < 3_000


def test_bins_are_read_in_every_spelling_and_nothing_else() -> None:
    told = {
        "on": "160 phantoms",
        "bins": [
            {"count": 5, "stated": 0.9, "observed": 1},
            {"count": 7, "stated_ppm": 100_000, "observed_ppm": 50_000},
            {"count": 0, "stated": 0.5, "observed": 0.5},
            {"count": 5, "stated": 1.5, "observed": 0.5},
            {"count": 5, "stated": "<b>", "observed": 0.5},
            "no bin",
        ],
    }
    found = bins_of({"reliability": told})
    assert found == (Bin(7, 0.1, 0.05), Bin(5, 0.9, 1.0))
    assert bins_of({"reliability": told["bins"]}) == found
    assert bins_measured_on({"reliability": told}) == "160 phantoms"
    assert bins_of({}) == bins_of({"reliability": "many"}) == ()
    assert calibration_error(found) == pytest.approx((7 * 0.05 + 5 * 0.1) / 12)


def test_background_does_not_hide_what_is_stated() -> None:
    """Of 100 answers 90 are background and right; the ten others err by 0.4."""
    bins = (Bin(90, 0.01, 0.01), Bin(10, 0.9, 0.5))
    assert calibration_error(bins) == pytest.approx(0.04)
    assert calibration_error(asserted(bins)) == pytest.approx(0.4)
    assert calibration_lines(bins) == (
        "calibration error 0.400 where 10 % or more is stated",
        "0.040 over all answers, 90 % of which state less",
    )
    assert calibration_lines(bins[1:]) == ("calibration error 0.400 of 10 answers",)


@pytest.mark.parametrize("kind", ["petct", "ct"])
def test_diagram_and_paragraph_state_one_calibration_error(kind: str) -> None:
    card = read_card_document(MODELS_FOLDER, Registry().digest_of(kind))
    bins = bins_of(card)
    picture, told = reliability_svg(bins), paragraph(card)
    for line in calibration_lines(bins):
        assert line in picture
        assert line[1:] in told
    assert told.lower().count("calibration error") == 1
    assert calibration_error(asserted(bins)) > 5.0 * calibration_error(bins)


def test_three_sentences_come_first() -> None:
    learnt, tested, limits = summary(CARD)
    assert learnt == "Trained on 40 patients; made up: 200 phantoms."
    assert tested.startswith("Tested on real patients: 40 patients, mean Dice 0.812 (")
    assert tested.endswith("On phantoms: not known.")
    assert limits == "Limits: Limbs only."
    learnt, tested, limits = summary({"training_sha256": "cd" * 32})
    assert "cdcdcdcdcdcd" in learnt
    assert tested == "Tested on real patients: not known. On phantoms: not known."
    assert limits == "Limits: None are named on its card."


def test_the_diagram_is_one_picture_that_says_what_it_shows() -> None:
    bins = (Bin(10, 0.1, 0.0), Bin(40, 0.5, 0.6), Bin(10, 0.9, 1.0))
    picture = reliability_svg(bins, 'of "A & B" <script>')
    root = ElementTree.fromstring(picture)
    assert root.get("role") == "img"
    described = root.findtext(f"{NS}desc")
    assert described is not None
    assert "stated 50%, true 60% of 40" in described
    names = {element.tag.removeprefix(NS) for element in root.iter()}
    assert names == {"svg", "title", "desc", "rect", "text", "path", "circle"}
    spots = [(float(one.get("cx", 0)), float(one.get("cy", 0))) for one in root.iter(f"{NS}circle")]
    assert spots == sorted(spots)
    assert [y for _, y in spots] == sorted((y for _, y in spots), reverse=True)
    sizes = [float(one.get("r", 0)) for one in root.iter(f"{NS}circle")]
    assert sizes[1] == max(sizes)
    assert reliability_svg(()) == ""
