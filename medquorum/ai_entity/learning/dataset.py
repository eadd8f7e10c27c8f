"""Verified ledgers to a training set: open the bodies, read images and reports, keep arrays.

Bodies are opened by the AI entity's own node, which holds its keys and checks each plaintext
against the ledger's commitment (R-BOD6); every reading is in that node's access log, with the
purpose *research*. A patient is either in training or in the hold-out, for ever: the hash of the
patient's key decides, and an image that comes a second time, from whatever ledger, is left out.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from medquorum.ai_entity.errors import AnalysisError
from medquorum.ai_entity.learning.labels import (
    LabelRefused,
    fracture_label,
    read_overlay,
    read_report,
    summary_of,
    tumour_mask,
)
from medquorum.ai_entity.learning.lessons import Excluded, Lesson, StudyKind, lessons_of
from medquorum.ai_entity.learning.readings import (
    PICTURES_AT_ONCE,
    Picture,
    read_pictures,
    read_study,
)
from medquorum.ai_entity.learning.training_set import (
    Array,
    Split,
    array_digest,
    write_arrays,
    write_manifest,
)
from medquorum.ai_entity.learning.verified_ledger import LedgerEntry, VerifiedLedger
from medquorum.ai_entity.overlay import Overlay
from medquorum.ledger.contents import MedicalReport
from medquorum.ledger.types import REQUIRED_PART, PartName

PREPROCESSING: Final = "medquorum-learning-arrays/1"
HOLD_OUT_PERCENT: Final = 20
MAX_REPORT_BYTES: Final = 1_048_576


class Bodies(Protocol):
    """Where the parts of one network's bodies come from: the AI entity's own node there."""

    async def part(self, record: str, part: str, target: Path) -> bool:
        """Write the plaintext of a part to a file; False where the node has it not for us."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """One verified ledger with the way to its bodies."""

    ledger: VerifiedLedger
    bodies: Bodies


@dataclass(frozen=True, slots=True)
class Told:
    """A lesson with its open report; its image files lie in a folder."""

    lesson: Lesson
    report: MedicalReport
    overlay: Overlay | None
    files: tuple[Path, ...]

    def __repr__(self) -> str:
        return f"Told({self.lesson.kind.value})"


@dataclass(slots=True)
class Made:
    """What a run has put together."""

    folder: Path
    hold_out_percent: int
    samples: list[dict[str, Any]] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    """Digests of images kept."""


async def make_training_set(
    sources: Sequence[Source], folder: Path, hold_out_percent: int = HOLD_OUT_PERCENT
) -> tuple[bytes, Made]:
    """Write the training set of verified ledgers to a new folder; its digest and what it holds."""
    made = Made(folder, hold_out_percent)
    ordered = sorted(sources, key=lambda one: one.ledger.network)
    for source in ordered:
        lessons = lessons_of(source.ledger)
        made.excluded.update(why.value for _, why in lessons.excluded)
        await _take_pictures(source, _of(lessons.taught, StudyKind.FRACTURE), made)
        for kind in (StudyKind.CT, StudyKind.PETCT):
            for lesson in _of(lessons.taught, kind):
                await _take_study(source, lesson, made)
    about = {
        "preprocessing": PREPROCESSING,
        "hold_out_percent": hold_out_percent,
        "networks": [_network(source.ledger) for source in ordered],
        "excluded": dict(sorted(made.excluded.items())),
    }
    return write_manifest(folder, made.samples, about), made


def _of(lessons: Sequence[Lesson], kind: StudyKind) -> list[Lesson]:
    return [one for one in lessons if one.kind is kind]


def _network(ledger: VerifiedLedger) -> dict[str, Any]:
    return {
        "network": ledger.network.hex(),
        "tip": ledger.tip.hex(),
        "blocks": len(ledger.entries),
        "charter_version": ledger.charter.version,
    }


def split_of(patient: bytes, hold_out_percent: int) -> Split:
    """Training or hold-out, by the patient's hash alone."""
    share = int.from_bytes(patient[:8], "big") * 100 >> 64
    return Split.HOLD_OUT if share < hold_out_percent else Split.TRAINING


async def _take_pictures(source: Source, lessons: Sequence[Lesson], made: Made) -> None:
    for start in range(0, len(lessons), PICTURES_AT_ONCE):
        with tempfile.TemporaryDirectory(prefix="medquorum-learning-") as folder:
            told: list[Told] = []
            for place, lesson in enumerate(lessons[start : start + PICTURES_AT_ONCE]):
                opened = await _open(source.bodies, lesson, Path(folder) / str(place), made)
                told += [] if opened is None else [opened]
            pictures = read_pictures([one.files[0] for one in told])
            for one, picture in zip(told, pictures, strict=True):
                _keep_picture(one, picture, made)


def _keep_picture(told: Told, picture: Picture | AnalysisError, made: Made) -> None:
    if isinstance(picture, AnalysisError):
        made.excluded[Excluded.UNREADABLE.value] += 1
        return
    try:
        label = fracture_label(told.report, told.overlay, picture)
    except LabelRefused as refused:
        made.excluded[refused.why.value] += 1
        return
    arrays: dict[str, Array] = {
        "grey": picture.grey,
        "field": np.asarray(picture.field, dtype=np.int32),
    }
    _keep(told.lesson, arrays, "grey", {**summary_of(label), "pixel_um": picture.pixel_um}, made)


async def _take_study(source: Source, lesson: Lesson, made: Made) -> None:
    with tempfile.TemporaryDirectory(prefix="medquorum-learning-") as folder:
        told = await _open(source.bodies, lesson, Path(folder), made)
        if told is None:
            return
        try:
            study = read_study(told.files[0], told.files[1] if len(told.files) > 1 else None)
            mask = tumour_mask(told.report, told.overlay, study)
        except AnalysisError:
            made.excluded[Excluded.UNREADABLE.value] += 1
            return
        except LabelRefused as refused:
            made.excluded[refused.why.value] += 1
            return
    if study.names_fdg is False:
        made.excluded[Excluded.OTHER_TRACER.value] += 1
        return
    arrays: dict[str, Array] = {"hu": study.hu, "mask": mask}
    if study.suv is not None:
        arrays["suv"] = study.suv
    label = {**summary_of(mask), "affine_nm": list(study.affine_nm)}
    _keep(lesson, arrays, "hu" if study.suv is None else "suv", label, made)


def _keep(
    lesson: Lesson, arrays: Mapping[str, Array], image: str, label: Mapping[str, Any], made: Made
) -> None:
    """Write one sample, unless its image was taken before."""
    digest = array_digest(arrays[image])
    if digest in made.seen:
        made.excluded[Excluded.REPEATED.value] += 1
        return
    made.seen.add(digest)
    identity = lesson.identity.hex()
    digests = write_arrays(made.folder, identity, arrays)
    split = split_of(lesson.patient, made.hold_out_percent)
    made.samples.append(
        {
            "identity": identity,
            "kind": lesson.kind.value,
            "split": split.value,
            "label": dict(label),
            "arrays": digests,
            **provenance_of(lesson),
        }
    )


def provenance_of(lesson: Lesson) -> dict[str, Any]:
    """Where a sample comes from, in hashes and counts."""
    report = lesson.report
    core = report.block.proposal.core
    return {
        "network": lesson.network.hex(),
        "patient": lesson.patient.hex(),
        "images": [bytes(one.block.hash).hex() for one in lesson.images],
        "report": bytes(report.block.hash).hex(),
        "author": "machine" if core.ai is not None else "human",
        "approvers": report.approvals,
        "replaces": None if core.replaces is None else bytes(core.replaces).hex(),
        "model_digest": None if core.ai is None else core.ai.model_digest.hex(),
        "overrules": [
            {
                "proposal": one.proposal.hex(),
                "outcome": one.outcome.value,
                "model_digest": one.model_digest.hex(),
            }
            for one in lesson.overruled
        ],
    }


async def _open(bodies: Bodies, lesson: Lesson, folder: Path, made: Made) -> Told | None:
    """The report and the images of a lesson in a folder; None, counted, where that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        report, overlay = await _report(bodies, lesson, folder)
        files = [await _image(bodies, one, folder) for one in lesson.images]
    except LabelRefused as refused:
        made.excluded[refused.why.value] += 1
        return None
    return Told(lesson, report, overlay, tuple(files))


async def _report(
    bodies: Bodies, lesson: Lesson, folder: Path
) -> tuple[MedicalReport, Overlay | None]:
    report = await _part(bodies, lesson.report, PartName.M_REPORT, folder)
    names = {part.name for part in lesson.report.block.proposal.core.parts}
    attached = None
    if PartName.ATTACHMENT in names:
        attached = await _part(bodies, lesson.report, PartName.ATTACHMENT, folder)
        attached = attached if attached.stat().st_size <= MAX_REPORT_BYTES else None
    read = read_report(_bounded(report), lesson)
    return read, read_overlay(None if attached is None else attached.read_bytes(), lesson)


def _bounded(path: Path) -> bytes:
    if path.stat().st_size > MAX_REPORT_BYTES:
        raise LabelRefused(Excluded.MALFORMED_REPORT)
    return path.read_bytes()


async def _image(bodies: Bodies, image: LedgerEntry, folder: Path) -> Path:
    return await _part(bodies, image, REQUIRED_PART[image.block.proposal.core.type], folder)


async def _part(bodies: Bodies, entry: LedgerEntry, part: PartName, folder: Path) -> Path:
    record = bytes(entry.block.proposal.core.record).hex()
    target = folder / f"{part.value}-{record[:16]}"
    if not await bodies.part(record, part.value, target):
        raise LabelRefused(Excluded.NOT_HELD)
    return target


def label_counts(samples: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    """(what, how many) for people: kind, split and author."""
    counts = Counter(f"{one['kind']} {one['split']} by {one['author']}" for one in samples)
    yield from sorted(counts.items())
