"""An X-ray to findings: picture, guard, published features, rule and network, words.

The decision is a logistic of the rule's and the network's log-odds, fitted and calibrated on drawn
films (``fused``); where only the rule is registered, it decides alone. Around the threshold nothing
is concluded. The guard abstains on body parts without a long shaft and on pictures that are no
films of a limb.
"""

from dataclasses import dataclass
from typing import Final

from medquorum.ai_entity.findings import (
    PPM,
    Findings,
    FractureFindings,
    Kind,
    ModelFacts,
    milli,
    ppm,
)
from medquorum.ai_entity.fracture.edges import find_edges, suspicious_contours
from medquorum.ai_entity.fracture.evidence import Evidence, spread_activation
from medquorum.ai_entity.fracture.fused import (
    FractureModels,
    Opinion,
    fuse,
    load_models,
    look_at_tiles,
    rule_logit,
)
from medquorum.ai_entity.fracture.guard import reason_to_abstain
from medquorum.ai_entity.fracture.polarity import Polarity
from medquorum.ai_entity.fracture.radiograph import Radiograph
from medquorum.ai_entity.fracture.scoring import (
    NO_FRACTURE,
    NO_REFERRAL,
    NOT_FOR_CARE,
    NOT_VALIDATED,
    READ_NOW,
    Care,
    EdgeMeasures,
    care_for,
    measure,
)
from medquorum.ai_entity.limits import model_threads
from medquorum.ai_entity.registry import Registry
from medquorum.ledger.contents import Conclusion, NextStep

PREPROCESSING: Final = "medquorum-fracture-edges-tiles/2"
ABSTAIN_BAND: Final = 0.08
"""Probability on either side of the threshold inside which nothing is concluded."""
SCOPE: Final = (
    "Only a fracture was looked for; tumours, lysis of bone and foreign bodies are not judged."
)
"""Said with every conclusion: a film without a fracture may show something worse."""
TURNED: Final = (
    "The picture's background was bright and its file does not say which way it is shown: bright "
    "and dark were swapped before it was read."
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of one film before it is put into words."""

    models: FractureModels
    measures: EdgeMeasures
    opinion: Opinion
    reason: str | None
    """To abstain."""
    evidence: Evidence
    turned: bool = False
    """Whether bright and dark were swapped."""

    @property
    def threshold(self) -> float:
        """Fused probability from which a film is called fractured."""
        return self.models.reported.card.threshold_ppm / PPM

    @property
    def fractured(self) -> bool:
        """Whether a fracture is concluded."""
        return self.reason is None and self.opinion.fused >= self.threshold


def analyse_radiograph(image: Radiograph, registry: Registry) -> Findings:
    """Findings of one radiograph. Raises ModelError."""
    return describe(judge(image, load_models(registry, model_threads())))


def judge(image: Radiograph, models: FractureModels) -> Judged:
    """Rule, network and guard on one film. Raises ModelError."""
    maps = find_edges(image)
    contours = suspicious_contours(maps)
    measures = measure(maps, contours)
    tiles = None if models.network is None else look_at_tiles(image, models.network, maps)
    rule = rule_logit(models, measures)
    opinion = fuse(models, rule, None if tiles is None else tiles.logit)
    reason = reason_to_abstain(image, maps)
    threshold = models.reported.card.threshold_ppm / PPM
    if reason is None and abs(opinion.fused - threshold) < ABSTAIN_BAND:
        reason = "the evidence is balanced"
    heat = None if tiles is None else spread_activation(tiles, maps.edges.shape, maps.scale)
    evidence = Evidence(maps, contours, heat)
    turned = image.polarity is Polarity.TURNED
    return Judged(models, measures, opinion, reason, evidence, turned)


def describe(judged: Judged) -> Findings:
    """Findings of a judged film."""
    conclusion = Conclusion.FRACTURE if judged.fractured else Conclusion.NEGATIVE
    if judged.reason is not None:
        conclusion = Conclusion.INCONCLUSIVE
    fused = judged.opinion.fused
    confidence = fused if judged.fractured else 1.0 - fused
    return Findings(
        kind=Kind.FRACTURE,
        model=_facts(judged.models),
        conclusion=conclusion,
        next_step=NextStep.TREATMENT if judged.fractured else NextStep.NONE,
        confidence_ppm=0 if judged.reason is not None else ppm(confidence),
        abstained=judged.reason,
        scores_ppm=_scores(judged.opinion),
        lines=_lines(judged, conclusion),
        fracture=_numbers(judged),
        overlay=judged.evidence.overlay(),
    )


def _facts(models: FractureModels) -> ModelFacts:
    card = models.reported.card
    return ModelFacts(card.name, card.version, card.digest, card.training_digest, PREPROCESSING)


def _scores(opinion: Opinion) -> tuple[tuple[str, int], ...]:
    scores = [("fracture", ppm(opinion.fused))]
    if opinion.network is not None:
        scores += [("fracture_network", ppm(opinion.network)), ("fracture_rule", ppm(opinion.rule))]
    return tuple(scores)


def _numbers(judged: Judged) -> FractureFindings:
    measures, opinion = judged.measures, judged.opinion
    care = care_for(measures.severity) if judged.fractured else NO_FRACTURE
    return FractureFindings(
        probability_ppm=ppm(opinion.fused),
        edge_density_ppm=ppm(measures.edge_density),
        contour_count=measures.contour_count,
        fracture_area_ppm=ppm(measures.fracture_area_percent / 100.0),
        score_milli=milli(measures.score),
        severity_milli=milli(measures.severity),
        severity=care.severity,
        healing_weeks_low=care.healing_weeks[0],
        healing_weeks_high=care.healing_weeks[1],
        advice=_advice(care) if judged.fractured else care.advice,
        referral=READ_NOW if judged.fractured else NO_REFERRAL,
        boxes=judged.evidence.boxes(),
        rule_probability_ppm=ppm(opinion.rule),
        network_probability_ppm=None if opinion.network is None else ppm(opinion.network),
        threshold_ppm=judged.models.reported.card.threshold_ppm,
    )


def _advice(care: Care) -> str:
    return f"{NOT_VALIDATED.capitalize()}: {care.advice}"


def _lines(judged: Judged, conclusion: Conclusion) -> tuple[str, ...]:
    card = judged.models.reported.card
    head = f"Machine-generated by {card.name} {card.version}; not for clinical use."
    measures = judged.measures
    numbers = (
        f"Edge density {100 * measures.edge_density:.2f} %, {measures.contour_count} suspicious "
        f"contour(s), fracture area {measures.fracture_area_percent:.2f} % of the bone, "
        f"score {measures.score:.2f}."
    )
    turned = (TURNED,) if judged.turned else ()
    told = (SCOPE, *turned, numbers, *_marks(judged.evidence), *_opinions(judged.opinion))
    if judged.reason is not None:
        return (head, f"No conclusion: {judged.reason}.", *told)
    if conclusion is Conclusion.NEGATIVE:
        return (head, "No fracture found. Undisplaced fractures may be missed.", *told)
    care = care_for(measures.severity)
    low, high = care.healing_weeks
    return (
        head,
        f"Fracture suspected. {READ_NOW}",
        *told,
        f"Severity {measures.severity:.1f} ({care.severity}), healing {low} to {high} weeks: "
        f"{NOT_VALIDATED}. {NOT_FOR_CARE}",
        _advice(care),
    )


def _marks(evidence: Evidence) -> tuple[str, ...]:
    """What the boxes in the picture are; none where there is none."""
    network, rule = evidence.places()
    if network + rule == 0:
        return ()
    return (
        f"Boxes on the limb: {network} by the network, {rule} by the rule's contours; a place to "
        "look at, not a finding.",
    )


def _opinions(opinion: Opinion) -> tuple[str, ...]:
    if opinion.network is None:
        return ()
    return (
        f"Probability of a fracture: rule {opinion.rule:.2f}, network {opinion.network:.2f}, "
        f"both fused {opinion.fused:.2f}.",
    )
