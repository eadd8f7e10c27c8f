"""What was proposed of an upload already, and whether it stands: the same is not proposed twice.

An upload knows what was made of it and for which wish; what earlier uploads held, also before the
node was started anew, is known by the origin of a series.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, Field

from medquorum.node.desk import Desk, DeskError
from medquorum.node.uploads.memory import SeriesMemory
from medquorum.node.uploads.room import Batch, Proposed
from medquorum.node.uploads.told import SeriesFound
from medquorum.node.views import ProposalView

STANDING: Final = frozenset({"open", "accepted"})
"""A proposal that was rejected, has gone stale or has expired may be made again."""
UNKNOWN: Final = "unknown"


class ProposedView(BaseModel):
    """A proposal made of a series."""

    proposal: str
    patient: int
    state: str = Field(description="As of a proposal: `open`, `accepted`, `rejected`, …")
    n_bc: int | None = Field(default=None, description="Its block, if it has one")
    earlier: bool = Field(
        default=False,
        description="Made of an earlier upload: another is made only with `again` in the wish",
    )

    @property
    def stands(self) -> bool:
        """Whether another of the same would be a second one."""
        return self.state in STANDING


async def earlier_view(batch: Batch, series: SeriesFound, desk: Desk) -> ProposedView | None:
    """The newest proposal made of a series of this upload; None where there is none."""
    made = _made_of(batch, series)
    return None if made is None else await _view(made.receipt.proposal, made.patient, desk)


async def remembered_view(memory: SeriesMemory, origin: bytes, desk: Desk) -> ProposedView | None:
    """The newest proposal of a series in any upload that stands, else the newest; or None."""
    newest = None
    for made in await memory.made_of(origin):
        if made.proposal is None:
            continue
        view = await _view(made.proposal, made.patient, desk, earlier=True)
        if view.stands:
            return view
        newest = newest or view
    return newest


async def standing(batch: Batch, series: SeriesFound, desk: Desk) -> Proposed | None:
    """The proposal made of a series of this upload that is open or accepted."""
    made, view = _made_of(batch, series), await earlier_view(batch, series, desk)
    return made if view is not None and view.stands else None


def refusal(found: ProposedView) -> DeskError:
    """What is said to whoever proposes a series that stands already."""
    place = f"block {found.n_bc}" if found.n_bc is not None else f"proposal {found.proposal[:12]}"
    state = "accepted" if found.state == "accepted" else "waiting for the doctors"
    return DeskError(
        409,
        "already_proposed",
        f"this series was proposed already, for patient {found.patient}: {place}, {state}; look "
        "at that, or say expressly (`again`) that it is to be proposed once more",
    )


def _made_of(batch: Batch, series: SeriesFound) -> Proposed | None:
    """The newest that shares a file: a series with one file more or less is still the same."""
    files = frozenset(series.files)
    return next((one for one in reversed(batch.proposed) if one.ordinals & files), None)


async def _view(
    identifier: str, patient: int, desk: Desk, *, earlier: bool = False
) -> ProposedView:
    told: ProposalView | None = None
    try:
        told = await desk.proposal(identifier)
    except DeskError as error:
        if error.status != 404:
            raise
    return ProposedView(
        proposal=identifier,
        patient=patient,
        state=UNKNOWN if told is None else told.state,
        n_bc=None if told is None else told.n_bc,
        earlier=earlier,
    )
