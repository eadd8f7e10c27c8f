"""R-SIM6: which batch gets this node's notar vote, and which never does."""

from dataclasses import replace

import pytest

from medquorum.consensus.effects import Broadcast, Convict, Send
from medquorum.consensus.messages import BatchBody, BatchProposal, GetBatch, OrderingVoteMessage
from medquorum.consensus.ordering.evidence import Contradiction
from medquorum.consensus.ordering.journal import BodyKept, Notarised
from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch, BatchHeader
from medquorum.ledger.certificate import Certificate
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import BatchHash, NetworkId
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
from tests.consensus.ordering.toy import START_MS


def test_a_sound_batch_is_journaled_with_its_body_then_voted_for() -> None:
    """R-SIM6, R-SIM10."""
    bench, sound = Bench(known=[1]), batch(1, [1])
    effects = bench.hear(proposal(sound), 1)
    assert bench.records() == [BodyKept(sound), Notarised(1, sound.hash)]
    assert bench.kinds() == [NOTAR]
    assert isinstance(effects[-1], Broadcast)


def test_one_notar_per_slot() -> None:
    """R-SIM6, R-SIM11: the second batch of the leader is evidence, not a second vote."""
    bench = Bench(known=[1, 2])
    bench.hear(proposal(batch(1, [1])), 1)
    effects = bench.hear(proposal(batch(1, [2])), 1)
    assert bench.kinds() == []
    convicted = [one.evidence for one in effects if isinstance(one, Convict)]
    assert [one.contradiction for one in convicted] == [Contradiction.TWO_PROPOSALS]
    assert convicted[0].signer == 1
    again = bench.hear(proposal(batch(1, [1, 2])), 1)
    assert not [one for one in again if isinstance(one, Convict)]


def test_another_doctors_batch_is_ignored() -> None:
    """R-SIM6 (a), R-ORD9, R-ORD14: only the slot's leader proposes."""
    bench, sound = Bench(known=[1]), batch(1, [1])
    bench.hear(proposal(sound, signer=2), 2)
    assert bench.effects == ()
    posing = replace(sound.header, leader=2)
    stolen = Batch(posing, sound.blocks, sound.witnesses, ())
    assert bench.hear(proposal(stolen), 2) == ()


def test_the_parent_must_be_certified() -> None:
    """R-SIM6 (b): a hash in the justification that is not certified counts for nothing."""
    bench = Bench(known=[1, 2])
    first = batch(1, [1])
    second = batch(2, [2], parent=first, view=view_after(first))
    weak = certificate(NOTAR, 1, first.hash, (1, 2))
    forged = _with_proof(second, (weak,))
    assert bench.hear(proposal(forged), 2) == ()
    assert bench.hear(proposal(second), 2) != ()


def test_the_certificate_of_a_rival_does_not_justify() -> None:
    """R-SIM6 (b), R-ORD12: a quorum for one batch of a slot vouches for no other one."""
    bench = Bench(known=[1, 2, 3])
    first, rival = batch(1, [1]), batch(1, [2])
    bench.hear(proposal(first), 1)
    bench.hear(proposal(rival), 1)
    upon = batch(2, [3], parent=rival, view=view_after(rival))
    bench.hear(proposal(_with_proof(upon, (certificate(NOTAR, 1, first.hash),))), 2)
    assert bench.kinds() == []


def test_a_gap_needs_skip_certificates() -> None:
    """R-SIM6 (c), R-ORD12: what random faults almost never find."""
    bench = Bench(known=[1])
    leaping = batch(3, [1], skipped=(1, 2))
    bare = _with_proof(leaping, leaping.justification[1:])
    assert bench.hear(proposal(bare), 3) == ()
    none = _with_proof(leaping, ())
    assert bench.hear(proposal(none), 3) == ()
    twice = _with_proof(leaping, (leaping.justification[0],) * 2)
    assert bench.hear(proposal(twice), 3) == ()
    bench.hear(proposal(leaping), 3)
    assert bench.kinds() == [NOTAR]


def test_the_justification_is_bound_by_the_header() -> None:
    """R-ORD7, R-SIM6: other certificates than those of the root are refused."""
    bench = Bench(known=[1])
    leaping = batch(2, [1], skipped=(1,))
    other = (certificate(SKIP, 1, None, (0, 1, 2)),)
    message = proposal(leaping)
    swapped = BatchProposal(message.header_bytes, message.compact, other, message.signature)
    assert bench.hear(swapped, 2) == ()


def test_what_the_ledger_rejects_gets_no_vote() -> None:
    """R-SIM6 (d)."""
    bench = Bench(known=[1])
    sound = batch(1, [1])
    header = replace(sound.header, first_nbc=7)
    bench.hear(proposal(Batch(header, sound.blocks, sound.witnesses, ())), 1)
    assert bench.kinds() == []


def test_time_must_exceed_the_parents() -> None:
    """R-ORD13."""
    bench = Bench(known=[1, 2])
    first = batch(1, [1])
    bench.hear(proposal(first), 1)
    second = batch(2, [2], parent=first, view=view_after(first), time_ms=START_MS)
    bench.hear(proposal(second), 2)
    assert NOTAR not in bench.kinds()
    later = batch(2, [2], parent=first, view=view_after(first), time_ms=START_MS + 1)
    fresh = Bench(known=[1, 2])
    fresh.hear(proposal(first), 1)
    fresh.hear(proposal(later), 2)
    assert NOTAR in fresh.kinds()


def test_a_batch_ahead_of_the_clock_waits_for_its_time() -> None:
    """R-ORD13, R-SIM6 (e): not yet, never invalid."""
    bench = Bench(known=[1])
    bench.hear(proposal(batch(1, [1], time_ms=START_MS + 2_050)), 1)
    assert bench.kinds() == []
    assert bench.ordering.next_deadline_ms() == START_MS + 50
    bench.pass_ms(49)
    assert bench.kinds() == []
    bench.pass_ms(1)
    assert bench.kinds() == [NOTAR]


def test_notar_after_skip_is_allowed_but_final_is_not() -> None:
    """R-SIM6 against R-SIM8: liveness needs the first, agreement forbids the second."""
    bench, sound = Bench(known=[1]), batch(1, [1])
    bench.pass_ms(300)
    assert bench.kinds() == [SKIP]
    bench.hear(proposal(sound), 1)
    assert bench.kinds() == [NOTAR]
    bench.hear_votes(*(vote(NOTAR, 1, sound.hash, signer) for signer in (1, 2)))
    assert FINAL not in bench.kinds()
    assert bench.ordering.current_slot == 2


def test_an_older_open_slot_still_gets_its_notar() -> None:
    """R-SIM6: slots below the current one are voted on too, as long as they are not final."""
    bench, sound = Bench(known=[1]), batch(1, [1])
    bench.hear_certificate(certificate(SKIP, 1, None))
    assert bench.ordering.current_slot == 2
    bench.hear(proposal(sound), 1)
    assert bench.kinds() == [NOTAR]


def test_a_missing_body_is_asked_for_and_then_voted_for() -> None:
    """R-SIM6 (d): the leader first, then those who voted notar, then anyone."""
    bench, sound = Bench(), batch(1, [1])
    bench.hear(proposal(sound), 1)
    assert bench.sent(1) == [GetBatch(sound.hash)]
    bench.hear_votes(vote(NOTAR, 1, sound.hash, 3))
    bench.pass_ms(100)
    assert bench.sent(3) == [GetBatch(sound.hash)]
    bench.pass_ms(100)
    assert bench.sent(2) == [GetBatch(sound.hash)]
    tampered = Batch(sound.header, (), (), ())
    bench.hear(BatchBody(tampered), 2)
    assert bench.kinds() == []
    bench.hear(BatchBody(sound), 2)
    assert bench.kinds() == [NOTAR]


def test_a_missing_verdict_that_arrives_makes_the_body_whole() -> None:
    """R-SIM6 (d)."""
    bench, sound = Bench(), batch(1, [1])
    bench.hear(proposal(sound), 1)
    bench.learn(1)
    assert bench.kinds() == [NOTAR]


def test_a_body_nobody_asked_for_is_dropped() -> None:
    """A limit on everything: peers cannot fill the memory with batches."""
    bench, stray = Bench(), batch(1, [1])
    bench.hear(BatchBody(stray), 1)
    assert bench.hear(GetBatch(stray.hash), 2) == ()


def test_whoever_has_a_body_hands_it_out() -> None:
    """R-SIM2."""
    bench, sound = Bench(known=[1]), batch(1, [1])
    bench.hear(proposal(sound), 1)
    bench.hear(GetBatch(sound.hash), 3)
    assert bench.sent(3) == [BatchBody(sound)]


@pytest.mark.parametrize(
    "header",
    [
        replace(batch(1, [1]).header, epoch=1),
        replace(batch(1, [1]).header, network=NetworkId(bytes(32))),
    ],
)
def test_other_epochs_and_networks_are_ignored(header: BatchHeader) -> None:
    """R-ORD7."""
    bench, sound = Bench(known=[1]), batch(1, [1])
    assert bench.hear(proposal(Batch(header, sound.blocks, sound.witnesses, ())), 1) == ()


def test_a_vote_is_verified_and_only_taken_from_its_signer() -> None:
    """R-SIM1, R-ORD10."""
    bench = Bench()
    genuine = vote(NOTAR, 1, BatchHash(bytes(32)), 2)
    bench.hear(OrderingVoteMessage(replace(genuine, signature=Signature(bytes(64)))), 2)
    bench.hear(OrderingVoteMessage(genuine), 3)
    bench.hear_votes(*(vote(NOTAR, 1, BatchHash(bytes(32)), signer) for signer in (1, 3)))
    assert bench.ordering.current_slot == 1
    effects = bench.hear_votes(genuine)
    assert bench.ordering.current_slot == 2
    assert any(isinstance(one, Send) for one in effects)


def _with_proof(of: Batch, proof: tuple[Certificate, ...]) -> Batch:
    root = merkle.root([one.encoded() for one in proof])
    header = replace(of.header, justification_root=root)
    return Batch(header, of.blocks, of.witnesses, proof)
