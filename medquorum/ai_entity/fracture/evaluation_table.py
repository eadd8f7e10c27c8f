"""The evaluation of the fracture models as lines for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any


def fracture_table(document: Mapping[str, Any]) -> Iterator[str]:
    """Lines of an evaluation's document."""
    yield f"{'':12s} {'AUROC':>22s} {'sens.':>7s} {'spec.':>7s} {'ECE':>7s}"
    for by, found in document["auroc"].items():
        at, calibration = document["at_threshold"][by], document["calibration"][by]
        interval = f"{found['estimate']:.3f} ({found['low']:.3f}-{found['high']:.3f})"
        yield (
            f"{by:12s} {interval:>22s} {at['sensitivity']:7.3f} {at['specificity']:7.3f} "
            f"{calibration['ece']:7.3f}"
        )
    for kind, by_model in document["by_displacement"].items():
        shown = ", ".join(
            f"{by} {one['auroc']:.3f}" for by, one in by_model.items() if one["auroc"] is not None
        )
        yield f"AUROC {kind}: {shown or 'no such film'}"
    concluded = document["concluded"]
    yield (
        f"judged {concluded['films']} of {document['films']} films: sensitivity "
        f"{concluded['sensitivity']}, specificity {concluded['specificity']}"
    )
    for reason, count in sorted(document["abstained"].items()):
        yield f"abstained {count}: {reason}"
    yield f"model {document['model_digest']}"
    yield "Made-up films of the hold-out family; no real film of a fracture was available."
    yield "Not for clinical use."
