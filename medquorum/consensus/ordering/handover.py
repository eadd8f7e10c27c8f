"""From one epoch to the next within one process: what outlives its votes (R-GOV8, R-SIM10)."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.consensus.ordering.application import LoggedBatch, View
from medquorum.consensus.ordering.state import CatchUp, State
from medquorum.ledger.keys import Address


@dataclass(frozen=True, slots=True)
class Handover:
    """Votes, certificates and bodies end with their epoch; how far others are does not."""

    claims: dict[Address, int]
    asked: Address | None
    asked_until_ms: int
    asked_up_to: int
    recent: tuple[LoggedBatch, ...]
    now_ms: int
    voted: bool
    """Whether this node was voting: it need not listen again, it knows what it has signed."""

    @classmethod
    def of(cls, state: State[View]) -> Handover:
        """Taken from the machine of the epoch that ended."""
        catch_up = state.catch_up
        return cls(
            dict(catch_up.claims),
            catch_up.asked,
            catch_up.asked_until_ms,
            catch_up.asked_up_to,
            state.branches.recently_final,
            state.clock.now_ms,
            state.pen is not None and not state.listening,
        )

    def give(self, state: State[View]) -> None:
        """Into the machine of the epoch that begins."""
        state.catch_up = CatchUp(
            claims=dict(self.claims),
            behind_since_ms=self.now_ms if self.claims else None,
            asked=self.asked,
            asked_until_ms=self.asked_until_ms,
            asked_up_to=self.asked_up_to,
        )
        if self.voted:
            state.shown_by.update(range(len(state.doctors)))
