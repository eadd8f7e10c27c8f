"""What an overlay draws, in words for the page."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Kind = Literal["lesion", "edge", "contour", "activation", "organ"]


class LabelView(BaseModel):
    """One label of the map."""

    label: int
    kind: Kind
    level: int | None = Field(description="Of an activation: 0 the weakest, 7 the strongest")
    voxels: int = Field(description="On the report's own grid")
    first_slice: int = Field(description="First slice of the image that the label reaches")
    central_slice: int = Field(description="The slice nearest to its largest plane")
    last_slice: int


class OverlayView(BaseModel):
    """An overlay on an image; label n of a CT or PET is lesion n of the report."""

    on: str
    labels: list[LabelView]
    organs: list[LabelView] = Field(description="Of the layer `organs`; empty without one")
