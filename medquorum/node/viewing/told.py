"""What the child that decodes may say, typed and bounded: whoever parses may be taken over.

A line of it is JSON: a description, the number of a plane that is decoded, or a fault of the
closed set of `intake.faults`. Texts of a file pass only under the names of `limits.FACTS`, short
and printable.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from medquorum.node.intake.limits import PIXELS, SIDE
from medquorum.node.viewing.geometry import Concern
from medquorum.node.viewing.limits import (
    BYTES_PER_VOXEL,
    FACT_CHARACTERS,
    FACTS,
    IMAGE_BYTES,
    PLANES,
    WARNINGS,
)

Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
Side = Annotated[int, Field(ge=1, le=SIDE)]
Triple = tuple[Finite, Finite, Finite]


class Told(BaseModel):
    """Base: nothing but these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Window(Told):
    """How grey values are shown; units are those of the image."""

    name: Literal[
        "file", "full", "soft_tissue", "lung", "bone", "brain", "liver", "suv_5", "suv_10", "suv_20"
    ] = Field(description="A key; `file` is the file's own, `full` its whole range")
    centre: Finite
    width: Annotated[float, Field(gt=0, le=1e9)]


class Concerned(Told):
    """Something a reader must know; indices count slices from 0."""

    kind: Concern
    after: int | None = Field(default=None, description="The slice before a gap or a double")
    count: int | None = None
    least_mm: Finite | None = None
    most_mm: Finite | None = None


class Rescale(Told):
    """Value in `unit` = stored x slope + intercept."""

    slope: Annotated[float, Field(gt=0, le=1e9)]
    intercept: Finite


class Frame(Told):
    """One film or frame of a radiograph; they may differ in size."""

    columns: Side
    rows: Side


class Description(Told):
    """An image, and how to read its slices: little-endian, row by row, two bytes for each voxel."""

    kind: Literal["ct", "pet", "xray"]
    columns: Side
    rows: Side
    slices: Annotated[int, Field(ge=1, le=PLANES)]
    frames: Annotated[list[Frame], Field(max_length=PLANES)] = Field(
        default_factory=list, description="Sizes of a radiograph's planes; empty for a volume"
    )
    spacing_mm: tuple[Finite, Finite, Finite | None] | None = Field(
        description="Between columns, rows and slices, from positions; null where unknown"
    )
    origin: Triple | None = Field(description="Centre of the first voxel, mm LPS")
    orientation: tuple[Finite, Finite, Finite, Finite, Finite, Finite] | None = None
    positions: Annotated[list[Triple], Field(max_length=PLANES)]
    unit: Literal["HU", "SUV", "none"]
    stored: Literal["int16", "uint16"]
    rescale: Rescale
    windows: Annotated[list[Window], Field(min_length=1, max_length=16)]
    photometric: Literal["MONOCHROME1", "MONOCHROME2", "PICTURE"] = Field(
        description="As stored; MONOCHROME1 was inverted for the slices given here"
    )
    series: dict[str, str] = Field(description="How it was made; nothing of whom")
    warnings: Annotated[list[Concerned], Field(max_length=WARNINGS)]
    frame_of_reference: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Images with the same one lie in one space"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Description:
        """A volume has a place for each slice, a radiograph a size; all within the limits."""
        volume = self.kind != "xray"
        lists = len(self.positions) if volume else len(self.frames)
        complete = not volume or (self.orientation is not None and self.spacing_mm is not None)
        if lists != self.slices or not complete:
            raise ValueError("planes and places do not match")
        if self.total_bytes > IMAGE_BYTES or max(map(self.plane_pixels, range(1))) > PIXELS:
            raise ValueError("too large")
        if not all(key in FACTS and _plain(text) for key, text in self.series.items()):
            raise ValueError("no such fact")
        return self

    def shape_of(self, index: int) -> tuple[int, int]:
        """Rows and columns of one plane."""
        if self.frames:
            return self.frames[index].rows, self.frames[index].columns
        return self.rows, self.columns

    def plane_pixels(self, index: int) -> int:
        """Voxels of one plane."""
        rows, columns = self.shape_of(index)
        return rows * columns

    def place_of(self, index: int) -> tuple[int, int]:
        """Offset and length of one plane in the decoded file, bytes."""
        if not self.frames:
            length = self.rows * self.columns * BYTES_PER_VOXEL
            return index * length, length
        before = sum(map(self.plane_pixels, range(index)))
        return before * BYTES_PER_VOXEL, self.plane_pixels(index) * BYTES_PER_VOXEL

    @property
    def total_bytes(self) -> int:
        """Length of the decoded file."""
        offset, length = self.place_of(self.slices - 1)
        return offset + length


class Decoded(Told):
    """One plane stands in the file."""

    decoded: Annotated[int, Field(ge=0, lt=PLANES)]


class Refused(Told):
    """A fault of `intake.faults`."""

    fault: str
    ordinal: int | None
    tag: str | None


class Described(Told):
    """The first line of a child that can read the image."""

    described: Description


def _plain(text: str) -> bool:
    return len(text) <= FACT_CHARACTERS and text.isprintable()
