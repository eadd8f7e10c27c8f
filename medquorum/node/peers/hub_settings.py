"""What a node tells its hub, what it hears back, and what the hub counts (R-NET1)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from medquorum.ledger.keys import Address
from medquorum.node.peers.errors import CloseReason, HelloRefusal
from medquorum.node.peers.limits import HubLimits


class PeerEvents(Protocol):
    """What the node does about its peers. `received` is awaited: a full inbox slows that peer."""

    def connected(self, peer: Address) -> None: ...
    def disconnected(self, peer: Address, reason: CloseReason) -> None: ...
    async def received(self, peer: Address, kind: str, payload: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Where to listen, what to bear, and further routes for members on the same listener."""

    host: str = "127.0.0.1"
    port: int = 0
    limits: HubLimits = field(default_factory=HubLimits)
    routes: tuple[web.RouteDef, ...] = ()


DEFAULTS = HubSettings()


@dataclass(slots=True)
class HubStatistics:
    """Counts since the start, for the operations page."""

    refused: Counter[HelloRefusal] = field(default_factory=Counter)
    closed: Counter[CloseReason] = field(default_factory=Counter)
