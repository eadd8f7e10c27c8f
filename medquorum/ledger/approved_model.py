"""The models that a charter lets an AI entity report with, by digest (R-AI1 to R-AI4).

A list binds: whose member map has one reports with the models on it and with no other. Who has none
is free, as in networks that never decided on models.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from medquorum.ledger.errors import CharterError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.limits import MODELS
from medquorum.ledger.provenance import FindingKind, Provenance
from medquorum.ledger.schema import Reader
from medquorum.ledger.types import Role

MODEL_FIELDS: Final = ("card_digest", "digest", "kind", "training_digest")


@dataclass(frozen=True, slots=True)
class ApprovedModel:
    """One model the doctors have agreed to (R-AI1); every digest is SHA-256 of a file's bytes."""

    kind: FindingKind
    """What it may report on."""
    digest: bytes
    """Of the model's file."""
    card_digest: bytes
    """Of its card: what it is, how it was tested, and its limits."""
    training_digest: bytes
    """Of the list of what it was trained on; a report names the same."""

    def as_map(self) -> dict[str, object]:
        """The map of R-AI1."""
        return {
            "card_digest": self.card_digest,
            "digest": self.digest,
            "kind": self.kind.value,
            "training_digest": self.training_digest,
        }


def parse_model(value: object) -> ApprovedModel:
    """Read the map of R-AI1; CodecError when malformed."""
    reader = Reader(value, MODEL_FIELDS, "model")
    return ApprovedModel(
        kind=reader.closed("kind", FindingKind),
        digest=reader.octets("digest", DIGEST_BYTES),
        card_digest=reader.octets("card_digest", DIGEST_BYTES),
        training_digest=reader.octets("training_digest", DIGEST_BYTES),
    )


def check_models(models: tuple[ApprovedModel, ...], role: Role, name: str) -> None:
    """CharterError unless an AI entity has at most MODELS, ascending by digest (R-AI2)."""
    if models and role is not Role.AI_ENTITY:
        raise CharterError(f"R-AI2: {name} is no AI entity; models are approved for AI entities")
    if len(models) > MODELS:
        raise CharterError(f"R-AI2: at most {MODELS} models of {name}; withdraw one first")
    if any(before.digest >= after.digest for before, after in pairwise(models)):
        raise CharterError(f"R-AI2: the models of {name} ascend by digest, each once")


def in_order(models: Iterable[ApprovedModel]) -> tuple[ApprovedModel, ...]:
    """In the order R-AI2 asks for."""
    return tuple(sorted(models, key=lambda model: model.digest))


def may_report(models: tuple[ApprovedModel, ...], ai: Provenance) -> bool:
    """Whether a report is by a model on the list, or there is no list (R-AI4)."""
    return not models or any(
        (model.kind, model.digest, model.training_digest)
        == (ai.kind, ai.model_digest, ai.training_digest)
        for model in models
    )
