"""Models of AI entities as people name them: by digest, or by the file it is taken of (R-AI1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from medquorum.ledger.approved_model import ApprovedModel, in_order
from medquorum.ledger.change import ApproveModel, Change, WithdrawModel
from medquorum.ledger.limits import MODELS
from medquorum.ledger.provenance import FindingKind
from medquorum.node.api.governance_forms import model_of
from medquorum.node.api.governance_schemas import ModelForm
from medquorum.node.cli.acts import Bench
from medquorum.node.cli.files import read_limited
from medquorum.node.cli.outcome import CommandError, Exit

DIGEST_LETTERS: Final = 64
LIST_BYTES: Final = 65_536
MODEL_BYTES: Final = 2**31
"""The largest file ONNX can describe without external tensors."""
_PIECE_BYTES: Final = 1_048_576


def digest_named(text: str) -> bytes:
    """A SHA-256 written in hex, or that of the bytes of the file so called; CommandError."""
    if len(text) == DIGEST_LETTERS and not set(text.lower()) - set("0123456789abcdef"):
        return bytes.fromhex(text)
    digest = hashlib.sha256()
    try:
        with Path(text).open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                if file.tell() > MODEL_BYTES:
                    raise CommandError(Exit.USAGE, f"{text} is too large for a model")
    except OSError:
        raise CommandError(
            Exit.USAGE, f"{text} is neither 64 hexadecimal digits nor a file that can be read"
        ) from None
    return digest.digest()


def approve_model(member: str, model: ApprovedModel) -> Callable[[Bench], Change]:
    """An AI entity may report with one more model."""

    def make(bench: Bench) -> Change:
        return ApproveModel(bench.roster.member(member).address, model)

    return make


def withdraw_model(member: str, digest: bytes) -> Callable[[Bench], Change]:
    """An AI entity reports with a model no more."""

    def make(bench: Bench) -> Change:
        return WithdrawModel(bench.roster.member(member).address, digest)

    return make


def named_model(kind: FindingKind, model: str, card: str, training: str) -> ApprovedModel:
    """A model by digests or files; CommandError where one is neither."""
    return ApprovedModel(kind, digest_named(model), digest_named(card), digest_named(training))


def model_from(fields: Mapping[str, object], where: str) -> ApprovedModel:
    """A model as JSON or TOML writes it, in the form the API takes; CommandError."""
    try:
        return model_of(ModelForm.model_validate_json(json.dumps(fields, default=str)))
    except ValidationError:
        raise CommandError(
            Exit.USAGE,
            f"{where}: a model has kind ({', '.join(FindingKind)}), digest, card_digest and "
            "training_digest, each digest 64 hexadecimal digits",
        ) from None


def read_models(path: Path) -> tuple[ApprovedModel, ...]:
    """The models of a request: `{"models": [...]}` as JSON; CommandError for any other file."""
    try:
        content = json.loads(read_limited(path, LIST_BYTES))
        listed = content["models"]
        if set(content) != {"models"} or not isinstance(listed, list) or len(listed) > MODELS:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CommandError(
            Exit.USAGE, f'{path}: give {{"models": [...]}} as JSON, at most {MODELS} of them'
        ) from None
    return in_order(
        model_from(each if isinstance(each, dict) else {}, str(path)) for each in listed
    )
