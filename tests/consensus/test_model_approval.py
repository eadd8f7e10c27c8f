"""Reports by models that the charter approves, and by others (R-AI4); who proposes which (R-GOV3).

In replicas too: a report that is open when the charter changes is judged by the new one.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from medquorum.consensus.admission import judge_proposal
from medquorum.consensus.composition import judge_batch
from medquorum.consensus.events import Accepted, ProposalArrived, Refused
from medquorum.ledger.approved_model import ApprovedModel
from medquorum.ledger.chain import ChainBuilder, ChainState
from medquorum.ledger.change import ApproveModel, Change, RotateKey, WithdrawModel
from medquorum.ledger.charter import Charter
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.provenance import FindingKind
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason, Reject
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BlockHash, BlockType, Outcome
from tests.consensus.batches import forced
from tests.consensus.replicas import Ward
from tests.ledger.governance_kit import rekeyed
from tests.ledger.model_kit import bound, model
from tests.support.chains import Chain
from tests.support.governed import Governed
from tests.support.network import (
    AI_ENTITY,
    HOSPITAL,
    LABORATORY,
    RADIOLOGIST,
    Network,
    address,
    ai_report,
    candidate,
    digest,
    make_network,
    propose,
    registration,
    vote,
    votes,
)

AI = address(AI_ENTITY)
USED = model()
OTHER = model("other")


def approving(charter: Charter, *listed: ApprovedModel) -> Charter:
    """The charter in which the AI entity is bound to these models."""
    members = tuple(bound(one, *listed) if one.address == AI else one for one in charter.members)
    return replace(charter, members=members)


def judged(chain: Chain, *listed: ApprovedModel, by: Proposal | None = None) -> Judgement:
    """What admission says of the usual report under a charter with these models."""
    report = by or ai_report(chain.network, chain.view, chain.blocks[2].hash)
    state = replace(chain.view, charter=approving(chain.view.charter, *listed))
    return judge_proposal(report, state, verify)


def test_a_free_ai_entity_reports_with_any_model(chain: Chain) -> None:
    """R-AI4: networks that never decided on models go on as before."""
    assert judged(chain) == ACCEPT


def test_a_bound_ai_entity_reports_with_approved_models_only(chain: Chain) -> None:
    """R-AI4: kind, digest and training list must be of one entry."""
    assert judged(chain, USED) == ACCEPT
    assert judged(chain, OTHER, USED) == ACCEPT
    for listed in (
        OTHER,
        replace(USED, kind=FindingKind.FRACTURE),
        replace(USED, training_digest=digest("another list")),
    ):
        assert judged(chain, listed) == Reject(Reason.UNAPPROVED_MODEL)


def test_people_report_without_a_model(chain: Chain) -> None:
    """R-AI4: the list binds the AI entity it is of."""
    doctor = propose(chain.network, chain.view, BlockType.REPORT)
    assert judged(chain, OTHER, by=doctor) == ACCEPT


@pytest.mark.parametrize("outcome", Outcome)
def test_a_batch_with_an_unapproved_model_is_refused(outcome: Outcome) -> None:
    """R-AI4, R-ORD5: also a leader who colludes gets no vote for it, not even as a rejection."""
    for listed, expected in (
        ((), ACCEPT),
        ((USED,), ACCEPT),
        ((OTHER,), Reject(Reason.UNAPPROVED_MODEL)),
    ):
        network = make_network()
        charter = approving(network.charter, *listed)
        chain = Chain(Network(charter, network.doctors))
        chain.stage(registration(chain.network))
        image = chain.stage(propose(chain.network, chain.view, BlockType.CT))
        chain.close()
        report = ai_report(chain.network, chain.state, image.hash)
        decided = candidate(chain.network, report, chain.state, outcome=outcome)
        block = ChainBuilder(chain.state).place(report, outcome)
        batch = forced(chain, [(block, decided.witness)])
        assert judge_batch(batch, chain.state, verify) == expected


CHAIN = Governed()
MEMBER = CHAIN.state.charter.member(AI)


def asked(issuer: str, *changes: Change) -> Judgement:
    """What admission says of an amendment by this member."""
    return judge_proposal(CHAIN.propose_act(Amendment(0, changes), issuer), CHAIN.state, verify)


def test_an_ai_entity_proposes_its_own_models() -> None:
    """R-GOV3: with its keys or without; another's models it leaves to hospitals and doctors."""
    assert MEMBER is not None
    keys = RotateKey(rekeyed(MEMBER, "next", Purpose.CONSENSUS))
    own = (ApproveModel(AI, USED), WithdrawModel(AI, OTHER.digest))
    for changes in (own, own[:1], own[1:], (keys, own[0])):
        assert asked(AI_ENTITY, *changes) == ACCEPT
    assert asked(HOSPITAL, *own) == ACCEPT
    assert asked(CHAIN.doctors[0], *own) == ACCEPT
    another = address(HOSPITAL)
    for foreign in (ApproveModel(another, USED), WithdrawModel(another, USED.digest)):
        assert asked(AI_ENTITY, foreign) == Reject(Reason.ROLE_NOT_ALLOWED)
        assert asked(AI_ENTITY, own[0], foreign) == Reject(Reason.ROLE_NOT_ALLOWED)


@pytest.mark.parametrize("name", [LABORATORY, RADIOLOGIST])
def test_institutions_without_models_propose_none(name: str) -> None:
    """R-GOV3, R-AI2: neither the AI entity's nor their own, which cannot be."""
    for member in (AI, address(name)):
        assert asked(name, ApproveModel(member, USED)) == Reject(Reason.ROLE_NOT_ALLOWED)


NETWORK = make_network(4)


class Story:
    """Four doctors and a hospital, a patient with a CT, an AI entity that reports."""

    def __init__(self) -> None:
        self.ward = Ward(NETWORK, (*NETWORK.doctors, HOSPITAL))
        self.ward.start(*NETWORK.doctors, HOSPITAL)
        self.decide(registration(NETWORK, issued_at_ms=self.ward.now_ms))
        ct = propose(NETWORK, self.view, BlockType.CT, issued_at_ms=self.ward.now_ms)
        self.decide(ct)
        patient = self.view.patient(1)
        assert patient is not None
        self.image: BlockHash = patient.head

    @property
    def view(self) -> ChainState:
        """What the hospital's replica holds as final."""
        return self.ward.replica(HOSPITAL).state

    def decide(self, proposal: Proposal) -> None:
        """Everybody approves."""
        self.ward.submit(proposal, *votes(NETWORK, proposal, self.view))

    def amend(self, *changes: Change, voters: Sequence[str] = NETWORK.doctors) -> None:
        """The AI entity asks, these doctors approve."""
        author = Governed(NETWORK)
        author.time_ms = self.ward.now_ms
        amendment = Amendment(self.ward.replica(HOSPITAL).epoch, changes)
        proposal = author.propose_act(amendment, AI_ENTITY)
        self.ward.submit(proposal, *(vote(NETWORK, proposal, name) for name in voters))

    def report(self, *said: str) -> Proposal:
        """A report with the used model on which these doctors have voted."""
        made = ai_report(NETWORK, self.view, self.image, issued_at_ms=self.ward.now_ms)
        given = votes(NETWORK, made, self.view)
        self.ward.submit(made, *(one for one in given if self.name(one.ballot.voter) in said))
        return made

    def name(self, voter: bytes) -> str:
        """Whose vote it is."""
        return next(name for name in NETWORK.doctors if address(name) == voter)


def test_the_doctors_approval_lets_a_model_report() -> None:
    """R-AI3, R-AI4: from the epoch on that the amendment begins, in every replica alike."""
    story = Story()
    story.amend(ApproveModel(AI, OTHER))
    assert set(story.ward.epochs().values()) == {1}
    before = story.view.n_bc
    story.report(*NETWORK.doctors)
    assert story.view.n_bc == before
    story.amend(ApproveModel(AI, USED))
    assert set(story.ward.epochs().values()) == {2}
    story.report(*NETWORK.doctors)
    assert story.view.n_bc == before + 2
    assert len(story.ward.tips()) == 1


def test_who_is_an_epoch_ahead_is_not_to_blame() -> None:
    """R-AI4, R-GOV8: what a node does not take yet, it takes once it knows the approval."""
    story = Story()
    story.amend(ApproveModel(AI, OTHER))
    report = ai_report(NETWORK, story.view, story.image, issued_at_ms=story.ward.now_ms)
    replica = story.ward.replica(HOSPITAL)
    arrived = ProposalArrived(report, address(NETWORK.doctors[0]))
    (refused,) = replica.step(arrived, story.ward.now_ms)
    assert isinstance(refused, Refused)
    assert refused.judgement == Ignore(Reason.UNAPPROVED_MODEL)
    story.amend(ApproveModel(AI, USED))
    assert Accepted(report) in replica.step(arrived, story.ward.now_ms)


def test_without_a_majority_nothing_is_approved() -> None:
    """R-GOV4: two of four doctors are not enough."""
    story = Story()
    story.amend(ApproveModel(AI, USED), voters=NETWORK.doctors[:2])
    assert set(story.ward.epochs().values()) == {0}


def test_an_open_report_is_judged_by_the_new_charter() -> None:
    """R-AI4, R-GOV8: votes cast before do not bring in a model that is approved no longer."""
    story = Story()
    report = story.report(*NETWORK.doctors[:2])
    story.amend(ApproveModel(AI, OTHER))
    before = story.view.n_bc
    story.ward.submit(report, *votes(NETWORK, report, story.view))
    assert story.view.n_bc == before
    assert story.view.height_of(report.id) is None
