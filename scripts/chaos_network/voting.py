"""Doctors at work: each looks into her inbox, thinks for a moment, votes at her own node."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

from medquorum.ledger.types import Decision
from medquorum.ledger.vote import Vote
from medquorum.node.client import ApiProblem
from medquorum.node.clinical import build_vote
from medquorum.node.views import ProposalView
from scripts.chaos_network.history import Cast
from scripts.chaos_network.ward import PAUSE_S, Ward

THINKS_S: Final = (0.2, 3.0)
LOOK_S: Final = 0.5
HELD_ALREADY: Final = "duplicate"
"""The answer to a vote sent again because the first answer was lost."""
NOT_NOW: Final = frozenset({"body_not_opened", "unknown_proposal"})
"""Refusals after which she tries again."""


class Doctor:
    """One doctor's share of the decisions."""

    def __init__(self, ward: Ward, name: str) -> None:
        self.name = name
        self._ward = ward
        self._chance = ward.chance(f"thoughts of {name}")
        self._minded: set[str] = set()

    async def run(self) -> None:
        """Vote on everything that waits for her, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for view in await self._ward.asked(self.name, lambda client: client.inbox()):
                    if view.id not in self._minded:
                        self._minded.add(view.id)
                        group.create_task(self._decide(view.id))
                await asyncio.sleep(LOOK_S)

    async def _decide(self, proposal: str) -> None:
        await asyncio.sleep(self._chance.uniform(*THINKS_S))
        while True:
            try:
                view = await self._ward.asked(self.name, lambda client: client.proposal(proposal))
                if view.state != "open" or await self._vote(view):
                    return
            except ApiProblem as problem:
                if problem.rule not in NOT_NOW:
                    self._ward.history.refusals[problem.rule] += 1
                    return
            await asyncio.sleep(PAUSE_S)

    async def _vote(self, view: ProposalView) -> bool:
        """Sign and send, once the body is opened; whether it is done."""
        if view.body != "opened":
            return False
        decision = decision_of(view.id, self.name, view.verdict.attending)
        hand, charter = self._ward.hands[self.name], self._ward.charter
        vote = await self._ward.asked(
            self.name,
            lambda client: build_vote(client, view.id, decision, None, hand, charter=charter),
        )
        await self._send(vote)
        self._ward.history.votes.append(Cast(self.name, view.id, decision.value))
        return True

    async def _send(self, vote: Vote) -> None:
        """Send until there is an answer; ApiProblem where the node does not take it."""
        try:
            await self._ward.asked(self.name, lambda client: client.vote(vote))
        except ApiProblem as problem:
            if problem.rule != HELD_ALREADY:
                raise


def decision_of(proposal: str, doctor: str, attending: str | None) -> Decision:
    """What a doctor thinks of a proposal: most pass, some fail, some pass against one voice."""
    drawn = hashlib.sha256(bytes.fromhex(proposal)).digest()
    if drawn[0] < 20:
        return Decision.REJECT
    own = hashlib.sha256(drawn + doctor.encode()).digest()[0]
    if drawn[0] < 60 and doctor != attending and own < 64:
        return Decision.ABSTAIN if own % 4 == 0 else Decision.REJECT
    return Decision.APPROVE
