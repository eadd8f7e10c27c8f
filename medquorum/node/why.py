"""Why a proposal is not final, in sentences: whose word is missing, then what ordering lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from medquorum.consensus.ordering.waiting import Waiting
from medquorum.consensus.validation import Board, Panelists
from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address
from medquorum.ledger.types import Decision
from medquorum.ledger.vote import HUMAN, Vote
from medquorum.node.views import ProposalView

Naming = Callable[[Address], str]
"""A member's name."""


def closed(view: ProposalView) -> str | None:
    """The one sentence of a proposal that is not open any more."""
    if view.state in ("accepted", "rejected"):
        return f"Final: {view.state} as block {view.n_bc}."
    if view.state in ("expired", "stale"):
        return f"Closed without a block: {view.reason}. Issue it again if it is still needed."
    return None


def undecided(
    view: ProposalView, panel: Panelists | Board, votes: Mapping[Address, Vote], naming: Naming
) -> list[str]:
    """Whose approval an open proposal without a verdict still needs (R-VER2, R-GOV4)."""
    said = []
    if isinstance(panel, Board):
        waited = [one for one in panel.required if not _approves(votes.get(one))]
        if waited:
            said.append(f"It needs the approval of {_list(waited, naming)} in any case.")
    elif not view.verdict.attending_approved:
        said.append(f"The attending physician, {view.verdict.attending}, has not approved.")
        if panel.delegates:
            said.append(f"In her stead {_list(panel.delegates, naming)} may.")
    if view.verdict.missing:
        said.append("Not voted yet: " + ", ".join(view.verdict.missing) + ".")
    return said


def counted(view: ProposalView, panel: Panelists | Board) -> str:
    """How many approvals there are, and how many it takes."""
    verdict = view.verdict
    need = panel.needed if isinstance(panel, Board) else len(panel.doctors) // 2 + 1
    if not need:
        return (
            f"{verdict.approvals} approvals, {verdict.rejections} rejections; no majority needed."
        )
    return f"{verdict.approvals} of {need} needed approvals, {verdict.rejections} rejections."


def unordered(view: ProposalView, waiting: Waiting, charter: Charter) -> list[str]:
    """What ordering lacks for a verdict; numbers of doctors are those of the charter in force."""
    said = [f"The verdict is {view.verdict.standing}; ordering has not finished."]
    said.append(waiting.sentence())
    absent = [charter.doctors[number].name for number in waiting.absent]
    if absent:
        said.append("Nodes not heard in this slot: " + ", ".join(absent) + ".")
    return said


def _approves(vote: Vote | None) -> bool:
    return (
        vote is not None and vote.ballot.decision is Decision.APPROVE and vote.ballot.mode == HUMAN
    )


def _list(addresses: Iterable[Address], naming: Naming) -> str:
    return ", ".join(sorted(naming(one) for one in addresses))
