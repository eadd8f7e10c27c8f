"""The shell around `gossip.Gossip`: a hub to send by, a timer, a replica to deliver to (R-NET3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, assert_never

from medquorum.ledger.keys import Address
from medquorum.ledger.reasons import Judgement
from medquorum.node.peers.gossip import Action, Blame, Deliver, Gossip, Send, digest_of
from medquorum.node.peers.rate import Offence

Delivery = Callable[[Deliver], Awaitable[None]]
"""Takes a new object; the node answers later with `judged(digest, judgement)`."""


class Outlet(Protocol):
    """What gossip needs of a hub."""

    def send(self, peer: Address, kind: str, payload: bytes) -> bool: ...
    def penalise(self, peer: Address, offence: Offence) -> None: ...


class GossipShell:
    """One node's gossip. All methods run on one event loop."""

    def __init__(self, deliver: Delivery) -> None:
        self.gossip = Gossip()
        self._deliver = deliver
        self._outlet: Outlet | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_ms: int | None = None

    def attach(self, outlet: Outlet) -> None:
        """The hub to send through; before its first event."""
        self._outlet = outlet

    def connected(self, peer: Address, doctor: bool) -> None:
        """A link is up."""
        self._act(self.gossip.connected(peer, doctor, self._now_ms()))

    def disconnected(self, peer: Address) -> None:
        """A link is down."""
        self._act(self.gossip.disconnected(peer, self._now_ms()))

    def publish(self, kind: str, payload: bytes) -> bytes:
        """Spread an object of this node; return its digest."""
        self._act(self.gossip.publish(kind, payload, self._now_ms()))
        return digest_of(kind, payload)

    async def received(self, peer: Address, kind: str, payload: bytes) -> None:
        """Take a message of one of `gossip.KINDS`; waits while the node's inbox is full."""
        for delivery in self._act(self.gossip.received(peer, kind, payload, self._now_ms())):
            await self._deliver(delivery)

    def judged(self, digest: bytes, judgement: Judgement) -> None:
        """The replica's answer to a delivered object."""
        self._act(self.gossip.judged(digest, judgement, self._now_ms()))

    def settle(self, digests: Iterable[bytes]) -> None:
        """These objects are decided and need not travel any more."""
        self.gossip.settle(digests)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1_000)

    def _act(self, actions: tuple[Action, ...]) -> list[Deliver]:
        """Perform sends and blame in order; return what is to be delivered."""
        if self._outlet is None:
            raise RuntimeError("attach a hub before gossiping")
        deliveries = []
        for action in actions:
            match action:
                case Send(peer, kind, payload):
                    self._outlet.send(peer, kind, payload)
                case Blame(peer, malformed):
                    offence = Offence.MALFORMED_FRAME if malformed else Offence.REJECTED_OBJECT
                    self._outlet.penalise(peer, offence)
                case Deliver():
                    deliveries.append(action)
                case _:
                    assert_never(action)
        self._arm()
        return deliveries

    def _arm(self) -> None:
        """One timer, at the core's next deadline."""
        deadline_ms = self.gossip.next_deadline()
        if deadline_ms == self._timer_at_ms:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at_ms = None, deadline_ms
        if deadline_ms is not None:
            # One ms late rather than early: `now` is truncated to whole milliseconds.
            when_s = (deadline_ms + 1) / 1_000
            self._timer = asyncio.get_running_loop().call_at(when_s, self._tick)

    def _tick(self) -> None:
        self._timer = self._timer_at_ms = None
        self._act(self.gossip.tick(self._now_ms()))
