"""Doctors of a run: each votes on what her node shows her, and asks until it is taken.

A vote whose node died is handed in again, the very same signed bytes. Some doctors vote twice and
differently, at another node (R-VOT3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from medquorum.consensus.events import VoteArrived
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import Reason
from medquorum.ledger.types import Decision, ProposalId, VoterRole
from medquorum.ledger.vote import Ballot, Vote, cast
from medquorum.simulation.clock import stream
from medquorum.simulation.machine import Machine
from medquorum.simulation.scenario import FaultKind

if TYPE_CHECKING:
    from medquorum.simulation.world import World

ASKED_AGAIN_MS: Final = 2_000
"""How long a person waits for an answer before asking again."""


@dataclass(slots=True)
class Matter:
    """One proposal's way, by its times in virtual ms."""

    proposal: Proposal
    submitted_ms: int
    verdict_ms: int | None = None
    final_ms: int | None = None
    holders: set[int] = field(default_factory=set)
    """Sound machines that said they have it, durably, and whose disks still are what they were."""
    refused: Reason | None = None
    """Why its own node would not have it."""
    forgotten: Reason | None = None
    """Why some honest node's pool let it go."""

    @property
    def acknowledged(self) -> bool:
        """Whether it may not be lost any more."""
        return bool(self.holders)

    unheard: set[Address] = field(default_factory=set)
    """Doctors whose votes no node takes: suspended, for one."""
    contested: bool = False
    """Somebody voted on it twice: nodes may hold different first votes (R-VOT3)."""
    ballots: dict[Address, Vote] = field(default_factory=dict)


class Voters:
    """Every doctor as a person."""

    def __init__(self, world: World) -> None:
        self._world = world
        identity = world.machines[0].identity
        self._charter = identity.charter
        self._cryptography = identity.cryptography
        self.errands = 0
        """Votes not taken yet."""

    def plan(self, machine: Machine, matter: Matter) -> None:
        """The doctor will vote on it after a while; what she says is settled now."""
        replica, workload = machine.replica, self._world.scenario.workload
        if replica is None or machine.away:
            return
        address, core = machine.identity.address, matter.proposal.core
        dice = stream(self._world.seed, f"vote {address.hex()} {matter.proposal.id.hex()}")
        responsible = replica.state.attending_for(core) or core.doctor
        attending = core.act is None and responsible == address
        role = VoterRole.ATTENDING if attending else VoterRole.PEER
        said = dice.random()
        decision = Decision.APPROVE
        if said < workload.reject_share:
            decision = Decision.REJECT
        elif said < workload.reject_share + workload.abstain_share:
            decision = Decision.ABSTAIN
        vote = self._vote(address, matter.proposal, decision, role)
        matter.ballots[address] = vote
        delay_ms = workload.vote_delay_ms * math.exp(dice.gauss(0, workload.vote_spread))
        self.errands += 1
        self._world.line.after(1 + int(delay_ms), self._cast, machine, matter, vote)
        doubles = FaultKind.DOUBLE_VOTE in self._world.kinds
        if doubles and dice.random() < workload.double_share:
            other = Decision.REJECT if decision is Decision.APPROVE else Decision.APPROVE
            second = self._vote(address, matter.proposal, other, role)
            where = self._world.somewhere(dice, None)
            if where is not None:
                self._world.checks.double_voters.add(address)
                matter.contested = True
                self.errands += 1
                self._world.line.after(1 + int(delay_ms), self._cast, where, matter, second)

    def _vote(
        self, voter: Address, proposal: Proposal, decision: Decision, role: VoterRole
    ) -> Vote:
        member = self._charter.member(voter)
        if member is None:
            raise LookupError("a simulated doctor is a member of the charter")
        sign = self._cryptography.signer(member.keys.clinical)
        return cast(Ballot(proposal.id, voter, decision, role), self._charter.network_id, sign)

    def _cast(self, machine: Machine, matter: Matter, vote: Vote) -> None:
        """Hand the vote to the node until it is there, or no longer needed."""
        self.errands -= 1
        replica, identifier = machine.replica, matter.proposal.id
        if matter.final_ms is not None or machine.away or vote.ballot.voter in matter.unheard:
            return
        if replica is not None:
            entry = replica.pool.get(identifier)
            over = matter.forgotten is not None or self._over(machine, identifier)
            if entry is None and over:
                return
            if entry is not None and vote.ballot.voter in entry.votes and not machine.writing:
                return
            self._world.take(machine, VoteArrived(vote, None))
        self.errands += 1
        self._world.line.after(ASKED_AGAIN_MS, self._cast, machine, matter, vote)

    def _over(self, machine: Machine, identifier: ProposalId) -> bool:
        replica = machine.replica
        if replica is None:
            return False
        return identifier in machine.disk.forgotten or (
            replica.state.height_of(identifier) is not None
        )
