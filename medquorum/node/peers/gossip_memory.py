"""What gossip remembers, all of it bounded: objects seen and objects waited for (R-NET3)."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from medquorum.ledger.keys import Address
from medquorum.node.peers.limits import (
    PEERS,
    PULL_ANSWER_BYTES,
    PULL_ATTEMPTS,
    PULL_RETRY_MS,
    RETAINED_BYTES,
    SEEN_OBJECTS,
    WANTED_OBJECTS,
    WANTED_PER_PEER,
)


@dataclass(frozen=True, slots=True)
class Relayed:
    """An accepted object that is still retained."""

    kind: str
    payload: bytes


@dataclass(slots=True)
class _Seen:
    kind: str
    payload: bytes | None
    sender: Address | None
    accepted: bool = False
    holders: set[Address] = field(default_factory=set)


class SeenCache:
    """Digests seen, least recently touched first out; recent payloads with them.

    At most `objects` digests and `retained_bytes` of payloads; the oldest payload goes first, and
    its digest stays, so that an object is delivered once for as long as its digest is remembered.
    """

    def __init__(self, objects: int = SEEN_OBJECTS, retained_bytes: int = RETAINED_BYTES) -> None:
        self._limit = objects
        self._retained_limit = retained_bytes
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()
        self._payloads: OrderedDict[bytes, int] = OrderedDict()
        self._retained_bytes = 0

    def __contains__(self, digest: object) -> bool:
        return digest in self._seen

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, digest: bytes, kind: str, payload: bytes, sender: Address | None = None) -> bool:
        """Remember an object; False when it was seen before."""
        if digest in self._seen:
            self._seen.move_to_end(digest)
            return False
        holders = set() if sender is None else {sender}
        self._seen[digest] = _Seen(kind, payload, sender, holders=holders)
        self._payloads[digest] = len(payload)
        self._retained_bytes += len(payload)
        while len(self._seen) > self._limit:
            self.remove(next(iter(self._seen)))
        while self._retained_bytes > self._retained_limit:
            self.drop_payload(next(iter(self._payloads)))
        return True

    def accept(self, digest: bytes) -> None:
        """The object may travel on."""
        if (seen := self._seen.get(digest)) is not None:
            seen.accepted = True

    def sender(self, digest: bytes) -> Address | None:
        """Who sent the object first."""
        seen = self._seen.get(digest)
        return None if seen is None else seen.sender

    def relayed(self, digest: bytes) -> Relayed | None:
        """The object, if it was accepted and is retained."""
        seen = self._seen.get(digest)
        if seen is None or seen.payload is None or not seen.accepted:
            return None
        return Relayed(seen.kind, seen.payload)

    def relayable(self) -> tuple[bytes, ...]:
        """Digests of everything accepted and retained, oldest first."""
        return tuple(digest for digest in self._payloads if self._seen[digest].accepted)

    def note_holder(self, digest: bytes, peer: Address) -> None:
        """The peer is known to have the object."""
        seen = self._seen.get(digest)
        if seen is not None and seen.payload is not None and len(seen.holders) < PEERS:
            seen.holders.add(peer)

    def has(self, digest: bytes, peer: Address) -> bool:
        """Whether the peer is known to have the object."""
        seen = self._seen.get(digest)
        return seen is not None and peer in seen.holders

    def forget_holder(self, peer: Address) -> None:
        """A peer that reconnects may have lost what it had."""
        for digest in self._payloads:
            self._seen[digest].holders.discard(peer)

    def drop_payload(self, digest: bytes) -> None:
        """Keep the digest only."""
        if (size := self._payloads.pop(digest, None)) is not None:
            self._retained_bytes -= size
            seen = self._seen[digest]
            seen.payload, seen.holders = None, set()

    def remove(self, digest: bytes) -> None:
        """Forget the object altogether."""
        self.drop_payload(digest)
        self._seen.pop(digest, None)


@dataclass(slots=True)
class _Wanted:
    asked: Address
    announcers: list[Address]
    """Whom to ask, the one asked last at the end."""
    retry_at_ms: int
    attempts: int = 1


class WantedObjects:
    """Digests announced and not here yet, each asked of one announcer at a time.

    At most `objects` of them, `per_peer` of these asked of one peer; announcements beyond that are
    ignored, and heard again when they are repeated on reconnecting. Kept in order of retry time.
    """

    def __init__(self, objects: int = WANTED_OBJECTS, per_peer: int = WANTED_PER_PEER) -> None:
        self._limit = objects
        self._per_peer = per_peer
        self._wanted: OrderedDict[bytes, _Wanted] = OrderedDict()
        self._asked: Counter[Address] = Counter()

    def __len__(self) -> int:
        return len(self._wanted)

    def announced(self, digest: bytes, peer: Address, now_ms: int) -> bool:
        """Note an announcement; whether the object is to be pulled from this peer now."""
        wanted = self._wanted.get(digest)
        if wanted is not None:
            if peer not in wanted.announcers and len(wanted.announcers) < PEERS:
                wanted.announcers.insert(0, peer)
            return False
        if len(self._wanted) >= self._limit or self._asked[peer] >= self._per_peer:
            return False
        self._wanted[digest] = _Wanted(peer, [peer], now_ms + PULL_RETRY_MS)
        self._asked[peer] += 1
        return True

    def arrived(self, digest: bytes) -> None:
        """The object is here."""
        if (wanted := self._wanted.pop(digest, None)) is not None:
            self._asked[wanted.asked] -= 1

    def forget_announcer(self, peer: Address, now_ms: int) -> None:
        """The peer is gone: what was asked of it becomes overdue now."""
        for digest, wanted in tuple(self._wanted.items()):
            if peer in wanted.announcers:
                wanted.announcers.remove(peer)
            if wanted.asked == peer:
                wanted.retry_at_ms = now_ms
                self._wanted.move_to_end(digest, last=False)

    def overdue(self, now_ms: int) -> dict[Address, list[bytes]]:
        """Ask the next announcer for what did not come; an object without one is given up."""
        asks: dict[Address, list[bytes]] = {}
        while self._wanted:
            digest, wanted = next(iter(self._wanted.items()))
            if wanted.retry_at_ms > now_ms:
                break
            self.arrived(digest)
            if wanted.announcers and wanted.attempts < PULL_ATTEMPTS:
                peer = wanted.announcers.pop(0)
                again = [*wanted.announcers, peer]
                retry_at_ms = now_ms + PULL_RETRY_MS
                self._wanted[digest] = _Wanted(peer, again, retry_at_ms, wanted.attempts + 1)
                self._asked[peer] += 1
                asks.setdefault(peer, []).append(digest)
        return asks

    def next_deadline_ms(self) -> int | None:
        """When the earliest answer is overdue."""
        return next((wanted.retry_at_ms for wanted in self._wanted.values()), None)


class AnswerBudget:
    """Bytes each peer may pull per retry interval, so that no answer fills its own queue."""

    def __init__(self) -> None:
        self._spent: dict[Address, tuple[int, int]] = {}

    def spend(self, peer: Address, size: int, now_ms: int) -> bool:
        """Whether so many bytes may go to the peer now; what may not is asked for again."""
        since_ms, spent = self._spent.get(peer, (now_ms, 0))
        if now_ms - since_ms >= PULL_RETRY_MS:
            since_ms, spent = now_ms, 0
        if spent + size > PULL_ANSWER_BYTES:
            return False
        self._spent[peer] = (since_ms, spent + size)
        return True

    def forget(self, peer: Address) -> None:
        """The peer is gone."""
        self._spent.pop(peer, None)
