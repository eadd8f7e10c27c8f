"""HELLO as a pure state machine: who meets, and by which name each trick is refused (R-NET2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger import canonical, signature
from medquorum.node.peers.errors import HelloRefusal
from medquorum.node.peers.hello import (
    Greeting,
    Handshake,
    Progress,
    Refused,
    State,
    hello_digest,
    parse_hello,
)
from tests.node.peers.nodes import (
    NETWORK,
    OTHER_NETWORK,
    Someone,
    channel_of,
    charter_of,
    party_of,
    people,
)

ALICE, BOB, MALLORY = people(3)
CHARTER = charter_of([ALICE, BOB, MALLORY], version=3)
A_NONCE, B_NONCE = b"a" * 32, b"b" * 32


def dialler(me: Someone = ALICE, peer: Someone = BOB, nonce: bytes = A_NONCE) -> Handshake:
    return Handshake(party_of(me, CHARTER), channel_of(me, peer), nonce, dialling=True)


def listener(me: Someone = BOB, peer: Someone = ALICE, nonce: bytes = B_NONCE) -> Handshake:
    return Handshake(party_of(me, CHARTER), channel_of(me, peer), nonce, dialling=False)


def reply_of(outcome: Progress | Refused) -> bytes:
    assert isinstance(outcome, Progress)
    assert outcome.reply is not None
    return outcome.reply


def forged(payload: bytes, signer: Someone, **changes: object) -> bytes:
    """The hello with changed fields, signed again by `signer`."""
    fields: dict[str, Any] = canonical.decode(payload)
    del fields["signature"]
    fields.update(changes)
    digest = hello_digest(NETWORK, fields)
    return canonical.encode({**fields, "signature": signature.sign(signer.consensus, digest)})


def test_three_messages_introduce_both_sides() -> None:
    """R-NET2: hello without your_nonce, answer, confirmation naming the answer's nonce."""
    low, high = dialler(), listener()
    opening = low.opening()
    answered = high.receive(opening)
    confirmed = low.receive(reply_of(answered))
    met = high.receive(reply_of(confirmed))
    assert isinstance(answered, Progress) and answered.met is None
    assert isinstance(confirmed, Progress) and confirmed.met == Greeting(BOB.address, 3)
    assert met == Progress(None, Greeting(ALICE.address, 3))
    assert (low.state, high.state) == (State.MET, State.MET)
    assert parse_hello(opening).your_nonce is None
    assert parse_hello(reply_of(answered)).your_nonce == A_NONCE
    assert parse_hello(reply_of(confirmed)).your_nonce == B_NONCE


REFUSED_OPENINGS: list[tuple[HelloRefusal, Callable[[bytes], bytes]]] = [
    (HelloRefusal.MALFORMED, lambda opening: opening[:-1]),
    (HelloRefusal.MALFORMED, lambda opening: forged(opening, ALICE, extra=1)),
    (HelloRefusal.MALFORMED, lambda opening: forged(opening, ALICE, nonce=b"short")),
    (HelloRefusal.PROTOCOL_VERSION, lambda opening: forged(opening, ALICE, protocol=2)),
    (HelloRefusal.OWN_ADDRESS, lambda opening: forged(opening, BOB, member=BOB.address)),
    (HelloRefusal.UNKNOWN_MEMBER, lambda opening: forged(opening, ALICE, member=b"?" * 32)),
    (HelloRefusal.WRONG_MEMBER, lambda opening: forged(opening, ALICE, member=MALLORY.address)),
    (HelloRefusal.WRONG_CHANNEL, lambda opening: forged(opening, ALICE, your_spki=b"?" * 32)),
    (HelloRefusal.WRONG_CHANNEL, lambda opening: forged(opening, ALICE, my_spki=b"?" * 32)),
    (HelloRefusal.STALE_NONCE, lambda opening: forged(opening, ALICE, your_nonce=B_NONCE)),
    (HelloRefusal.BAD_SIGNATURE, lambda opening: forged(opening, MALLORY)),
]


@pytest.mark.parametrize(("reason", "spoil"), REFUSED_OPENINGS)
def test_a_bad_opening_is_refused_by_name(
    reason: HelloRefusal, spoil: Callable[[bytes], bytes]
) -> None:
    """R-NET2: every field of the opening is checked."""
    high = listener()
    assert high.receive(spoil(dialler().opening())) == Refused(reason)
    assert high.state is State.REFUSED


def test_a_hello_for_another_network_does_not_verify() -> None:
    """R-NET2, R-HASH3: the digest covers the network id."""
    party = replace(party_of(ALICE, CHARTER), network=OTHER_NETWORK)
    foreign = Handshake(party, channel_of(ALICE, BOB), A_NONCE, dialling=True)
    assert listener().receive(foreign.opening()) == Refused(HelloRefusal.BAD_SIGNATURE)


def test_a_recorded_conversation_cannot_be_replayed_to_the_listener() -> None:
    """R-NET2: the confirmation must answer this connection's nonce."""
    low, high = dialler(), listener()
    opening = low.opening()
    confirmation = reply_of(low.receive(reply_of(high.receive(opening))))
    later = listener(nonce=b"c" * 32)
    reply_of(later.receive(opening))
    assert later.receive(confirmation) == Refused(HelloRefusal.STALE_NONCE)


def test_a_recorded_answer_cannot_be_replayed_to_the_dialler() -> None:
    """R-NET2: the answer must name the dialler's nonce."""
    answer = reply_of(listener().receive(dialler().opening()))
    later = dialler(nonce=b"c" * 32)
    later.opening()
    assert later.receive(answer) == Refused(HelloRefusal.STALE_NONCE)


def test_a_relay_between_two_honest_members_is_refused_by_both() -> None:
    """R-NET2: Mallory must show its own leaf, so what Alice signed is of another channel."""
    to_mallory = dialler(ALICE, MALLORY)
    opening = to_mallory.opening()
    assert listener(BOB, MALLORY).receive(opening) == Refused(HelloRefusal.WRONG_MEMBER)
    assert listener(BOB, ALICE).receive(opening) == Refused(HelloRefusal.WRONG_CHANNEL)
    of_bob = reply_of(listener(BOB, MALLORY).receive(dialler(MALLORY, BOB).opening()))
    assert to_mallory.receive(of_bob) == Refused(HelloRefusal.WRONG_MEMBER)


def test_a_confirmation_with_another_nonce_of_the_dialler_is_refused() -> None:
    """R-NET2: both hellos of the dialler belong to one conversation."""
    low, high = dialler(), listener()
    confirmation = reply_of(low.receive(reply_of(high.receive(low.opening()))))
    changed = forged(confirmation, ALICE, nonce=b"z" * 32)
    assert high.receive(changed) == Refused(HelloRefusal.STALE_NONCE)


def test_nothing_is_taken_after_the_end_or_before_the_opening() -> None:
    """R-NET2: a fourth message, or one to a dialler that has not spoken, is out of turn."""
    low, high = dialler(), listener()
    opening = low.opening()
    reply_of(low.receive(reply_of(high.receive(opening))))
    assert low.receive(opening) == Refused(HelloRefusal.OUT_OF_TURN)
    assert dialler().receive(opening) == Refused(HelloRefusal.OUT_OF_TURN)
    with pytest.raises(ValueError, match="opens, and once"):
        low.opening()
    with pytest.raises(ValueError, match="32 bytes"):
        dialler(nonce=b"short")
