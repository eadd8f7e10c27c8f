"""What the README says of the tumour networks stands on their cards."""

import json
from pathlib import Path
from typing import Any

from medquorum.ai_entity.registry import Registry

ROOT = Path(__file__).parents[2]


def card(kind: str) -> dict[str, Any]:
    registry = Registry()
    return dict(json.loads(registry.card_file(registry.digest_of(kind)).read_text()))


def test_figures_of_the_readme_are_those_of_the_cards() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    both, alone = (card(kind)["test_real"]["mean_dice"][0] for kind in ("petct", "ct"))
    assert f"mean Dice is {both:.2f} with PET and CT and {alone:.2f} with CT alone" in text
    made_up = card("petct")["test_synthetic"]
    assert f"in {100 * made_up['false_tumour_share']:.1f} % of the organs without one" in text
    usual = made_up["false_tumour_share_where_uptake_is_usual"]
    assert f"({100 * usual:.1f} % where uptake is usual)" in text
    assert f"{100 * made_up['metastasis_sensitivity']:.1f} % of the organs with metastases" in text
    assert f"quadratic kappa {made_up['quadratic_kappa']['estimate']:.2f}**" in text


def test_the_readme_says_which_volume_stays_within_ten_per_cent_of_the_spheres() -> None:
    page = (ROOT / "docs/models/phantoms.md").read_text()
    assert "- network: mean error not within 10 % for every sphere of 17 mm and more" in page
    assert "- adaptive: mean error within 10 % for every sphere of 17 mm and more" in page
    text = " ".join((ROOT / "README.md").read_text().split())
    assert "of 17 mm and more only the adaptive threshold" in text
