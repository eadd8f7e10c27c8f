"""R-GOV5, R-SIM11: evidence enters the chain once, signed by whom it names, and not otherwise."""

from dataclasses import replace

from medquorum.consensus.admission import judge_proposal
from medquorum.consensus.composition import judge_batch
from medquorum.consensus.governance import judge_act
from medquorum.ledger.certificate import OrderingVote, Statement, state
from medquorum.ledger.governance import EvidenceAct, EvidenceKind
from medquorum.ledger.keys import Purpose
from medquorum.ledger.reasons import ACCEPT, Ignore, Reason, Reject
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BatchHash, OrderingKind
from tests.ledger.charter_kit import signer_of
from tests.support.governed import Governed
from tests.support.network import address, digest, make_network

NETWORK = make_network(4)
WITNESS, _, _, CULPRIT = NETWORK.doctors


def said(slot: int, label: str, signer: str = CULPRIT) -> OrderingVote:
    """The culprit's notar vote of a slot, signed with that doctor's key."""
    statement = Statement(0, slot, OrderingKind.NOTAR, BatchHash(digest(label)))
    number = NETWORK.doctors.index(CULPRIT)
    return state(statement, number, NETWORK.id, signer_of(signer, Purpose.CONSENSUS))


def shown(first: OrderingVote, second: OrderingVote, culprit: str = CULPRIT) -> EvidenceAct:
    """Both votes as an act."""
    pair = sorted((first.encoded(), second.encoded()))
    return EvidenceAct(address(culprit), EvidenceKind.TWO_NOTARS, *pair)


def test_what_the_culprit_signed_convicts() -> None:
    ledger = Governed(NETWORK)
    proposal = ledger.propose_act(shown(said(4, "one"), said(4, "other")), WITNESS)
    assert judge_proposal(proposal, ledger.state, verify) == ACCEPT


def test_what_another_signed_convicts_nobody() -> None:
    ledger, genuine = Governed(NETWORK), said(4, "one")
    moved = replace(genuine, statement=replace(genuine.statement, hash=BatchHash(digest("other"))))
    for forged in (said(4, "other", signer=WITNESS), moved):
        proposal = ledger.propose_act(shown(genuine, forged), WITNESS)
        assert judge_proposal(proposal, ledger.state, verify) == Reject(Reason.BAD_EVIDENCE)


def test_nobody_else_is_convicted_by_it() -> None:
    ledger = Governed(NETWORK)
    act = shown(said(4, "one"), said(4, "other"), culprit=WITNESS)
    assert judge_act(act, address(WITNESS), ledger.state) == Reject(Reason.BAD_EVIDENCE)


def test_a_contradiction_is_shown_once_whatever_the_pair() -> None:
    """R-GOV5: one block for a culprit, kind and epoch, or a liar in every slot fills the chain."""
    ledger, first = Governed(NETWORK), shown(said(4, "one"), said(4, "other"))
    ledger.govern(first, WITNESS, voters=())
    before = ledger.state
    batch = ledger.close()
    assert judge_batch(batch, before, verify) == ACCEPT
    later = shown(said(5, "one"), said(5, "other"))
    for again in (first, shown(said(4, "one"), said(4, "third")), later):
        assert judge_act(again, address(WITNESS), ledger.state) == Ignore(Reason.DUPLICATE)
