"""Open proposals with their votes: what is still to be decided or ordered (R-VOT3, R-SIM4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from medquorum.consensus.admission import judge_position, judge_proposal, judge_vote
from medquorum.consensus.validation import Tally, panelists, tally
from medquorum.ledger.block import Witness
from medquorum.ledger.chain import ChainState
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import OPEN_PROPOSALS
from medquorum.ledger.proposal import Core, Proposal
from medquorum.ledger.reasons import ACCEPT, Accept, Ignore, Judgement, Reason, Reject
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import BlockHash, Outcome, ProposalId, Standing
from medquorum.ledger.vote import Vote

_OUTCOMES = {Standing.APPROVED: Outcome.ACCEPTED, Standing.REJECTED: Outcome.REJECTED}
STALE = frozenset(
    {
        Reason.STALE_POSITION,
        Reason.PATIENT_MISMATCH,
        Reason.BAD_REGISTRATION,
        Reason.BAD_PROVENANCE,
        Reason.DUPLICATE,
    }
)
"""Positions that no later block can make good again."""


Circumstances = tuple[int | None, int | None, Address | None, frozenset[Address], BlockHash | None]
"""Everything of a chain that can open or close a position: see `_circumstances`."""


@dataclass(slots=True)
class OpenProposal:
    """A proposal that is not in the chain yet, with the first vote of each doctor."""

    proposal: Proposal
    votes: dict[Address, Vote] = field(default_factory=dict)
    settled_at: Circumstances | None = None
    """What the chain said about it when it was last settled."""

    def witness(self) -> Witness:
        """Every vote known, ascending by voter (R-ORD6)."""
        return Witness(tuple(self.votes[voter] for voter in sorted(self.votes)))

    def tally(self, state: ChainState, time_ms: int) -> Tally:
        """Where it stands at a point of the chain."""
        return tally(self.votes.values(), panelists(self.proposal, state, time_ms))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A decided proposal that could be the next block."""

    proposal: Proposal
    outcome: Outcome
    witness: Witness


class Pool:
    """Everything open, in order of arrival; at most OPEN_PROPOSALS."""

    __slots__ = ("_decided", "_open")

    def __init__(self) -> None:
        self._open: dict[ProposalId, OpenProposal] = {}
        self._decided: dict[ProposalId, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[OpenProposal]:
        return iter(self._open.values())

    def get(self, proposal: ProposalId) -> OpenProposal | None:
        """The open proposal with this id."""
        return self._open.get(proposal)

    def decided(self, proposal: ProposalId) -> bool:
        """Whether votes, or the chain, have brought about a verdict on this open proposal."""
        return proposal in self._decided

    def add_proposal(self, proposal: Proposal, state: ChainState) -> Judgement:
        """Take in a proposal that admission accepted."""
        if proposal.id in self._open or state.height_of(proposal.id) is not None:
            return Ignore(Reason.DUPLICATE)
        if len(self._open) >= OPEN_PROPOSALS:
            return Ignore(Reason.OVER_LIMIT)
        gone = _gone(proposal, state)
        if gone is not None:
            return Ignore(gone)
        self._open_one(proposal, state)
        return ACCEPT

    def recall(self, proposal: Proposal, state: ChainState) -> None:
        """Take back what a store held; its votes follow, and `settle` tells whether it can go.

        Without them a proposal whose place is taken would be let go though it was rejected, and a
        rejection stands (R-ORD5).
        """
        if state.height_of(proposal.id) is None and len(self._open) < OPEN_PROPOSALS:
            self._open_one(proposal, state)

    def _open_one(self, proposal: Proposal, state: ChainState) -> None:
        entry = self._open[proposal.id] = OpenProposal(proposal)
        if proposal.core.act is not None:
            self._note_verdict(entry, state, state.time_ms)

    def add_vote(self, vote: Vote, state: ChainState, now_ms: int) -> Judgement:
        """Take in a vote that admission accepted; the first of each doctor counts (R-VOT3)."""
        entry = self._open.get(vote.ballot.proposal)
        if entry is None:
            return Ignore(Reason.UNKNOWN_PROPOSAL)
        before = entry.votes.get(vote.ballot.voter)
        if before is not None:
            same = before.ballot == vote.ballot
            return Ignore(Reason.DUPLICATE) if same else Reject(Reason.CONFLICTING_VOTE)
        entry.votes[vote.ballot.voter] = vote
        self._note_verdict(entry, state, now_ms)
        return ACCEPT

    def _note_verdict(self, entry: OpenProposal, state: ChainState, now_ms: int) -> None:
        decided = entry.proposal.id in self._decided
        if not decided and entry.tally(state, now_ms).standing is not Standing.PENDING:
            self._decided[entry.proposal.id] = None

    def renew(self, state: ChainState, verify: Verifier) -> dict[ProposalId, Reason]:
        """Judge everything anew under another charter (R-GOV8); what no longer may be is dropped.

        Votes of those who may not vote any more, or with keys that count no more, go silently: a
        doctor whose key changed casts hers again.
        """
        dropped: dict[ProposalId, Reason] = {}
        self._decided.clear()
        for identifier, entry in self._open.items():
            entry.settled_at = None
            judgement = judge_proposal(entry.proposal, state, verify)
            if not isinstance(judgement, Accept):
                dropped[identifier] = judgement.reason
                continue
            core = entry.proposal.core
            entry.votes = {
                voter: vote
                for voter, vote in entry.votes.items()
                if judge_vote(vote, core, state.charter, state.network, verify) == ACCEPT
            }
            self._note_verdict(entry, state, state.time_ms)
        for identifier in dropped:
            self._forget(identifier)
        return dropped

    def candidates(self, view: ChainState, time_ms: int) -> Iterator[Candidate]:
        """Decided proposals that are admissible after `view`, in order of decision."""
        for identifier in self._decided:
            candidate = self._candidate(identifier, view, time_ms)
            if candidate is not None:
                yield candidate

    def _candidate(
        self, identifier: ProposalId, view: ChainState, time_ms: int
    ) -> Candidate | None:
        entry = self._open[identifier]
        core = entry.proposal.core
        if view.height_of(identifier) is not None or core.expires_at_ms < time_ms:
            return None
        outcome = _OUTCOMES.get(entry.tally(view, time_ms).standing)
        if outcome is None or judge_position(core, outcome, view) != ACCEPT:
            return None
        return Candidate(entry.proposal, outcome, entry.witness())

    def settle(self, state: ChainState, now_ms: int) -> dict[ProposalId, Reason]:
        """Forget what is in the chain, expired or stale for ever; the last two with a reason."""
        dropped: dict[ProposalId, Reason] = {}
        for identifier, entry in list(self._open.items()):
            if state.height_of(identifier) is not None:
                self._forget(identifier)
            elif entry.proposal.core.expires_at_ms < min(now_ms, state.time_ms):
                dropped[identifier] = Reason.EXPIRED
            elif (circumstances := _circumstances(entry.proposal.core, state)) is None or (
                circumstances != entry.settled_at
            ):
                entry.settled_at = circumstances
                gone = self._settle_open(identifier, entry, state, now_ms)
                if gone is not None:
                    dropped[identifier] = gone
        for identifier in dropped:
            self._forget(identifier)
        return dropped

    def _settle_open(
        self, identifier: ProposalId, entry: OpenProposal, state: ChainState, now_ms: int
    ) -> Reason | None:
        """Why it can go; else note a verdict that no vote but the chain brought about.

        A new block registers the patient or names another attending, and a rejection stands
        whatever the position (R-ORD5).
        """
        gone = _gone(entry.proposal, state)
        standing = Standing.PENDING
        if gone is not None or (entry.votes and identifier not in self._decided):
            standing = entry.tally(state, now_ms).standing
        if standing is not Standing.PENDING:
            self._decided.setdefault(identifier)
        rejectable = standing is Standing.REJECTED and gone is not Reason.PATIENT_MISMATCH
        return None if rejectable else gone

    def _forget(self, identifier: ProposalId) -> None:
        self._open.pop(identifier, None)
        self._decided.pop(identifier, None)


def _circumstances(core: Core, state: ChainState) -> Circumstances | None:
    """What `_gone` and a verdict depend on and a new block can change; None: time may as well.

    Whose block `seen_head` is, the patient's registration, attending and care team, and for a
    strict type the patient's head. A batch leaves most open proposals where they were.
    """
    if state.absences or core.act is not None:
        return None
    if core.patient is None:
        return None, state.number_of(core.patient_key), None, frozenset(), None
    patient = state.patient(core.patient)
    seen = state.patient_of_block(core.seen_head)
    if patient is None:
        return seen, None, None, frozenset(), None
    attending = state.attending_of(patient.number)
    bound = state.charter.policy(core.type).strict or core.ai is not None
    head = patient.head if bound else None
    return seen, patient.number, attending, patient.care_team, head


def _gone(proposal: Proposal, state: ChainState) -> Reason | None:
    """Why no later block can make this proposal acceptable, if so."""
    verdict = judge_position(proposal.core, Outcome.ACCEPTED, state)
    if isinstance(verdict, Accept):
        return None
    of_act = proposal.core.act is not None and isinstance(verdict, Reject)
    return verdict.reason if of_act or verdict.reason in STALE else None
