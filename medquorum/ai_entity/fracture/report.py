"""The page about the fracture models, written from an evaluation's document.

    python -m medquorum.ai_entity.fracture.report --results FILE --out docs/models

FILE is what `medquorum ai evaluate --fracture-phantoms N --json` printed; the real pictures are
judged here. Both stand in ``fracture.json``, and the page never mixes them.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.explain.reliability import Bin, reliability_svg
from medquorum.ai_entity.findings import PPM
from medquorum.ai_entity.fracture.fused import load_models
from medquorum.ai_entity.fracture.pipeline import ABSTAIN_BAND
from medquorum.ai_entity.fracture.real_films import judge_real
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry

MAX_ECE: Final = 0.05
NAMES: Final = {"rule_based": "Rule-based", "resnet50": "ResNet-50", "fused": "Fused"}


def page(results: Mapping[str, Any], cards: Mapping[str, Mapping[str, Any]]) -> str:
    """The page as Markdown."""
    return "\n".join(
        [
            "# Fracture models",
            "",
            "Written by `python -m medquorum.ai_entity.fracture.report` from "
            "`docs/models/fracture.json`. **Not for clinical use.**",
            "",
            *_what(cards),
            *_synthetic(results["synthetic"]),
            *_real(results["real"]),
            *_limits(cards),
        ]
    )


def _what(cards: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    network, fusion = cards["network"], cards["fusion"]
    yield "## What runs"
    yield ""
    yield (
        "A rule on six edge measures (the published pipeline, with a fitted decision), a ResNet-50 "
        "on tiles along the bones, and a logistic fusion of both. A report names the fusion's "
        "SHA-256; that file holds the other two digests, so one digest stands for all three."
    )
    yield ""
    yield "| model | file | SHA-256 |"
    yield "| --- | --- | --- |"
    for name in ("fusion", "network", "rule"):
        card = cards[name]
        yield f"| {card['name']} {card['version']} | {card['architecture']} | `{card['sha256']}` |"
    yield ""
    yield "## Trained on"
    yield ""
    yield network["trained_on"]
    yield ""
    yield fusion["trained_on"].removeprefix(f"{network['trained_on']}. ")
    yield ""
    yield _threshold(fusion)
    yield ""
    yield f"Rebuild: `{network['rebuild']}`"
    yield ""


def _threshold(fusion: Mapping[str, Any]) -> str:
    choice = fusion["threshold_choice"]
    return (
        f"A film is called fractured from {fusion['threshold_ppm'] / PPM:.3f} on: {choice['how']} "
        f"(there {choice['specificity_there']:.3f}, with a sensitivity of "
        f"{choice['sensitivity_there']:.3f}). Within {ABSTAIN_BAND} of it nothing is concluded."
    )


def _synthetic(part: Mapping[str, Any]) -> Iterator[str]:
    yield "## Synthetic hold-out"
    yield ""
    yield (
        f"{part['films']} films, {part['fractured']} with a fracture, from seeds that neither "
        "training nor validation used and from a shifted scanner: pixels of 0.7 to 0.9 mm instead "
        "of 0.45 to 0.7, 35 % of the photons, 1.4 times the blur, more scatter, 15 % less contrast."
    )
    yield ""
    yield (
        "| | AUROC (95 % interval) | threshold | sensitivity | specificity | ECE (95 % interval) "
        "| Brier |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for by, found in part["auroc"].items():
        at, calibrated = part["at_threshold"][by], part["calibration"][by]
        yield (
            f"| {NAMES[by]} | {found['estimate']:.3f} ({found['low']:.3f} to {found['high']:.3f}) "
            f"| {at['threshold']:.3f} | {at['sensitivity']:.3f} | {at['specificity']:.3f} "
            f"| {calibrated['ece']:.3f} ({calibrated['ece_low']:.3f} to "
            f"{calibrated['ece_high']:.3f}) | {calibrated['brier']:.3f} |"
        )
    yield ""
    yield from _calibration(part["calibration"]["fused"])
    yield "By displacement, against all films without a fracture (AUROC, sensitivity):"
    yield ""
    yield "| | films | Rule-based | ResNet-50 | Fused |"
    yield "| --- | --- | --- | --- | --- |"
    for kind, by_model in part["by_displacement"].items():
        cells = " | ".join(_kind_cell(by_model.get(by)) for by in NAMES)
        yield f"| {kind} | {by_model['fused']['films']} | {cells} |"
    yield ""
    for source, by_model in part["by_source"].items():
        shown = ", ".join(f"{NAMES[by]} {one['estimate']:.3f}" for by, one in by_model.items())
        yield f"- AUROC on films {source}: {shown}"
    concluded, boxes = part["concluded"], part["boxes"]
    yield (
        f"- With the guard: {concluded['films']} of {part['films']} films were judged; sensitivity "
        f"{concluded['sensitivity']}, specificity {concluded['specificity']} on those."
    )
    for reason, count in sorted(part["abstained"].items()):
        yield f"- Abstained {count} times: {reason}"
    yield (
        f"- The first box touches the fracture in {boxes['first_box_touches']} of "
        f"{boxes['called_fractures']} films called fractured."
    )
    yield ""
    yield "![Reliability of the fused probability](fracture_reliability.svg)"
    yield ""


def _calibration(fused: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"The fused probability's ECE of {fused['ece']:.3f} "
        f"{'meets' if fused['ece'] <= MAX_ECE else 'misses'} the {MAX_ECE} asked for. On so many "
        f"films a perfectly calibrated model would show {fused['ece_by_chance']:.3f}, and the "
        "interval, by resampling films, lies above the truth for the same reason. Slope "
        f"{fused['slope']:.2f}, intercept {fused['intercept']:.2f} (1 and 0 would be exact), on a "
        "scanner that it was not calibrated on."
    )
    yield ""


def _kind_cell(found: Mapping[str, Any] | None) -> str:
    if found is None or found["auroc"] is None:
        return "-"
    return f"{found['auroc']:.3f}, {found['sensitivity']:.3f}"


def _real(films: list[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Real films"
    yield ""
    yield (
        "**No real film of a fracture was available**, so the sensitivity on patients is unknown. "
        "Real films without a fracture, and real pictures that are not films of a limb, from the "
        "packages `pydicom` and `pydicom-data`; no weight, calibration or "
        "threshold was fitted on them (the tibia shaped constants of the rule):"
    )
    yield ""
    yield "| picture | conclusion | rule | network | fused | reason to abstain |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for film in films:
        shown = " | ".join(_share(film[by]) for by in ("rule", "network", "fused"))
        yield f"| {film['picture']} | {film['conclusion']} | {shown} | {film['abstained'] or ''} |"
    yield ""


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _limits(cards: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "## Limits"
    yield ""
    for limit in cards["fusion"]["limits"]:
        yield f"- {limit}"
    yield ""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    real = judge_real(load_models(Registry()))
    results = {"synthetic": json.loads(arguments.results.read_text()), "real": real}
    arguments.out.mkdir(parents=True, exist_ok=True)
    told = json.dumps(results, indent=1, sort_keys=True) + "\n"
    (arguments.out / "fracture.json").write_text(told)
    stems = {"fusion": "fusion", "network": "resnet50", "rule": "rule_based"}
    cards = {
        part: json.loads((MODELS_FOLDER / f"fracture_{stem}.json").read_text())
        for part, stem in stems.items()
    }
    (arguments.out / "fracture.md").write_text(page(results, cards))
    fused = results["synthetic"]["calibration"]["fused"]["reliability"]
    bins = [Bin(one["count"], one["stated"], one["observed"]) for one in fused]
    drawing = reliability_svg(bins, "drawn films of the hold-out family")
    (arguments.out / "fracture_reliability.svg").write_text(drawing + "\n")


if __name__ == "__main__":
    main()
