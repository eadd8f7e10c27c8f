"""Open proposals: first votes count, verdicts become candidates, the stale are forgotten."""

from dataclasses import replace

import pytest

from medquorum.consensus import pool as pool_module
from medquorum.consensus.pool import Pool
from medquorum.ledger.chain import ChainBuilder, ChainState
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT, Ignore, Reason, Reject
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import BlockType, Decision, Outcome, VoterRole
from tests.consensus.batches import ct
from tests.support.chains import Chain
from tests.support.network import (
    START_MS,
    ai_report,
    digest,
    propose,
    registration,
    vote,
    votes,
)

NOW_MS = START_MS + 5


def voted(chain: Chain, proposal: Proposal, view: ChainState | None = None) -> Pool:
    """A pool with a proposal all doctors approved."""
    pool = Pool()
    assert pool.add_proposal(proposal, chain.state) == ACCEPT
    for one in votes(chain.network, proposal, view or chain.state):
        assert pool.add_vote(one, chain.state, NOW_MS) == ACCEPT
    return pool


def test_a_proposal_is_taken_in_once(chain: Chain) -> None:
    """R-ORD4: neither twice nor when it is in the chain."""
    pool = Pool()
    proposal = ct(chain).proposal
    assert pool.add_proposal(proposal, chain.state) == ACCEPT
    assert pool.add_proposal(proposal, chain.state) == Ignore(Reason.DUPLICATE)
    final = chain.blocks[0].proposal
    assert pool.add_proposal(final, chain.state) == Ignore(Reason.DUPLICATE)
    assert [entry.proposal for entry in pool] == [proposal]
    assert len(pool) == 1


def test_the_pool_is_bounded(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named limit: the next proposal waits until one leaves."""
    monkeypatch.setattr(pool_module, "OPEN_PROPOSALS", 1)
    pool = Pool()
    assert pool.add_proposal(ct(chain).proposal, chain.state) == ACCEPT
    another = registration(chain.network, "patient 3")
    assert pool.add_proposal(another, chain.state) == Ignore(Reason.OVER_LIMIT)


def test_what_can_never_be_accepted_is_set_aside_by_its_reason(chain: Chain) -> None:
    """R-PRO4, R-PRO5, R-PRO7, R-PRO8."""
    network, view = chain.network, chain.state
    image, form = chain.blocks[2].hash, chain.blocks[0].hash
    provenance = ai_report(network, view, image).core.ai
    assert provenance is not None
    without_image = replace(provenance, inputs=(form,))
    for proposal, reason in (
        (propose(network, view, BlockType.REPORT, seen_head=image), Reason.STALE_POSITION),
        (ct(chain, patient_name=digest("another")).proposal, Reason.PATIENT_MISMATCH),
        (registration(network, issuer=network.doctors[1]), Reason.BAD_REGISTRATION),
        (
            ai_report(network, view, image, references=(form,), ai=without_image),
            Reason.BAD_PROVENANCE,
        ),
    ):
        assert Pool().add_proposal(proposal, view) == Ignore(reason)


def test_what_a_later_block_can_make_good_waits(chain: Chain) -> None:
    """R-PRO7, R-ORD4: an unknown patient or head may only be ahead of this node."""
    network, view = chain.network, chain.state
    for proposal in (
        propose(network, view, BlockType.CT, 9),
        propose(network, view, BlockType.CT, seen_head=digest("a block to come")),
        propose(network, view, BlockType.CT, references=(digest("a block to come"),)),
    ):
        assert Pool().add_proposal(proposal, view) == ACCEPT


def test_the_first_vote_of_a_doctor_counts(chain: Chain) -> None:
    """R-VOT3: the same again is a duplicate, another is evidence, neither changes anything."""
    network, doctor = chain.network, chain.network.doctors[1]
    pool = Pool()
    proposal = ct(chain).proposal
    first = vote(network, proposal, doctor)
    assert pool.add_vote(first, chain.state, NOW_MS) == Ignore(Reason.UNKNOWN_PROPOSAL)
    pool.add_proposal(proposal, chain.state)
    assert pool.add_vote(first, chain.state, NOW_MS) == ACCEPT
    resigned = replace(first, signature=Signature(bytes(64)))
    assert pool.add_vote(resigned, chain.state, NOW_MS) == Ignore(Reason.DUPLICATE)
    conflict = Reject(Reason.CONFLICTING_VOTE)
    against = vote(network, proposal, doctor, Decision.REJECT)
    in_other_role = vote(network, proposal, doctor, role=VoterRole.ATTENDING)
    for second in (against, in_other_role):
        assert pool.add_vote(second, chain.state, NOW_MS) == conflict
    entry = pool.get(proposal.id)
    assert entry is not None
    assert entry.votes == {first.ballot.voter: first}


def test_a_verdict_makes_a_candidate_with_every_vote(chain: Chain) -> None:
    """R-VER2, R-ORD6: dissent included, ascending by voter; none before the verdict."""
    network = chain.network
    pool = Pool()
    proposal = ct(chain).proposal
    pool.add_proposal(proposal, chain.state)
    decisions = dict.fromkeys(network.doctors, Decision.APPROVE)
    decisions[network.doctors[3]] = Decision.REJECT
    cast = votes(network, proposal, chain.state, decisions)
    for one in cast[:2]:
        pool.add_vote(one, chain.state, NOW_MS)
        assert list(pool.candidates(chain.state, NOW_MS)) == []
    for one in cast[2:]:
        pool.add_vote(one, chain.state, NOW_MS)
    (decided,) = pool.candidates(chain.state, NOW_MS)
    assert decided.outcome is Outcome.ACCEPTED
    shown = [one.ballot.voter for one in decided.witness.votes]
    assert shown == sorted(one.ballot.voter for one in cast)


def test_a_rejection_is_a_candidate_too(chain: Chain) -> None:
    """R-VER3, R-ORD5: as soon as the attending refuses."""
    network = chain.network
    pool = Pool()
    proposal = ct(chain).proposal
    pool.add_proposal(proposal, chain.state)
    (refused,) = votes(network, proposal, chain.state, {network.doctors[0]: Decision.ABSTAIN})
    pool.add_vote(refused, chain.state, NOW_MS)
    (decided,) = pool.candidates(chain.state, NOW_MS)
    assert decided.outcome is Outcome.REJECTED


def test_candidates_come_in_order_of_decision_and_fit_the_view(chain: Chain) -> None:
    """R-ORD4: what is in the view's chain, expired or out of position there is left out."""
    network, state = chain.network, chain.state
    image, report = ct(chain).proposal, propose(network, state, BlockType.REPORT)
    brief = propose(network, state, BlockType.PET, expires_at_ms=NOW_MS)
    pool = Pool()
    for proposal in (brief, image, report):
        pool.add_proposal(proposal, state)
    for proposal in (report, image, brief):
        for one in votes(network, proposal, state):
            pool.add_vote(one, state, NOW_MS)

    def fitting(view: ChainState, time_ms: int) -> list[Proposal]:
        return [one.proposal for one in pool.candidates(view, time_ms)]

    assert fitting(state, NOW_MS) == [report, image, brief]
    assert fitting(state, NOW_MS + 1) == [report, image]
    branch = ChainBuilder(state)
    branch.append(branch.place(image, Outcome.ACCEPTED))
    assert fitting(branch.view, NOW_MS + 1) == []


def test_votes_before_the_registration_count_once_it_is_in_the_chain(chain: Chain) -> None:
    """R-VER3, R-SIM4: nobody's word is missing for good, and no further vote must come."""
    network = chain.network
    ahead = Chain(network)
    for name in ("patient 1", "patient 2", "patient 3"):
        ahead.stage(registration(network, name))
    behind = ahead.state
    image = propose(network, ahead.view, BlockType.CT, 3)
    pool = Pool()
    assert pool.add_proposal(image, behind) == ACCEPT
    for one in votes(network, image, ahead.view):
        assert pool.add_vote(one, behind, NOW_MS) == ACCEPT
    assert list(pool.candidates(behind, NOW_MS)) == []
    ahead.close()
    assert pool.settle(ahead.state, NOW_MS) == {}
    assert [one.proposal for one in pool.candidates(ahead.state, NOW_MS)] == [image]


def test_settling_forgets_what_is_in_the_chain(chain: Chain) -> None:
    """R-ORD17: final blocks leave without a word."""
    grown = Chain(chain.network)
    form = registration(chain.network)
    pool = voted(grown, form)
    grown.stage(form)
    grown.close()
    assert pool.settle(grown.state, NOW_MS) == {}
    assert len(pool) == 0
    assert list(pool.candidates(grown.state, NOW_MS)) == []


def test_settling_names_why_the_rest_can_go(chain: Chain) -> None:
    """R-ORD4, R-PRO7: expired by clock and chain, or stale for ever; a rejection stays."""
    network = chain.network
    grown = Chain(network)
    grown.stage(registration(network))
    grown.close()
    brief = propose(network, grown.state, BlockType.CT, expires_at_ms=START_MS + 500)
    stale = propose(network, grown.state, BlockType.REPORT)
    refused = propose(network, grown.state, BlockType.PRESCRIPTION)
    late = registration(network, "patient 2", issuer=network.doctors[1])
    pool = Pool()
    for proposal in (brief, stale, refused, late):
        assert pool.add_proposal(proposal, grown.state) == ACCEPT
    (no,) = votes(network, refused, grown.state, {network.doctors[0]: Decision.REJECT})
    pool.add_vote(no, grown.state, NOW_MS)
    grown.stage(propose(network, grown.view, BlockType.PET))
    grown.stage(registration(network, "patient 2"))
    grown.close()
    assert pool.settle(grown.state, START_MS + 400) == {
        stale.id: Reason.STALE_POSITION,
        late.id: Reason.BAD_REGISTRATION,
    }
    assert pool.settle(grown.state, grown.state.time_ms) == {brief.id: Reason.EXPIRED}
    (decided,) = pool.candidates(grown.state, grown.state.time_ms)
    assert (decided.proposal, decided.outcome) == (refused, Outcome.REJECTED)


def test_what_a_store_held_comes_back_with_its_votes_before_it_can_go(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-ORD5: a rejection outlives a restart although its place in the chain is taken."""
    network = chain.network
    grown = Chain(network)
    grown.stage(registration(network))
    grown.close()
    refused = propose(network, grown.state, BlockType.PRESCRIPTION)
    stale = propose(network, grown.state, BlockType.REPORT)
    taken = propose(network, grown.view, BlockType.PET)
    (no,) = votes(network, refused, grown.state, {network.doctors[0]: Decision.REJECT})
    grown.stage(taken)
    grown.close()
    pool = Pool()
    for proposal in (refused, stale, taken):
        pool.recall(proposal, grown.state)
    assert {entry.proposal.id for entry in pool} == {refused.id, stale.id}
    assert pool.add_vote(no, grown.state, NOW_MS) == ACCEPT
    assert pool.decided(refused.id)
    assert pool.settle(grown.state, grown.state.time_ms) == {stale.id: Reason.STALE_POSITION}
    (decided,) = pool.candidates(grown.state, grown.state.time_ms)
    assert (decided.proposal, decided.outcome) == (refused, Outcome.REJECTED)
    monkeypatch.setattr(pool_module, "OPEN_PROPOSALS", 1)
    pool.recall(stale, grown.state)
    assert pool.get(stale.id) is None
