"""The explanation as a document and as a page."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from medquorum.ai_entity.explain.bundle import explanation
from medquorum.ai_entity.explain.page import explanation_page
from medquorum.ai_entity.findings import Findings, FractureFindings, Level, RegionFinding
from medquorum.ai_entity.phantom.anatomy import Anatomy
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ledger.contents import Conclusion
from tests.ai_entity.explain.bodies import Scan, lesion_in, person, recorded, scanned
from tests.ai_entity.explain.test_cards import CARD

SNEAKY = '<img src=x onerror="alert(1)">'
RELIABILITY = {"reliability": {"on": SNEAKY, "bins": [{"count": 9, "stated": 0.5, "observed": 1}]}}


@pytest.fixture(scope="module")
def patient() -> Anatomy:
    return person()


@pytest.fixture(scope="module")
def result(patient: Anatomy) -> Findings:
    growths = (lesion_in(patient, Organ.LIVER, 16.0),)
    levels = (("liver", Level.TUMOR_PLUS), ("bone", Level.NEGATIVE), ("lungs", Level.METASTASIS))
    return scanned(patient, Scan(growths, levels=levels))


def test_the_document_is_json_in_clinical_units(result: Findings) -> None:
    made = json.loads(json.dumps(explanation(result, CARD | RELIABILITY, recorded(result))))
    assert [one["organ"] for one in made["organs"]] == ["lungs", "liver", "bone"]
    assert made["organs"][0]["probabilities"]["Metastasis"] == 0.25
    (row,) = made["lesions"]["rows"]
    assert {column["key"] for column in made["lesions"]["columns"]} <= set(row)
    assert result.tumour is not None
    assert row["volume_ml"] == result.tumour.lesions[0].volume_ul / 1000
    assert made["changes"]["total_tumour_volume_ml"]["change"] == 0.0
    assert made["changes"]["no_response_assessment"] is True
    assert made["changes"]["by_percist"] == "stable"
    assert made["reliability"]["calibration_error"] == 0.5
    assert made["model"]["paragraph"].startswith("probe 2 is a machine's opinion")
    assert explanation(result, {})["reliability"] is None
    assert explanation(result, {})["changes"] is None


def test_a_number_is_named_by_what_it_is_a_probability_of(result: Findings) -> None:
    sure = replace(result, conclusion=Conclusion.TUMOUR, confidence_ppm=1_000_000)
    told = explanation(sure, CARD)["probability"]
    assert told == (
        "Highest probability of tumour in any organ: above 99 %; not calibrated for patients."
    )
    assert told in explanation_page(explanation(sure, CARD))
    clear = replace(result, conclusion=Conclusion.NEGATIVE, confidence_ppm=880_000)
    assert "any organ: 12 %" in explanation(clear, CARD)["probability"]
    assert "alibrated probability" not in explanation_page(explanation(clear, CARD))


def test_a_fracture_is_called_probable_even_where_none_is_concluded(result: Findings) -> None:
    seen = FractureFindings(120_000, 0, 0, 0, 0, 0, "none", 0, 0, "", "", ())
    film = replace(result, conclusion=Conclusion.NEGATIVE, confidence_ppm=880_000, fracture=seen)
    assert explanation(film, CARD)["probability"] == (
        "Probability of a fracture: 12 %; calibrated on drawn films alone."
    )


def test_background_is_left_out_of_the_calibration_error(result: Findings) -> None:
    bins = [
        {"count": 90, "stated": 0.01, "observed": 0.01},
        {"count": 10, "stated": 0.9, "observed": 0.5},
    ]
    made = explanation(result, CARD | {"reliability": {"bins": bins}})["reliability"]
    assert made["calibration_error"] == pytest.approx(0.4)
    assert made["calibration_error_of_all"] == pytest.approx(0.04)


class Page(HTMLParser):
    """What a page would make a browser do."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_the_page_asks_nobody_and_runs_nothing(result: Findings) -> None:
    assert result.tumour is not None
    regions = (RegionFinding(SNEAKY, Level.TUMOR, (0, 1_000_000, 0, 0)),)
    odd = replace(
        result,
        lines=(SNEAKY,),
        tumour=replace(result.tumour, volume_method=SNEAKY, regions=regions),
        model=replace(result.model, name=SNEAKY),
    )
    card = CARD | RELIABILITY | {"limits": [SNEAKY], "name": SNEAKY}
    text = explanation_page(explanation(odd, card, recorded(result)), b"\x89PNG picture")
    page = Page()
    page.feed(text)
    assert SNEAKY not in text
    assert page.handlers == []
    assert not {"script", "iframe", "link", "object"} & set(page.tags)
    assert [address[:22] for address in page.addresses] == ["data:image/png;base64,"]
    assert text.count("Since the last study") == 1
    assert text.index("Trained on 40 patients; made up") < text.index("<details>")


def test_an_abstention_has_a_page_with_its_reason(result: Findings) -> None:
    silent = replace(result, abstained="noise <b>", tumour=None, overlay=None)
    text = explanation_page(explanation(silent, CARD))
    assert "No conclusion: noise &lt;b&gt;" in text
    assert "Lesions" not in text
