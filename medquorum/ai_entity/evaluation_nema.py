"""Volumes of the NEMA IEC phantom's spheres by every method, against their true volumes.

Each contrast is scanned several times at different places on the grid. The 41 % isocontour and the
adaptive threshold (``tumour.adaptive_volume``) start from the piece above SUV 2.5 that holds the
sphere, as a reader would click it. The network's volume is what it drew at the sphere; asked is the
member for whole bodies, where there is one, though the bottle shows no lungs: it has met bodies of
one substance with hot balls in training, never this bottle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.phantom.nema import (
    DIAMETERS_MM,
    NemaPhantom,
    NemaPlan,
    make_nema,
    sphere_volumes_ml,
)
from medquorum.ai_entity.registry import LoadedModel
from medquorum.ai_entity.tumour.adaptive_volume import adaptive_volume_ml
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.inference import predict
from medquorum.ai_entity.tumour.pet_metrics import Labels, relative_threshold, volume_ml

RATIOS: Final = (4.0, 8.0)
REPEATS: Final = 5
LEAST_MM: Final = 17.0
"""Smaller spheres are shown and not held to a bound."""
BOUND: Final = 0.1
SEED_SUV: Final = 2.5
METHODS: Final = ("network", "adaptive", "suv_41pct")


@dataclass(frozen=True, slots=True)
class Reading:
    """One sphere of one scan, mL; None where the method found nothing."""

    ratio: float
    diameter_mm: float
    truth_ml: float
    volumes_ml: dict[str, float | None]
    drawn_by_network: bool


def nema_summary(model: LoadedModel, tell: Callable[[str], None]) -> dict[str, Any]:
    """The document of `medquorum ai evaluate --nema --json`."""
    readings: list[Reading] = []
    for ratio in RATIOS:
        for repeat in range(REPEATS):
            shift = np.random.default_rng((7, repeat)).uniform(0.0, 4.0, 3)
            z, y, x = (float(mm) for mm in shift)
            phantom = make_nema(repeat, NemaPlan(ratio=ratio, shift_mm=(z, y, x)))
            readings += read_spheres(model, phantom)
            tell(f"contrast {ratio:.0f}:1, scan {repeat + 1} of {REPEATS}")
    return {
        "synthetic": True,
        "phantom": "NEMA IEC body, 4 mm grid, PET of 6 mm FWHM and 10 % noise",
        "model": f"{model.card.name} {model.card.version}",
        "model_digest": model.card.digest.hex(),
        "scans_per_contrast": REPEATS,
        "spheres": [
            _sphere([one for one in readings if (one.ratio, one.diameter_mm) == (ratio, diameter)])
            for ratio in RATIOS
            for diameter in DIAMETERS_MM
        ],
        "within_10_percent_from_17_mm": {
            method: _within_bound(readings, method) for method in METHODS
        },
        "not_for_clinical_use": True,
    }


def read_spheres(model: LoadedModel, phantom: NemaPhantom) -> list[Reading]:
    """Every sphere of one scan by every method."""
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = phantom.spacing_zyx_mm
    affine[3, 3] = 1.0
    with_pet = model.card.kind == "petct"
    images = GridImages(phantom.hu, phantom.suv if with_pet else None, affine)
    whole = None if model.card.multitask is None else model.card.multitask.whole_body
    prediction = predict(model, images, member=whole)
    drawn, _ = ndimage.label(prediction.probability >= model.card.threshold_ppm / 1_000_000)
    hot, _ = ndimage.label(phantom.suv >= SEED_SUV)
    readings = []
    for diameter, truth_ml, mask in zip(
        DIAMETERS_MM, sphere_volumes_ml(), phantom.spheres, strict=True
    ):
        own, seed = _piece(drawn, mask), _piece(hot, mask)
        volumes: dict[str, float | None] = dict.fromkeys(METHODS)
        if own is not None:
            volumes["network"] = volume_ml(own > 0, phantom.spacing_zyx_mm)
        if seed is not None:
            spacing = phantom.spacing_zyx_mm
            volumes["adaptive"] = adaptive_volume_ml(phantom.suv, seed, 1, spacing)
            isocontour = relative_threshold(phantom.suv, seed, spacing)
            volumes["suv_41pct"] = volume_ml(isocontour, spacing)
        readings.append(Reading(phantom.plan.ratio, diameter, truth_ml, volumes, own is not None))
    return readings


def _piece(numbered: Labels, sphere: "np.ndarray[Any, np.dtype[np.bool_]]") -> Labels | None:
    """The piece that holds most of the sphere, as label 1; None where none does."""
    counts = np.bincount(numbered[sphere])
    counts[0] = 0
    if not counts.any():
        return None
    return np.asarray(numbered == int(counts.argmax()), dtype=np.int32)


def _sphere(readings: list[Reading]) -> dict[str, Any]:
    first = readings[0]
    return {
        "contrast": first.ratio,
        "diameter_mm": first.diameter_mm,
        "true_ml": round(first.truth_ml, 3),
        "drawn_by_network": sum(one.drawn_by_network for one in readings),
        "relative_error": {method: _error(readings, method) for method in METHODS},
    }


def _error(readings: list[Reading], method: str) -> dict[str, float] | None:
    """Mean and spread of measured over true volume, minus one."""
    errors = [
        volume / one.truth_ml - 1.0
        for one in readings
        if (volume := one.volumes_ml[method]) is not None
    ]
    if not errors:
        return None
    return {
        "mean": round(float(np.mean(errors)), 4),
        "standard_deviation": round(float(np.std(errors)), 4),
        "scans": len(errors),
    }


def _within_bound(readings: list[Reading], method: str) -> bool:
    """Whether the mean error of every sphere of 17 mm and more is within 10 %, in every scan."""
    for ratio in RATIOS:
        for diameter in (one for one in DIAMETERS_MM if one >= LEAST_MM):
            chosen = [one for one in readings if (one.ratio, one.diameter_mm) == (ratio, diameter)]
            error = _error(chosen, method)
            if error is None or error["scans"] < len(chosen) or abs(error["mean"]) > BOUND:
                return False
    return True
