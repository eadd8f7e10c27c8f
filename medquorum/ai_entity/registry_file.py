"""``registry.json``: which models a folder has, and by which bytes.

An entry stands under the SHA-256 of its model and holds that of its card (``card_sha256``), since
the card says how the model is run: threshold, temperature, window. Entries of earlier versions hold
none, and their cards are then held by nothing but a charter. Who may write the folder may write
this file too: it keeps apart what was registered from what was changed since, it is no signature.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_MODEL_BYTES, MAX_REGISTRY_MODELS
from medquorum.ai_entity.model_card import ModelCard, plain_name, read_card
from medquorum.ai_entity.regular_file import TooLargeError, read_regular

REGISTRY_FILE: Final = "registry.json"
CARD_DIGEST: Final = "card_sha256"
MAX_CARD_BYTES: Final = 65_536
MAX_LEVELS_BYTES: Final = 1_048_576
"""An atlas of organs is some 100 kB."""

DAMAGE: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading JSON of another shape raises."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a folder."""

    file: str
    card: str
    kind: str
    current: bool
    card_digest: bytes | None = None
    """SHA-256 of the card's bytes; None where an earlier version registered it."""


def read_bounded(path: Path, limit: int) -> bytes:
    """The content of a plain file of at most so many bytes. Raises ModelError."""
    try:
        return read_regular(path, limit)
    except TooLargeError as error:
        raise ModelError(Reason.OVERSIZE, f"{path.name} is larger than {limit} bytes") from error
    except OSError as error:
        raise ModelError(Reason.UNKNOWN_MODEL, f"{path.name} cannot be read") from error


def read_entries(folder: Path) -> dict[str, Entry]:
    """The folder's models by their SHA-256 in hex. Raises ModelError when the file is malformed."""
    models = _listed(folder)
    try:
        entries = {str(digest): _entry(stated) for digest, stated in models.items()}
    except DAMAGE as error:
        raise _malformed() from error
    if len(entries) > MAX_REGISTRY_MODELS:
        raise ModelError(Reason.OVERSIZE, f"more than {MAX_REGISTRY_MODELS} models")
    return entries


def read_levels(folder: Path, card: ModelCard) -> bytes | None:
    """The content of the card's ``levels`` file, held to its digest. Raises ModelError."""
    attached = None if card.multitask is None else card.multitask.levels
    if attached is None:
        return None
    content = read_bounded(folder / attached.file, MAX_LEVELS_BYTES)
    if hashlib.sha256(content).digest() != attached.digest:
        raise ModelError(
            Reason.DIGEST_MISMATCH, f"{attached.file} is not the one the card names; restore it"
        )
    return content


def register_model(folder: Path, stem: str, *, current: bool) -> str:
    """Add ``stem.onnx`` and its card ``stem.json`` to ``folder``'s registry; the digest in hex.

    Where it becomes current, the kind's other models stay listed and are no longer. Raises
    ModelError when the card is not this model's or the registry file is malformed.
    """
    content = read_bounded(folder / f"{stem}.onnx", MAX_MODEL_BYTES)
    digest = hashlib.sha256(content)
    words = read_bounded(folder / f"{stem}.json", MAX_CARD_BYTES)
    kind = read_card(words, digest.digest()).kind
    known = read_entries(folder) if (folder / REGISTRY_FILE).exists() else {}
    models = {
        other: _stated(entry, current=entry.current and not (current and entry.kind == kind))
        for other, entry in known.items()
        if entry.file != f"{stem}.onnx"
    }
    pinned = hashlib.sha256(words).digest()
    models[digest.hexdigest()] = _stated(
        Entry(f"{stem}.onnx", f"{stem}.json", kind, current, pinned), current=current
    )
    _write(folder, models)
    return digest.hexdigest()


def pin_cards(folder: Path) -> tuple[str, ...]:
    """Make the registry name the folder's files as they are now; the cards whose entry changed.

    For whoever has replaced a model or its card on purpose. Which model is current, and all else in
    an entry, stays. Raises ModelError, and writes nothing, where a card is not that of its model or
    names other levels than those beside it.
    """
    models, changed = _listed(folder), []
    fresh: dict[str, dict[str, Any]] = {}
    for old, entry in read_entries(folder).items():
        digest = hashlib.sha256(read_bounded(folder / entry.file, MAX_MODEL_BYTES))
        words = read_bounded(folder / entry.card, MAX_CARD_BYTES)
        try:
            read_levels(folder, read_card(words, digest.digest()))
        except ModelError as error:
            raise ModelError(error.reason, f"{entry.card}: {error.message}") from error
        pinned = hashlib.sha256(words)
        if (old, entry.card_digest) != (digest.hexdigest(), pinned.digest()):
            changed.append(entry.card)
        fresh[digest.hexdigest()] = {**models[old], CARD_DIGEST: pinned.hexdigest()}
    if changed:
        _write(folder, fresh)
    return tuple(changed)


def _listed(folder: Path) -> dict[str, Any]:
    """What stands in the file, as it stands."""
    content = read_bounded(folder / REGISTRY_FILE, MAX_CARD_BYTES)
    try:
        return dict(json.loads(content)["models"])
    except DAMAGE as error:
        raise _malformed() from error


def _entry(stated: Any) -> Entry:
    pinned = stated.get(CARD_DIGEST)
    return Entry(
        plain_name(stated["file"]),
        plain_name(stated["card"]),
        str(stated["kind"]),
        bool(stated["current"]),
        None if pinned is None else _digest(pinned),
    )


def _digest(stated: str) -> bytes:
    digest = bytes.fromhex(stated)
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError("a digest is 64 hexadecimal digits")
    return digest


def _stated(entry: Entry, *, current: bool) -> dict[str, Any]:
    named = {"file": entry.file, "card": entry.card, "kind": entry.kind, "current": current}
    return named if entry.card_digest is None else {**named, CARD_DIGEST: entry.card_digest.hex()}


def _write(folder: Path, models: dict[str, dict[str, Any]]) -> None:
    text = json.dumps({"models": models}, indent=1, sort_keys=True) + "\n"
    (folder / REGISTRY_FILE).write_text(text)


def _malformed() -> ModelError:
    return ModelError(Reason.MALFORMED_MODEL, "the registry file is malformed")
