"""Findings as JSON values and back: the way out of the child process.

The child is not trusted: every field is converted to its type here, and anything else is an
IsolationError. The overlay's bytes travel apart, as an array.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from medquorum.ai_entity.errors import IsolationError, Reason
from medquorum.ai_entity.explain.landmarks import Landmarks
from medquorum.ai_entity.findings import (
    Findings,
    FractureFindings,
    Kind,
    Lesion,
    Level,
    ModelFacts,
    RegionFinding,
    TumourFindings,
)
from medquorum.ai_entity.overlay import Overlay
from medquorum.ledger.contents import Conclusion, NextStep


def findings_to_plain(findings: Findings) -> dict[str, Any]:
    """JSON values; digests as hex, the overlay without its bytes."""
    plain = asdict(findings)
    plain["model"]["digest"] = findings.model.digest.hex()
    plain["model"]["training_digest"] = findings.model.training_digest.hex()
    del plain["changes"], plain["card"]  # added outside the child, which sees one study only
    if findings.overlay is not None:
        del plain["overlay"]["compressed"], plain["overlay"]["organs"]
        if findings.overlay.landmarks is not None:
            plain["overlay"]["landmarks"] = _landmarks_to_plain(findings.overlay.landmarks)
    return plain


def _landmarks_to_plain(landmarks: Landmarks) -> dict[str, Any]:
    plain = asdict(landmarks)
    return plain | {"compressed": landmarks.compressed.hex(), "frame": landmarks.frame.hex()}


def findings_from_plain(plain: Mapping[str, Any]) -> Findings:
    """The inverse, with an overlay of no bytes yet. Raises IsolationError."""
    try:
        return _findings(plain)
    except (KeyError, TypeError, ValueError) as error:
        raise IsolationError(
            Reason.CHILD_DIED, "the analysis process gave a malformed answer"
        ) from error


def tumour_from_content(content: Mapping[str, Any]) -> TumourFindings:
    """The ``tumour`` map of a report's findings (R-CON3), typed. Raises IsolationError."""
    try:
        pairs = list(content["comparison_volumes_ul"].items())
        return _tumour({**content, "comparison_volumes_ul": pairs})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise IsolationError(Reason.CHILD_DIED, "an earlier report is malformed") from error


def _findings(plain: Mapping[str, Any]) -> Findings:
    model = plain["model"]
    return Findings(
        kind=Kind(plain["kind"]),
        model=ModelFacts(
            str(model["name"]),
            str(model["version"]),
            bytes.fromhex(model["digest"]),
            bytes.fromhex(model["training_digest"]),
            str(model["preprocessing"]),
        ),
        conclusion=Conclusion(plain["conclusion"]),
        next_step=NextStep(plain["next_step"]),
        confidence_ppm=int(plain["confidence_ppm"]),
        abstained=None if plain["abstained"] is None else str(plain["abstained"]),
        scores_ppm=tuple((str(name), int(score)) for name, score in plain["scores_ppm"]),
        lines=tuple(str(line) for line in plain["lines"]),
        tumour=None if plain["tumour"] is None else _tumour(plain["tumour"]),
        fracture=None if plain["fracture"] is None else _fracture(plain["fracture"]),
        overlay=None if plain["overlay"] is None else _overlay(plain["overlay"]),
    )


def _optional_int(value: Any) -> int | None:
    return None if value is None else int(value)


def _tumour(plain: Mapping[str, Any]) -> TumourFindings:
    return TumourFindings(
        total_tumour_volume_ul=int(plain["total_tumour_volume_ul"]),
        volume_method=str(plain["volume_method"]),
        total_lesion_glycolysis_milli=_optional_int(plain["total_lesion_glycolysis_milli"]),
        lesion_count=int(plain["lesion_count"]),
        lesions=tuple(_lesion(lesion) for lesion in plain["lesions"]),
        regions=tuple(_region(region) for region in plain["regions"]),
        comparison_volumes_ul=tuple(
            (str(method), int(volume)) for method, volume in plain["comparison_volumes_ul"]
        ),
    )


def _lesion(plain: Mapping[str, Any]) -> Lesion:
    x, y, z = (int(place) for place in plain["centroid_um"])
    return Lesion(
        number=int(plain["number"]),
        region=str(plain["region"]),
        centroid_um=(x, y, z),
        volume_ul=int(plain["volume_ul"]),
        suv_max_milli=_optional_int(plain["suv_max_milli"]),
        suv_peak_milli=_optional_int(plain["suv_peak_milli"]),
        glycolysis_milli=_optional_int(plain["glycolysis_milli"]),
        probability_ppm=int(plain["probability_ppm"]),
        reaches=tuple(str(organ) for organ in plain.get("reaches", ())),
    )


def _region(plain: Mapping[str, Any]) -> RegionFinding:
    negative, tumor, plus, metastasis = (int(share) for share in plain["probabilities_ppm"])
    return RegionFinding(
        str(plain["region"]), Level(plain["level"]), (negative, tumor, plus, metastasis)
    )


def _fracture(plain: Mapping[str, Any]) -> FractureFindings:
    return FractureFindings(
        probability_ppm=int(plain["probability_ppm"]),
        edge_density_ppm=int(plain["edge_density_ppm"]),
        contour_count=int(plain["contour_count"]),
        fracture_area_ppm=int(plain["fracture_area_ppm"]),
        score_milli=int(plain["score_milli"]),
        severity_milli=int(plain["severity_milli"]),
        severity=str(plain["severity"]),
        healing_weeks_low=int(plain["healing_weeks_low"]),
        healing_weeks_high=int(plain["healing_weeks_high"]),
        advice=str(plain["advice"]),
        referral=str(plain["referral"]),
        boxes=tuple(_box(box) for box in plain["boxes"]),
        rule_probability_ppm=_optional_int(plain["rule_probability_ppm"]),
        network_probability_ppm=_optional_int(plain["network_probability_ppm"]),
        threshold_ppm=_optional_int(plain["threshold_ppm"]),
    )


def _box(plain: Any) -> tuple[int, int, int, int]:
    x, y, width, height = (int(side) for side in plain)
    return x, y, width, height


def _overlay(plain: Mapping[str, Any]) -> Overlay:
    z, y, x = (int(side) for side in plain["shape"])
    affine = tuple(int(number) for number in plain["affine_nm"])
    landmarks = plain.get("landmarks")
    return Overlay(
        (z, y, x), affine, b"", None if landmarks is None else _landmarks_from_plain(landmarks)
    )


def _landmarks_from_plain(plain: Mapping[str, Any]) -> Landmarks:
    z, y, x = (int(side) for side in plain["shape"])
    return Landmarks(
        (z, y, x),
        tuple(int(number) for number in plain["affine_nm"]),
        bytes.fromhex(plain["compressed"]),
        bytes.fromhex(plain["frame"]),
    )
