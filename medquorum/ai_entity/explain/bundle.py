"""All that explains one result, as JSON values for a page, a program or a file; no markup inside.

Numbers are in clinical units like in ``published``. ``reliability.svg`` is the one ready picture.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.explain.card_words import (
    Card,
    paragraph,
    read_card_document,
    summary,
)
from medquorum.ai_entity.explain.change_facts import PPM, Changes, LesionChange, Measure
from medquorum.ai_entity.explain.change_words import change_lines
from medquorum.ai_entity.explain.compare import compare
from medquorum.ai_entity.explain.previous import PreviousStudy
from medquorum.ai_entity.explain.reliability import (
    asserted,
    bins_measured_on,
    bins_of,
    calibration_error,
    reliability_svg,
)
from medquorum.ai_entity.findings import Findings, Lesion, Level
from medquorum.ai_entity.published import total_volumes
from medquorum.ledger.contents import Conclusion

FORMAT: Final = "medquorum-explanation/1"
COLUMNS: Final = (
    ("number", "Lesion", ""),
    ("region", "Where", ""),
    ("volume_ml", "Volume", "mL"),
    ("suv_max", "SUVmax", "SUVbw"),
    ("suv_peak", "SUVpeak", "SUVbw"),
    ("glycolysis", "TLG", "SUV x mL"),
    ("probability", "Mean probability", ""),
)
"""Key, heading and unit of the lesion table."""


def explanation(
    findings: Findings, card: Card, previous: PreviousStudy | None = None
) -> dict[str, Any]:
    """What a doctor needs beside a result.

    ``previous`` is compared with unless the findings carry their changes already.
    """
    changes = findings.changes
    if changes is None and previous is not None:
        changes = compare(findings, previous)
    tumour = findings.tumour
    return {
        "format": FORMAT,
        "not_for_clinical_use": True,
        "conclusion": findings.conclusion.value,
        "confidence": findings.confidence_ppm / PPM,
        "probability": stated_probability(findings),
        "abstained": findings.abstained,
        "text": list(findings.lines),
        "volumes": [] if tumour is None else total_volumes(tumour),
        "organs": organ_bars(findings),
        "lesions": lesion_table(findings),
        "changes": None if changes is None else change_document(changes),
        "model": {
            "name": findings.model.name,
            "version": findings.model.version,
            "digest": findings.model.digest.hex(),
            "summary": list(summary(card)),
            "paragraph": paragraph(card),
            "limits": [str(limit) for limit in card.get("limits", [])],
        },
        "reliability": reliability(card),
    }


def stated_probability(findings: Findings) -> str:
    """What the model's number is a probability of; one line."""
    if findings.fracture is not None:
        share = findings.fracture.probability_ppm
        return f"Probability of a fracture: {_percent(share)}; calibrated on drawn films alone."
    clear = findings.conclusion is Conclusion.NEGATIVE
    share = PPM - findings.confidence_ppm if clear else findings.confidence_ppm
    highest = f"Highest probability of tumour in any organ: {_percent(share)}"
    return f"{highest}; not calibrated for patients."


def _percent(share_ppm: int) -> str:
    """A model is never sure: neither 0 nor 100."""
    if share_ppm < PPM // 200:
        return "below 1 %"
    return "above 99 %" if share_ppm > PPM - PPM // 200 else f"{share_ppm / 10_000:.0f} %"


def explained(findings: Findings, models: Path) -> dict[str, Any]:
    """``explanation`` with the card of the registry in ``models``. Raises ModelError."""
    return explanation(findings, read_card_document(models, findings.model.digest))


def organ_bars(findings: Findings) -> list[dict[str, Any]]:
    """Every graded organ with the probability of each level, the gravest first."""
    if findings.tumour is None:
        return []
    order = list(Level)
    ranked = sorted(
        findings.tumour.regions,
        key=lambda one: (-order.index(one.level), one.probabilities_ppm[0], one.region),
    )
    return [
        {
            "organ": region.region,
            "level": region.level.value,
            "probabilities": {
                level.value: share / PPM
                for level, share in zip(Level, region.probabilities_ppm, strict=True)
            },
        }
        for region in ranked
    ]


def lesion_table(findings: Findings) -> dict[str, Any]:
    """Columns with units, and one row per listed lesion, the largest first."""
    lesions = () if findings.tumour is None else findings.tumour.lesions
    return {
        "columns": [{"key": key, "heading": name, "unit": unit} for key, name, unit in COLUMNS],
        "rows": [_row(lesion) for lesion in lesions],
        "not_listed": 0 if findings.tumour is None else findings.tumour.lesion_count - len(lesions),
    }


def _row(lesion: Lesion) -> dict[str, Any]:
    return {
        "number": lesion.number,
        "region": lesion.region,
        "volume_ml": lesion.volume_ul / 1000.0,
        "suv_max": _thousandth(lesion.suv_max_milli),
        "suv_peak": _thousandth(lesion.suv_peak_milli),
        "glycolysis": _thousandth(lesion.glycolysis_milli),
        "probability": lesion.probability_ppm / PPM,
        "centre_lps_mm": [place / 1000.0 for place in lesion.centroid_um],
    }


def change_document(changes: Changes) -> dict[str, Any]:
    """The changes in clinical units, with their sentences."""
    shift = changes.placement.shift_um
    return {
        "previous_report": changes.previous_report,
        "days": changes.days,
        "same_model": changes.same_model,
        "same_modality": changes.same_modality,
        "alignment": changes.placement.alignment.value,
        "shift_lps_mm": None if shift is None else [one / 1000.0 for one in shift],
        "total_tumour_volume_ml": _measure(changes.total_tumour_volume_ul),
        "total_lesion_glycolysis": _measure(changes.total_lesion_glycolysis_milli),
        "highest_suv_max": _measure(changes.hottest_suv_max_milli),
        "highest_suv_peak": _measure(changes.hottest_suv_peak_milli),
        "lesions": [_lesion_change(lesion) for lesion in changes.lesions],
        "levels": [
            {"organ": level.region, "before": level.before, "now": level.now}
            for level in changes.levels
        ],
        "by_percist": changes.by_percist.value,
        "by_eortc": changes.by_eortc.value,
        "no_response_assessment": True,
        "text": list(change_lines(changes)),
    }


def _lesion_change(lesion: LesionChange) -> dict[str, Any]:
    return {
        "fate": lesion.fate.value,
        "region": lesion.region,
        "numbers": list(lesion.numbers),
        "numbers_before": list(lesion.numbers_before),
        "volume_ml": _measure(lesion.volume_ul),
        "suv_max": _measure(lesion.suv_max_milli),
        "suv_peak": _measure(lesion.suv_peak_milli),
        "glycolysis": _measure(lesion.glycolysis_milli),
    }


def reliability(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """The model's reliability diagram, as numbers and as a picture; None where none is known."""
    bins = bins_of(card)
    if not bins:
        return None
    measured_on = bins_measured_on(card)
    return {
        "measured_on": measured_on,
        "bins": [
            {"count": one.count, "stated": one.stated, "observed": one.observed} for one in bins
        ],
        "calibration_error": calibration_error(asserted(bins) or bins),
        "calibration_error_of_all": calibration_error(bins),
        "svg": reliability_svg(bins, measured_on),
    }


def _measure(measure: Measure) -> dict[str, float | None]:
    share = measure.change_ppm
    return {
        "before": _thousandth(measure.before),
        "now": _thousandth(measure.now),
        "change": None if share is None else share / PPM,
    }


def _thousandth(milli: int | None) -> float | None:
    return None if milli is None else milli / 1000.0
