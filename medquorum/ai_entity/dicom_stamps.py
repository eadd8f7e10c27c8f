"""Identifiers and times of DICOM results from what they were made of: same input, same bytes.

The library that builds the objects draws their identifiers at random and stamps them with the
clock. Both are replaced here, in all objects of one analysis together, so that what refers to each
other still does. An archive that gets the same result twice then keeps one.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Final

from highdicom import __version__ as highdicom_version
from pydicom.dataset import Dataset, FileDataset
from pydicom.multival import MultiValue

from medquorum import __version__
from medquorum.ai_entity.dicom_writer import uid_of
from medquorum.ai_entity.findings import Findings
from medquorum.ledger.canonical import encode

RANDOM_ROOT: Final = "1.2.826.0.1.3680043.10.511.3."
"""Under which highdicom draws identifiers."""

SOURCE_TIMES: Final = (
    ("ContentDate", "ContentTime"),
    ("AcquisitionDate", "AcquisitionTime"),
    ("SeriesDate", "SeriesTime"),
    ("StudyDate", "StudyTime"),
)
UNKNOWN_TIME: Final = ("19000101", "000000")
"""Where the source has no date; SEG and SR must have one (type 1)."""

CLOCK_FIELDS: Final = ("InstanceCreationDate", "InstanceCreationTime")
"""Optional, and of the clock: left out."""

DIGITS_OF_A_TIME: Final = 6
"""HHMMSS."""


def seed_of(content_digest: bytes, findings: Findings) -> str:
    """What identifies a result: the source series, the findings on it, and who writes them."""
    parts = [content_digest, sha256(encode(findings.to_report())).digest()]
    if findings.overlay is not None:
        parts.append(sha256(findings.overlay.labels().tobytes()).digest())
    parts.append(f"{__version__}/{highdicom_version}".encode())
    return sha256(b"".join(parts)).hexdigest()


def settle(objects: Sequence[Dataset], slices: Sequence[FileDataset], seed: str) -> None:
    """Replace random identifiers by derived ones and the clock by the source's time, in place."""
    kept = {str(one.SOPInstanceUID) for one in slices}
    kept |= {str(element.value) for element in _identifiers(slices[0])}
    renamed: dict[str, str] = {}
    date, time = _time_of(slices[0])
    for made in objects:
        for element in _identifiers(made):
            old = str(element.value)
            if old.startswith(RANDOM_ROOT) and old not in kept:
                renamed.setdefault(old, uid_of("result", seed, len(renamed)))
                element.value = renamed[old]
        for keyword in CLOCK_FIELDS:
            if keyword in made:
                delattr(made, keyword)
        made.ContentDate, made.ContentTime = date, time
        for tool in made.get("ContributingEquipmentSequence", ()):
            tool.ContributionDateTime = date + time


def _identifiers(dataset: Any) -> Iterator[Any]:
    """Elements that hold one identifier, the file's own among them."""
    meta = getattr(dataset, "file_meta", None)
    for part in (dataset, *(() if meta is None else (meta,))):
        for element in part.iterall():
            if element.VR == "UI" and not isinstance(element.value, MultiValue):
                yield element


def _time_of(source: Dataset) -> tuple[str, str]:
    for day, hour in SOURCE_TIMES:
        date = str(source.get(day) or "")
        if date:
            time = str(source.get(hour) or "").partition(".")[0]
            return date, time.ljust(DIGITS_OF_A_TIME, "0")[:DIGITS_OF_A_TIME]
    return UNKNOWN_TIME
