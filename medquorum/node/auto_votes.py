"""Votes that a doctor's node casts by itself, by policies the charter allows (R-VER4, R-VOT1).

They are signed by the doctor's policy key and say so in their mode. They are approvals of a peer,
cast once the body is here, opened and checked; where the doctor is the attending, or may stand in
for her, nothing is cast: a vote is irrevocable, and hers must be her own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from medquorum.consensus.events import Accepted, CharterChanged, Effect, VoteArrived
from medquorum.consensus.validation import Panelists, panelists
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.signature import Signer
from medquorum.ledger.types import GOVERNANCE_TYPES, Decision, ProposalId, VoterRole
from medquorum.ledger.vote import POLICY_PREFIX, Ballot, cast
from medquorum.node.auto_rules import JUDGED, Inspection, Policy
from medquorum.node.bodies import Bodies, BodyState
from medquorum.node.body_store import BodyStoreError
from medquorum.node.desk import DeskError
from medquorum.node.driver import Driver, now_ms

_LOG = structlog.get_logger("auto_votes")


@dataclass(frozen=True, slots=True)
class PolicyHand:
    """The doctor in whose name policies vote."""

    address: Address
    key: PublicKey
    sign: Signer = field(repr=False)
    """By the policy key."""


class AutoVotes:
    """Casts what the configured policies approve."""

    def __init__(
        self,
        driver: Driver,
        bodies: Bodies,
        hand: PolicyHand,
        policies: Sequence[Policy],
        inspection: Inspection,
    ) -> None:
        self._driver = driver
        self._bodies = bodies
        self._hand = hand
        self._policies = policies
        self._inspection = inspection
        self._looking: dict[ProposalId, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(1)
        self.fatal: Callable[[BaseException], None] = lambda _: None
        """Told of a fault of this node's own; it ends the node."""
        driver.watchers.append(self._watch)
        bodies.on_opened = self.consider

    def start(self) -> None:
        """Consider everything open: at the start, and under every new charter."""
        for entry in self._driver.replica.pool:
            self.consider(entry.proposal)

    def _watch(self, effect: Effect) -> None:
        match effect:
            case Accepted(Proposal() as proposal):
                self.consider(proposal)
            case CharterChanged():
                self.start()
            case _:
                pass

    def consider(self, proposal: Proposal) -> None:
        """Look into a proposal if a policy may vote on it now; each only once at a time."""
        if proposal.id in self._looking or self._policy_for(proposal) is None:
            return
        task = asyncio.get_running_loop().create_task(self._look(proposal))
        self._looking[proposal.id] = task
        task.add_done_callback(lambda done: self._looked(proposal.id, done))

    def _looked(self, proposal: ProposalId, task: asyncio.Task[None]) -> None:
        del self._looking[proposal]
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fatal(error)

    def _policy_for(self, proposal: Proposal) -> Policy | None:
        """The policy that may vote on it, if the doctor herself need not."""
        replica, own = self._driver.replica, self._hand.address
        state, core = replica.state, proposal.core
        entry = replica.pool.get(proposal.id)
        if entry is None or own in entry.votes or core.type in GOVERNANCE_TYPES:
            return None
        panel, member = panelists(proposal, state, now_ms()), state.charter.member(own)
        if not isinstance(panel, Panelists) or own not in panel.doctors or member is None:
            return None
        deputy = any(
            (one.attending, one.delegate) == (panel.attending, own) for one in state.absences
        )
        if member.keys.policy != self._hand.key or own == panel.attending or deputy:
            return None
        if self._bodies.state_of(proposal) is not BodyState.OPENED:
            return None
        able = (one for one in self._policies if core.type in JUDGED[one])
        return next((one for one in able if one.value in panel.policies), None)

    async def _look(self, proposal: Proposal) -> None:
        async with self._turn:
            policy = self._policy_for(proposal)
            if policy is None or not await self._approves(policy, proposal):
                return
            # Looking took its time: the doctor may have voted, or a charter have changed.
            if self._policy_for(proposal) is not policy:
                return
            ballot = Ballot(
                proposal.id,
                self._hand.address,
                Decision.APPROVE,
                role=VoterRole.PEER,
                mode=POLICY_PREFIX + policy.value,
            )
            vote = cast(ballot, self._driver.replica.state.network, self._hand.sign)
            try:
                await self._driver.ask(VoteArrived(vote, None))
            except DeskError:
                return  # the node is stopping; it looks again after its start
            _LOG.info("auto_vote", proposal=proposal.id.hex(), kind=policy.value)

    async def _approves(self, policy: Policy, proposal: Proposal) -> bool:
        try:
            return await self._inspection.holds(policy, proposal.core)
        except (LookupError, BodyStoreError, OSError) as error:
            fault = type(error).__name__
            _LOG.warning("auto_vote_blind", proposal=proposal.id.hex(), error_type=fault)
            return False

    async def close(self) -> None:
        """Stop looking; what is open is considered at the next start."""
        tasks = list(self._looking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
