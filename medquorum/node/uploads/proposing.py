"""What an upload holds, told by the names of its files; and a proposal made of one series of it."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from medquorum.ledger.types import BlockType, PartName
from medquorum.node.desk import Desk, DeskError, Receipt, Submission
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.gate import desk_error
from medquorum.node.uploads.memory import (
    SeriesMemory,
    SeriesProposal,
    begin,
    origin_of,
    settle,
)
from medquorum.node.uploads.proposed import (
    ProposedView,
    earlier_view,
    refusal,
    remembered_view,
    standing,
)
from medquorum.node.uploads.room import Batch, Proposed
from medquorum.node.uploads.service import Uploading
from medquorum.node.uploads.told import Inspection, SeriesFound, TableLine

KINDS: Final = {
    "ct": (BlockType.CT, PartName.IMG_CT),
    "pet": (BlockType.PET, PartName.IMM_PET),
    "xray": (BlockType.XRAY, PartName.IMG_XRAY),
}
NIFTI_KINDS: Final = {"CT": "ct", "PT": "pet"}


class IssueView(BaseModel):
    """What is wrong with one file."""

    file: str
    rule: str
    advice: str


class SeriesView(BaseModel):
    """One series that may become a proposal."""

    series: int
    kind: Literal["ct", "pet", "xray", "nifti", "other"] = Field(
        description="`nifti` needs to be said CT or PET, `other` cannot be proposed"
    )
    study: int = Field(description="Series with the same number are of one study")
    modality: str
    files: int
    first_file: str
    rows: int
    columns: int
    planes: int
    made_by: str
    burned_in: bool | None = Field(description="What the files say of writing in their pixels")
    preview: str | None = Field(description="The middle plane as PNG in base64")
    table: list[TableLine] = Field(description="Elements of the first file, and what becomes of it")
    proposed: ProposedView | None = Field(
        description="The newest proposal made of it, in this upload or an earlier one"
    )


class InspectionView(BaseModel):
    """What was found in an upload."""

    series: list[SeriesView]
    issues: list[IssueView]
    skipped: list[str] = Field(description="Files that are no images")


class SeriesWish(BaseModel):
    """Which series becomes whose proposal."""

    patient: int = Field(ge=1, le=2**53)
    series: int = Field(ge=0)
    deidentify: bool = True
    modality: Literal["CT", "PT"] | None = Field(
        default=None, description="Of a NIfTI: HU of a CT, or SUV of a PET"
    )
    again: bool = Field(
        default=False,
        description="Propose it although a proposal of the same series is open or accepted",
    )


async def inspect(uploading: Uploading, batch: Batch, desk: Desk) -> InspectionView:
    """Look into an upload that is whole. Raises DeskError."""
    found = await _inspected(uploading, batch)
    names = batch.ordinals
    issues = [
        _issue(names[one.ordinal].name, one.fault, one.tag)
        for one in found.issues
        if one.ordinal in names
    ]
    series = [
        SeriesView(
            **one.model_dump(exclude={"files", "origin"}),
            files=len(one.files),
            first_file=names[one.files[0]].name,
            proposed=await _proposed(uploading, batch, one, desk),
        )
        for one in found.series
        if all(ordinal in names for ordinal in one.files)
    ]
    skipped = [names[ordinal].name for ordinal in found.skipped if ordinal in names]
    return InspectionView(series=series, issues=issues, skipped=skipped)


async def propose(uploading: Uploading, batch: Batch, wish: SeriesWish, desk: Desk) -> Receipt:
    """Make a proposal of one series. Raises DeskError, in which files have their own names.

    Asked again for what stands already, it gives back the first proposal of this upload, and
    refuses what an earlier upload proposed, unless the wish says `again`.
    """
    found = await _inspected(uploading, batch)
    series = next((one for one in found.series if one.series == wish.series), None)
    if series is None:
        raise DeskError(404, "no_such_series", "this upload holds no such series; look again")
    kind = _kind(series, wish)
    _check_whole(batch, found, series)
    if batch.busy:
        raise DeskError(409, "upload_busy", "this upload is being worked on; wait a moment")
    batch.busy = True
    try:
        earlier = await standing(batch, series, desk)
        if earlier is not None and (earlier.asked == _asked(wish) or not wish.again):
            return _given_back(earlier, wish)
        origin = _origin(uploading, series)
        with uploading.only_here(origin):
            receipt = await _made(uploading, batch, (series, kind, wish), origin, desk)
        made = Proposed(frozenset(series.files), wish.patient, _asked(wish), receipt)
        batch.proposed.append(made)
        return receipt
    except IntakeRefused as refused:
        raise _by_name(refused, batch) from None
    finally:
        batch.busy = False


def _kind(series: SeriesFound, wish: SeriesWish) -> str:
    """What a series is proposed as, one of KINDS. Raises DeskError."""
    kind = series.kind
    if kind == "nifti":
        if wish.modality is None:
            raise DeskError(422, "modality", "say whether the NIfTI holds a CT or a PET in SUV")
        kind = "ct" if wish.modality == "CT" else "pet"
    if kind not in KINDS:
        raise DeskError(422, "wrong_modality", "only CT, PET and X-rays can be proposed")
    return kind


async def _made(
    uploading: Uploading,
    batch: Batch,
    what: tuple[SeriesFound, str, SeriesWish],
    origin: bytes,
    desk: Desk,
) -> Receipt:
    """A proposal of a series as this kind, unless another stands. Raises DeskError."""
    series, kind, wish = what
    memory = uploading.memory
    known = None if wish.again else await remembered_view(memory, origin, desk)
    if known is not None and known.stands:
        raise refusal(known)
    target = batch.folder / "part"
    try:
        await uploading.looker.pack(_request(uploading, batch, series, wish))
        begun = await begin(memory, origin, wish.patient)
        type_, part = KINDS[kind]
        parts = {part: target}
        submission = Submission(type_, wish.patient, None, parts, record=begun.record)
        return await _submitted(memory, begun, submission, desk)
    finally:
        target.unlink(missing_ok=True)


async def _submitted(
    memory: SeriesMemory, begun: SeriesProposal, submission: Submission, desk: Desk
) -> Receipt:
    """The desk's receipt, remembered; what it refused for good was never begun."""
    try:
        receipt = await desk.submit(submission)
    except DeskError as refused:
        if refused.status < 500:
            await memory.drop(begun.record)
        raise
    await settle(memory, begun, receipt.proposal)
    return receipt


def _origin(uploading: Uploading, series: SeriesFound) -> bytes:
    return origin_of(uploading.read_secret(), series.origin)


async def _proposed(
    uploading: Uploading, batch: Batch, series: SeriesFound, desk: Desk
) -> ProposedView | None:
    """What this upload's page shows of a series: its own proposal, else an earlier upload's."""
    own = await earlier_view(batch, series, desk)
    return own or await remembered_view(uploading.memory, _origin(uploading, series), desk)


def _asked(wish: SeriesWish) -> str:
    return wish.model_dump_json(exclude={"series"})


def _given_back(earlier: Proposed, wish: SeriesWish) -> Receipt:
    """The receipt of the same wish. Raises DeskError where another was made of these files."""
    if earlier.asked == _asked(wish):
        return earlier.receipt
    raise DeskError(
        409,
        "already_proposed",
        f"this series was proposed already, for patient {earlier.patient}; "
        "let the doctors reject that first, or say expressly (`again`) that it is to be proposed "
        "once more",
    )


def _check_whole(batch: Batch, found: Inspection, series: SeriesFound) -> None:
    """A series is not proposed without the files of it that are wrong: remove them, or mend them.

    Raises DeskError.
    """
    wrong = next((one for one in found.issues if one.ordinal in series.files), None)
    if wrong is not None:
        name = batch.ordinals[wrong.ordinal].name
        raise DeskError(
            409,
            "series_incomplete",
            f"{name} belongs to this series and cannot be used; remove it, or send it anew",
        )


async def _inspected(uploading: Uploading, batch: Batch) -> Inspection:
    if not batch.complete:
        raise DeskError(409, "upload_incomplete", "files are still missing bytes; send them first")
    if batch.inspection is None:
        ordinals = sorted(batch.ordinals)
        try:
            batch.inspection = await uploading.looker.inspect(batch.folder, ordinals)
        except IntakeRefused as refused:
            raise _by_name(refused, batch) from None
    return batch.inspection


def _request(
    uploading: Uploading, batch: Batch, series: SeriesFound, wish: SeriesWish
) -> dict[str, Any]:
    wanted: str = "series"
    if series.kind == "nifti":
        wanted = wish.modality or ""
    elif series.modality in ("PNG", "JPEG"):
        wanted = "picture"
    return {
        "wanted": wanted,
        "folder": str(batch.folder.resolve()),
        "files": series.files,
        "target": str((batch.folder / "part").resolve()),
        "patient": str(wish.patient),
        "secret": uploading.read_secret().hex(),
        "cleaned": wish.deidentify,
    }


def _issue(name: str, fault: str, tag: str | None) -> IssueView:
    try:
        refused = IntakeRefused(Fault(fault), None, tag)
    except (ValueError, KeyError):
        refused = IntakeRefused(Fault.DIED)
    return IssueView(file=name, rule=refused.rule.value, advice=refused.advice)


def _by_name(refused: IntakeRefused, batch: Batch) -> DeskError:
    """The refusal with the file's own name, which its uploader knows."""
    error = desk_error(refused)
    file = None if refused.ordinal is None else batch.ordinals.get(refused.ordinal)
    if file is None:
        return error
    return DeskError(error.status, error.rule, f"{file.name}: {refused.advice}")
