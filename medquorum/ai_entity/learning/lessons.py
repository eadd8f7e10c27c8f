"""Which report speaks for which image: pure rules over verified blocks, before any body is opened.

A report speaks of the newest image it names, or, where it names none, of what the report it
replaces speaks of. For each image:

1. only accepted reports count, and only such as no later accepted report replaces;
2. a human's (doctor's or radiologist's) latest report wins over every machine's, whether the
   machine's was accepted, replaced or rejected: that is how a correction becomes a label;
3. else the machine's latest accepted report is the label;
4. an image whose only reports were rejected teaches nothing.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from medquorum.ai_entity.learning.verified_ledger import LedgerEntry, VerifiedLedger
from medquorum.ledger.types import IMAGE_TYPES, BlockHash, BlockType, Outcome, Role

HUMAN_ISSUERS: Final = frozenset({Role.DOCTOR, Role.RADIOLOGIST})
PATIENT_TAG: Final = b"medquorum/learning/patient/1"


class StudyKind(StrEnum):
    """What is learnt from a study; also the kind of model that learns from it."""

    FRACTURE = "fracture"
    CT = "ct"
    PETCT = "petct"


class Excluded(StrEnum):
    """Why an image that was reported on is not in the training set."""

    REJECTED = "rejected_without_correction"
    """Every report on it was rejected, and nobody wrote another."""
    NO_CT = "pet_without_ct"
    """A PET is read together with a CT, and none stands before it."""
    NO_CONCLUSION = "report_without_conclusion"
    """The report that counts says inconclusive, or answers another question."""
    NO_OUTLINE = "tumour_without_outline"
    """It says tumour and draws none: it teaches no voxel."""
    FOREIGN_OUTLINE = "overlay_of_another_grid"
    """The report's overlay does not lie on its own image's grid."""
    MALFORMED_REPORT = "malformed_report"
    """The report's content is not that of R-CON3, or not its issuer's kind of author."""
    NOT_HELD = "body_not_held"
    """The node has not the body, or may not open it."""
    NO_CONSENT = "no_consent_to_research"
    """The patient has not consented, or not any more, to research at this node (R-CST3)."""
    UNREADABLE = "image_not_readable"
    """The image does not become an array here."""
    OTHER_TRACER = "pet_of_another_tracer"
    """The PET's header names another tracer than FDG: the models read FDG only."""
    REPEATED = "same_image_again"
    """The very same image was taken already, from another block."""


@dataclass(frozen=True, slots=True)
class Overruled:
    """A machine's report that the label does not follow."""

    proposal: bytes
    outcome: Outcome
    model_digest: bytes


@dataclass(frozen=True, slots=True)
class Lesson:
    """One image, or a PET with its CT, and the report that counts."""

    kind: StudyKind
    network: bytes
    patient: bytes
    """Hash of the patient's key: the same wherever the patient uses that key."""
    images: tuple[LedgerEntry, ...]
    """Oldest first; the newest is what the report speaks of."""
    report: LedgerEntry
    overruled: tuple[Overruled, ...]

    @property
    def by_human(self) -> bool:
        """Whether a doctor or radiologist wrote the label."""
        return self.report.issuer_role in HUMAN_ISSUERS

    @property
    def identity(self) -> bytes:
        """Hash of the newest image's block: the sample's name."""
        return bytes(self.images[-1].block.hash)


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a ledger teaches, and what of it does not, by reason."""

    taught: tuple[Lesson, ...]
    excluded: tuple[tuple[bytes, Excluded], ...]
    """(hash of the image's block, reason)."""


def patient_hash(patient_key: bytes) -> bytes:
    """A name for a patient that is in no ledger and leads to nobody without one."""
    return hashlib.sha256(PATIENT_TAG + patient_key).digest()


def lessons_of(ledger: VerifiedLedger) -> Lessons:
    """The lessons of one verified ledger, in the order of their images."""
    book = _Book(ledger.entries)
    taught, excluded = [], []
    for image in book.images.values():
        reports = book.reports[image.block.hash]
        if not reports:
            continue
        found = _lesson(ledger.network, image, reports, book)
        if isinstance(found, Lesson):
            taught.append(found)
        else:
            excluded.append((bytes(image.block.hash), found))
    return Lessons(tuple(taught), tuple(excluded))


class _Book:
    """Images, and the reports on each, by block hash."""

    def __init__(self, entries: Iterable[LedgerEntry]) -> None:
        self.images: dict[BlockHash, LedgerEntry] = {}
        self.reports: dict[BlockHash, list[LedgerEntry]] = defaultdict(list)
        self.replaced: set[BlockHash] = set()
        self._subject: dict[BlockHash, BlockHash] = {}
        for entry in entries:
            self._take(entry)

    def _take(self, entry: LedgerEntry) -> None:
        core, block = entry.block.proposal.core, entry.block
        accepted = block.header.outcome is Outcome.ACCEPTED
        if core.type in IMAGE_TYPES and accepted:
            self.images[block.hash] = entry
        if core.type is not BlockType.REPORT:
            return
        subject = self._subject_of(entry)
        if subject is None:
            return
        self.reports[subject].append(entry)
        if accepted:
            self._subject[block.hash] = subject
            if core.replaces is not None:
                self.replaced.add(core.replaces)

    def _subject_of(self, report: LedgerEntry) -> BlockHash | None:
        """A rejected report's references are unchecked (R-ORD5): only its own patient's count."""
        core = report.block.proposal.core
        named = [
            one
            for one in core.references
            if one in self.images and self.images[one].block.header.n_pb == core.patient
        ]
        if named:
            return max(named, key=lambda one: self.images[one].block.header.n_bc)
        return None if core.replaces is None else self._subject.get(core.replaces)


def _lesson(
    network: bytes, image: LedgerEntry, reports: Sequence[LedgerEntry], book: _Book
) -> Lesson | Excluded:
    counting = _counting(reports, book)
    if counting is None:
        return Excluded.REJECTED
    images: tuple[LedgerEntry, ...] | None = (image,)
    kind = StudyKind.FRACTURE
    if image.block.proposal.core.type is BlockType.CT:
        kind = StudyKind.CT
    elif image.block.proposal.core.type is BlockType.PET:
        kind, images = StudyKind.PETCT, _with_ct(image, reports, book.images)
    if images is None:
        return Excluded.NO_CT
    patient = patient_hash(image.block.proposal.core.patient_key)
    return Lesson(kind, network, patient, images, counting, _overruled(reports, counting))


def _counting(reports: Sequence[LedgerEntry], book: _Book) -> LedgerEntry | None:
    """Rules 1 to 3 of this module."""
    standing = [
        one
        for one in reports
        if one.block.header.outcome is Outcome.ACCEPTED and one.block.hash not in book.replaced
    ]
    humans = [one for one in standing if one.issuer_role in HUMAN_ISSUERS]
    counting = humans or standing
    return counting[-1] if counting else None


def _with_ct(
    pet: LedgerEntry, reports: Sequence[LedgerEntry], images: Mapping[BlockHash, LedgerEntry]
) -> tuple[LedgerEntry, ...] | None:
    """The PET after the CT that a report reads it with, else after the patient's newest CT."""
    before = [
        one
        for one in images.values()
        if one.block.proposal.core.type is BlockType.CT
        and one.block.header.n_pb == pet.block.header.n_pb
        and one.block.header.n_bc < pet.block.header.n_bc
    ]
    mentioned = {one for report in reports for one in report.block.proposal.core.references}
    named = [one for one in before if one.block.hash in mentioned]
    found = named or before
    return (found[-1], pet) if found else None


def _overruled(reports: Sequence[LedgerEntry], counting: LedgerEntry) -> tuple[Overruled, ...]:
    return tuple(
        Overruled(
            bytes(one.block.header.proposal),
            one.block.header.outcome,
            one.block.proposal.core.ai.model_digest,
        )
        for one in reports
        if one is not counting and one.block.proposal.core.ai is not None
    )
