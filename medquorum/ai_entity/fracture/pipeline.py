"""An X-ray to findings: picture, guard, published features, fitted decision, words.

The decision is a logistic model fitted on phantoms. Phantoms are easier than patients, so its
probability p is drawn towards one half by a stated rule, ``0.5 + 0.8 (p - 0.5)``, and inside
0.35 ... 0.65 nothing is concluded. The guard abstains on body parts without a long shaft and on
pictures whose edges are those of noise.
"""

from typing import Final

import numpy as np

from medquorum.ai_entity.findings import (
    Findings,
    FractureFindings,
    Kind,
    ModelFacts,
    milli,
    ppm,
)
from medquorum.ai_entity.fracture.edges import EdgeMaps, Suspicion, find_edges, suspicious_contours
from medquorum.ai_entity.fracture.radiograph import Radiograph
from medquorum.ai_entity.fracture.scoring import (
    NO_FRACTURE,
    EdgeMeasures,
    care_for,
    measure,
)
from medquorum.ai_entity.overlay import Overlay, make_overlay
from medquorum.ai_entity.registry import LoadedModel, Registry
from medquorum.ledger.contents import Conclusion, NextStep

PREPROCESSING: Final = "medquorum-fracture-edges/1"
TRUST: Final = 0.8
"""How far from one half a probability fitted on phantoms may lead."""

ABSTAIN_BAND: Final = (0.35, 0.65)
MAX_EDGE_DENSITY: Final = 0.04
"""A real intact tibia has 0.011, phantoms 0.008 to 0.013, a chest 0.06."""

MIN_SHAFT_SHARE: Final = 0.5
"""Of the bone: a chest has 0.0, a real tibia with its ankle 0.74, phantoms 0.9 and more."""

MIN_BONE_SHARE: Final = 0.01
FIELD_MM: Final = (40.0, 700.0)
"""Longer side of the film: a fingertip and the longest detector of one exposure."""

MAX_COLOURFULNESS: Final = 0.04
"""A photographed film is tinted a little; a photograph of anything else has 0.1 and more."""

MIN_GREY_VALUES: Final = 32
"""Of 256: a drawing or a mask has a handful."""

MAX_BOXES: Final = 32
UNSUPPORTED_PARTS: Final = frozenset(
    {"CHEST", "ABDOMEN", "SKULL", "HEAD", "SPINE", "CSPINE", "TSPINE", "LSPINE", "PELVIS", "BREAST"}
)
EDGE_LABEL, SUSPICION_LABEL = 1, 2


def analyse_radiograph(image: Radiograph, registry: Registry) -> Findings:
    """Findings of one radiograph. Raises ModelError."""
    model = registry.load(registry.digest_of("fracture"))
    maps = find_edges(image)
    contours = suspicious_contours(maps)
    measures = measure(maps, contours)
    fitted = float(model.run(measures.vector()[None])[0, 0])
    probability = 0.5 + TRUST * (round(fitted, 3) - 0.5)
    reason = _reason_to_abstain(image, maps, probability)
    return _conclude(model, measures, probability, reason, _Evidence(maps, contours))


class _Evidence:
    """The picture behind the numbers."""

    def __init__(self, maps: EdgeMaps, contours: tuple[Suspicion, ...]) -> None:
        self._maps = maps
        self._contours = contours

    def boxes(self) -> tuple[tuple[int, int, int, int], ...]:
        """Boxes of the longest contours in pixels of the original image."""
        scale = self._maps.scale
        return tuple(
            (round(x / scale), round(y / scale), round(w / scale), round(h / scale))
            for x, y, w, h in (one.box for one in self._contours[:MAX_BOXES])
        )

    def overlay(self) -> Overlay:
        """Edges and suspicious contours at working size; the affine leads to original pixels."""
        labels = np.where(self._maps.edges, EDGE_LABEL, 0).astype(np.uint8)
        labels[self._maps.across] = SUSPICION_LABEL
        affine = np.diag([1.0, 1.0 / self._maps.scale, 1.0 / self._maps.scale, 1.0])
        return make_overlay(labels[None], affine)


def _reason_to_abstain(image: Radiograph, maps: EdgeMaps, probability: float) -> str | None:
    if image.body_part in UNSUPPORTED_PARTS:
        return "the body part has no long shaft, and only shafts are judged"
    not_a_film = _not_a_film(image)
    if not_a_film is not None:
        return not_a_film
    if float(maps.edges.mean()) > MAX_EDGE_DENSITY:
        return "the picture has more edges than a limb: noise or another body part"
    bone = float(maps.bone.mean())
    if bone < MIN_BONE_SHARE or float(maps.shaft.mean()) < MIN_SHAFT_SHARE * bone:
        return "no long-bone shaft fills the picture"
    if ABSTAIN_BAND[0] < probability < ABSTAIN_BAND[1]:
        return "the evidence is balanced"
    return None


def _not_a_film(image: Radiograph) -> str | None:
    if image.colourfulness > MAX_COLOURFULNESS:
        return "a colour picture, not an X-ray"
    if np.count_nonzero(np.bincount(np.round(image.grey * 255.0).astype(int).ravel())) < (
        MIN_GREY_VALUES
    ):
        return "a picture of few grey values: a drawing, not an X-ray"
    if image.pixel_mm is not None:
        longer_mm = image.pixel_mm * max(image.grey.shape)
        if not FIELD_MM[0] <= longer_mm <= FIELD_MM[1]:
            return f"the film is {longer_mm:.0f} mm long: the pixel spacing is not a limb's"
    return None


def _conclude(
    model: LoadedModel,
    measures: EdgeMeasures,
    probability: float,
    reason: str | None,
    evidence: _Evidence,
) -> Findings:
    fractured = reason is None and probability >= ABSTAIN_BAND[1]
    conclusion = Conclusion.FRACTURE if fractured else Conclusion.NEGATIVE
    if reason is not None:
        conclusion = Conclusion.INCONCLUSIVE
    confidence = probability if fractured else 1.0 - probability
    return Findings(
        kind=Kind.FRACTURE,
        model=_facts(model),
        conclusion=conclusion,
        next_step=NextStep.TREATMENT if fractured else NextStep.NONE,
        confidence_ppm=0 if reason is not None else ppm(confidence),
        abstained=reason,
        scores_ppm=(("fracture", ppm(probability)),),
        lines=_lines(model, measures, conclusion, reason),
        fracture=_numbers(measures, probability, fractured, evidence),
        overlay=evidence.overlay(),
    )


def _facts(model: LoadedModel) -> ModelFacts:
    card = model.card
    return ModelFacts(card.name, card.version, card.digest, card.training_digest, PREPROCESSING)


def _numbers(
    measures: EdgeMeasures, probability: float, fractured: bool, evidence: _Evidence
) -> FractureFindings:
    care = care_for(measures.severity) if fractured else NO_FRACTURE
    return FractureFindings(
        probability_ppm=ppm(probability),
        edge_density_ppm=ppm(measures.edge_density),
        contour_count=measures.contour_count,
        fracture_area_ppm=ppm(measures.fracture_area_percent / 100.0),
        score_milli=milli(measures.score),
        severity_milli=milli(measures.severity),
        severity=care.severity,
        healing_weeks_low=care.healing_weeks[0],
        healing_weeks_high=care.healing_weeks[1],
        advice=care.advice,
        referral=care.referral,
        boxes=evidence.boxes(),
    )


def _lines(
    model: LoadedModel, measures: EdgeMeasures, conclusion: Conclusion, reason: str | None
) -> tuple[str, ...]:
    head = f"Machine-generated by {model.card.name} {model.card.version}; not for clinical use."
    numbers = (
        f"Edge density {100 * measures.edge_density:.2f} %, {measures.contour_count} suspicious "
        f"contour(s), fracture area {measures.fracture_area_percent:.2f} % of the bone, "
        f"score {measures.score:.2f}."
    )
    if reason is not None:
        return (head, f"No conclusion: {reason}.", numbers)
    if conclusion is Conclusion.NEGATIVE:
        return (
            head,
            "No fracture found. Undisplaced fractures are not seen by this rule.",
            numbers,
        )
    care = care_for(measures.severity)
    low, high = care.healing_weeks
    return (
        head,
        f"Fracture suspected, {care.severity} (severity {measures.severity:.1f}); usual healing "
        f"{low} to {high} weeks.",
        numbers,
        care.advice,
        f"Referral: {care.referral}",
    )
