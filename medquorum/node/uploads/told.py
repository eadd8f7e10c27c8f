"""What the child that looks into uploads may say, typed and bounded.

Values of elements come through it to the one who uploaded the files, and to nobody else; they are
never logged, kept or proposed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from medquorum.node.uploads.limits import (
    BATCH_FILES,
    ISSUES,
    PREVIEW_CHARACTERS,
    SERIES,
    TABLE_LINES,
    VALUE_CHARACTERS,
)

Ordinal = Annotated[int, Field(ge=1, le=BATCH_FILES)]
Words = Annotated[str, Field(max_length=VALUE_CHARACTERS)]
Kind = Literal["ct", "pet", "xray", "nifti", "other"]


class Told(BaseModel):
    """Base: nothing but these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Issue(Told):
    """What is wrong with one file, as a fault of `intake.faults`."""

    ordinal: Ordinal
    fault: Annotated[str, Field(max_length=32)]
    tag: Annotated[str, Field(max_length=64)] | None = None


class TableLine(Told):
    """One element of the first file, and what de-identification does with it."""

    tag: Annotated[str, Field(pattern=r"^[0-9A-F]{4},[0-9A-F]{4}$")]
    name: Words
    value: Words
    action: Literal["kept", "replaced", "moved", "emptied", "removed"]


class SeriesFound(Told):
    """One series of DICOM files, one picture or one NIfTI volume."""

    series: Annotated[int, Field(ge=0, lt=SERIES)]
    kind: Kind
    study: int
    """Series with the same number are of one study."""
    modality: Words
    origin: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of its Series Instance UID, or of the one file's content: the same in each upload."""
    files: Annotated[list[Ordinal], Field(min_length=1, max_length=BATCH_FILES)]
    rows: Annotated[int, Field(ge=0)]
    columns: Annotated[int, Field(ge=0)]
    planes: Annotated[int, Field(ge=0)]
    made_by: Words
    burned_in: bool | None
    """What the files say of writing in their pixels; None where they say nothing."""
    preview: (
        Annotated[str, Field(max_length=PREVIEW_CHARACTERS, pattern=r"^[A-Za-z0-9+/=]*$")] | None
    )
    """The middle plane as PNG in base64."""
    table: Annotated[list[TableLine], Field(max_length=TABLE_LINES)]


class Inspection(Told):
    """What was found in an upload."""

    series: Annotated[list[SeriesFound], Field(max_length=SERIES)]
    issues: Annotated[list[Issue], Field(max_length=ISSUES)]
    skipped: Annotated[list[Ordinal], Field(max_length=BATCH_FILES)]
    """Files that are no images: directories of media, reports, texts."""


class Packed(Told):
    """A part was written."""

    files: Annotated[int, Field(ge=1, le=BATCH_FILES)]


class Refused(Told):
    """A fault of `intake.faults`."""

    fault: str
    ordinal: int | None
    tag: str | None
