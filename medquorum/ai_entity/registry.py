"""The models this entity may run, by SHA-256.

``registry.json`` lists for each digest a file and its card. A model is opened only when its bytes
have the registered digest, are closed and standard (``onnx_wire``), and have the ports that its
kind and form require, and when its card's bytes have the registered digest and the one that the
charter approves; only then does an onnxruntime session exist, from the very bytes that were
checked. A hospital registers its own model by adding an entry; there is no way to run one that is
not listed. Of each kind one entry is *current*; older ones stay listed and run by their digest.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_MODEL_BYTES, model_threads
from medquorum.ai_entity.model_card import (
    EDGES,
    FUSION,
    MULTITASK,
    TILES,
    VOXELS,
    ModelCard,
    read_card,
)
from medquorum.ai_entity.model_output import expect_shares, run_session
from medquorum.ai_entity.model_output import open_session as open_session
from medquorum.ai_entity.model_ports import WHOLE_BODY
from medquorum.ai_entity.model_ports import check_ports as check_ports
from medquorum.ai_entity.onnx_outputs import with_outputs
from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.registry_file import MAX_CARD_BYTES as MAX_CARD_BYTES
from medquorum.ai_entity.registry_file import REGISTRY_FILE as REGISTRY_FILE
from medquorum.ai_entity.registry_file import Entry, read_bounded, read_entries, read_levels
from medquorum.ai_entity.registry_file import register_model as register_model

MODELS_FOLDER: Final = Path(__file__).parent / "models"
SHARES: Final = (VOXELS, EDGES, FUSION)
"""Forms whose every output is a probability."""


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
        outputs = run_session(self.session, values)
        if self.card.form in SHARES:
            expect_shares(outputs)
        return outputs

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
    cards: Mapping[bytes, bytes] = field(default_factory=dict)
    """Digest of a model -> that of the only card the charter approves with it (R-AI1)."""

    def as_arguments(self) -> dict[str, object]:
        """As a child process is told of it: each digest, with its card's after a colon."""
        approved = None if self.approved is None else sorted(map(self._told, self.approved))
        return {"models": str(self.folder.resolve()), "approved": approved}

    def open(self) -> "Registry":
        """Its registry. Raises ModelError."""
        return Registry(self.folder, self.approved, self.cards)

    def _told(self, digest: bytes) -> str:
        card = self.cards.get(digest)
        return digest.hex() if card is None else f"{digest.hex()}:{card.hex()}"


class Registry:
    """The entries of one registry file."""

    def __init__(
        self,
        folder: Path = MODELS_FOLDER,
        approved: frozenset[bytes] | None = None,
        cards: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """Read ``folder/registry.json``. Raises ModelError when it is malformed.

        ``approved`` are the digests a charter lets this entity report with (R-AI4), None is any;
        ``cards`` are those of the approved cards, by the model's.
        """
        self._folder = folder
        self._approved = approved
        self._cards = cards or {}
        self._entries = read_entries(folder)

    def digest_of(self, kind: str) -> bytes:
        """The digest that the registry's ``current`` names for ``kind``.

        Where the charter does not approve that one: another of the kind that it approves.
        """
        able = [
            (not entry.current, digest)
            for digest, entry in self._entries.items()
            if entry.kind == kind and self._may_run(digest, is_current=entry.current)
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
        return read_card(self.card_bytes(digest), digest)

    def card_bytes(self, digest: bytes) -> bytes:
        """The same as it stands in its file: the bytes that were registered and approved.

        Raises ModelError (CARD_MISMATCH) for others.
        """
        entry = self._entry(digest)
        content = read_bounded(self._folder / entry.card, MAX_CARD_BYTES)
        found = hashlib.sha256(content).digest()
        if found != self._cards.get(digest, found):
            raise ModelError(
                Reason.CARD_MISMATCH,
                f"{entry.card} is not the card that the doctors approved with this model; restore "
                "it, or ask them to approve this one",
            )
        if entry.card_digest not in (None, found):
            raise ModelError(
                Reason.CARD_MISMATCH, f"the card {entry.card} is not the registered one; restore it"
            )
        return content

    def card_file(self, digest: bytes) -> Path:
        """Where the card of the model with this SHA-256 lies. Raises ModelError."""
        return self._folder / self._entry(digest).card

    def _entry(self, digest: bytes) -> Entry:
        if digest.hex() not in self._entries:
            raise ModelError(Reason.UNKNOWN_MODEL, "no model with this digest is registered")
        return self._entries[digest.hex()]

    def load(self, digest: bytes, threads: int | None = None) -> LoadedModel:
        """The model with this SHA-256, checked before a session is made. Raises ModelError.

        ``threads`` bounds the cores that one run uses; None: what this process was told.
        """
        content = read_bounded(self._folder / self._entry(digest).file, MAX_MODEL_BYTES)
        if hashlib.sha256(content).digest() != digest:
            raise ModelError(
                Reason.DIGEST_MISMATCH, "the model file is not the registered one; restore it"
            )
        card = self.card_of(digest)
        levels = read_levels(self._folder, card)
        ports = inspect_model(content)
        check_ports(ports, card)
        cores, arena = threads or model_threads(), card.form == TILES
        if len(ports.outputs) < 3 or card.form != MULTITASK:
            return LoadedModel(card, open_session(content, cores, arena=arena), levels)
        together, alone = (
            LateSession(partial(_open_part, content, frozenset({"organs", asked}), cores))
            for asked in ("lesion", WHOLE_BODY)
        )
        return LoadedModel(card, together, levels, alone)


def opened(models: str, approved: list[str] | None) -> Registry:
    """The registry of a shelf, from ``Shelf.as_arguments``."""
    if approved is None:
        return Registry(Path(models))
    told = [tuple(map(bytes.fromhex, one.split(":"))) for one in approved]
    cards = {one[0]: one[1] for one in told if len(one) > 1}
    return Registry(Path(models), frozenset(one[0] for one in told), cards)
