"""Which model made a report of an AI entity, and from which blocks (R-PRO9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES
from medquorum.ledger.limits import REFERENCES
from medquorum.ledger.schema import Reader, octets_of
from medquorum.ledger.types import BlockHash

PROVENANCE_FIELDS = (
    "confidence_ppm",
    "inputs",
    "kind",
    "machine_generated",
    "model_digest",
    "model_name",
    "model_version",
    "preprocessing",
    "training_digest",
)


class FindingKind(StrEnum):
    """What an AI entity looked for (R-PRO9)."""

    TUMOUR = "tumour"
    FRACTURE = "fracture"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which model made a report, from which blocks (R-PRO9)."""

    kind: FindingKind
    model_name: str
    model_version: str
    model_digest: bytes
    training_digest: bytes
    preprocessing: str
    confidence_ppm: int
    inputs: tuple[BlockHash, ...]

    def as_map(self) -> dict[str, object]:
        """The canonical map of R-PRO9."""
        return {
            "confidence_ppm": self.confidence_ppm,
            "inputs": list(self.inputs),
            "kind": self.kind.value,
            "machine_generated": True,
            "model_digest": self.model_digest,
            "model_name": self.model_name,
            "model_version": self.model_version,
            "preprocessing": self.preprocessing,
            "training_digest": self.training_digest,
        }


def parse_provenance(value: object) -> Provenance:
    """Read the map `ai` of a core; CodecError when malformed."""
    reader = Reader(value, PROVENANCE_FIELDS, "ai")
    if not reader.flag("machine_generated"):
        raise CodecError("R-PRO9: machine_generated is true for every AI report")
    return Provenance(
        kind=reader.closed("kind", FindingKind),
        model_name=reader.text("model_name"),
        model_version=reader.text("model_version"),
        model_digest=reader.octets("model_digest", DIGEST_BYTES),
        training_digest=reader.octets("training_digest", DIGEST_BYTES),
        preprocessing=reader.text("preprocessing"),
        confidence_ppm=reader.integer("confidence_ppm", 0, 1_000_000),
        inputs=block_hashes(reader, "inputs"),
    )


def block_hashes(reader: Reader, name: str) -> tuple[BlockHash, ...]:
    """A list of block hashes under this name, at most REFERENCES."""
    read = octets_of(DIGEST_BYTES, name)
    return reader.listed(name, REFERENCES, lambda entry: BlockHash(read(entry)))
