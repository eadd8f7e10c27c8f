"""Seven members with their nodes, relays, clients and keys: what the chaos happens to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from medquorum.ai_entity.package_images import tiny_ct_series
from medquorum.ledger.charter import Charter, Member
from medquorum.ledger.types import Role
from medquorum.node.client import ApiProblem, NodeClient, NodeUnreachable
from medquorum.node.clinical import hand_of
from medquorum.node.image_archive import pack_images
from medquorum.node.keystore import open_keystore
from medquorum.node.sealing import Grantor
from scripts.benchmarks.stage import derived_source
from scripts.chaos_network.history import History
from scripts.chaos_network.schedule import Members
from scripts.chaos_network.wires import HOST, Relay, Wires
from scripts.local_network import LocalMember, LocalNetwork, local_network

CAST: Final = (
    ("Hospital St. Mary", Role.HOSPITAL),
    ("Radiology Center", Role.RADIOLOGIST),
    ("Dr. Amara", Role.DOCTOR),
    ("Dr. Bianchi", Role.DOCTOR),
    ("Dr. Chen", Role.DOCTOR),
    ("Dr. Diallo", Role.DOCTOR),
    ("Dr. Eriksen", Role.DOCTOR),
)
"""Five doctors, four of whom are a quorum: one may be away, two may not."""
PAUSE_S: Final = 0.4
"""Before a node that does not answer is asked again."""
ASK_AGAIN: Final = frozenset({"busy", "logins_busy", "node_stopping", "idempotency_in_flight"})
"""Answers that promise nothing and pass by themselves."""
T = TypeVar("T")


@dataclass(slots=True)
class Ward:
    """A running network, and what is known of it from outside."""

    seed: int
    network: LocalNetwork
    charter: Charter
    wires: Wires
    history: History
    ct: Path
    """A small CT series, packed."""
    clients: dict[str, NodeClient]
    hands: dict[str, Grantor]
    down: set[str] = field(default_factory=set)
    """Whose process was killed and is not back yet."""

    @property
    def members(self) -> Members:
        """Who can be struck."""
        doctors = tuple(one.name for one in self.network.doctors)
        others = tuple(one.name for one in self.network.members if one.name not in doctors)
        return Members(doctors, others)

    def of(self, role: Role) -> LocalMember:
        """The first member of a role."""
        return self.network.of_role(role)[0]

    def entry(self, name: str) -> Member:
        """A member as the charter has it."""
        return next(one for one in self.charter.members if one.name == name)

    def chance(self, purpose: str) -> random.Random:
        """A generator of its own for each purpose, so that none disturbs another."""
        return random.Random(f"{purpose} {self.seed}")  # noqa: S311 - repeatable, not secret

    async def asked(self, name: str, ask: Callable[[NodeClient], Awaitable[T]]) -> T:
        """A node's answer, however often it must be asked; ApiProblem where it refuses."""
        while True:
            try:
                return await ask(self.clients[name])
            except NodeUnreachable:
                self.history.unanswered += 1
            except ApiProblem as problem:
                if problem.rule not in ASK_AGAIN:
                    if problem.status >= 500:
                        self.history.accuse(f"{name} failed: {problem.status} {problem.rule}")
                    raise
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def open_ward(folder: Path, seed: int, say: Callable[[str], None]) -> AsyncIterator[Ward]:
    """Make keys and charter, start every node, open a client of each; ends all of it."""
    source = folder / "network.toml"
    source.write_text(derived_source(CAST), encoding="utf-8")
    network = local_network(folder / "homes", source=source, free_ports=True)
    wires = Wires()
    relays = [Relay(one.name, wires, lambda: _pids(network)) for one in network.members]
    clients: dict[str, NodeClient] = {}
    try:
        await _insert(network, relays)
        charter = await asyncio.to_thread(network.prepare, say, light_keys=True)
        ct = folder / "ct.tar"
        await asyncio.to_thread(pack_images, tiny_ct_series(), ct)
        network.start()
        await asyncio.to_thread(network.wait_ready)
        for member in network.members:
            clients[member.name] = await member.add_user()
        hands = {one.name: await asyncio.to_thread(_hand, one) for one in network.doctors}
        yield Ward(seed, network, charter, wires, History(), ct, clients, hands)
    finally:
        for client in clients.values():
            await client.close()
        await asyncio.to_thread(network.stop)
        for relay in relays:
            await relay.close()


async def _insert(network: LocalNetwork, relays: list[Relay]) -> None:
    """Let the charter name each member's relay; the node goes on listening where it did."""
    for member, relay in zip(network.members, relays, strict=True):
        relay.target_port = member.p2p_port
        member.source = replace(member.source, endpoint=f"{HOST}:{await relay.start()}")
    sources = tuple(member.source for member in network.members)
    network.source = replace(network.source, members=sources)


def _pids(network: LocalNetwork) -> dict[str, int]:
    return {
        member.name: member.process.pid
        for member in network.members
        if member.process is not None and member.process.poll() is None
    }


def _hand(doctor: LocalMember) -> Grantor:
    keys = doctor.keys
    return hand_of(open_keystore(keys.clinical_keystore, keys.clinical.read()))
