"""Blind until cast: a doctor judges an open proposal before she sees how others judged it.

For a doctor's user the node shows neither votes nor counts nor missing voters of a proposal on
which its doctor's own vote is still missing, and passes on no event of such a vote. Operators and
auditors see them: somebody must find out why a proposal is not final.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any, Final

from medquorum.node.account_records import UserRole
from medquorum.node.api.operation import Call
from medquorum.node.desk import DeskError
from medquorum.node.views import EventView, ProposalView, WhyView

OPEN: Final = "open"
PENDING: Final = "pending"
VOTE: Final = "vote"
HIDDEN: Final = (
    "Your vote is not cast yet. What other doctors decided is shown after it, so that every "
    "judgement is her own.",
)


def is_blind(call: Call[Any], view: ProposalView) -> bool:
    """Whether the caller is a doctor whose own word on this proposal is still missing."""
    return call.user.role is UserRole.DOCTOR and is_owed(call, view)


def is_owed(call: Call[Any], view: ProposalView) -> bool:
    """Whether the word of this node's doctor on an open proposal is still missing."""
    return view.state == OPEN and call.desk.status().name in view.verdict.missing


def blinded(call: Call[Any], view: ProposalView) -> ProposalView:
    """The proposal as the caller may see it."""
    return veiled(view) if is_blind(call, view) else view


def veiled(view: ProposalView) -> ProposalView:
    """The proposal without what others said of it."""
    verdict = replace(
        view.verdict,
        standing=PENDING,
        approvals=0,
        rejections=0,
        abstentions=0,
        attending_approved=False,
        dissent=(),
        missing=(),
    )
    return replace(view, verdict=verdict, votes=(), blind=True)


def all_blinded(call: Call[Any], views: Iterable[ProposalView]) -> tuple[ProposalView, ...]:
    """Each as the caller may see it."""
    return tuple(blinded(call, view) for view in views)


def inbox_blinded(call: Call[Any], views: Iterable[ProposalView]) -> tuple[ProposalView, ...]:
    """The doctor's own inbox: whoever asks for it, a program of hers included, asks for her."""
    return tuple(veiled(view) if is_owed(call, view) else view for view in views)


async def blinded_why(call: Call[Any], found: WhyView) -> WhyView:
    """The explanation as the caller may see it."""
    if found.state != OPEN or not is_blind(call, await call.desk.proposal(found.id)):
        return found
    return replace(found, sentences=HIDDEN, missing_voters=(), missing_certificate=None)


async def blinded_events(
    call: Call[Any], events: AsyncIterator[EventView]
) -> AsyncIterator[EventView]:
    """The events that the caller may see."""
    try:
        async for event in events:
            if event.kind != VOTE or not await _is_hidden(call, event):
                yield event
    finally:
        if close := getattr(events, "aclose", None):
            await close()


async def _is_hidden(call: Call[Any], event: EventView) -> bool:
    if call.user.role is not UserRole.DOCTOR:
        return False
    try:
        return is_blind(call, await call.desk.proposal(event.subject))
    except DeskError:
        return False
