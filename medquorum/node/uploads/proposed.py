"""What was proposed of an upload already, and whether it stands: the same is not proposed twice."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, Field

from medquorum.node.desk import Desk, DeskError
from medquorum.node.uploads.room import Batch, Proposed
from medquorum.node.uploads.told import SeriesFound

STANDING: Final = frozenset({"open", "accepted"})
"""A proposal that was rejected, has gone stale or has expired may be made again."""
UNKNOWN: Final = "unknown"


class ProposedView(BaseModel):
    """A proposal made of a series."""

    proposal: str
    patient: int
    state: str = Field(description="As of a proposal: `open`, `accepted`, `rejected`, …")


async def earlier_view(batch: Batch, series: SeriesFound, desk: Desk) -> ProposedView | None:
    """The newest proposal made of a series; None where there is none."""
    made = _made_of(batch, series)
    if made is None:
        return None
    state = await _state(made, desk)
    return ProposedView(proposal=made.receipt.proposal, patient=made.patient, state=state)


async def standing(batch: Batch, series: SeriesFound, desk: Desk) -> Proposed | None:
    """The proposal made of a series that is open or accepted."""
    made = _made_of(batch, series)
    if made is None or await _state(made, desk) not in STANDING:
        return None
    return made


def _made_of(batch: Batch, series: SeriesFound) -> Proposed | None:
    """The newest that shares a file: a series with one file more or less is still the same."""
    files = frozenset(series.files)
    return next((one for one in reversed(batch.proposed) if one.ordinals & files), None)


async def _state(made: Proposed, desk: Desk) -> str:
    try:
        return (await desk.proposal(made.receipt.proposal)).state
    except DeskError as error:
        if error.status != 404:
            raise
        return UNKNOWN
