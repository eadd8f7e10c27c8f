"""A training set on disk: arrays, and a manifest whose SHA-256 names the whole of it.

``manifest.json`` is canonical JSON (keys sorted, no spaces, whole numbers only), so the same
ledgers give the same digest wherever the set is made. It holds hashes and counts: no name, no
patient number, no text of a report. Each sample's arrays are one ``.npz`` file; the manifest names
the SHA-256 of every array's type, shape and values, so how the file was packed does not matter.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.learning.lessons import StudyKind
from medquorum.ai_entity.limits import MAX_GRID_VOXELS

FORMAT: Final = "medquorum/training-set/1"
MANIFEST: Final = "manifest.json"
ARRAYS: Final = "arrays"
MAX_MANIFEST_BYTES: Final = 256 * 1024 * 1024
MAX_SAMPLE_BYTES: Final = MAX_GRID_VOXELS * 8
"""HU, SUV and mask of the largest grid, with room to spare."""

Array = npt.NDArray[Any]


class Split(StrEnum):
    """What a sample is for."""

    TRAINING = "training"
    HOLD_OUT = "hold_out"


class TrainingSetError(Exception):
    """The folder is no whole training set; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One entry of the manifest; `facts` is its map."""

    identity: str
    kind: StudyKind
    split: Split
    facts: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Sample({self.identity[:12]}, {self.kind.value}, {self.split.value})"


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """A folder whose manifest was read; arrays are checked when they are asked for."""

    folder: Path
    digest: bytes
    """SHA-256 of the manifest's bytes."""
    manifest: Mapping[str, Any]
    samples: tuple[Sample, ...]

    def of(self, kind: StudyKind, split: Split) -> tuple[Sample, ...]:
        """The samples of a kind for one purpose, by identity."""
        return tuple(one for one in self.samples if (one.kind, one.split) == (kind, split))

    def arrays(self, sample: Sample) -> dict[str, Array]:
        """A sample's arrays. Raises TrainingSetError when they are not the manifest's."""
        path = self.folder / ARRAYS / f"{sample.identity}.npz"
        named = sample.facts["arrays"]
        found = _load(path)
        if {name: array_digest(values) for name, values in found.items()} != dict(named):
            raise TrainingSetError(
                f"the arrays of sample {sample.identity[:12]} are not those of the manifest; "
                "make the training set again"
            )
        return found


def array_digest(values: Array) -> str:
    """SHA-256 in hex of type, shape and values in C order, little-endian."""
    ordered = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    head = f"{ordered.dtype.str}{list(ordered.shape)}".encode()
    return hashlib.sha256(head + ordered.tobytes()).hexdigest()


def write_arrays(folder: Path, identity: str, arrays: Mapping[str, Array]) -> dict[str, str]:
    """Keep one sample's arrays; their digests by name."""
    (folder / ARRAYS).mkdir(parents=True, exist_ok=True)
    with (folder / ARRAYS / f"{identity}.npz").open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    return {name: array_digest(values) for name, values in sorted(arrays.items())}


def write_manifest(
    folder: Path, samples: Iterable[Mapping[str, Any]], about: Mapping[str, Any]
) -> bytes:
    """Write the manifest; the training set's digest."""
    ordered = sorted(samples, key=lambda one: str(one["identity"]))
    content = canonical_json({"format": FORMAT, **about, "samples": ordered})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).digest()


def canonical_json(value: Any) -> bytes:
    """Keys sorted, no spaces, ASCII, one newline at the end; floats are refused."""
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TrainingSetError("a manifest holds whole numbers only")
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for entry in value:
        _refuse_floats(entry)


def read_training_set(folder: Path) -> TrainingSet:
    """The training set in a folder. Raises TrainingSetError."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise TrainingSetError(f"{MANIFEST} is larger than any training set's")
        content = path.read_bytes()
        manifest = json.loads(content)
        if manifest["format"] != FORMAT or canonical_json(manifest) != content:
            raise TrainingSetError(f"{MANIFEST} is not a canonical manifest of {FORMAT}")
        samples = tuple(_sample(facts) for facts in manifest["samples"])
    except OSError:
        raise TrainingSetError(f"no {MANIFEST} in {folder}; make one: ai dataset") from None
    except (ValueError, KeyError, TypeError):
        raise TrainingSetError(f"{MANIFEST} is malformed; make the training set again") from None
    return TrainingSet(folder, hashlib.sha256(content).digest(), manifest, samples)


def _sample(facts: Mapping[str, Any]) -> Sample:
    identity = str(facts["identity"])
    if len(bytes.fromhex(identity)) != 32 or not isinstance(facts["arrays"], dict):
        raise ValueError("a sample is named by a hash and has arrays")
    return Sample(identity, StudyKind(facts["kind"]), Split(facts["split"]), facts)


def _load(path: Path) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > MAX_SAMPLE_BYTES:
                raise TrainingSetError(f"{path.name} is larger than any sample")
        with np.load(path, allow_pickle=False) as archive:
            return {name: np.asarray(archive[name]) for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        raise TrainingSetError(f"the arrays {path.name} are absent or damaged") from None
