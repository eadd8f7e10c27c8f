"""The page about the tumour networks, written from their results and never by hand.

    python -m medquorum.ai_entity.training.tumour_document --models FOLDER --out docs/models

Reads cards, results and folds of both kinds; writes ``tumour.md`` and ``tumour_volumes.svg``.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.training.tumour_card import LIMITS, SOURCE
from medquorum.ai_entity.training.tumour_figure import bland_altman

KINDS: Final = (("petct", "PET + CT"), ("ct", "CT alone"))
BARS: Final = {"petct": 0.80, "ct": 0.70}
"""What the project asks of the mean Dice."""
FIGURE: Final = "tumour_volumes.svg"

HEAD: Final = """# Tumour networks: PET + CT, and CT alone

Not for clinical use. Written by `python -m medquorum.ai_entity.training.tumour_document` from the
results files beside the models.

A 3-D multi-task U-Net (four levels, instance normalisation, 4 mm voxels, windows of 48^3) marks
lesions and labels 15 organs. Each file holds five members, one per fold, and a network for whole
bodies. With PET, a member has a companion of its fold that reads the CT alone; in windows in which
the member finds anything the mean of both counts, since uptake misleads where a tumour is cold. A
patient of the cross-validation is judged only by the member, and the companion, that never saw this
patient; anybody else by the mean of all five. Every network is asked about each window and its
mirror image, and the mean is its word. Where the lungs are in view, the network for whole
bodies speaks instead: it has learnt from phantoms only (`phantoms.md`), and nothing on this page is
about it.
"""

REBUILD: Final = """## Rebuild

```
python -m medquorum.ai_entity.training.tumour --petct FILE.npz --inputs petct --out FOLDER
python -m medquorum.ai_entity.training.tumour --petct FILE.npz --inputs ct --out FOLDER
```

FILE.npz is `soft_tissue_sarcoma_40.npz` of the data named above. They need the `train` extra and
one core, for about four hours and for one (AVX-512 with bfloat16), and resume when stopped. With
glibc, `MALLOC_MMAP_THRESHOLD_=2000000000 MALLOC_TRIM_THRESHOLD_=2000000000` makes it a sixth
faster.
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One network with its documents."""

    key: str
    title: str
    card: dict[str, Any]
    results: dict[str, Any]

    @property
    def together(self) -> dict[str, Any]:
        """Figures over all patients."""
        together: dict[str, Any] = self.results["together"]
        return together

    @property
    def worst(self) -> str:
        """The patient of the lowest Dice."""
        cases = self.results["cases"]
        return str(min(cases, key=lambda name: cases[name]["dice"]))


def read_kinds(models: Path) -> tuple[Kind, ...]:
    """Both networks from the models' folder."""
    return tuple(
        Kind(
            key,
            title,
            json.loads((models / f"tumour_{key}.json").read_text()),
            json.loads((models / f"tumour_{key}_results.json").read_text()),
        )
        for key, title in KINDS
    )


def document(kinds: tuple[Kind, ...], notes: str) -> str:
    """The whole page; ``notes`` says what was seen when looking at the worst patients.

    Raises ValueError when the notes do not speak of the worst patient of either network.
    """
    for kind in kinds:
        if kind.worst not in notes:
            raise ValueError(f"the notes must explain {kind.worst}, the worst of {kind.title}")
    parts = [HEAD, _summary(kinds), _volumes(kinds), _per_case(kinds)]
    parts += ["## The worst cases\n\n" + notes.strip() + "\n", _training(kinds), _limits(), REBUILD]
    return "\n".join(parts)


def _summary(kinds: tuple[Kind, ...]) -> str:
    lines = [
        "## Real patients, cross-validated\n",
        "Dice against the expert contour on each case's own grid; 95 % bootstrap intervals over "
        "patients.\n",
        "| | asked for | mean Dice | median Dice | SUV >= 2.5 (yardstick) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind in kinds:
        mean, median = (_range(kind.together[key]) for key in ("mean_dice", "median_dice"))
        yardstick = f"{kind.together['mean_dice_suv_2_5']:.3f}" if kind.key == "petct" else "-"
        lines.append(f"| {kind.title} | {BARS[kind.key]:.2f} | {mean} | {median} | {yardstick} |")
    for kind in kinds:
        mean = kind.together["mean_dice"][0]
        verdict = "reaches" if mean >= BARS[kind.key] else "MISSES"
        shipped = kind.together["mean_dice_at_shipped_threshold"]
        lines.append(
            f"\n{kind.title} {verdict} the mean asked for. With the shipped threshold "
            f"({kind.results['threshold']:.2f} at temperature {kind.results['temperature']:.2f}, "
            f"chosen on all patients) the mean is {shipped:.3f}; in the table every fold's "
            "temperature and threshold come from the other folds."
        )
    return "\n".join(lines) + "\n"


def _volumes(kinds: tuple[Kind, ...]) -> str:
    lines = [
        "## Volume bias (Bland-Altman)\n",
        "Network minus contour, mL and percent of the contour; limits of agreement are the mean "
        "+- 1.96 standard deviations (Bland and Altman 1986).\n",
        "| | bias, mL | lower limit, mL | upper limit, mL | bias, % | median bias, % |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    keys = ("bias_ml", "lower_limit_ml", "upper_limit_ml", "bias_percent", "median_bias_percent")
    lines += [
        f"| {kind.title} | " + " | ".join(_range(kind.together[key], 1) for key in keys) + " |"
        for kind in kinds
    ]
    return "\n".join(lines) + f"\n\n![Difference against mean of the volumes]({FIGURE})\n"


def _per_case(kinds: tuple[Kind, ...]) -> str:
    first, second = (kind.results["cases"] for kind in kinds)
    lines = [
        "## Every patient, held out\n",
        "| patient | fold | contour, mL | PET + CT: Dice | volume, mL "
        "| CT alone: Dice | volume, mL | SUV >= 2.5: Dice |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in sorted(first):
        one, two = first[name], second[name]
        lines.append(
            f"| {name} | {one['member']} | {one['reference_ml']:.1f} | {one['dice']:.3f} "
            f"| {one['volume_ml']:.1f} | {two['dice']:.3f} | {two['volume_ml']:.1f} "
            f"| {one['dice_suv_2_5']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _training(kinds: tuple[Kind, ...]) -> str:
    training = kinds[0].card["training"]
    errors = " and ".join(f"{kind.results['voxel_calibration_error']:.3f}" for kind in kinds)
    return (
        "## Trained and tested on\n\n"
        f"- Real: {training['real']}. CC BY 3.0.\n"
        + "".join(
            f"- Synthetic, {kind.title}: {kind.card['training']['synthetic']}.\n" for kind in kinds
        )
        + "".join(f"- Recipe, {kind.title}: {kind.card['training']['recipe']}.\n" for kind in kinds)
        + f"- Folds in `tumour_folds.json`, by patient, seed "
        f"{training['seed']}. Every fold starts from weights that saw phantoms only.\n"
        + "".join(
            f"- Honesty, {kind.title}: {kind.card['test_real']['looked_at']}.\n" for kind in kinds
        )
        + "- Voxel calibration error after temperature scaling (PET + CT and CT alone): "
        f"{errors}.\n"
    )


def _limits() -> str:
    lines = "\n".join(f"- {limit}" for limit in LIMITS)
    return (
        "## What these results cannot show\n\n"
        f"{lines}\n"
        "- Crops are centred on the tumour: a network meets little of the rest of the body, so the "
        "figures say nothing of false alarms on a whole-body scan.\n"
        "- Forty patients of one collection: another hospital's scanner, another disease or "
        "another reader's contour may give other figures.\n\n"
        f"Data: {SOURCE}.\n"
    )


def _range(interval: list[float], digits: int = 3) -> str:
    estimate, low, high = interval
    return f"{estimate:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    kinds = read_kinds(given.models)
    notes = (given.out / "tumour_worst_cases.md").read_text()
    (given.out / "tumour.md").write_text(document(kinds, notes))
    (given.out / FIGURE).write_text(
        bland_altman([(kind.title, kind.results["cases"], kind.together) for kind in kinds])
    )


if __name__ == "__main__":
    main()
