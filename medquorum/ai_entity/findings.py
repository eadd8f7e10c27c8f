"""What an analysis found, as typed values without a single float.

The canonical codec of the ledger forbids floats (R-CAN1), so every number is a scaled integer with
its unit in the name: ppm for shares and probabilities, microlitres (= cubic millimetres) for
volumes, thousandths (``_milli``) for SUV and scores, micrometres for places. ``to_content`` is the
``findings`` map of a machine's M_REPORT (R-CON3), ``to_report`` the whole of it, ``ai_core`` the
``ai`` map of the proposal's core (R-PRO9). The overlay is large and travels apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from medquorum.ai_entity.explain.change_facts import Changes
from medquorum.ai_entity.overlay import Overlay
from medquorum.ledger.contents import Conclusion, NextStep

MAX_TEXT_BYTES: Final = 4_096
"""The codec's limit on one string."""

PPM: Final = 1_000_000


class Kind(StrEnum):
    """Which pipeline."""

    TUMOUR = "tumour"
    FRACTURE = "fracture"


class Level(StrEnum):
    """The four levels of the published tumour system, per region."""

    NEGATIVE = "Negative"
    TUMOR = "Tumor"
    TUMOR_PLUS = "Tumor+"
    METASTASIS = "Metastasis"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model, trained on what, after which preprocessing."""

    name: str
    version: str
    digest: bytes
    """SHA-256 of the ONNX file."""
    training_digest: bytes
    """SHA-256 of the training-data card."""
    preprocessing: str


@dataclass(frozen=True, slots=True)
class RegionFinding:
    """Level of one region of the body with the probability of each level."""

    region: str
    level: Level
    probabilities_ppm: tuple[int, int, int, int]
    """In the order of ``Level``; sum is PPM."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """One connected tumour candidate; its number is its label in the overlay."""

    number: int
    region: str
    centroid_um: tuple[int, int, int]
    """LPS."""
    volume_ul: int
    suv_max_milli: int | None
    suv_peak_milli: int | None
    """Highest mean of a 1 cm3 sphere centred in the lesion."""
    glycolysis_milli: int | None
    """Lesion glycolysis, SUV x mL."""
    probability_ppm: int
    """Mean voxel probability."""
    reaches: tuple[str, ...] = ()
    """Other organs that it extends into: each has its level from it, as ``region`` has."""


@dataclass(frozen=True, slots=True)
class TumourFindings:
    """The tumour pipeline's numbers."""

    total_tumour_volume_ul: int
    volume_method: str
    total_lesion_glycolysis_milli: int | None
    lesion_count: int
    lesions: tuple[Lesion, ...]
    """Largest first, at most ``limits.MAX_LESIONS``."""
    regions: tuple[RegionFinding, ...]
    comparison_volumes_ul: tuple[tuple[str, int], ...]
    """(method, volume) of the fixed SUV thresholds, for the reader's judgement."""


@dataclass(frozen=True, slots=True)
class FractureFindings:
    """The fracture pipeline's numbers."""

    probability_ppm: int
    edge_density_ppm: int
    contour_count: int
    fracture_area_ppm: int
    score_milli: int
    severity_milli: int
    severity: str
    healing_weeks_low: int
    healing_weeks_high: int
    advice: str
    referral: str
    boxes: tuple[tuple[int, int, int, int], ...]
    """(x, y, width, height) in pixels of the original image: the network's, then the rule's."""
    rule_probability_ppm: int | None = None
    """Of the rule alone."""
    network_probability_ppm: int | None = None
    """Of the network alone, None where it took no part."""
    threshold_ppm: int | None = None
    """Of ``probability_ppm``, from which a film is called fractured."""


@dataclass(frozen=True, slots=True)
class Findings:
    """One machine-generated result."""

    kind: Kind
    model: ModelFacts
    conclusion: Conclusion
    next_step: NextStep
    confidence_ppm: int
    """Of a fracture or of none; else the highest probability of tumour in any organ, or 1 less that
    for a negative; 0 when abstained."""
    abstained: str | None
    """Why no conclusion is drawn, or None."""
    scores_ppm: tuple[tuple[str, int], ...]
    lines: tuple[str, ...]
    """The conclusion in plain English."""
    tumour: TumourFindings | None = None
    fracture: FractureFindings | None = None
    overlay: Overlay | None = None
    changes: Changes | None = None
    """Against the patient's earlier study, where the ledger holds one."""
    card: Mapping[str, Any] | None = None
    """``explain.card_facts.card_content`` of the model's card, where it is at hand."""

    def to_content(self) -> dict[str, Any]:
        """Only str, int, bool, None, list and dict, inside the limits of R-CAN3."""
        content: dict[str, Any] = {
            "kind": self.kind.value,
            "machine_generated": True,
            "model_name": self.model.name,
            "model_version": self.model.version,
            "model_digest": self.model.digest.hex(),
            "training_digest": self.model.training_digest.hex(),
            "preprocessing": self.model.preprocessing,
            "confidence_ppm": self.confidence_ppm,
            "abstained": self.abstained,
            "changes": None if self.changes is None else self.changes.to_content(),
            "scores_ppm": dict(self.scores_ppm),
            "tumour": None if self.tumour is None else _plain(asdict(self.tumour)),
            "fracture": None if self.fracture is None else _plain(asdict(self.fracture)),
        }
        if self.tumour is not None:
            content["tumour"]["comparison_volumes_ul"] = dict(self.tumour.comparison_volumes_ul)
        if self.card is not None:
            content["model_card"] = dict(self.card)
        return content

    def to_report(self) -> dict[str, Any]:
        """The M_REPORT map (R-CON3)."""
        return {
            "author_kind": "machine",
            "conclusion": self.conclusion.value,
            "findings": self.to_content(),
            "next_step": self.next_step.value,
            "text": clip_text("\n".join(self.lines)),
        }

    def ai_core(self, inputs: Sequence[bytes]) -> dict[str, Any]:
        """The ``ai`` map of a report's core (R-PRO9) for these referenced blocks."""
        return {
            "confidence_ppm": self.confidence_ppm,
            "inputs": list(inputs),
            "kind": self.kind.value,
            "machine_generated": True,
            "model_digest": self.model.digest,
            "model_name": self.model.name,
            "model_version": self.model.version,
            "preprocessing": self.model.preprocessing,
            "training_digest": self.model.training_digest,
        }


def clip_text(text: str) -> str:
    """``text`` inside the codec's limit, cut at a whole line."""
    while len(text.encode()) > MAX_TEXT_BYTES:
        text = text.rpartition("\n")[0]
    return text


def ppm(share: float) -> int:
    """A share 0..1 in parts per million, clipped."""
    return min(max(round(share * PPM), 0), PPM)


def milli(value: float) -> int:
    """Thousandths."""
    return round(value * 1000.0)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return value.value if isinstance(value, StrEnum) else value
