"""Series, overlays and a desk that holds them, for tests of what a page shows."""

import io
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as Pillow
from pydicom.dataset import Dataset

from medquorum.ledger import canonical
from medquorum.ledger.limits import FRAME
from medquorum.ledger.types import PartName, RecordId
from medquorum.node.desk import DeskError, Reader
from medquorum.node.viewing.decoding import describe_archive
from tests.node.api.fake_desk import OTHER_RECORD, RECORD, FakeDesk
from tests.node.intake.kit import archive, encoded, image

PIECE_BYTES = 20_000
REPORT = "ef" * 32


@dataclass
class ImageDesk(FakeDesk):
    """A desk that holds what it is given; it logs like a node's."""

    bodies: dict[tuple[str, PartName], bytes] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    """The purposes for which no consent is in force."""

    async def permits(self, record: RecordId, reader: Reader) -> bool:
        return reader.purpose not in self.refused

    def holds(self, record: RecordId) -> bool:
        return any(record.hex() == held for held, _ in self.bodies)

    async def read_part(
        self, record: RecordId, part: PartName, reader: Reader
    ) -> AsyncIterator[bytes]:
        content = self.bodies.get((record.hex(), part))
        if content is None:
            raise DeskError(404, "unknown_record", "no such record or part")
        if reader.purpose in self.refused:
            raise DeskError(403, "no_consent", "ask the patient for a signed consent")
        self.readers.append(reader)
        return self._pieces(content)

    async def _pieces(self, content: bytes) -> AsyncIterator[bytes]:
        for place in range(0, len(content), PIECE_BYTES):
            yield content[place : place + PIECE_BYTES]


def slice_of(modality: str, number: int, pixels: np.ndarray[Any, Any], **tags: Any) -> Dataset:
    """A slice at z = 2 x number mm whose stored values are these."""
    dataset = image(modality, number)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = pixels.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.BitsStored, dataset.HighBit = 16, 15
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def volume(modality: str, values: np.ndarray[Any, Any], **tags: Any) -> bytes:
    """The archive of a volume [z,y,x]; slices are packed in reverse, as some scanners do."""
    slices = [slice_of(modality, z, plane, **tags) for z, plane in enumerate(values)]
    return archive([encoded(one) for one in reversed(slices)])


def described(content: bytes, part: str) -> Any:
    """An archive, described in this process."""
    return describe_archive(io.BytesIO(content), len(content), part)


def plane_of(shown: Any, index: int) -> np.ndarray[Any, Any]:
    """A plane of an image that was described in this process."""
    told = shown.described
    shape = (told["rows"], told["columns"])
    kind = "<i2" if told["stored"] == "int16" else "<u2"
    return np.frombuffer(shown.plane(index), kind).reshape(shape)


def picture(pixels: np.ndarray[Any, Any]) -> bytes:
    """A PNG file."""
    target = io.BytesIO()
    Pillow.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def overlay(labels: np.ndarray[Any, Any], affine_mm: np.ndarray[Any, Any], **more: Any) -> bytes:
    """The attachment of a report."""
    content = {
        "affine_nm": [round(float(one) * 1e6) for one in affine_mm[:3].ravel()],
        "labels_zlib": [zlib.compress(labels.astype(np.uint8).tobytes())],
        "shape": list(labels.shape),
    }
    return canonical.encode({**content, **more}, FRAME)


__all__ = ["OTHER_RECORD", "RECORD", "REPORT", "ImageDesk"]
