"""What an institution's program submits: files streamed in a form, structured parts as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

from medquorum.ledger.types import BlockType, PartName
from medquorum.node.client_transport import PIECE_BYTES
from medquorum.node.desk import Registration


@dataclass(frozen=True, slots=True)
class FileSubmission:
    """A submission by an institution: files, and structured parts as the maps of R-CON."""

    type: BlockType
    patient: int | None = None
    """N PB; None on registration."""
    doctor: str | None = None
    """bech32m address; None: the patient's attending."""
    files: Mapping[PartName, Path] = field(default_factory=dict)
    structured: Mapping[PartName, Mapping[str, object]] = field(default_factory=dict)
    references: Sequence[str] = ()
    replaces: str | None = None
    registration: Registration | None = None
    provenance: Mapping[str, object] | None = None
    """R-PRO9 but inputs and machine_generated; digests as hex."""
    lifetime_ms: int | None = None

    def fields(self) -> dict[str, str]:
        """The text fields of the form."""
        given = {
            "type": self.type.value,
            "patient": None if self.patient is None else str(self.patient),
            "doctor": self.doctor,
            "references": json.dumps(list(self.references)) if self.references else None,
            "replaces": self.replaces,
            "registration": None if self.registration is None else _registration(self.registration),
            "provenance": None if self.provenance is None else json.dumps(dict(self.provenance)),
            "lifetime_ms": None if self.lifetime_ms is None else str(self.lifetime_ms),
        }
        texts = {name: text for name, text in given.items() if text is not None}
        parts = {part.value: json.dumps(content) for part, content in self.structured.items()}
        return {**texts, **parts}

    def form(self) -> aiohttp.MultipartWriter:
        """The multipart form; files are read while they are sent."""
        form = aiohttp.MultipartWriter("form-data")
        for name, text in self.fields().items():
            form.append(text).set_content_disposition("form-data", name=name)
        for part, path in self.files.items():
            payload = form.append(_pieces(path), {"Content-Type": "application/octet-stream"})
            payload.set_content_disposition("form-data", name=part.value, filename=part.value)
        return form


def _registration(registration: Registration) -> str:
    fields = asdict(registration)
    shown = {key: each.hex() if isinstance(each, bytes) else each for key, each in fields.items()}
    return json.dumps(shown)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
