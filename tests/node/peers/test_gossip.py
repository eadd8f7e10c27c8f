"""Gossip as a pure core: pushed, announced, pulled, seen once (R-NET3)."""

from __future__ import annotations

import pytest

from medquorum.ledger.keys import Address
from medquorum.ledger.reasons import ACCEPT, Ignore, Reason, Reject
from medquorum.node.peers.gossip import (
    ANNOUNCE,
    PULL,
    Action,
    Blame,
    Deliver,
    Gossip,
    Send,
    decode_digests,
    digest_of,
    encode_digests,
)
from medquorum.node.peers.gossip_memory import AnswerBudget, SeenCache, WantedObjects
from medquorum.node.peers.limits import (
    ANNOUNCE_DELAY_MS,
    PULL_ANSWER_BYTES,
    PULL_ATTEMPTS,
    PULL_RETRY_MS,
)

PEERS = [Address(bytes([number]) * 32) for number in range(40)]
A, B, C = PEERS[:3]
VOTE = b"a vote"
DIGEST = digest_of("vote", VOTE)


def joined(*peers: Address, doctors: bool = True) -> Gossip:
    gossip = Gossip()
    for peer in peers:
        gossip.connected(peer, doctors, 0)
    return gossip


def announcements(actions: tuple[Action, ...]) -> dict[Address, tuple[bytes, ...]]:
    sends = [action for action in actions if isinstance(action, Send)]
    assert {send.kind for send in sends} <= {ANNOUNCE}
    return {send.peer: decode_digests(send.payload) for send in sends}


def pull(peer: Address, *digests: bytes) -> Send:
    return Send(peer, PULL, encode_digests(digests))


def test_an_own_object_is_pushed_to_everybody_while_they_are_few() -> None:
    """R-NET3: up to 16 peers, a push saves a round trip."""
    gossip = joined(*PEERS[:16], doctors=False)
    assert gossip.publish("vote", VOTE, 0) == tuple(Send(p, "vote", VOTE) for p in PEERS[:16])
    assert gossip.publish("vote", VOTE, 0) == ()
    assert gossip.next_deadline() is None
    with pytest.raises(ValueError, match="R-NET3"):
        gossip.publish("status", b"", 0)


def test_among_many_doctors_get_it_pushed_four_others_too_the_rest_hear_of_it() -> None:
    """R-NET3: pushed to a few, announced to the rest."""
    gossip = joined(*PEERS[:10])
    for peer in PEERS[10:30]:
        gossip.connected(peer, False, 0)
    pushed = gossip.publish("vote", VOTE, 100)
    assert [action.peer for action in pushed if isinstance(action, Send)] == PEERS[:14]
    assert gossip.next_deadline() == 100 + ANNOUNCE_DELAY_MS
    assert gossip.tick(100 + ANNOUNCE_DELAY_MS - 1) == ()
    told = announcements(gossip.tick(100 + ANNOUNCE_DELAY_MS))
    assert told == dict.fromkeys(PEERS[14:30], (DIGEST,))
    assert gossip.next_deadline() is None


def test_an_object_is_delivered_once_and_travels_on_when_accepted() -> None:
    """R-NET3: seen once; relayed by digest to those not known to have it."""
    gossip = joined(A, B, C)
    assert gossip.received(A, "vote", VOTE, 0) == (Deliver(A, "vote", VOTE, DIGEST),)
    assert gossip.received(B, "vote", VOTE, 0) == ()
    assert gossip.tick(1_000) == ()
    assert gossip.judged(DIGEST, ACCEPT, 1_000) == ()
    assert announcements(gossip.tick(1_000 + ANNOUNCE_DELAY_MS)) == {C: (DIGEST,)}
    assert (gossip.statistics.delivered, gossip.statistics.duplicates) == (1, 1)


def test_a_rejected_object_is_never_relayed_served_or_delivered_again() -> None:
    """R-NET3: and its first sender is blamed for it."""
    gossip = joined(A, B)
    gossip.received(A, "vote", VOTE, 0)
    verdict = Reject(Reason.BAD_SIGNATURE)
    assert gossip.judged(DIGEST, verdict, 0) == (Blame(A, malformed=False),)
    assert gossip.received(B, "vote", VOTE, 0) == ()
    assert gossip.received(B, PULL, encode_digests([DIGEST]), 0) == ()
    assert gossip.received(B, ANNOUNCE, encode_digests([DIGEST]), 0) == ()
    assert gossip.next_deadline() is None
    assert gossip.statistics.rejected == 1


def test_an_object_of_no_use_yet_is_heard_again() -> None:
    """R-NET3: a vote that overtook its proposal is no duplicate when it comes back."""
    gossip = joined(A, B)
    gossip.received(A, "vote", VOTE, 0)
    gossip.judged(DIGEST, Ignore(Reason.UNKNOWN_PROPOSAL), 0)
    assert gossip.received(B, "vote", VOTE, 0) == (Deliver(B, "vote", VOTE, DIGEST),)
    gossip.judged(DIGEST, Ignore(Reason.DUPLICATE), 0)
    assert gossip.received(A, "vote", VOTE, 0) == ()


def test_a_miss_is_pulled_and_asked_of_the_next_announcer_after_half_a_second() -> None:
    """R-NET3: pulled on a miss, with a retry from another announcer."""
    gossip = joined(A, B, C)
    heard = encode_digests([DIGEST])
    assert gossip.received(A, ANNOUNCE, heard, 0) == (pull(A, DIGEST),)
    assert gossip.received(B, ANNOUNCE, heard, 10) == ()
    assert gossip.next_deadline() == PULL_RETRY_MS
    assert gossip.tick(PULL_RETRY_MS - 1) == ()
    assert gossip.tick(PULL_RETRY_MS) == (pull(B, DIGEST),)
    assert gossip.received(B, "vote", VOTE, 510) == (Deliver(B, "vote", VOTE, DIGEST),)
    assert gossip.next_deadline() is None
    assert gossip.received(C, ANNOUNCE, heard, 520) == ()


def test_a_lost_announcer_is_replaced_at_once_and_nobody_is_asked_for_ever() -> None:
    """R-NET3: attempts are counted."""
    gossip = joined(A, B)
    heard = encode_digests([DIGEST])
    gossip.received(A, ANNOUNCE, heard, 0)
    gossip.received(B, ANNOUNCE, heard, 0)
    assert gossip.disconnected(A, 5) == (pull(B, DIGEST),)
    pulls = 2
    while (deadline := gossip.next_deadline()) is not None:
        pulls += len(gossip.tick(deadline))
    assert pulls == PULL_ATTEMPTS
    assert gossip.received(B, ANNOUNCE, heard, 10_000) == (pull(B, DIGEST),)


def test_only_accepted_objects_are_served_once_per_digest() -> None:
    """R-NET3: a pull that repeats a digest gets it once; one not judged yet is not served."""
    gossip = joined(A, B)
    gossip.received(A, "vote", VOTE, 0)
    wish = encode_digests([DIGEST, DIGEST, bytes(32)])
    assert gossip.received(B, PULL, wish, 0) == ()
    gossip.judged(DIGEST, ACCEPT, 0)
    assert gossip.received(B, PULL, wish, 0) == (Send(B, "vote", VOTE),)
    gossip.settle([DIGEST])
    assert gossip.received(B, PULL, wish, 0) == ()


def test_a_newcomer_hears_of_what_is_still_open() -> None:
    """R-NET3: a node that was away pulls what it missed; settled objects are not mentioned."""
    gossip = joined(A)
    gossip.publish("vote", VOTE, 0)
    gossip.publish("proposal", b"decided", 0)
    gossip.settle([digest_of("proposal", b"decided")])
    gossip.connected(B, True, 100)
    assert announcements(gossip.tick(100 + ANNOUNCE_DELAY_MS)) == {B: (DIGEST,)}


@pytest.mark.parametrize("kind", [ANNOUNCE, PULL])
@pytest.mark.parametrize("payload", [b"", b"\x80", encode_digests([b"short"])])
def test_a_malformed_announcement_or_pull_is_blamed(kind: str, payload: bytes) -> None:
    """R-NET3, R-CAN5."""
    assert joined(A).received(A, kind, payload, 0) == (Blame(A, malformed=True),)


def test_kind_and_payload_together_name_an_object() -> None:
    """R-NET3: the same bytes as another kind are another object."""
    assert digest_of("vote", b"x") != digest_of("wrap", b"x")


def test_the_seen_cache_is_bounded_in_objects_and_in_bytes() -> None:
    """R-NET3: the oldest payload goes first, its digest later, least recently touched first."""
    cache = SeenCache(objects=3, retained_bytes=25)
    names = [bytes([number]) * 32 for number in range(4)]
    for name in names[:3]:
        assert cache.add(name, "vote", bytes(10))
        cache.accept(name)
    assert cache.relayed(names[0]) is None and names[0] in cache
    assert cache.relayable() == (names[1], names[2])
    assert not cache.add(names[0], "vote", bytes(10))
    assert cache.add(names[3], "vote", bytes(10))
    assert names[1] not in cache and names[0] in cache and len(cache) == 3


def test_one_announcer_cannot_fill_the_list_of_wanted_objects() -> None:
    """R-NET3: at most so many asked of one peer, and so many in all."""
    wanted = WantedObjects(objects=5, per_peer=3)
    names = [bytes([number]) * 32 for number in range(10)]
    assert [wanted.announced(name, A, 0) for name in names[:4]] == [True] * 3 + [False]
    assert [wanted.announced(name, B, 0) for name in names[4:]] == [True] * 2 + [False] * 4
    assert len(wanted) == 5
    wanted.arrived(names[0])
    assert wanted.announced(names[9], A, 0)


def test_answers_to_one_peer_are_bounded_in_time() -> None:
    """R-NET3: small pulls cannot fill an outbound queue and so close its link."""
    budget = AnswerBudget()
    assert budget.spend(A, PULL_ANSWER_BYTES, 0)
    assert not budget.spend(A, 1, PULL_RETRY_MS - 1)
    assert budget.spend(B, 1, 0)
    assert budget.spend(A, 1, PULL_RETRY_MS)
