"""Evaluation documents as plain lines for people: phantoms and spheres."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

FOOT = "Made-up bodies; says nothing about patients. Not for clinical use."


def phantom_table(document: dict[str, Any]) -> Iterator[str]:
    """Confusion matrix of all organs, then the figures that a bar is set on."""
    levels = document["levels"]
    yield f"{document['phantoms']} phantoms; rows: truth, columns: drawn by the model"
    yield " " * 12 + "".join(f"{level:>12s}" for level in levels)
    for level, row in zip(levels, document["confusion"], strict=True):
        yield f"{level:12s}" + "".join(f"{count:12d}" for count in row)
    kappa = document["quadratic_kappa"]
    yield (
        f"quadratic kappa {kappa['estimate']:.3f} (95 % {kappa['low']:.3f} to {kappa['high']:.3f})"
    )
    for level, share in document["sensitivity"].items():
        yield f"called right where it is {level}: {percent(share)}"
    for where, found in document["false_tumour"].items():
        yield (
            f"false tumour, {where.replace('_', ' ')}: {found['called']} of {found['organs']} "
            f"negative organs, {percent(found['share'])}"
        )
    for level, error in document["calibration_error"].items():
        yield f"calibration error of the probability of {level}: {error:.3f}"
    for shows, organs, right, tumour in conspicuity_rows(document):
        yield f"Metastasis, {shows}: {right} of {organs} called so, {tumour} any tumour"
    bias = document["volume_bias_ml"]
    low, high = bias["limits_of_agreement"]
    yield f"volume bias {bias['mean']} mL (limits of agreement {low} to {high} mL)"
    yield f"mean Dice where there is a lesion: {document['mean_dice']}"
    yield f"organ labels right: {percent(document['organ_agreement'])} of the body's voxels"
    yield f"model {document['model']} {document['model_digest']}"
    yield FOOT


def conspicuity_rows(document: dict[str, Any]) -> Iterator[tuple[str, int, int, int]]:
    """Of organs that are Metastasis in truth: what shows, how many, called so, called a tumour."""
    tables = document["metastasis_by_conspicuity"]
    for name, key in (
        ("mL in the organ", "volume_ml"),
        ("uptake over that of the organ", "uptake_ratio"),
    ):
        for row in tables[key]:
            below = "and more" if row["below"] is None else f"to {row['below']:g}"
            yield (
                f"{name}, {row['from']:g} {below}",
                row["organs"],
                row["called_metastasis"],
                row["called_tumour"],
            )


def nema_table(document: dict[str, Any]) -> Iterator[str]:
    """One line per sphere and contrast."""
    yield document["phantom"]
    yield f"{'contrast':>8s} {'sphere':>7s} {'true mL':>8s} {'drawn':>6s}" + "".join(
        f"{method:>20s}" for method in document["within_10_percent_from_17_mm"]
    )
    scans = document["scans_per_contrast"]
    for sphere in document["spheres"]:
        errors = "".join(_error(error) for error in sphere["relative_error"].values())
        yield (
            f"{sphere['contrast']:6.0f}:1 {sphere['diameter_mm']:4.0f} mm {sphere['true_ml']:8.2f} "
            f"{sphere['drawn_by_network']:3d}/{scans:d}{errors}"
        )
    for method, held in document["within_10_percent_from_17_mm"].items():
        said = "within" if held else "not within"
        yield f"{method}: mean {said} 10 % of every sphere of 17 mm and more"
    yield f"model {document['model']} {document['model_digest']}"
    yield FOOT


def _error(error: dict[str, float] | None) -> str:
    if error is None:
        return f"{'-':>20s}"
    shown = f"{100 * error['mean']:+.1f} +- {100 * error['standard_deviation']:.1f} %"
    return f"{shown:>20s}"


def percent(share: float | None) -> str:
    """A share as per cent, or a dash."""
    return "-" if share is None else f"{100 * share:.1f} %"
