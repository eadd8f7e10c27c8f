"""The body seen from one side, in words for the page: how many pixels, and where they lie."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

SightName = Literal["front", "side"]


class SightView(BaseModel):
    """A projection, head up: from the front the patient's right, from the side the front first."""

    name: SightName
    columns: int
    rows: int
    origin: tuple[float, float, float] = Field(
        description="Centre of the first pixel in the middle of the body's depth, mm LPS"
    )
    across: tuple[float, float, float] = Field(description="From a column to the next, mm LPS")
    down: tuple[float, float, float] = Field(description="From a row to the next, mm LPS")
    depth: tuple[float, float, float] = Field(description="Direction of sight, from near to far")


class ProjectionsView(BaseModel):
    """The projections of a PET."""

    sights: list[SightView]
