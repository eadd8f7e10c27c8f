"""A member's own folder of models: the shipped ones, and candidates that wait for the charter.

``registry.json`` is that of ``registry``, with two more words per entry: ``founding`` for what was
current when the folder was made, and ``serial`` for a candidate, counting from 1. Which entry is
current follows from the charter alone (``settle``): of the kind's candidates the newest one that
the charter names; where it names none, the founding one. So a withdrawal leads back by itself.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_REGISTRY_MODELS
from medquorum.ai_entity.model_card import plain_name, read_card
from medquorum.ai_entity.registry import MAX_CARD_BYTES, MODELS_FOLDER, REGISTRY_FILE
from medquorum.ai_entity.registry_file import CARD_DIGEST
from medquorum.ledger.approved_model import ApprovedModel
from medquorum.ledger.provenance import FindingKind

MODEL_FILE: Final = "model.onnx"
CARD_FILE: Final = "card.json"
TRAINING_FILE: Final = "training.json"
CANDIDATE_FILES: Final = (MODEL_FILE, CARD_FILE, TRAINING_FILE)
NETWORK_FILES: Final = ("network.onnx", "network.json")
"""Of a fusion: the network whose digest it names. Registered, never current, never announced."""
FINDING_KIND: Final = {
    "fracture": FindingKind.FRACTURE,
    "ct": FindingKind.TUMOUR,
    "petct": FindingKind.TUMOUR,
}
"""Kind of model -> kind of finding its reports are about (R-PRO9)."""


def own_folder(folder: Path, shipped: Path = MODELS_FOLDER) -> Path:
    """The member's folder, made from what is shipped when it is not there yet."""
    if (folder / REGISTRY_FILE).exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(shipped.iterdir()):
        if file.is_file() and file.name != REGISTRY_FILE:
            shutil.copyfile(file, folder / file.name)
    entries = _read(shipped)
    for entry in entries.values():
        entry["founding"] = bool(entry["current"])
    _write(folder, entries)
    return folder


def add_candidate(folder: Path, candidate: Path) -> ApprovedModel:
    """Register a candidate's files, not current; what to announce. Raises ModelError.

    Adding the same model again changes nothing.
    """
    contents = {name: _bytes(candidate / name) for name in CANDIDATE_FILES}
    digest = hashlib.sha256(contents[MODEL_FILE]).digest()
    card = read_card(contents[CARD_FILE], digest)
    if hashlib.sha256(contents[TRAINING_FILE]).digest() != card.training_digest:
        raise ModelError(
            Reason.DIGEST_MISMATCH, f"{TRAINING_FILE} is not the list that the card names"
        )
    entries = _read(folder)
    if digest.hex() not in entries:
        if len(entries) >= MAX_REGISTRY_MODELS:
            raise ModelError(Reason.OVERSIZE, f"more than {MAX_REGISTRY_MODELS} models; remove one")
        stem = f"{card.kind}-{digest.hex()[:16]}"
        for name, content in contents.items():
            ending = "onnx" if name == MODEL_FILE else name
            (folder / f"{stem}.{ending}").write_bytes(content)
        entries[digest.hex()] = {
            "file": f"{stem}.onnx",
            "card": f"{stem}.{CARD_FILE}",
            CARD_DIGEST: hashlib.sha256(contents[CARD_FILE]).hexdigest(),
            "kind": card.kind,
            "current": False,
            "serial": 1 + max((_serial(one) for one in entries.values()), default=0),
        }
        _add_network(folder, candidate, entries)
        _write(folder, entries)
    return announced(folder, digest.hex())


def _add_network(folder: Path, candidate: Path, entries: dict[str, dict[str, Any]]) -> None:
    """Put the network of a fusion beside it."""
    model, card = (candidate / name for name in NETWORK_FILES)
    if not model.exists():
        return
    content, words = _bytes(model), _bytes(card)
    digest = hashlib.sha256(content)
    kind = read_card(words, digest.digest()).kind
    stem = f"{kind}-network-{digest.hexdigest()[:16]}"
    if digest.hexdigest() in entries:
        return
    (folder / f"{stem}.onnx").write_bytes(content)
    (folder / f"{stem}.json").write_bytes(words)
    entries[digest.hexdigest()] = {
        "file": f"{stem}.onnx",
        "card": f"{stem}.json",
        CARD_DIGEST: hashlib.sha256(words).hexdigest(),
        "kind": kind,
        "current": False,
    }


def announced(folder: Path, digest: str) -> ApprovedModel:
    """A registered model as the charter names it. Raises ModelError."""
    content = _bytes(files_of(folder, bytes.fromhex(digest))[1])
    card = read_card(content, bytes.fromhex(digest))
    return ApprovedModel(
        FINDING_KIND[card.kind],
        bytes.fromhex(digest),
        hashlib.sha256(content).digest(),
        card.training_digest,
    )


def files_of(folder: Path, digest: bytes) -> tuple[Path, Path]:
    """Model and card of a registered digest. Raises ModelError."""
    entry = _read(folder).get(digest.hex())
    if entry is None:
        raise ModelError(Reason.UNKNOWN_MODEL, "no model with this digest is registered")
    try:
        return folder / plain_name(entry["file"]), folder / plain_name(entry["card"])
    except (KeyError, ValueError) as error:
        raise ModelError(Reason.MALFORMED_MODEL, "the registry file is malformed") from error


def current_digests(folder: Path) -> dict[str, str]:
    """Kind -> digest in hex of what is current."""
    return {
        str(entry["kind"]): digest for digest, entry in _read(folder).items() if entry["current"]
    }


def has_candidates(folder: Path) -> bool:
    """Whether anything here depends on the charter; False where there is no registry."""
    try:
        return any(_serial(entry) > 0 for entry in _read(folder).values())
    except ModelError:
        return False


def settle(folder: Path, approved: frozenset[str]) -> bool:
    """Make current what the charter says; whether anything changed. Raises ModelError."""
    entries = _read(folder)
    before = {digest: bool(entry["current"]) for digest, entry in entries.items()}
    for kind in {str(entry["kind"]) for entry in entries.values()}:
        chosen = _chosen({d: e for d, e in entries.items() if e["kind"] == kind}, approved)
        for digest, entry in entries.items():
            if entry["kind"] == kind and chosen is not None:
                entry["current"] = digest == chosen
    after = {digest: bool(entry["current"]) for digest, entry in entries.items()}
    if after == before:
        return False
    _write(folder, entries)
    return True


def _chosen(entries: Mapping[str, Mapping[str, Any]], approved: frozenset[str]) -> str | None:
    serials = {d: _serial(e) for d, e in entries.items() if _serial(e) > 0 and d in approved}
    if serials:
        return max(serials, key=lambda digest: serials[digest])
    return next((d for d, e in entries.items() if e.get("founding")), None)


def _serial(entry: Mapping[str, Any]) -> int:
    return int(entry.get("serial", 0))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(Reason.UNKNOWN_MODEL, f"{path.name} cannot be read") from error


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        path = folder / REGISTRY_FILE
        if path.stat().st_size > MAX_CARD_BYTES:
            raise ModelError(Reason.OVERSIZE, f"{REGISTRY_FILE} is larger than any registry")
        models = json.loads(path.read_bytes())["models"]
        return {str(digest): dict(entry) for digest, entry in models.items()}
    except OSError as error:
        raise ModelError(Reason.UNKNOWN_MODEL, f"no {REGISTRY_FILE} in the folder") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(Reason.MALFORMED_MODEL, "the registry file is malformed") from error


def _write(folder: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Whole or not at all: the service reads this file at any moment."""
    text = json.dumps({"models": entries}, indent=1, sort_keys=True) + "\n"
    passing = folder / f"{REGISTRY_FILE}.new"
    passing.write_text(text)
    os.replace(passing, folder / REGISTRY_FILE)
