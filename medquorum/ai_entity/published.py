"""Findings as the document that `medquorum ai analyze --json` prints: numbers in clinical units.

On the ledger every number is a scaled integer; here, for programs and people outside it, volumes
are mL, places mm, uptakes SUV, shares 0..1. Every document says that a machine made it and that it
is not for clinical use, and names the method beside every volume.
"""

from typing import Any, Final

from medquorum.ai_entity.findings import PPM, Findings, Lesion, Level, TumourFindings
from medquorum.ai_entity.tumour.methods import SUV_2_5, SUV_4, SUV_41_PERCENT, SUV_ADAPTIVE

FORMAT: Final = "medquorum-analysis/1"
NETWORK: Final = "network"
SHORT_NAMES: Final = {
    SUV_2_5: "suv_2_5",
    SUV_4: "suv_4",
    SUV_41_PERCENT: "suv_41pct",
    SUV_ADAPTIVE: "adaptive",
}


def published(findings: Findings) -> dict[str, Any]:
    """JSON values; absent measurements are None, an abstention has its reason in ``abstained``."""
    model = findings.model
    return {
        "format": FORMAT,
        "kind": findings.kind.value,
        "machine_generated": True,
        "not_for_clinical_use": True,
        "model": {
            "name": model.name,
            "version": model.version,
            "digest": model.digest.hex(),
            "training_digest": model.training_digest.hex(),
            "preprocessing": model.preprocessing,
        },
        "conclusion": findings.conclusion.value,
        "next_step": findings.next_step.value,
        "confidence": findings.confidence_ppm / PPM,
        "abstained": findings.abstained,
        "tumour": None if findings.tumour is None else _tumour(findings.tumour),
        "fracture": _fracture(findings),
        "text": list(findings.lines),
    }


def total_volumes(tumour: TumourFindings) -> list[dict[str, Any]]:
    """Total tumour volume by each method, the model's first."""
    volumes = [(NETWORK, tumour.volume_method, tumour.total_tumour_volume_ul)]
    volumes += [
        (SHORT_NAMES.get(method, method), method, volume)
        for method, volume in tumour.comparison_volumes_ul
    ]
    return [
        {"by": short, "method": method, "volume_ml": volume / 1000.0}
        for short, method, volume in volumes
    ]


def _tumour(tumour: TumourFindings) -> dict[str, Any]:
    return {
        "total_tumour_volume": total_volumes(tumour),
        "total_lesion_glycolysis": _thousandth(tumour.total_lesion_glycolysis_milli),
        "suv_max": _highest([lesion.suv_max_milli for lesion in tumour.lesions]),
        "suv_peak": _highest([lesion.suv_peak_milli for lesion in tumour.lesions]),
        "lesion_count": tumour.lesion_count,
        "lesions": [_lesion(lesion) for lesion in tumour.lesions],
        "regions": [
            {
                "region": region.region,
                "level": region.level.value,
                "probabilities": {
                    level.value: share / PPM
                    for level, share in zip(Level, region.probabilities_ppm, strict=True)
                },
            }
            for region in tumour.regions
        ],
    }


def _lesion(lesion: Lesion) -> dict[str, Any]:
    return {
        "number": lesion.number,
        "region": lesion.region,
        "centre_lps_mm": [place / 1000.0 for place in lesion.centroid_um],
        "volume_ml": lesion.volume_ul / 1000.0,
        "suv_max": _thousandth(lesion.suv_max_milli),
        "suv_peak": _thousandth(lesion.suv_peak_milli),
        "total_lesion_glycolysis": _thousandth(lesion.glycolysis_milli),
        "mean_probability": lesion.probability_ppm / PPM,
    }


def _fracture(findings: Findings) -> dict[str, Any] | None:
    fracture = findings.fracture
    if fracture is None:
        return None
    judged = findings.abstained is None
    return {
        "probability": fracture.probability_ppm / PPM if judged else None,
        "probability_of": {
            "rule": _share(fracture.rule_probability_ppm),
            "network": _share(fracture.network_probability_ppm),
            "fused": fracture.probability_ppm / PPM,
        },
        "threshold": _share(fracture.threshold_ppm),
        "edge_density": fracture.edge_density_ppm / PPM,
        "contour_count": fracture.contour_count,
        "fracture_area_share": fracture.fracture_area_ppm / PPM,
        "score": fracture.score_milli / 1000.0,
        "severity_number": fracture.severity_milli / 1000.0,
        "severity": fracture.severity if judged else None,
        "healing_weeks": [fracture.healing_weeks_low, fracture.healing_weeks_high]
        if judged
        else None,
        "advice": fracture.advice if judged else None,
        "referral": fracture.referral if judged else None,
        "boxes_px": [list(box) for box in fracture.boxes],
    }


def _share(parts: int | None) -> float | None:
    return None if parts is None else parts / PPM


def _thousandth(milli: int | None) -> float | None:
    return None if milli is None else milli / 1000.0


def _highest(values: list[int | None]) -> float | None:
    return _thousandth(max((value for value in values if value is not None), default=None))
