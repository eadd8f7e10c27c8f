"""R-GOV8, R-SIM9, R-SIM10: replicas go from epoch to epoch: late, restarted, with new keys."""

from collections.abc import Sequence

import pytest

from medquorum.consensus.effects import CeaseVoting, Commit, Convict
from medquorum.consensus.events import CharterChanged, Forgotten
from medquorum.consensus.messages import Message, OrderingVoteMessage
from medquorum.consensus.ordering.journal import Notarised
from medquorum.ledger.certificate import Statement, state
from medquorum.ledger.change import Admit, Change, Revoke, RotateKey, SetAbsenceRule, Suspend
from medquorum.ledger.charter import AbsenceRule
from medquorum.ledger.governance import Act, Amendment, EvidenceAct, EvidenceKind
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import BatchHash, BlockType, OrderingKind
from medquorum.ledger.vote import Vote
from tests.consensus.replicas import Ward
from tests.ledger.charter_kit import signer_of
from tests.ledger.governance_kit import newcomer, rekeyed
from tests.support.governed import Governed
from tests.support.network import (
    HOSPITAL,
    Network,
    address,
    digest,
    make_network,
    propose,
    registration,
    vote,
    votes,
)

NEW = "Dr. New"
NETWORK = make_network(4)
FIRST, SECOND, THIRD, FOURTH = NETWORK.doctors


@pytest.fixture
def ward() -> Ward:
    """Four doctors and a hospital, all up."""
    made = Ward(NETWORK, (*NETWORK.doctors, HOSPITAL, NEW))
    made.start(*NETWORK.doctors, HOSPITAL)
    return made


def act(ward: Ward, of: Act, issuer: str = HOSPITAL) -> Proposal:
    """A signed act, now."""
    author = Governed(NETWORK)
    author.time_ms = ward.now_ms
    return author.propose_act(of, issuer)


def approvals(ward: Ward, proposal: Proposal, names: Sequence[str]) -> list[Vote]:
    return [vote(NETWORK, proposal, name) for name in names]


def amend(ward: Ward, *changes: Change, issuer: str = HOSPITAL, voters: Sequence[str] = ()) -> None:
    """An amendment that a majority of those up approves."""
    version = ward.replica(HOSPITAL).epoch
    proposal = act(ward, Amendment(version, changes), issuer)
    ward.submit(proposal, *approvals(ward, proposal, voters or NETWORK.doctors[:3]))


def record(ward: Ward, patient: str) -> None:
    """A registration that everybody in force approves."""
    view = ward.replica(HOSPITAL).state
    doctors = tuple(one.name for one in view.charter.doctors)
    network = Network(NETWORK.charter, doctors)
    form = registration(NETWORK, patient, issued_at_ms=ward.now_ms, doctor=doctors[1])
    ward.submit(form, *votes(network, form, view))


def test_an_admitted_doctor_orders_from_the_next_epoch_on(ward: Ward) -> None:
    """R-GOV8: everybody changes at the same batch; the newcomer catches up and votes."""
    amend(ward, Admit(newcomer(NEW)))
    assert set(ward.epochs().values()) == {1}
    assert all(len(ward.told(name, CharterChanged)) == 1 for name in ward.up())
    ward.start(NEW)
    ward.pass_ms(3_000)
    assert ward.replica(NEW).epoch == 1 and not ward.replica(NEW).ordering.listening
    ward.stop(FIRST)
    record(ward, "patient 1")
    ward.pass_ms(8_000)
    assert ward.replica(NEW).state.n_bc == 2 and len(ward.tips()) == 1
    signers = {
        signer
        for one in ward.told(HOSPITAL, Commit)
        if isinstance(one, Commit) and one.batch.header.epoch == 1
        for signer, _ in one.certificate.votes
    }
    assert ward.replica(NEW).state.charter.doctor_number(address(NEW)) in signers


def test_a_node_that_was_down_for_two_epochs_catches_up(ward: Ward) -> None:
    """R-SIM9: the log leads from charter to charter."""
    record(ward, "patient 1")
    ward.stop(FOURTH)
    amend(ward, Admit(newcomer(NEW)))
    ward.start(NEW)
    ward.pass_ms(3_000)
    record(ward, "patient 2")
    amend(ward, Suspend(address(FIRST), address(SECOND)), voters=NETWORK.doctors[:3])
    ward.pass_ms(10_000)
    assert ward.replica(HOSPITAL).epoch == 2
    ward.start(FOURTH)
    ward.pass_ms(15_000)
    assert set(ward.epochs().values()) == {2}
    assert len(ward.tips()) == 1
    assert ward.replica(FOURTH).ordering.voting and not ward.replica(FOURTH).ordering.listening


def test_an_end_that_only_a_descendant_finalises_has_a_tail(ward: Ward) -> None:
    """R-GOV8: who lost the finality of the amendment's slot ends the epoch by an empty batch."""
    slot = ward.replica(HOSPITAL).ordering.current_slot

    def no_final(sender: str, receiver: str, message: Message) -> bool:
        if not isinstance(message, OrderingVoteMessage):
            return True
        statement = message.vote.statement
        return (statement.kind, statement.slot) != (OrderingKind.FINAL, slot)

    ward.rule = no_final
    amend(ward, Admit(newcomer(NEW)))
    assert set(ward.epochs().values()) == {0}
    ward.pass_ms(5_000)
    assert set(ward.epochs().values()) == {1}
    commits = [one for one in ward.told(FIRST, Commit) if isinstance(one, Commit)]
    (end,) = (one for one in commits if one.tail)
    assert [one.header.count for one in end.tail] == [0] * len(end.tail)
    assert end.certificate.statement.hash == end.tail[-1].hash
    record(ward, "patient 1")
    ward.pass_ms(5_000)
    assert ward.replica(HOSPITAL).state.n_bc == 2
    ward.start(NEW)
    ward.pass_ms(5_000)
    assert ward.epochs()[NEW] == 1 and len(ward.tips()) == 1
    assert ward.peers[NEW].log == ward.peers[HOSPITAL].log
    assert ward.peers[NEW].log[0].tail == end.tail


def test_a_restart_in_a_later_epoch_keeps_its_own_votes(ward: Ward) -> None:
    """R-SIM10: the journal of the epoch, not of an earlier one with slots of the same numbers."""
    record(ward, "patient 1")
    amend(ward, Admit(newcomer(NEW)))
    ward.start(NEW)
    ward.pass_ms(3_000)
    record(ward, "patient 2")
    ward.pass_ms(3_000)
    ward.stop(SECOND)
    ward.start(SECOND)
    ward.pass_ms(3_000)
    assert ward.replica(SECOND).ordering.voting
    assert not ward.told(SECOND, CeaseVoting)
    record(ward, "patient 3")
    ward.pass_ms(3_000)
    assert ward.replica(SECOND).state.n_bc == 4 and len(ward.tips()) == 1


def test_a_journal_of_the_later_epoch_that_is_lost_is_noticed(ward: Ward) -> None:
    """R-SIM10: restored from before the epoch, it is shown its own votes and does not vote."""
    amend(ward, Admit(newcomer(NEW)))
    ward.start(NEW)
    ward.pass_ms(3_000)
    ward.rule = lambda sender, receiver, message: not _is_final(message)
    record(ward, "patient 1")
    lost = ward.peers[SECOND]
    assert any(isinstance(one, Notarised) for of, one in lost.journal if of == 1)
    ward.stop(SECOND)
    lost.log, lost.journal = [], []
    ward.start(SECOND)
    ward.pass_ms(4_000)
    assert ward.told(SECOND, CeaseVoting) or ward.replica(SECOND).ordering.listening
    assert not ward.told(HOSPITAL, Convict)
    assert not any(isinstance(one, Notarised) for of, one in lost.journal if of == 1)


def _is_final(message: Message) -> bool:
    is_vote = isinstance(message, OrderingVoteMessage)
    return is_vote and message.vote.statement.kind is OrderingKind.FINAL


def test_a_rotated_key_takes_its_seat_with_the_amendment(ward: Ward) -> None:
    """R-GOV7: the old key has no seat in the new epoch, the new one none in the old."""
    member = NETWORK.charter.member(address(FOURTH))
    assert member is not None
    ward.stop(FOURTH)
    amend(ward, RotateKey(rekeyed(member, "next key", Purpose.CONSENSUS)), issuer=FOURTH)
    ward.pass_ms(5_000)
    assert ward.epochs()[HOSPITAL] == 1
    ward.start(FOURTH)
    ward.pass_ms(5_000)
    assert ward.epochs()[FOURTH] == 1 and not ward.replica(FOURTH).ordering.voting
    ward.stop(FOURTH)
    ward.peers[FOURTH].key_label = "next key"
    ward.peers[FOURTH].log, ward.peers[FOURTH].journal = [], []
    ward.start(FOURTH)
    ward.pass_ms(5_000)
    assert ward.epochs()[FOURTH] == 1
    assert ward.replica(FOURTH).ordering.voting and not ward.replica(FOURTH).ordering.listening


def test_a_revoked_doctor_follows_and_her_open_votes_count_no_more(ward: Ward) -> None:
    """R-GOV8: proposals and votes are judged anew under the new charter."""
    record(ward, "patient 1")
    view = ward.replica(HOSPITAL).state
    open_one = propose(NETWORK, view, BlockType.CT, issued_at_ms=ward.now_ms)
    theirs = propose(NETWORK, view, BlockType.PRESCRIPTION, issuer=FIRST, issued_at_ms=ward.now_ms)
    ward.submit(open_one, theirs, *approvals(ward, open_one, (FIRST, THIRD)))
    amend(ward, Revoke(address(FIRST), address(SECOND)), voters=NETWORK.doctors[1:])
    assert set(ward.epochs().values()) == {1}
    assert not ward.replica(FIRST).ordering.voting
    kept = ward.replica(THIRD).pool.get(open_one.id)
    assert kept is not None and set(kept.votes) == {address(THIRD)}
    forgotten = [one for one in ward.told(THIRD, Forgotten) if isinstance(one, Forgotten)]
    assert [(one.proposal, one.reason.value) for one in forgotten] == [
        (theirs.id, "unknown_issuer")
    ]


def test_two_amendments_of_one_version_make_one_epoch(ward: Ward) -> None:
    """R-GOV5: the second names a version that is no longer the charter's."""
    one = act(ward, Amendment(0, (Admit(newcomer(NEW)),)))
    other = act(ward, Amendment(0, (Suspend(address(FIRST), address(SECOND)),)), SECOND)
    cast = [*approvals(ward, one, NETWORK.doctors), *approvals(ward, other, NETWORK.doctors)]
    ward.submit(one, other, *cast)
    ward.pass_ms(5_000)
    assert set(ward.epochs().values()) == {1}
    assert ward.replica(HOSPITAL).state.n_bc == 1
    assert all(len(ward.replica(name).pool) == 0 for name in ward.up())


def test_evidence_is_brought_before_everybody_once(ward: Ward) -> None:
    """R-SIM11, R-GOV5: whoever detects it issues it; one block, whoever comes first."""
    for label in ("one", "another"):
        signed = state(
            Statement(0, 40, OrderingKind.NOTAR, BatchHash(digest(label))),
            NETWORK.doctors.index(FOURTH),
            NETWORK.id,
            signer_of(FOURTH, Purpose.CONSENSUS),
        )
        for name in (FIRST, SECOND, THIRD):
            ward._send(FOURTH, name, OrderingVoteMessage(signed))
        ward.settle()
    ward.pass_ms(5_000)
    shown = [
        block.proposal.core.act
        for one in ward.peers[HOSPITAL].log
        for block in one.batch.blocks
        if isinstance(block.proposal.core.act, EvidenceAct)
    ]
    assert [(one.culprit, one.kind) for one in shown] == [
        (address(FOURTH), EvidenceKind.TWO_NOTARS)
    ]
    assert len(ward.tips()) == 1 and all(len(ward.replica(name).pool) == 0 for name in ward.up())


def test_a_single_doctors_network_changes_its_charter_at_once() -> None:
    """R-GOV8 with n = 1: the next epoch may commit within the same step."""
    network = make_network(1)
    ward = Ward(network, (network.doctors[0], HOSPITAL))
    ward.start()
    author = Governed(network)
    author.time_ms = ward.now_ms
    proposal = author.propose_act(Amendment(0, (SetAbsenceRule(AbsenceRule(3, 3)),)), HOSPITAL)
    form = registration(network)
    ward.submit(form, proposal, vote(network, proposal, network.doctors[0]))
    ward.submit(*votes(network, form, ward.replica(HOSPITAL).state))
    ward.pass_ms(2_000)
    assert set(ward.epochs().values()) == {1}
    counts = [(one.batch.header.epoch, one.batch.header.count) for one in ward.peers[HOSPITAL].log]
    assert counts == [(0, 1), (1, 1)]
