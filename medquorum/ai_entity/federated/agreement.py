"""What the institutions have agreed on before anything is trained.

Names and shapes of the weights, how often and how long is trained, which numbers may be told beside
the weights, how far one hospital may move the network in a round, and which training set (by
digest) each of them uses. Everybody holds the same file; its SHA-256 goes with every message.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

MAX_HOSPITALS: Final = 64
MAX_ROUNDS: Final = 1_000
MAX_STEPS: Final = 100_000
MAX_ARRAYS: Final = 1_000
MAX_WEIGHTS: Final = 50_000_000
"""200 MB of float32: more than any network this project trains."""
MAX_AGREEMENT_BYTES: Final = 1024 * 1024
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
SHA256: Final = re.compile(r"[0-9a-f]{64}")


class AgreementError(ValueError):
    """The agreement cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Hospital:
    """One participant."""

    name: str
    patients: int
    """Patients it trains on: its weight in the average."""
    training_set_sha256: str
    """Over the digests of its training cases; says which, tells nothing about them."""


@dataclass(frozen=True, slots=True)
class WeightShape:
    """One array of the network."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Numbers in it."""
        count = 1
        for side in self.shape:
            count *= side
        return count


@dataclass(frozen=True, slots=True)
class Agreement:
    """One federated training."""

    inputs: str
    """``petct`` or ``ct``."""
    widths: tuple[int, ...]
    weights: tuple[WeightShape, ...]
    hospitals: tuple[Hospital, ...]
    rounds: int
    steps: int
    """Training steps per hospital and round."""
    side: int
    """Voxels along a side of a patch, and of a window of the evaluation."""
    seed: int
    update_limit: float
    """L2 norm: a longer step of one hospital in one round is shortened to it, or refused."""
    weight_limit: float
    """Largest magnitude of any weight."""

    def __post_init__(self) -> None:
        _check(1 <= len(self.hospitals) <= MAX_HOSPITALS, f"1 to {MAX_HOSPITALS} hospitals")
        _check(1 <= self.rounds <= MAX_ROUNDS, f"1 to {MAX_ROUNDS} rounds")
        _check(1 <= self.steps <= MAX_STEPS, f"1 to {MAX_STEPS} steps per round")
        _check(8 <= self.side <= 128 and self.side % 8 == 0, "a side of 8 to 128, in eights")
        _check(self.update_limit > 0 and self.weight_limit > 0, "limits above 0")
        _check(0 < len(self.weights) <= MAX_ARRAYS, f"1 to {MAX_ARRAYS} arrays of weights")
        names = [weight.name for weight in self.weights]
        _check(len(set(names)) == len(names), "every array of weights once")
        _check(all(NAME.fullmatch(name) for name in names), "names of letters and digits")
        _check(all(side > 0 for w in self.weights for side in w.shape), "sides above 0")
        _check(self.numbers <= MAX_WEIGHTS, f"at most {MAX_WEIGHTS} weights")
        for hospital in self.hospitals:
            _check(bool(NAME.fullmatch(hospital.name)), "a hospital's name of letters and digits")
            _check(hospital.patients > 0, "hospitals with patients")
            _check(bool(SHA256.fullmatch(hospital.training_set_sha256)), "SHA-256 in hex")
        _check(len({h.name for h in self.hospitals}) == len(self.hospitals), "each hospital once")

    @property
    def numbers(self) -> int:
        """Weights in the network."""
        return sum(weight.size for weight in self.weights)

    @property
    def document(self) -> bytes:
        """The file's bytes: JSON with sorted keys, the same for the same agreement."""
        return (json.dumps(asdict(self), sort_keys=True, indent=1) + "\n").encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.document).hexdigest()

    def write(self, path: Path) -> None:
        """As a file."""
        path.write_bytes(self.document)

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file. Raises AgreementError."""
        octets = path.read_bytes()
        _check(len(octets) <= MAX_AGREEMENT_BYTES, f"at most {MAX_AGREEMENT_BYTES} bytes")
        try:
            return cls(**_fields(json.loads(octets)))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise AgreementError("this file is no agreement of a federated training") from error


def training_set_digest(case_digests: list[str]) -> str:
    """SHA-256 in hex over the sorted digests (hex) of a training set's cases."""
    return hashlib.sha256("\n".join(sorted(case_digests)).encode()).hexdigest()


def _fields(document: dict[str, Any]) -> dict[str, Any]:
    weights = tuple(
        WeightShape(weight["name"], tuple(int(side) for side in weight["shape"]))
        for weight in document["weights"]
    )
    hospitals = tuple(Hospital(**hospital) for hospital in document["hospitals"])
    widths = tuple(int(width) for width in document["widths"])
    return {**document, "weights": weights, "hospitals": hospitals, "widths": widths}


def _check(holds: bool, rule: str) -> None:
    if not holds:
        raise AgreementError(f"an agreement needs {rule}")
