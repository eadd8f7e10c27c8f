"""What a report says of its model: the card in one paragraph, its limits, its reliability.

A node knows no model files; whoever reads a report must find in it what the model was trained and
tested on. Without a float (R-CAN1), within the limits of one string and one list (R-CAN3).
"""

import unicodedata
from typing import Any, Final

from medquorum.ai_entity.explain.card_words import Card, paragraph
from medquorum.ai_entity.explain.reliability import bins_measured_on, bins_of

PPM: Final = 1_000_000
LONGEST_BYTES: Final = 3_000
"""Of one text: below the codec's 4,096, so that a report's own text keeps its room."""
MOST_LIMITS: Final = 12


def card_content(card: Card) -> dict[str, Any]:
    """The ``model_card`` map of findings; ``reliability`` is None where the card has no bins."""
    bins = bins_of(card)
    told = card.get("limits")
    limits = told if isinstance(told, list) else []
    return {
        "limits": [_bounded(str(limit)) for limit in limits[:MOST_LIMITS]],
        "paragraph": _bounded(paragraph(card)),
        "reliability": None
        if not bins
        else {
            "bins": [
                {
                    "count": one.count,
                    "observed_ppm": round(one.observed * PPM),
                    "stated_ppm": round(one.stated * PPM),
                }
                for one in bins
            ],
            "on": _bounded(bins_measured_on(card)),
        },
    }


def _bounded(text: str) -> str:
    """Normal form C, cut at a whole character."""
    encoded = unicodedata.normalize("NFC", text).encode("utf-8", "replace")
    cut = encoded[:LONGEST_BYTES].decode("utf-8", "ignore")
    return unicodedata.normalize("NFC", cut)
