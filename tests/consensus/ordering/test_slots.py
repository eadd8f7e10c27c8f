"""R-SIM3 to R-SIM5, R-SIM7, R-SIM8: entering, proposing in, giving up and finalising a slot."""

import pytest

from medquorum.consensus.effects import Broadcast, Effect, Persist
from medquorum.consensus.messages import BatchProposal, Status
from medquorum.consensus.ordering.journal import (
    BodyKept,
    CertificateKept,
    Finalised,
    Notarised,
    Proposed,
    Skipped,
)
from medquorum.ledger import batch as batch_records
from medquorum.ledger.batch import ENTRY_BYTES
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
from tests.consensus.ordering.toy import START_MS, TIMING


def proposals(effects: tuple[Effect, ...]) -> list[BatchProposal]:
    return [
        one.message
        for one in effects
        if isinstance(one, Broadcast) and isinstance(one.message, BatchProposal)
    ]


def test_without_work_no_timer_runs_but_status() -> None:
    """R-SIM4."""
    bench = Bench()
    assert bench.ordering.next_deadline_ms() == START_MS + TIMING.idle_status_ms
    bench.pass_ms(TIMING.idle_status_ms - 1)
    assert bench.effects == ()
    (effect,) = bench.pass_ms(1)
    assert effect == Broadcast(Status(0, 0, 0))


def test_the_leader_proposes_at_once_when_work_appears() -> None:
    """R-SIM5, R-SIM10: body, proposal and own notar are durable before either leaves."""
    bench = Bench(number=1)
    effects = bench.learn(1)
    (sent,) = proposals(effects)
    assert bench.records() == [
        bench.records()[0],
        Proposed(1, sent.hash),
        Notarised(1, sent.hash),
    ]
    assert isinstance(bench.records()[0], BodyKept)
    assert [type(one) for one in effects] == [Persist] * 3 + [Broadcast] * 2
    assert (sent.header.slot, sent.header.leader, sent.header.time_ms) == (1, 1, START_MS)
    assert proposals(bench.learn(2)) == []


def test_a_leader_never_makes_a_batch_that_nobody_can_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R-ORD8: an empty one where only the certificates fit, none where not even they do."""
    others = (0, 2, 3)
    skips = [certificate(SKIP, slot, None, others) for slot in range(1, 9)]
    taken = sum(len(one.encoded()) + ENTRY_BYTES for one in skips)
    for limit, sent in ((taken + 63, []), (taken + 64, [0]), (taken + 2_000, [1])):
        monkeypatch.setattr(batch_records, "BATCH_BODY_BYTES", limit)
        bench = Bench(number=1, known=[1])
        found = []
        for skip in skips:
            found += proposals(bench.hear_certificate(skip))
        found += proposals(bench.pass_ms(TIMING.grace_ms))
        assert [one.header.count for one in found if one.header.slot == 9] == sent


def test_others_only_wait() -> None:
    """R-SIM5."""
    bench = Bench(number=2)
    assert bench.learn(1) == ()


def test_the_next_batch_carries_its_parents_certificate() -> None:
    """R-ORD12, R-ORD13, R-SIM5: proposed on a notarised parent, before that is final."""
    first = batch(1, [1])
    bench = Bench(number=2, known=[1, 2])
    bench.hear(proposal(first), 1)
    effects = bench.hear_votes(*(vote(NOTAR, 1, first.hash, signer) for signer in (0, 3)))
    (sent,) = proposals(effects)
    assert [one.statement for one in sent.justification] == [
        certificate(NOTAR, 1, first.hash).statement
    ]
    assert (sent.header.parent_slot, sent.header.first_nbc) == (1, 2)
    assert sent.header.time_ms > first.header.time_ms


def test_a_hole_in_the_way_keeps_the_leader_from_proposing() -> None:
    """R-SIM5: without a certificate for a slot between there is no base."""
    bench = Bench(number=3, known=[1])
    later, earlier = (certificate(SKIP, slot, None, (0, 1, 2)) for slot in (2, 1))
    assert proposals(bench.hear_certificate(later, 2)) == []
    (sent,) = proposals(bench.hear_certificate(earlier, 2))
    assert [one.statement.slot for one in sent.justification] == [1, 2]


def test_an_empty_batch_only_after_the_grace_time() -> None:
    """R-SIM5: a notarised tip that is not final yet is helped by an empty successor."""
    first = batch(1, [1])
    bench = Bench(number=2, known=[1])
    bench.hear(proposal(first), 1)
    bench.hear_votes(*(vote(NOTAR, 1, first.hash, signer) for signer in (0, 3)))
    assert bench.ordering.next_deadline_ms() == START_MS + TIMING.grace_ms
    assert proposals(bench.pass_ms(TIMING.grace_ms - 1)) == []
    (sent,) = proposals(bench.pass_ms(1))
    assert sent.header.count == 0


def test_a_slot_is_given_up_once_after_its_time() -> None:
    """R-SIM7: journaled, for the current slot, once."""
    bench = Bench(known=[1])
    bench.pass_ms(299)
    assert bench.kinds() == []
    bench.pass_ms(1)
    assert bench.kinds() == [SKIP]
    assert bench.records() == [Skipped(1)]
    bench.pass_ms(300)
    assert bench.kinds() == []


def test_the_time_of_a_slot_runs_from_its_work() -> None:
    """R-SIM3, R-SIM4: an idle hour does not make the next slot late."""
    bench = Bench()
    bench.now_ms += 3_600_000
    bench.learn(1)
    assert bench.kinds() == []
    assert bench.ordering.next_deadline_ms() == bench.now_ms + TIMING.slot_timeout_ms


def test_patience_grows_with_every_slot_that_is_not_final() -> None:
    """R-SIM7: T(slot) = min(max, T x 1.5^(slot-1-tf))."""
    assert [TIMING.slot_timeout(behind) for behind in (0, 1, 2, 3)] == [300, 450, 675, 1_012]
    assert TIMING.slot_timeout(10_000) == TIMING.slot_timeout_max_ms
    bench = Bench(known=[1])
    bench.hear_certificate(certificate(SKIP, 1, None))
    bench.pass_ms(449)
    assert bench.kinds() == []
    bench.pass_ms(1)
    assert bench.kinds() == [SKIP]


def test_a_leader_that_gave_up_itself_is_not_waited_for() -> None:
    """R-SIM7: a tenth of the time."""
    bench = Bench(known=[1])
    bench.hear_votes(vote(SKIP, 1, None, 1))
    bench.pass_ms(29)
    assert bench.kinds() == []
    bench.pass_ms(1)
    assert bench.kinds() == [SKIP]


@pytest.mark.parametrize("awake, waits_ms", [((2, 3), 30), ((2,), 300)])
def test_a_silent_leader_is_not_waited_for_while_a_quorum_speaks(
    awake: tuple[int, ...], waits_ms: int
) -> None:
    """R-SIM7: silent for 30 s while a quorum is not; when all are silent it is this node's net."""
    bench = Bench()
    bench.now_ms += 31_000
    for number in awake:
        bench.hear(Status(0, 0, 0), number)
    bench.learn(1)
    bench.pass_ms(waits_ms - 1)
    assert bench.kinds() == []
    bench.pass_ms(1)
    assert bench.kinds() == [SKIP]


def test_final_needs_the_certificate_and_the_own_notar() -> None:
    """R-SIM8, R-SIM10: the certificate is durable before the final vote leaves."""
    bench, sound = Bench(known=[1]), batch(1, [1])
    bench.hear_certificate(certificate(NOTAR, 1, sound.hash))
    assert bench.kinds() == []
    bench.hear(proposal(sound), 1)
    assert bench.kinds() == [NOTAR, FINAL]
    other = Bench(known=[1])
    other.hear(proposal(sound), 1)
    other.hear_votes(vote(NOTAR, 1, sound.hash, 1), vote(NOTAR, 1, sound.hash, 2))
    assert other.kinds() == [FINAL]
    kept = [one for one in other.records() if isinstance(one, CertificateKept)]
    assert [one.certificate.statement.kind for one in kept] == [NOTAR]
    assert other.records()[-1] == Finalised(1, sound.hash)


def test_final_is_not_given_to_another_batch_than_the_own_notar() -> None:
    """R-SIM8, R-SIM11."""
    bench = Bench(known=[1, 2])
    bench.hear(proposal(batch(1, [1])), 1)
    other = batch(1, [2])
    bench.hear(proposal(other), 1)
    bench.hear_certificate(certificate(NOTAR, 1, other.hash))
    assert bench.kinds() == []


def test_never_skip_after_final() -> None:
    """R-SIM8: with the certificate the slot is behind; only the next one can be given up."""
    bench, sound = Bench(known=[1]), batch(1, [1])
    bench.hear(proposal(sound), 1)
    bench.hear_votes(vote(NOTAR, 1, sound.hash, 1), vote(NOTAR, 1, sound.hash, 2))
    bench.pass_ms(10_000)
    assert [(one.statement.kind, one.statement.slot) for one in bench.votes()] == [(SKIP, 2)]


def test_the_own_vote_may_complete_the_certificate() -> None:
    """R-SIM1: the last node to give up tests for a quorum right after its own vote."""
    bench = Bench(known=[1])
    bench.hear_votes(vote(SKIP, 1, None, 2), vote(SKIP, 1, None, 3))
    bench.pass_ms(300)
    assert bench.ordering.current_slot == 2
    assert len(bench.sent(2)) == 1


def test_a_certificate_goes_to_the_next_leader_only() -> None:
    """R-SIM1: lean relay, and not back to where it came from."""
    bench = Bench(known=[1])
    known = certificate(SKIP, 1, None)
    bench.hear_certificate(known, 3)
    assert [len(bench.sent(number)) for number in (1, 2, 3)] == [0, 1, 0]
    other = Bench(known=[1])
    other.hear_certificate(known, 2)
    assert [len(other.sent(number)) for number in (1, 2, 3)] == [0, 0, 0]
    assert other.hear_certificate(known, 1) == ()


def test_what_is_waited_for_can_be_said_in_one_line() -> None:
    """The operator's question: which certificate is missing, and whose votes."""
    bench, first = Bench(), batch(1, [1])
    assert bench.ordering.waiting.sentence().startswith("slot 1: nothing to order")
    bench.learn(1)
    assert bench.ordering.waiting.sentence() == "slot 1: waiting for the batch of doctor 1"
    bench.hear(proposal(first), 1)
    bench.hear_votes(vote(NOTAR, 1, first.hash, 1))
    assert bench.ordering.waiting.absent == (2, 3)
    bench.hear_votes(vote(NOTAR, 1, first.hash, 2), vote(FINAL, 1, first.hash, 2))
    assert bench.ordering.waiting.missing is FINAL
    assert bench.ordering.waiting.absent == (1, 3)
    assert "no vote from doctors 1, 3" in bench.ordering.waiting.sentence()


def test_the_second_leader_builds_on_the_view_of_the_first() -> None:
    """R-SIM5: nothing of the parent's chain is proposed again."""
    first = batch(1, [1])
    bench = Bench(number=2, known=[1, 2, 3])
    bench.hear(proposal(first), 1)
    effects = bench.hear_votes(*(vote(NOTAR, 1, first.hash, signer) for signer in (0, 3)))
    (sent,) = proposals(effects)
    expected = batch(2, [2, 3], parent=first, view=view_after(first))
    assert [one.proposal for one in sent.compact] == [
        one.header.proposal for one in expected.blocks
    ]
