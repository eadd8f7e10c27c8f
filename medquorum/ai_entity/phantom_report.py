"""Write what phantoms and spheres say of a model into ``docs/models``: tables and one figure.

    medquorum ai evaluate --phantoms 48 --json > phantoms.json
    medquorum ai evaluate --nema --json > nema.json
    python -m medquorum.ai_entity.phantom_report --phantoms phantoms.json --nema nema.json \\
        --out docs/models --card tumour_petct.json

With ``--card`` they also stand on the model's card, under ``test_synthetic``. Figures are written
as the evaluation gave them, whether they reach their bars or not. Results on patients are
elsewhere: the two say different things and are never averaged.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.evaluation_tables import conspicuity_rows, percent

CELL: Final = 84
LEFT: Final = 120
TOP: Final = 70
INK: Final = "#1f2933"
SHADE: Final = (29, 95, 153)
BARS: Final = (
    ("quadratic kappa", ">= 0.8"),
    ("called right where it is Metastasis", ">= 90 %"),
    ("false tumour, other organs", "<= 5 %"),
)


def phantom_page(document: dict[str, Any], nema: dict[str, Any] | None) -> str:
    """The Markdown page."""
    return "\n".join(
        [
            *_head(document),
            *_figures(document),
            *_conspicuity(document),
            *_organs(document),
            *_nema(nema),
            "",
        ]
    )


def _head(document: dict[str, Any]) -> Iterator[str]:
    yield f"# {document['model']}: made-up bodies"
    yield ""
    yield (
        f"{document['phantoms']} phantoms of the seed family *{document['seed_family']}*, scanned "
        "by shifted scanners (blur, noise, spacing, calibration or contrast just outside what "
        "phantoms for training and fitting were made with; patches were disturbed further, in "
        "calibration farther). Synthetic: this says nothing about patients. Not for clinical use."
    )
    yield ""
    yield f"Model `{document['model_digest']}`."
    yield ""
    yield "![Confusion matrix](phantom-confusion.svg)"
    yield ""


def _figures(document: dict[str, Any]) -> Iterator[str]:
    kappa, alarms = document["quadratic_kappa"], document["false_tumour"]
    measured = (
        f"{kappa['estimate']:.3f} (95 % {kappa['low']:.3f} to {kappa['high']:.3f})",
        percent(document["sensitivity"]["Metastasis"]),
        f"{percent(alarms['other_organs']['share'])} of {alarms['other_organs']['organs']}",
    )
    yield "| figure | bar | measured |"
    yield "| --- | --- | --- |"
    for (name, bar), value in zip(BARS, measured, strict=True):
        yield f"| {name} | {bar} | {value} |"
    hot = alarms["physiologic_hot"]
    yield (
        f"| false tumour where uptake is usual (brain, heart, kidneys, bladder, gut) | | "
        f"{percent(hot['share'])} of {hot['organs']} |"
    )
    for level, share in document["sensitivity"].items():
        yield f"| called right where it is {level} | | {percent(share)} |"
    for level, error in document["calibration_error"].items():
        yield f"| calibration error, probability of {level} | | {error:.3f} |"
    bias = document["volume_bias_ml"]
    low, high = bias["limits_of_agreement"]
    yield f"| volume bias, mL (limits of agreement) | | {bias['mean']} ({low} to {high}) |"
    yield f"| mean Dice where there is a lesion | | {document['mean_dice']} |"
    yield f"| organ labels right, share of body voxels | | {percent(document['organ_agreement'])} |"
    yield ""


def _conspicuity(document: dict[str, Any]) -> Iterator[str]:
    yield "Organs that are Metastasis in truth, by how plainly that shows:"
    yield ""
    yield "| their lesions | organs | called Metastasis | called any tumour |"
    yield "| --- | --- | --- | --- |"
    for row in conspicuity_rows(document):
        yield "| " + " | ".join(map(str, row)) + " |"
    yield ""


def _organs(document: dict[str, Any]) -> Iterator[str]:
    yield "Per organ, rows of truth " + " / ".join(document["levels"]) + ", columns as drawn:"
    yield ""
    yield "| organ | " + " | ".join(document["levels"]) + " |"
    yield "| --- |" + " --- |" * len(document["levels"])
    for organ, counts in document["confusion_per_organ"].items():
        shown = (" ".join(str(count) for count in row) for row in counts)
        yield f"| {organ} | " + " | ".join(shown) + " |"
    yield ""


def _nema(nema: dict[str, Any] | None) -> Iterator[str]:
    if nema is None:
        return
    methods = list(nema["within_10_percent_from_17_mm"])
    yield "## Spheres of the NEMA IEC body phantom"
    yield ""
    yield f"{nema['phantom']}; {nema['scans_per_contrast']} scans per contrast. Relative error of "
    yield "the volume, mean +- standard deviation over scans."
    yield ""
    yield "| contrast | sphere | true mL | drawn by the network | " + " | ".join(methods) + " |"
    yield "| --- | --- | --- | --- |" + " --- |" * len(methods)
    for sphere in nema["spheres"]:
        errors = (_error(sphere["relative_error"][method]) for method in methods)
        yield (
            f"| {sphere['contrast']:.0f}:1 | {sphere['diameter_mm']:.0f} mm | "
            f"{sphere['true_ml']:.2f} | {sphere['drawn_by_network']} of "
            f"{nema['scans_per_contrast']} | " + " | ".join(errors) + " |"
        )
    yield ""
    for method, held in nema["within_10_percent_from_17_mm"].items():
        said = "within" if held else "not within"
        yield f"- {method}: mean error {said} 10 % for every sphere of 17 mm and more"


def _error(error: dict[str, float] | None) -> str:
    if error is None:
        return "-"
    return f"{100 * error['mean']:+.1f} +- {100 * error['standard_deviation']:.1f} %"


def card_entry(document: dict[str, Any]) -> dict[str, Any]:
    """What the card of the model tells of its test on phantoms."""
    other = document["false_tumour"]["other_organs"]
    return {
        "phantoms": document["phantoms"],
        "how": f"seed family {document['seed_family']}, shifted scanners; nothing chosen on them",
        "quadratic_kappa": document["quadratic_kappa"],
        "metastasis_sensitivity": document["sensitivity"]["Metastasis"],
        "false_tumour_share": other["share"],
        "false_tumour_share_where_uptake_is_usual": document["false_tumour"]["physiologic_hot"][
            "share"
        ],
        "mean_dice": document["mean_dice"],
    }


def write_card_entry(card: Path, document: dict[str, Any]) -> None:
    """Onto the card. Raises ValueError for the card of another model."""
    told = json.loads(card.read_bytes())
    if told["sha256"] != document["model_digest"]:
        raise ValueError("these figures belong to another model; evaluate the one of this card")
    told["test_synthetic"] = card_entry(document)
    card.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


def confusion_svg(document: dict[str, Any]) -> str:
    """The confusion matrix of all organs; shade by share of the row."""
    levels, counts = document["levels"], document["confusion"]
    side = CELL * len(levels)
    width, height = LEFT + side + 20, TOP + side + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" fill="{INK}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(LEFT + side / 2, 22, f"Drawn by the model ({document['phantoms']} phantoms)"),
        _text(LEFT + side / 2, height - 14, "rows: truth; counts of organs; synthetic"),
    ]
    for column, level in enumerate(levels):
        parts.append(_text(LEFT + CELL * (column + 0.5), TOP - 12, level))
    for row, level in enumerate(levels):
        middle = TOP + CELL * (row + 0.5) + 5
        parts.append(_text(LEFT - 10, middle, level, "end"))
        total = max(sum(counts[row]), 1)
        for column, count in enumerate(counts[row]):
            parts += _cell(row, column, count, count / total)
    return "\n".join([*parts, "</svg>", ""])


def _cell(row: int, column: int, count: int, share: float) -> list[str]:
    red, green, blue = (round(255 - (255 - tint) * share) for tint in SHADE)
    x, y = LEFT + CELL * column, TOP + CELL * row
    ink = "white" if share > 0.5 else INK
    return [
        f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" '
        f'fill="rgb({red},{green},{blue})" stroke="white"/>',
        _text(x + CELL / 2, y + CELL / 2 + 5, str(count), "middle", ink),
    ]


def _text(x: float, y: float, words: str, anchor: str = "middle", ink: str = INK) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{ink}">{words}</text>'


def main() -> None:
    """Write the page and the figure."""
    parser = argparse.ArgumentParser(prog="python -m medquorum.ai_entity.phantom_report")
    parser.add_argument("--phantoms", type=Path, required=True)
    parser.add_argument("--nema", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--card", type=Path, help="card of the model that was judged")
    told = parser.parse_args()
    document = json.loads(told.phantoms.read_bytes())
    nema = None if told.nema is None else json.loads(told.nema.read_bytes())
    told.out.mkdir(parents=True, exist_ok=True)
    (told.out / "phantoms.md").write_text(phantom_page(document, nema))
    (told.out / "phantom-confusion.svg").write_text(confusion_svg(document))
    if told.card is not None:
        write_card_entry(told.card, document)


if __name__ == "__main__":
    main()
