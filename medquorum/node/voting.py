"""A doctor's vote at her own node: checked, durable, gossiped (R-VOT1 to R-VOT5)."""

from __future__ import annotations

import time

from medquorum.consensus.events import VoteArrived
from medquorum.consensus.pool import OpenProposal
from medquorum.ledger.errors import CodecError
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT, Reason
from medquorum.ledger.types import Decision, ProposalId, VoterRole
from medquorum.ledger.vote import Vote, parse_vote
from medquorum.node.bodies import Bodies, BodyState
from medquorum.node.desk import DeskError, VoteReceipt
from medquorum.node.driver import Driver, now_ms
from medquorum.node.refusals import ADVICE, lapsed, refusal
from medquorum.node.store.clinical_rows import load_proposal, vote_kept_at
from medquorum.node.store.engine import Store


class Voting:
    """Takes the votes of this node's own doctor."""

    def __init__(self, driver: Driver, store: Store, bodies: Bodies, own: Address) -> None:
        self._driver = driver
        self._store = store
        self._bodies = bodies
        self._own = own

    async def vote(self, encoded: bytes) -> VoteReceipt:
        """Take a signed vote; it is durable when this returns.

        The same vote sent again is acknowledged again, also once a block holds it.
        """
        try:
            vote = parse_vote(encoded)
        except CodecError as error:
            raise DeskError(400, Reason.MALFORMED.value, str(error)) from None
        if vote.ballot.voter != self._own:
            raise DeskError(403, "not_this_doctor", "vote at the node of the voting doctor")
        entry = self._driver.replica.pool.get(vote.ballot.proposal)
        if entry is None:
            return await self._kept(vote, await self._not_open(vote.ballot.proposal))
        self._check(vote, entry)
        judgement = await self._driver.ask(VoteArrived(vote, None))
        if judgement != ACCEPT:
            if self._driver.replica.pool.get(vote.ballot.proposal) is None:
                # A block overtook it in the queue: a duplicate to the replica, but not kept.
                return await self._kept(vote, await self._not_open(vote.ballot.proposal))
            return await self._kept(vote, refusal(judgement))
        return self._receipt(vote, time.time_ns() // 1_000)

    async def _kept(self, vote: Vote, otherwise: DeskError) -> VoteReceipt:
        """The receipt of a vote that is durable already: its answer was lost, it was sent again.

        Raises ``otherwise`` where this very vote, signature and all, is not kept here.
        """
        kept_at_us = await self._store.read(lambda connection: vote_kept_at(connection, vote))
        if kept_at_us is None:
            raise otherwise
        return self._receipt(vote, kept_at_us)

    def _receipt(self, vote: Vote, accepted_at_us: int) -> VoteReceipt:
        digest = vote.ballot.digest(self._driver.replica.state.network)
        return VoteReceipt(digest.hex(), vote.ballot.proposal.hex(), accepted_at_us)

    async def _not_open(self, proposal: ProposalId) -> DeskError:
        """Why no vote counts on what is not in the pool: decided, lapsed or never seen here."""
        decided = DeskError(409, "already_decided", "the verdict is final; see its block")
        if self._driver.replica.state.height_of(proposal) is not None:
            return decided
        row = await self._store.read(lambda connection: load_proposal(connection, proposal))
        if row is not None and row.state in ("accepted", "rejected"):
            return decided
        if row is not None and row.reason is not None:
            return lapsed(Reason(row.reason))
        unknown = Reason.UNKNOWN_PROPOSAL
        return DeskError(404, unknown.value, ADVICE[unknown])

    def _check(self, vote: Vote, entry: OpenProposal) -> None:
        """What only the voter's own node can check."""
        ballot = vote.ballot
        if ballot.voter in entry.votes and entry.votes[ballot.voter].ballot != ballot:
            raise DeskError(
                409, Reason.CONFLICTING_VOTE.value, "a vote is irrevocable: the first one counts"
            )
        role = self._role(entry.proposal)
        if ballot.role is not role:
            raise DeskError(409, Reason.WRONG_VOTER_ROLE.value, f"vote as {role.value}")
        sealed = bool(entry.proposal.core.parts)
        opened = not sealed or self._bodies.state_of(entry.proposal) is BodyState.OPENED
        if ballot.decision is Decision.APPROVE and not opened:
            raise DeskError(
                409,
                "body_not_opened",
                "this node has not opened and checked the body yet; see `medquorum why`",
            )

    def _role(self, proposal: Proposal) -> VoterRole:
        """In which capacity this doctor votes now."""
        state = self._driver.replica.state
        if state.attending_for(proposal.core) == self._own:
            return VoterRole.ATTENDING
        if self._own in state.delegates_of(proposal.core, proposal.id, now_ms()):
            return VoterRole.DELEGATE
        return VoterRole.PEER
