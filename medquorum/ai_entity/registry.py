"""The models this entity may run, by SHA-256.

``registry.json`` lists for each digest a file and its card. A model is opened only when its bytes
have the registered digest, are closed and standard (``onnx_wire``), and have the ports that its
kind requires; only then does an onnxruntime session exist, from the very bytes that were checked. A
hospital registers its own model by adding an entry; there is no way to run one that is not listed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.limits import MAX_MODEL_BYTES, MAX_REGISTRY_MODELS
from medquorum.ai_entity.onnx_wire import ModelPorts, Port, inspect_model

MODELS_FOLDER: Final = Path(__file__).parent / "models"
REGISTRY_FILE: Final = "registry.json"
MAX_CARD_BYTES: Final = 65_536
FLOAT: Final = 1
"""TensorProto.DataType.FLOAT."""

PORTS: Final[Mapping[str, tuple[tuple[int | None, ...], tuple[int | None, ...]]]] = {
    "petct": ((1, 2, None, None, None), (1, 1, None, None, None)),
    "ct": ((1, 1, None, None, None), (1, 1, None, None, None)),
    "fracture": ((None, 6), (None, 1)),
}
"""Kind -> shape of the one input and of the one output; None is any size."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a report says about the model behind it."""

    name: str
    version: str
    kind: str
    digest: bytes
    training_digest: bytes
    threshold_ppm: int
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A checked model, ready to run."""

    card: ModelCard
    session: Any

    def __repr__(self) -> str:
        return f"LoadedModel({self.card.name} {self.card.version})"

    def run(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The one output for the one input."""
        name = self.session.get_inputs()[0].name
        return np.asarray(self.session.run(None, {name: values})[0], dtype=np.float32)


class Registry:
    """The entries of one registry file."""

    def __init__(self, folder: Path = MODELS_FOLDER) -> None:
        """Read ``folder/registry.json``. Raises ModelError when it is malformed."""
        self._folder = folder
        self._entries = _read_entries(folder / REGISTRY_FILE)

    def digest_of(self, kind: str) -> bytes:
        """The digest that the registry's ``current`` names for ``kind``."""
        for digest, entry in self._entries.items():
            if entry["kind"] == kind and entry["current"]:
                return bytes.fromhex(digest)
        raise ModelError(Reason.UNKNOWN_MODEL, f"no current model of kind {kind} is registered")

    def load(self, digest: bytes) -> LoadedModel:
        """The model with this SHA-256, checked before a session is made. Raises ModelError."""
        entry = self._entries.get(digest.hex())
        if entry is None:
            raise ModelError(Reason.UNKNOWN_MODEL, "no model with this digest is registered")
        content = _read_bounded(self._folder / entry["file"], MAX_MODEL_BYTES)
        if hashlib.sha256(content).digest() != digest:
            raise ModelError(
                Reason.DIGEST_MISMATCH, "the model file is not the registered one; restore it"
            )
        card = _card(_read_bounded(self._folder / entry["card"], MAX_CARD_BYTES), digest)
        check_ports(inspect_model(content), card.kind)
        return LoadedModel(card, open_session(content))


def check_ports(ports: ModelPorts, kind: str) -> None:
    """One float input and one float output of the shapes that ``kind`` requires, or ModelError."""
    if kind not in PORTS:
        raise ModelError(Reason.UNKNOWN_MODEL, "the card names a kind that is not known here")
    wanted_input, wanted_output = PORTS[kind]
    if len(ports.inputs) != 1 or len(ports.outputs) != 1:
        raise ModelError(Reason.WRONG_SHAPE, "a model must have one input and one output")
    _check_port(ports.inputs[0], wanted_input, "input")
    _check_port(ports.outputs[0], wanted_output, "output")


def _check_port(port: Port, wanted: tuple[int | None, ...], which: str) -> None:
    if port.element_type != FLOAT or port.shape != wanted:
        raise ModelError(Reason.WRONG_SHAPE, f"the {which} must be float32 of shape {list(wanted)}")


def open_session(content: bytes) -> Any:
    """A CPU session of checked bytes: one thread, so that the same input gives the same output."""
    import onnxruntime  # only where a model runs: the parent of the child never needs it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(Reason.MALFORMED_MODEL, "onnxruntime cannot build this model") from error


def _read_bounded(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise ModelError(Reason.OVERSIZE, f"{path.name} is larger than {limit} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(Reason.UNKNOWN_MODEL, f"{path.name} cannot be read") from error


def _read_entries(path: Path) -> dict[str, dict[str, Any]]:
    try:
        models = json.loads(_read_bounded(path, MAX_CARD_BYTES))["models"]
        entries = {
            str(digest): {
                "file": _plain_name(entry["file"]),
                "card": _plain_name(entry["card"]),
                "kind": str(entry["kind"]),
                "current": bool(entry["current"]),
            }
            for digest, entry in models.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(Reason.MALFORMED_MODEL, "the registry file is malformed") from error
    if len(entries) > MAX_REGISTRY_MODELS:
        raise ModelError(Reason.OVERSIZE, f"more than {MAX_REGISTRY_MODELS} models")
    return entries


def _plain_name(name: object) -> str:
    if not isinstance(name, str) or Path(name).name != name or name in ("", ".", ".."):
        raise ValueError("a file name must not lead out of the folder")
    return name


def _card(content: bytes, digest: bytes) -> ModelCard:
    try:
        card = json.loads(content)
        if bytes.fromhex(card["sha256"]) != digest:
            raise ModelError(Reason.DIGEST_MISMATCH, "the card belongs to another model")
        return ModelCard(
            name=str(card["name"]),
            version=str(card["version"]),
            kind=str(card["kind"]),
            digest=digest,
            training_digest=bytes.fromhex(card["training_sha256"]),
            threshold_ppm=int(card["threshold_ppm"]),
            limits=tuple(str(limit) for limit in card["limits"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(Reason.MALFORMED_MODEL, "the model card is malformed") from error


def write_registry(folder: Path, kinds: Mapping[str, str]) -> None:
    """Write ``registry.json`` in ``folder`` for ``kinds``: kind -> stem of model and card."""
    models = {
        hashlib.sha256((folder / f"{stem}.onnx").read_bytes()).hexdigest(): {
            "file": f"{stem}.onnx",
            "card": f"{stem}.json",
            "kind": kind,
            "current": True,
        }
        for kind, stem in sorted(kinds.items())
    }
    text = json.dumps({"models": models}, indent=1, sort_keys=True) + "\n"
    (folder / REGISTRY_FILE).write_text(text)
