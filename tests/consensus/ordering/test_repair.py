"""R-SIM9 and R-SIM10: STATUS, answers to those who lag, catching up, and a memory that fails."""

from medquorum.consensus.effects import Broadcast, CeaseVoting, Send
from medquorum.consensus.messages import (
    Ask,
    CertificateMessage,
    OrderingVoteMessage,
    Status,
    Sync,
)
from medquorum.consensus.ordering.application import ASK_AFTER_MS
from medquorum.consensus.ordering.journal import CertificateKept, Notarised, Skipped
from medquorum.ledger.batch import Batch
from medquorum.ledger.types import BatchHash
from tests.consensus.ordering.bench import (
    DOCTORS,
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
from tests.consensus.ordering.toy import START_MS, TIMING, address_of

A = BatchHash(b"a" * 32)


def chain(length: int) -> list[Batch]:
    batches: list[Batch] = []
    for slot in range(1, length + 1):
        parent = batches[-1] if batches else None
        view = view_after(*batches)
        batches.append(
            batch(slot, [slot], parent=parent, view=view, time_ms=START_MS + slot - length)
        )
    return batches


def follow(bench: Bench, batches: list[Batch], start: int = 0) -> None:
    for index, one in enumerate(batches):
        bench.hear(Sync(start + index, one, certificate(FINAL, one.header.slot, one.hash)), 1)


def test_status_repeats_only_what_the_journal_holds() -> None:
    """R-SIM9: the same votes again, and the certificates above the last final slot."""
    bench = Bench(known=[1])
    bench.hear_certificate(certificate(SKIP, 1, None))
    bench.pass_ms(TIMING.slot_timeout(1))
    (own,) = bench.votes()
    bench.pass_ms(TIMING.retransmit_ms - TIMING.slot_timeout(1))
    (effect,) = bench.effects
    assert effect == Broadcast(Status(0, 0, 0, (own,), (certificate(SKIP, 1, None),)))


def test_the_open_proposal_is_sent_again_with_the_status() -> None:
    """R-SIM9, also after a restart: the journaled batch, never a new one."""
    bench = Bench(number=1, known=[1])
    (first, *_) = [one.message for one in bench.effects if isinstance(one, Broadcast)]
    again = Bench(number=1, known=[1, 2], journal=bench.records())
    assert again.effects == ()
    again.ordering.connected(DOCTORS[2], again.now_ms)
    effects = again.pass_ms(TIMING.retransmit_ms)
    repeated = [one.message for one in effects if isinstance(one, Broadcast)]
    assert first in repeated


def test_connecting_shows_a_doctor_her_own_votes() -> None:
    """R-SIM10: what a node that lost its journal must learn."""
    bench = Bench()
    own = vote(SKIP, 1, None, 3)
    bench.hear_votes(own)
    (effect,) = bench.ordering.connected(DOCTORS[3], bench.now_ms)
    assert effect == Send(DOCTORS[3], Status(0, 0, 0, (own,), (), shows=True))
    (light,) = bench.ordering.connected(address_of("hospital"), bench.now_ms)
    assert light == Send(address_of("hospital"), Status(0, 0, 0))


def test_a_vote_of_ours_that_the_journal_lacks_ends_our_voting() -> None:
    """R-SIM10: amnesia, shown by a STATUS, a vote, or a certificate."""
    ours = vote(SKIP, 1, None, 0)
    for message in (
        Status(0, 0, 0, (ours,), (), shows=True),
        OrderingVoteMessage(ours),
        CertificateMessage(certificate(SKIP, 1, None, (0, 1, 2))),
    ):
        bench = Bench(known=[1])
        effects = bench.hear(message, 3)
        assert [one for one in effects if isinstance(one, CeaseVoting)] == [CeaseVoting(ours)]
        assert not bench.ordering.voting
        bench.pass_ms(60_000)
        assert bench.effects == ()


def test_a_vote_of_ours_that_the_journal_holds_is_no_alarm() -> None:
    """R-SIM10; nor is a forged one."""
    bench = Bench(journal=[Skipped(1)])
    bench.hear(Status(0, 0, 0, (vote(SKIP, 1, None, 0),), ()), 3)
    assert bench.ordering.voting
    forged = OrderingVoteMessage(
        type(vote(SKIP, 2, None, 0))(
            vote(SKIP, 2, None, 0).statement, 0, vote(SKIP, 2, None, 1).signature
        )
    )
    bench.hear(forged, 3)
    assert bench.ordering.voting
    bench.hear(Status(0, 0, 0, (vote(NOTAR, 1, A, 0),), ()), 3)
    assert not bench.ordering.voting


def test_a_skip_of_a_certified_slot_is_answered_with_certificates() -> None:
    """R-SIM9: or the sender waits for ever."""
    bench = Bench()
    known = [certificate(SKIP, slot, None) for slot in (1, 2)]
    for one in known:
        bench.hear_certificate(one)
    bench.hear_votes(vote(SKIP, 1, None, 2))
    assert bench.sent(2) == [CertificateMessage(one) for one in known]
    bench.hear_votes(vote(SKIP, 3, None, 1))
    assert bench.sent(1) == []


def test_a_skip_after_finality_is_answered_with_the_final_certificate() -> None:
    """R-SIM9: the sender waits for a slot because it missed the finality before it."""
    bench = Bench()
    (first,) = chain(1)
    follow(bench, [first])
    bench.hear_votes(vote(SKIP, 2, None, 2))
    assert bench.sent(2) == [CertificateMessage(certificate(FINAL, 1, first.hash))]


def test_a_late_vote_is_answered_once_the_tail_is_over() -> None:
    """R-SIM9: the last votes of a slot always come late; a lagging node's come much later."""
    bench = Bench()
    (first,) = chain(1)
    follow(bench, [first])
    bench.hear_votes(vote(NOTAR, 1, first.hash, 2))
    assert bench.sent(2) == []
    bench.pass_ms(TIMING.grace_ms)
    bench.hear_votes(vote(NOTAR, 1, first.hash, 2))
    assert bench.sent(2) == [CertificateMessage(certificate(FINAL, 1, first.hash))]
    bench.hear_votes(vote(FINAL, 1, first.hash, 2))
    assert bench.sent(2) == []


def test_who_is_behind_gets_the_next_final_batch() -> None:
    """R-SIM9."""
    bench = Bench()
    batches = chain(3)
    follow(bench, batches)
    bench.pass_ms(100)
    bench.hear(Status(0, 1, 1), 2)
    closing = certificate(FINAL, 2, batches[1].hash)
    assert bench.sent(2) == [Sync(1, batches[1], closing)]


def test_an_ask_is_answered_with_a_segment() -> None:
    """R-SIM9: at most sixteen; the receiver asks again."""
    bench = Bench()
    batches = chain(20)
    follow(bench, batches)
    bench.hear(Ask(2), 3)
    sent = [one for one in bench.sent(3) if isinstance(one, Sync)]
    assert [one.log_index for one in sent] == list(range(2, 18))
    bench.hear(Ask(20), 3)
    assert bench.effects == ()


def test_a_run_without_certificates_is_sent_to_its_end() -> None:
    """R-ORD17: batches finalised by a descendant are verified through it."""
    batches = chain(3)
    bench = Bench()
    for index, one in enumerate(batches):
        closing = certificate(FINAL, 3, batches[2].hash) if index == 2 else None
        bench.hear(Sync(index, one, closing), 1)
    assert bench.committed() == batches
    bench.hear(Ask(0), 2)
    assert [one.certificate is None for one in bench.sent(2) if isinstance(one, Sync)] == [
        True,
        True,
        False,
    ]
    bench.pass_ms(100)
    bench.hear(Status(0, 0, 0), 3)
    assert len(bench.sent(3)) == 3


def test_who_is_behind_asks_once_it_has_not_come_by_itself() -> None:
    """R-SIM9: after 100 ms, then another peer after a second, then on while answers come."""
    bench = Bench(number=None)
    bench.hear(Status(0, 20, 20), 1)
    bench.hear(Status(0, 20, 20), 2)
    assert bench.effects == ()
    assert bench.ordering.next_deadline_ms() == START_MS + 100
    (first,) = bench.pass_ms(100)
    assert isinstance(first, Send) and first.message == Ask(0)
    (second,) = bench.pass_ms(1_000)
    assert isinstance(second, Send) and second.message == Ask(0)
    assert second.to != first.to
    asked = DOCTORS.index(second.to)
    batches = chain(20)
    for index, one in enumerate(batches[:16]):
        bench.hear(Sync(index, one, certificate(FINAL, index + 1, one.hash)), asked)
    assert bench.sent(asked) == [Ask(16)]
    for index, one in enumerate(batches[16:]):
        bench.hear(Sync(16 + index, one, certificate(FINAL, index + 17, one.hash)), asked)
    assert bench.ordering.final.log_length == 20
    assert bench.ordering.next_deadline_ms() is None


def test_nobody_votes_before_a_quorum_has_shown_what_it_holds() -> None:
    """R-SIM10: a journal can only be seen to be too old by listening first."""
    bench = Bench(known=[1], listening=True)
    sound = batch(1, [1])
    bench.hear(proposal(sound), 1)
    bench.pass_ms(TIMING.retransmit_ms)
    assert [type(one) for one in bench.effects] == [Broadcast]
    assert bench.votes() == []
    assert "not voting" in bench.ordering.waiting.sentence()
    bench.hear(Status(0, 0, 0, shows=True), 1)
    bench.hear(Status(0, 0, 0, shows=True), 1)
    assert bench.votes() == []
    bench.hear(Status(0, 0, 0, shows=True), 2)
    assert NOTAR in bench.kinds()
    shown = Bench(known=[1], listening=True)
    shown.hear(proposal(sound), 1)
    shown.hear(Status(0, 0, 0, shows=True), 1)
    shown.hear(Status(0, 0, 0, (vote(NOTAR, 1, A, 0),), (), shows=True), 2)
    assert not shown.ordering.voting and shown.votes() == []


def test_an_observer_neither_votes_nor_speaks() -> None:
    """R-SIM1, R-SIM2, R-SIM9 only."""
    bench = Bench(number=None, known=[1])
    bench.hear(proposal(batch(1, [1])), 1)
    assert bench.effects == ()
    assert bench.ordering.next_deadline_ms() is None
    follow(bench, chain(1))
    assert len(bench.committed()) == 1
    assert bench.records() == []


def test_unasked_batches_are_taken_only_next_to_the_log() -> None:
    """A limit on everything."""
    bench = Bench(number=None)
    (first,) = chain(1)
    for index in (3, 4, 90):
        bench.hear(Sync(index, first, None), 2)
    assert sorted(bench.ordering._state.catch_up.offers) == [3]


def test_a_restart_goes_on_where_the_journal_ends() -> None:
    """R-SIM10: certificates and votes of the journal count at once."""
    sound = batch(1, [1])
    bench = Bench(known=[1])
    bench.hear(proposal(sound), 1)
    journal = [*bench.records(), CertificateKept(certificate(NOTAR, 1, sound.hash))]
    again = Bench(known=[1], journal=journal)
    assert again.kinds() == [FINAL]
    forgetful = Bench(known=[1], journal=[one for one in journal if not isinstance(one, Notarised)])
    assert forgetful.ordering.current_slot == 2


def test_who_starts_anew_asks_to_be_shown_its_own_votes() -> None:
    """R-SIM10: a STATUS that shows nothing of one's own does not end the listening."""
    bench = Bench(listening=True)
    bench.hear(Status(0, 0, 0), 1)
    bench.hear(Status(0, 0, 0), 2)
    assert bench.ordering.listening
    assert bench.pass_ms(TIMING.retransmit_ms) == (Broadcast(Status(0, 0, 0, asks=True)),)
    other = Bench()
    own = vote(NOTAR, 1, A, 3)
    other.hear_votes(own)
    other.hear(Status(0, 0, 0, asks=True), 3)
    assert other.sent(3)[-1] == Status(0, 0, 0, (own,), shows=True)


def test_of_another_epoch_a_status_says_only_how_far_its_sender_is() -> None:
    """R-SIM9: no vote of it counts; who is ahead is asked for the log."""
    bench = Bench(listening=True)
    for sender in (1, 2):
        bench.hear(Status(1, 3, 0, (vote(NOTAR, 1, A, sender),), shows=True), sender)
    assert bench.ordering.listening
    bench.pass_ms(ASK_AFTER_MS)
    assert Ask(0) in (*bench.sent(1), *bench.sent(2))


def test_votes_of_an_earlier_epoch_are_answered_with_how_far_this_node_is() -> None:
    """R-SIM9: once within the grace time."""
    bench = Bench(epoch=2)
    bench.hear_votes(vote(SKIP, 1, None, 3))
    assert bench.sent(3) == [Status(2, 0, 0)]
    bench.hear_votes(vote(SKIP, 1, None, 3))
    assert bench.sent(3) == []
