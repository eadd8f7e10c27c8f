"""The models that an AI entity may report with, as the charter lists them.

Carries out R-AI1, R-AI2 and R-AI4; who changes the list is in `amendments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .canonical import Fault, Fields, Value

KINDS: Final = ("tumour", "fracture")
MODELS_MAX: Final = 16
MODEL_FIELDS: Final = ("card_digest", "digest", "kind", "training_digest")


@dataclass(frozen=True, slots=True)
class Model:
    """A model by the SHA-256 of its file, of its card and of the list of its training data."""

    kind: str
    digest: bytes
    card_digest: bytes
    training_digest: bytes


@dataclass(frozen=True, slots=True)
class Provenance:
    """What an AI entity's report says about the model behind it, as far as a rule asks."""

    kind: str
    model_digest: bytes
    training_digest: bytes
    inputs: tuple[bytes, ...]


def read_model(value: Value) -> Model:
    """Return the model a map describes; raise `Fault` for any other form (R-AI1)."""
    fields = Fields(value, "a model", MODEL_FIELDS)
    return Model(
        kind=fields.choice("kind", KINDS),
        digest=fields.binary("digest", 32),
        card_digest=fields.binary("card_digest", 32),
        training_digest=fields.binary("training_digest", 32),
    )


def check_models(models: tuple[Model, ...], role: str) -> None:
    """Raise `Fault` unless these may be the models of a member of this role (R-AI2)."""
    if models and role != "ai_entity":
        raise Fault("R-AI2", "models are approved of somebody who is no AI entity")
    if len(models) > MODELS_MAX:
        raise Fault("R-AI2", f"an AI entity has more than {MODELS_MAX} models")
    if any(later.digest <= earlier.digest for earlier, later in pairwise(models)):
        raise Fault("R-AI2", "an AI entity's models do not ascend by digest")


def check_report(models: tuple[Model, ...], provenance: Provenance) -> None:
    """Raise `Fault` where models are approved of the issuer and a report is by another (R-AI4)."""
    said = (provenance.kind, provenance.model_digest, provenance.training_digest)
    approved = {(model.kind, model.digest, model.training_digest) for model in models}
    if approved and said not in approved:
        raise Fault("R-AI4", "an AI entity reports with a model that the charter does not approve")
