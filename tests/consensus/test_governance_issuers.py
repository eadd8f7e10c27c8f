"""R-GOV3: who may ask for which act."""

import pytest

from medquorum.consensus.admission import judge_proposal
from medquorum.ledger.change import Change, RotateKey, SetAbsenceRule
from medquorum.ledger.charter import AbsenceRule
from medquorum.ledger.governance import AbsenceAct, Act, Amendment, DelegationAct, OpeningAct
from medquorum.ledger.keys import Purpose
from medquorum.ledger.reasons import ACCEPT, Judgement, Reason, Reject
from medquorum.ledger.signature import verify
from medquorum.ledger.types import ProposalId
from tests.ledger.governance_kit import rekeyed
from tests.support.governed import Governed
from tests.support.network import AI_ENTITY, HOSPITAL, LABORATORY, RADIOLOGIST, address, digest

CHAIN = Governed()
FIRST, SECOND = CHAIN.doctors[:2]
RULE = SetAbsenceRule(AbsenceRule(3, 3))


def judged(act: Act, issuer: str) -> Judgement:
    """What admission says of an act by this member."""
    return judge_proposal(CHAIN.propose_act(act, issuer), CHAIN.state, verify)


def own_key(name: str) -> Change:
    member = CHAIN.state.charter.member(address(name))
    assert member is not None
    return RotateKey(rekeyed(member, f"{name} again", Purpose.CONSENSUS))


@pytest.mark.parametrize("name", [LABORATORY, RADIOLOGIST, AI_ENTITY])
def test_whoever_only_changes_keys_may_be_any_member(name: str) -> None:
    """R-GOV3: an amendment is hospitals' and doctors', but everybody's keys are their own."""
    assert judged(Amendment(0, (own_key(name),)), name) == ACCEPT
    for changes in ((RULE,), (own_key(name), RULE)):
        assert judged(Amendment(0, changes), name) == Reject(Reason.ROLE_NOT_ALLOWED)
    assert judged(Amendment(0, (RULE,)), HOSPITAL) == ACCEPT


def test_the_other_acts_are_doctors_or_hospitals() -> None:
    """R-GOV3: an absence a doctor's, a delegation the attending's, an opening a hospital's too."""
    absence = AbsenceAct(address(FIRST), address(SECOND), 1, 2)
    delegation = DelegationAct(address(FIRST), address(SECOND), 1)
    opening = OpeningAct(address(FIRST), address(SECOND), ProposalId(digest("open")))
    assert judged(absence, SECOND) == ACCEPT
    assert judged(absence, HOSPITAL) == Reject(Reason.ROLE_NOT_ALLOWED)
    assert judged(delegation, FIRST) == ACCEPT
    assert judged(delegation, SECOND) == Reject(Reason.BAD_DELEGATION)
    assert judged(opening, HOSPITAL) == ACCEPT
    assert judged(opening, LABORATORY) == Reject(Reason.ROLE_NOT_ALLOWED)
