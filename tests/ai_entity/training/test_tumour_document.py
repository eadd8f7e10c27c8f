"""The page says what the results say, names the worst patient and admits a missed bar."""

from typing import Any
from xml.etree import ElementTree

import pytest

from medquorum.ai_entity.training.tumour_document import Kind, document
from medquorum.ai_entity.training.tumour_figure import bland_altman

pytestmark = pytest.mark.train

INTERVALS = (
    "median_dice",
    "bias_ml",
    "lower_limit_ml",
    "upper_limit_ml",
    "bias_percent",
    "median_bias_percent",
)


def kind(key: str, title: str, mean: float) -> Kind:
    row = {"member": 0, "dice_suv_2_5": 0.5, "volume_ml": 90.0, "reference_ml": 100.0}
    together: dict[str, Any] = {name: [-10.0, -20.0, 5.0] for name in INTERVALS}
    together |= {
        "mean_dice": [mean, mean - 0.05, mean + 0.05],
        "mean_dice_at_shipped_threshold": mean,
        "mean_dice_suv_2_5": 0.5,
    }
    cases = {"P1": row | {"dice": 0.91}, "P2": row | {"dice": 0.31}}
    results = {
        "cases": cases,
        "together": together,
        "threshold": 0.45,
        "temperature": 1.2,
        "voxel_calibration_error": 0.012,
    }
    training = {"real": "two patients", "synthetic": "phantoms", "recipe": "steps", "seed": 4}
    card = {"training": training, "test_real": {"looked_at": f"all of {key}"}}
    return Kind(key, title, card, results)


def test_a_missed_bar_is_said() -> None:
    page = document((kind("petct", "PET + CT", 0.81), kind("ct", "CT alone", 0.69)), "P2: dark.")
    assert "PET + CT reaches the mean asked for" in page
    assert "CT alone MISSES the mean asked for" in page
    assert "| PET + CT | 0.80 | 0.810 (0.760 to 0.860) |" in page
    assert "| P2 | 0 | 100.0 | 0.310 | 90.0 | 0.310 | 90.0 | 0.500 |" in page
    assert "- Honesty, CT alone: all of ct." in page
    assert "Not for clinical use" in page and "10.7937/K9/TCIA.2015.7GO2GSKS" in page


def test_the_worst_patient_must_be_explained() -> None:
    both = (kind("petct", "PET + CT", 0.81), kind("ct", "CT alone", 0.69))
    with pytest.raises(ValueError, match="must explain P2"):
        document(both, "P1 is well drawn.")


def test_the_figure_has_a_point_per_patient_in_its_place() -> None:
    one = kind("petct", "PET + CT", 0.81)
    drawing = ElementTree.fromstring(
        bland_altman([(one.title, one.results["cases"], one.together)])
    )
    points = [part for part in drawing.iter() if part.tag.endswith("circle")]
    assert len(points) == 2
    assert points[0].attrib["cx"] == points[1].attrib["cx"]
    assert "-10 %" in "".join(points[0].itertext())
