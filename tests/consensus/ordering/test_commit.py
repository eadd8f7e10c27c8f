"""R-SIM2: what becomes final, in which order, and when ordering stops."""

from dataclasses import replace

from medquorum.consensus.effects import Commit, Convict, Halt, HaltReason, Send
from medquorum.consensus.messages import BatchBody, GetBatch, Status, Sync
from medquorum.consensus.ordering.evidence import Contradiction
from medquorum.ledger.batch import Batch
from tests.consensus.ordering.bench import (
    FINAL,
    NOTAR,
    SKIP,
    Bench,
    batch,
    certificate,
    proposal,
    view_after,
    vote,
)
from tests.consensus.ordering.toy import START_MS, address_of

FIRST = batch(1, [1])
SECOND = batch(2, [2], parent=FIRST, view=view_after(FIRST), time_ms=START_MS + 1)


def test_a_final_certificate_appends_the_batch() -> None:
    """R-ORD17."""
    bench = Bench(known=[1])
    bench.hear(proposal(FIRST), 1)
    effects = bench.hear_certificate(certificate(FINAL, 1, FIRST.hash))
    assert effects[-1] == Commit(FIRST, certificate(FINAL, 1, FIRST.hash))
    assert (bench.ordering.final_slot, bench.ordering.final.log_length) == (1, 1)


def test_ancestors_become_final_with_a_descendant_oldest_first() -> None:
    """R-SIM2, R-ORD17: none needs a certificate of its own."""
    bench = Bench(known=[1, 2])
    bench.hear(proposal(FIRST), 1)
    bench.hear(proposal(SECOND), 2)
    bench.hear_certificate(certificate(FINAL, 2, SECOND.hash))
    assert bench.committed() == [FIRST, SECOND]


def test_missing_bodies_are_fetched_backwards() -> None:
    """R-SIM2: from those who signed, then anyone."""
    bench = Bench()
    bench.hear_certificate(certificate(FINAL, 2, SECOND.hash))
    assert bench.committed() == []
    bench.pass_ms(100)
    assert GetBatch(SECOND.hash) in bench.sent(2)
    bench.hear(BatchBody(SECOND), 2)
    assert GetBatch(FIRST.hash) in bench.sent(2)
    bench.hear(BatchBody(FIRST), 2)
    assert bench.committed() == [FIRST, SECOND]


def test_an_offered_body_is_that_of_its_header() -> None:
    """R-ORD7, R-SIM9: a false one stops nobody who catches up, nor keeps the true one out."""
    bench = Bench(number=None)
    closing = certificate(FINAL, 1, FIRST.hash)
    bench.hear(Sync(0, Batch(FIRST.header, (), (), ()), closing), 2)
    assert bench.committed() == [] and bench.ordering.halted is None
    bench.hear(Sync(0, FIRST, closing), 3)
    assert bench.committed() == [FIRST]


def test_a_final_batch_on_another_branch_halts() -> None:
    """R-SIM2: both certificates are published, nothing more is ordered."""
    bench = Bench(known=[1, 2])
    bench.hear(proposal(FIRST), 1)
    ours = certificate(FINAL, 1, FIRST.hash)
    bench.hear_certificate(ours)
    rival = batch(2, [2], skipped=(1,))
    theirs = certificate(FINAL, 2, rival.hash)
    bench.hear_certificate(theirs)
    bench.pass_ms(100)
    effects = bench.hear(BatchBody(rival), 2)
    assert effects == (Halt(HaltReason.FORK, (ours, theirs)),)
    assert bench.ordering.halted is not None
    assert bench.learn(3) == ()
    assert bench.ordering.next_deadline_ms() is None
    assert bench.hear(GetBatch(FIRST.hash), 2) != ()


def test_another_final_certificate_of_a_final_slot_halts() -> None:
    """R-SIM2, R-SIM11."""
    bench = Bench(known=[1])
    bench.hear(proposal(FIRST), 1)
    bench.hear_certificate(certificate(FINAL, 1, FIRST.hash))
    rival = batch(1, [2])
    effects = bench.hear_certificate(certificate(FINAL, 1, rival.hash))
    assert [one.reason for one in effects if isinstance(one, Halt)] == [HaltReason.FORK]


def test_two_final_certificates_of_an_open_slot_halt_and_convict() -> None:
    """R-SIM11: at least 2q-n signers stand in both."""
    bench = Bench()
    bench.hear_certificate(certificate(FINAL, 1, FIRST.hash, (1, 2, 3)))
    effects = bench.hear_certificate(certificate(FINAL, 1, SECOND.hash, (0, 2, 3)))
    assert any(isinstance(one, Halt) for one in effects)
    guilty = {
        one.evidence.signer: one.evidence.contradiction
        for one in effects
        if isinstance(one, Convict)
    }
    assert guilty == {2: Contradiction.TWO_FINALS, 3: Contradiction.TWO_FINALS}


def test_a_final_batch_that_breaks_the_rules_halts() -> None:
    """R-SIM2: a quorum that finalised it is not followed."""
    bench = Bench(number=None)
    bad = Batch(replace(FIRST.header, first_nbc=9), FIRST.blocks, FIRST.witnesses, ())
    effects = bench.hear(Sync(0, bad, certificate(FINAL, 1, bad.hash)), 1)
    assert [one.reason for one in effects if isinstance(one, Halt)] == [HaltReason.INVALID_FINAL]
    assert bench.committed() == []


def test_a_weak_or_forged_certificate_is_worth_nothing() -> None:
    """R-ORD11, R-SIM1."""
    bench = Bench(known=[1])
    bench.hear(proposal(FIRST), 1)
    assert bench.hear_certificate(certificate(FINAL, 1, FIRST.hash, (2, 3))) == ()
    good = certificate(FINAL, 1, FIRST.hash)
    forged = replace(good, votes=(*good.votes[:2], (3, good.votes[0][1])))
    assert bench.hear_certificate(forged) == ()
    assert bench.ordering.final_slot == 0


def test_the_leader_of_a_final_batch_hands_it_to_observers() -> None:
    """R-SIM9: each doctor says how far it is, the leader sends the batch."""
    observer = address_of("hospital")
    for number, expected in ((1, [Sync, Status]), (0, [Status])):
        bench = Bench(known=[1], number=number)
        bench.ordering.connected(observer, bench.now_ms)
        if number == 0:
            bench.hear(proposal(FIRST), 1)
        others = tuple({0, 1, 2, 3} - {number})
        effects = bench.hear_certificate(certificate(FINAL, 1, FIRST.hash, others))
        told = [one.message for one in effects if isinstance(one, Send) and one.to == observer]
        assert [type(one) for one in told] == expected


def test_what_is_settled_is_forgotten() -> None:
    """The window of R-SIM6: nothing below the last final slot stays in memory."""
    bench = Bench(known=[1, 2])
    bench.hear_votes(vote(SKIP, 1, None, 2))
    bench.hear(proposal(FIRST), 1)
    bench.hear(proposal(SECOND), 2)
    bench.hear_certificate(certificate(FINAL, 2, SECOND.hash))
    state = bench.ordering._state
    assert state.proposals == {} and state.wants == {}
    assert state.shelf.get(1, NOTAR) is None
    assert state.tally.votes_of(2, 0) != ()
    assert all(one.statement.slot >= 2 for one in state.tally.votes_of(2, 0))
    assert state.branches.batch(FIRST.hash) is None


def test_votes_beyond_the_window_are_not_kept() -> None:
    """R-SIM6: 64 slots ahead, unless a certificate leads there."""
    bench = Bench()
    for ahead, kept in ((65, 1), (66, 0)):
        bench.hear_votes(vote(SKIP, ahead, None, 1 + kept))
        assert len(bench.ordering._state.tally.votes_of(1 + kept, 0)) == kept
