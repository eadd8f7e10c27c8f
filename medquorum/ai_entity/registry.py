"""The models this entity may run, by SHA-256.

``registry.json`` lists for each digest a file and its card. A model is opened only when its bytes
have the registered digest, are closed and standard (``onnx_wire``), and have the ports that its
kind and form require; only then does an onnxruntime session exist, from the very bytes that were
checked. A hospital registers its own model by adding an entry; there is no way to run one that is
not listed. Of each kind one entry is *current*; older ones stay listed and run by their digest.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_MODEL_BYTES, MAX_REGISTRY_MODELS, model_threads
from medquorum.ai_entity.model_card import (
    MULTITASK,
    TILES,
    ModelCard,
    plain_name,
    read_card,
)
from medquorum.ai_entity.model_output import open_session as open_session
from medquorum.ai_entity.model_output import run_session
from medquorum.ai_entity.model_ports import WHOLE_BODY
from medquorum.ai_entity.model_ports import check_ports as check_ports
from medquorum.ai_entity.onnx_outputs import with_outputs
from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.regular_file import TooLargeError, read_regular

MODELS_FOLDER: Final = Path(__file__).parent / "models"
REGISTRY_FILE: Final = "registry.json"
MAX_CARD_BYTES: Final = 65_536
MAX_LEVELS_BYTES: Final = 1_048_576
"""An atlas of organs is some 100 kB."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A checked model, ready to run."""

    card: ModelCard
    session: Any
    levels: bytes | None = None
    """Content of the card's ``levels`` file, checked against its digest."""
    whole_body: Any = None
    """A session of the same file that runs the member for whole bodies alone, where it has one."""

    def __repr__(self) -> str:
        return f"LoadedModel({self.card.name} {self.card.version})"

    def facts(self) -> Mapping[str, str]:
        """The metadata inside the file, which its digest covers."""
        return dict(self.session.get_modelmeta().custom_metadata_map)

    def run(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The one output for the one input."""
        return self.run_all(values)[0]

    def run_all(self, values: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """All outputs, in the order of the form's ports, for the one input. Raises ModelError."""
        return run_session(self.session, values)

    def run_whole_body(
        self, values: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], ...]:
        """The same of ``whole_body``: lesion logits of one channel, organ logits."""
        organs, lesion = run_session(self.whole_body, values)
        return lesion, organs


class LateSession:
    """A session that is opened when it is first asked for anything: a case needs one of two."""

    def __init__(self, opener: Callable[[], Any]) -> None:
        self._opener = opener
        self._lock = Lock()
        self._session: Any = None

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._session is None:
                self._session = self._opener()
        return getattr(self._session, name)


def _open_part(content: bytes, outputs: frozenset[str], threads: int) -> Any:
    return open_session(with_outputs(content, outputs), threads)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of models, and which of them may be taken from it."""

    folder: Path = MODELS_FOLDER
    approved: frozenset[bytes] | None = None
    """Digests that a charter lets this entity report with (R-AI4); None is any."""

    def as_arguments(self) -> dict[str, object]:
        """As a child process is told of it."""
        approved = None if self.approved is None else sorted(one.hex() for one in self.approved)
        return {"models": str(self.folder.resolve()), "approved": approved}


class Registry:
    """The entries of one registry file."""

    def __init__(
        self, folder: Path = MODELS_FOLDER, approved: frozenset[bytes] | None = None
    ) -> None:
        """Read ``folder/registry.json``. Raises ModelError when it is malformed.

        ``approved`` are the digests a charter lets this entity report with (R-AI4); None is any.
        """
        self._folder = folder
        self._approved = approved
        self._entries = _read_entries(folder / REGISTRY_FILE)

    def digest_of(self, kind: str) -> bytes:
        """The digest that the registry's ``current`` names for ``kind``.

        Where the charter does not approve that one: another of the kind that it approves.
        """
        able = [
            (not entry["current"], digest)
            for digest, entry in self._entries.items()
            if entry["kind"] == kind and self._may_run(digest, is_current=entry["current"])
        ]
        if able:
            return bytes.fromhex(min(able)[1])
        which = "current" if self._approved is None else "approved"
        raise ModelError(Reason.UNKNOWN_MODEL, f"no {which} model of kind {kind} is registered")

    def _may_run(self, digest: str, *, is_current: bool) -> bool:
        """Whether a model is taken for its kind: the current one, of approved ones any (R-AI4)."""
        if self._approved is None:
            return is_current
        return bytes.fromhex(digest) in self._approved

    def card_of(self, digest: bytes) -> ModelCard:
        """The card of the model with this SHA-256. Raises ModelError."""
        return read_card(_read_bounded(self.card_file(digest), MAX_CARD_BYTES), digest)

    def card_file(self, digest: bytes) -> Path:
        """Where the card of the model with this SHA-256 lies. Raises ModelError."""
        return self._folder / str(self._entry(digest)["card"])

    def _entry(self, digest: bytes) -> dict[str, Any]:
        if digest.hex() not in self._entries:
            raise ModelError(Reason.UNKNOWN_MODEL, "no model with this digest is registered")
        return self._entries[digest.hex()]

    def load(self, digest: bytes, threads: int | None = None) -> LoadedModel:
        """The model with this SHA-256, checked before a session is made. Raises ModelError.

        ``threads`` bounds the cores that one run uses; None: what this process was told.
        """
        content = _read_bounded(self._folder / self._entry(digest)["file"], MAX_MODEL_BYTES)
        if hashlib.sha256(content).digest() != digest:
            raise ModelError(
                Reason.DIGEST_MISMATCH, "the model file is not the registered one; restore it"
            )
        card = self.card_of(digest)
        ports = inspect_model(content)
        check_ports(ports, card)
        cores, arena = threads or model_threads(), card.form == TILES
        if len(ports.outputs) < 3 or card.form != MULTITASK:
            return LoadedModel(card, open_session(content, cores, arena=arena), self._levels(card))
        together, alone = (
            LateSession(partial(_open_part, content, frozenset({"organs", asked}), cores))
            for asked in ("lesion", WHOLE_BODY)
        )
        return LoadedModel(card, together, self._levels(card), alone)

    def _levels(self, card: ModelCard) -> bytes | None:
        attached = None if card.multitask is None else card.multitask.levels
        if attached is None:
            return None
        content = _read_bounded(self._folder / attached.file, MAX_LEVELS_BYTES)
        if hashlib.sha256(content).digest() != attached.digest:
            raise ModelError(
                Reason.DIGEST_MISMATCH, f"{attached.file} is not the one the card names; restore it"
            )
        return content


def opened(models: str, approved: list[str] | None) -> Registry:
    """The registry of a shelf, from ``Shelf.as_arguments``."""
    allowed = None if approved is None else frozenset(map(bytes.fromhex, approved))
    return Registry(Path(models), allowed)


def _read_bounded(path: Path, limit: int) -> bytes:
    try:
        return read_regular(path, limit)
    except TooLargeError as error:
        raise ModelError(Reason.OVERSIZE, f"{path.name} is larger than {limit} bytes") from error
    except OSError as error:
        raise ModelError(Reason.UNKNOWN_MODEL, f"{path.name} cannot be read") from error


def _read_entries(path: Path) -> dict[str, dict[str, Any]]:
    try:
        models = json.loads(_read_bounded(path, MAX_CARD_BYTES))["models"]
        entries = {
            str(digest): {
                "file": plain_name(entry["file"]),
                "card": plain_name(entry["card"]),
                "kind": str(entry["kind"]),
                "current": bool(entry["current"]),
            }
            for digest, entry in models.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(Reason.MALFORMED_MODEL, "the registry file is malformed") from error
    if len(entries) > MAX_REGISTRY_MODELS:
        raise ModelError(Reason.OVERSIZE, f"more than {MAX_REGISTRY_MODELS} models")
    return entries


def register_model(folder: Path, stem: str, *, current: bool) -> str:
    """Add ``stem.onnx`` and its card ``stem.json`` to ``folder``'s registry; the digest in hex.

    Where it becomes current, the kind's other models stay listed and are no longer. Raises
    ModelError when the card is not this model's or the registry file is malformed.
    """
    path = folder / REGISTRY_FILE
    content = _read_bounded(folder / f"{stem}.onnx", MAX_MODEL_BYTES)
    digest = hashlib.sha256(content)
    card = read_card(_read_bounded(folder / f"{stem}.json", MAX_CARD_BYTES), digest.digest())
    models = _read_entries(path) if path.exists() else {}
    for entry in models.values():
        entry["current"] = entry["current"] and not (current and entry["kind"] == card.kind)
    models = {
        other: entry for other, entry in models.items() if entry["file"] != f"{stem}.onnx"
    } | {
        digest.hexdigest(): {
            "file": f"{stem}.onnx",
            "card": f"{stem}.json",
            "kind": card.kind,
            "current": current,
        }
    }
    path.write_text(json.dumps({"models": models}, indent=1, sort_keys=True) + "\n")
    return digest.hexdigest()
