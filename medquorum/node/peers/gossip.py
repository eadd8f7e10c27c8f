"""Gossip by digest: pushed to a few, announced to the rest, pulled on a miss, seen once (R-NET3).

An object is a kind and a payload; its digest is the SHA-256 of both, length-prefixed. A node that
makes an object pushes it to every connected doctor and a few others (to everybody while they are
few) and announces it to the rest. A node that receives one delivers it once; only when the replica
has accepted it is its digest announced to those not known to have it, a moment later and together
with others, so that in a full mesh the payload crosses each pair of nodes at most once. A rejected
object is remembered, never relayed, and costs its sender points.

Pure: time is handed in, and the answer of every call is an ordered tuple of actions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES, prefixed
from medquorum.ledger.keys import Address
from medquorum.ledger.reasons import Accept, Ignore, Judgement, Reason, Reject
from medquorum.ledger.schema import Reader, decoded, octets_of
from medquorum.node.peers.gossip_memory import AnswerBudget, SeenCache, WantedObjects
from medquorum.node.peers.limits import (
    ANNOUNCE_DELAY_MS,
    DIGESTS_PER_MESSAGE,
    EAGER_OTHERS,
    EAGER_PEERS,
)

GOSSIPED: Final = frozenset({"complaint", "proposal", "vote", "wrap"})
ANNOUNCE: Final = "announce"
PULL: Final = "pull"
KINDS: Final = GOSSIPED | {ANNOUNCE, PULL}
"""Every message kind that belongs to gossip."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to one peer."""

    peer: Address
    kind: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Deliver:
    """A new object for the replica, which answers with `Gossip.judged`."""

    peer: Address
    kind: str
    payload: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Blame:
    """The peer sent what breaks a rule of gossip (malformed) or of the ledger (rejected)."""

    peer: Address
    malformed: bool


Action = Send | Deliver | Blame


@dataclass(slots=True)
class GossipStatistics:
    """Counts since the start."""

    delivered: int = 0
    duplicates: int = 0
    """Payloads that arrived again: the price of pushing."""
    pulls: int = 0
    rejected: int = 0


def digest_of(kind: str, payload: bytes) -> bytes:
    """The 32-byte name of an object among peers (R-NET3)."""
    return hashlib.sha256(prefixed(kind.encode("ascii")) + payload).digest()


def encode_digests(digests: Iterable[bytes]) -> bytes:
    """The payload of an announcement or a pull."""
    return canonical.encode({"digests": list(digests)})


def decode_digests(payload: bytes) -> tuple[bytes, ...]:
    """Read an announcement or pull; CodecError when malformed or too long."""
    reader = Reader(decoded(payload), ("digests",), "announcement")
    return reader.listed("digests", DIGESTS_PER_MESSAGE, octets_of(DIGEST_BYTES, "a digest"))


class Gossip:
    """What one node knows of objects and of who has them."""

    def __init__(self) -> None:
        self.statistics = GossipStatistics()
        self._peers: dict[Address, bool] = {}
        self._seen = SeenCache()
        self._wanted = WantedObjects()
        self._budget = AnswerBudget()
        self._announcing: dict[Address, dict[bytes, None]] = {}
        self._announce_at_ms: int | None = None

    def connected(self, peer: Address, doctor: bool, now_ms: int) -> tuple[Action, ...]:
        """A link is up: the peer hears of every accepted object still retained."""
        self._peers[peer] = doctor
        self._queue_announcements((peer,), self._seen.relayable(), now_ms)
        return ()

    def disconnected(self, peer: Address, now_ms: int) -> tuple[Action, ...]:
        """A link is down: what it owed is asked of somebody else at once."""
        self._peers.pop(peer, None)
        self._announcing.pop(peer, None)
        self._budget.forget(peer)
        self._seen.forget_holder(peer)
        self._wanted.forget_announcer(peer, now_ms)
        return self.tick(now_ms)

    def publish(self, kind: str, payload: bytes, now_ms: int) -> tuple[Action, ...]:
        """Spread an object this node made or let in; a second time is nothing."""
        if kind not in GOSSIPED:
            raise ValueError("R-NET3: only proposals, votes, wraps and complaints are gossiped")
        digest = digest_of(kind, payload)
        if not self._seen.add(digest, kind, payload):
            return ()
        self._seen.accept(digest)
        eager = self._eager_peers()
        for peer in eager:
            self._seen.note_holder(digest, peer)
        self._queue_announcements(self._peers.keys() - set(eager), (digest,), now_ms)
        return tuple(Send(peer, kind, payload) for peer in eager)

    def received(self, peer: Address, kind: str, payload: bytes, now_ms: int) -> tuple[Action, ...]:
        """Take one message of a gossip kind from a peer."""
        if kind in GOSSIPED:
            return self._receive_object(peer, kind, payload)
        try:
            digests = decode_digests(payload)
        except CodecError:
            return (Blame(peer, malformed=True),)
        if kind == ANNOUNCE:
            return self._receive_announcement(peer, digests, now_ms)
        if kind == PULL:
            return self._answer_pull(peer, digests, now_ms)
        return (Blame(peer, malformed=True),)

    def judged(self, digest: bytes, judgement: Judgement, now_ms: int) -> tuple[Action, ...]:
        """What the replica made of a delivered object decides whether it travels on."""
        match judgement:
            case Accept():
                self._seen.accept(digest)
                self._queue_announcements(tuple(self._peers), (digest,), now_ms)
            case Ignore(reason=Reason.DUPLICATE):
                self._seen.drop_payload(digest)
            case Ignore():
                # Of no use yet: whoever sends or announces it later is heard again.
                self._seen.remove(digest)
            case Reject():
                self.statistics.rejected += 1
                sender = self._seen.sender(digest)
                self._seen.drop_payload(digest)
                return () if sender is None else (Blame(sender, malformed=False),)
        return ()

    def settle(self, digests: Iterable[bytes]) -> None:
        """These objects are decided: still seen, but neither announced nor served any more."""
        for digest in digests:
            self._seen.drop_payload(digest)

    def next_deadline(self) -> int | None:
        """When `tick` has something to do, in ms; None: never."""
        deadlines = [self._announce_at_ms, self._wanted.next_deadline_ms()]
        return min((each for each in deadlines if each is not None), default=None)

    def tick(self, now_ms: int) -> tuple[Action, ...]:
        """Send announcements that waited long enough and pulls that were not answered."""
        actions: list[Action] = []
        if self._announce_at_ms is not None and self._announce_at_ms <= now_ms:
            actions.extend(self._flush_announcements())
        for peer, digests in self._wanted.overdue(now_ms).items():
            actions.extend(self._pull(peer, digests))
        return tuple(actions)

    def _eager_peers(self) -> tuple[Address, ...]:
        if len(self._peers) <= EAGER_PEERS:
            return tuple(self._peers)
        doctors = [peer for peer, doctor in self._peers.items() if doctor]
        others = [peer for peer, doctor in self._peers.items() if not doctor]
        return (*doctors, *others[:EAGER_OTHERS])

    def _receive_object(self, peer: Address, kind: str, payload: bytes) -> tuple[Action, ...]:
        digest = digest_of(kind, payload)
        self._wanted.arrived(digest)
        if not self._seen.add(digest, kind, payload, peer):
            self.statistics.duplicates += 1
            self._seen.note_holder(digest, peer)
            return ()
        self.statistics.delivered += 1
        return (Deliver(peer, kind, payload, digest),)

    def _receive_announcement(
        self, peer: Address, digests: tuple[bytes, ...], now_ms: int
    ) -> tuple[Action, ...]:
        missing = []
        for digest in digests:
            if digest in self._seen:
                self._seen.note_holder(digest, peer)
            elif self._wanted.announced(digest, peer, now_ms):
                missing.append(digest)
        return self._pull(peer, missing)

    def _pull(self, peer: Address, digests: list[bytes]) -> tuple[Action, ...]:
        self.statistics.pulls += len(digests)
        return tuple(_digest_messages(peer, PULL, digests))

    def _answer_pull(
        self, peer: Address, digests: tuple[bytes, ...], now_ms: int
    ) -> tuple[Action, ...]:
        answers: list[Action] = []
        for digest in dict.fromkeys(digests):
            found = self._seen.relayed(digest)
            if found is None or not self._budget.spend(peer, len(found.payload), now_ms):
                continue
            self._seen.note_holder(digest, peer)
            answers.append(Send(peer, found.kind, found.payload))
        return tuple(answers)

    def _queue_announcements(
        self, peers: Iterable[Address], digests: Iterable[bytes], now_ms: int
    ) -> None:
        listed = tuple(digests)
        for peer in peers:
            waiting = self._announcing.setdefault(peer, {})
            waiting.update((digest, None) for digest in listed if not self._seen.has(digest, peer))
            if waiting and self._announce_at_ms is None:
                self._announce_at_ms = now_ms + ANNOUNCE_DELAY_MS

    def _flush_announcements(self) -> list[Action]:
        actions: list[Action] = []
        for peer, waiting in self._announcing.items():
            still = [
                digest
                for digest in waiting
                if not self._seen.has(digest, peer) and self._seen.relayed(digest) is not None
            ]
            actions.extend(_digest_messages(peer, ANNOUNCE, still))
        self._announcing.clear()
        self._announce_at_ms = None
        return actions


def _digest_messages(peer: Address, kind: str, digests: list[bytes]) -> list[Action]:
    return [
        Send(peer, kind, encode_digests(digests[start : start + DIGESTS_PER_MESSAGE]))
        for start in range(0, len(digests), DIGESTS_PER_MESSAGE)
    ]
