"""A small network of real processes to measure: members, clients, followers, votes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.signature import Signer
from medquorum.ledger.types import BlockHash, Decision, Role, VoterRole
from medquorum.ledger.vote import Ballot, Vote, cast
from medquorum.node.client import NodeClient
from medquorum.node.views import EventView
from scripts.benchmarks.load_member import LoadMember, Patient
from scripts.local_network import NETWORK_SOURCE, LocalMember, LocalNetwork, local_network

LOAD_MEMBER = "Bench hospital"
STEP_SECONDS = 60.0
"""Longest wait for one step of a benchmark: past it something is broken, not slow."""


def derived_source(members: Sequence[tuple[str, Role]]) -> str:
    """`network.toml` with other members: its rules and times, these names."""
    rules, _, _ = NETWORK_SOURCE.read_text(encoding="utf-8").partition("[[member]]")
    tables = [
        f'[[member]]\nname = "{name}"\nrole = "{role.value}"\nendpoint = "127.0.0.1:{7600 + i}"\n'
        for i, (name, role) in enumerate(members)
    ]
    return rules + "\n".join(tables)


class Follower:
    """Follows one node's events and remembers when what happened there, by the node's clock."""

    def __init__(self, client: NodeClient) -> None:
        self._client = client
        self._times: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._waiting: dict[tuple[str, str], list[tuple[int, asyncio.Future[int]]]] = {}

    async def run(self) -> None:
        """Follow until cancelled."""
        async for event in self._client.events():
            key = _key(event)
            if key is None:
                continue
            times = self._times[key]
            times.append(event.at_us)
            for count, future in self._waiting.get(key, ()):
                if len(times) >= count and not future.done():
                    future.set_result(event.at_us)

    async def when(
        self, kind: str, subject: str, count: int = 1, seconds: float = STEP_SECONDS
    ) -> int:
        """When the `count`-th event of a kind about a proposal was noted, in µs; waits for it."""
        times = self._times[kind, subject]
        if len(times) >= count:
            return times[count - 1]
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault((kind, subject), []).append((count, future))
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError:
            raise RuntimeError(f"no {kind} event within {seconds:.0f} s") from None


def _key(event: EventView) -> tuple[str, str] | None:
    """Blocks by their proposal, bodies once opened, the rest by subject."""
    if event.kind == "block":
        return event.kind, str(event.detail.get("proposal"))
    if event.kind == "body" and event.detail.get("state") != "opened":
        return None
    return event.kind, event.subject


@dataclass(slots=True)
class Doctor:
    """A doctor with her node, her key and what her node says."""

    member: LocalMember
    address: Address
    sign: Signer
    client: NodeClient
    follower: Follower

    def vote(self, charter: Charter, proposal: Proposal) -> Vote:
        """Her signed approval."""
        attending = proposal.core.doctor == self.address
        role = VoterRole.ATTENDING if attending else VoterRole.PEER
        ballot = Ballot(proposal.id, self.address, Decision.APPROVE, role)
        return cast(ballot, charter.network_id, self.sign)


@dataclass(slots=True)
class Stage:
    """A started network; `hospital` is the member inside the bench."""

    folder: Path
    network: LocalNetwork
    charter: Charter
    doctors: list[Doctor]
    hospital: LoadMember

    @property
    def running(self) -> list[LocalMember]:
        """The members with a process."""
        return [one for one in self.network.members if one.process is not None]

    @property
    def doctor_addresses(self) -> tuple[Address, ...]:
        """Where proposals go."""
        return tuple(doctor.address for doctor in self.doctors)

    def spread(self, proposal: Proposal) -> None:
        """Gossip a proposal of the hospital to every doctor's node."""
        self.hospital.spread("proposal", proposal.encoded(), self.doctor_addresses)

    async def everywhere(self, kind: str, proposal: Proposal, count: int = 1) -> int:
        """When the slowest doctor's node noted an event about a proposal, in µs."""
        waits = (one.follower.when(kind, proposal.id.hex(), count) for one in self.doctors)
        return max(await asyncio.gather(*waits))

    async def decide(self, proposal: Proposal) -> int:
        """Have every doctor approve; when the last node had the block, in µs."""
        await self.everywhere("body", proposal)
        for doctor in self.doctors:
            await doctor.client.vote(doctor.vote(self.charter, proposal))
        return await self.everywhere("block", proposal)

    async def register_patient(self) -> Patient:
        """A patient whose attending is the first doctor, in every node's chain."""
        proposal, patient = self.hospital.registration(self.doctors[0].address)
        self.spread(proposal)
        majority = self.doctors[: len(self.doctors) // 2 + 1]
        await self.everywhere("body", proposal)
        for doctor in majority:
            await doctor.client.vote(doctor.vote(self.charter, proposal))
        await self.everywhere("block", proposal)
        block = (await self.doctors[0].client.blocks())[0]
        return replace(patient, number=block.n_pb, head=BlockHash(bytes.fromhex(block.hash)))


@asynccontextmanager
async def staged(members: Sequence[tuple[str, Role]]) -> AsyncIterator[Stage]:
    """Start a network of these members and the bench's hospital; stopped and removed at the end."""
    async with AsyncExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="medquorum-bench-")
        folder = Path(stack.enter_context(temporary))
        source = folder / "network.toml"
        source.write_text(derived_source([*members, (LOAD_MEMBER, Role.HOSPITAL)]))
        network = local_network(folder / "network", source=source, free_ports=True)
        charter = await asyncio.to_thread(network.prepare)
        started = [one for one in network.members if one.name != LOAD_MEMBER]
        stack.callback(network.stop)
        network.start(started)
        await asyncio.to_thread(network.wait_ready, started)
        hospital = LoadMember(network.member(LOAD_MEMBER), charter)
        await stack.enter_async_context(hospital)
        doctors = [await _doctor(one, stack) for one in network.doctors]
        stage = Stage(folder, network, charter, doctors, hospital)
        await hospital.wait_connected(stage.doctor_addresses)
        await _until_ready(doctors)
        yield stage


async def _doctor(member: LocalMember, stack: AsyncExitStack) -> Doctor:
    address, sign = await asyncio.to_thread(member.keys.clinical_signer)
    client = await stack.enter_async_context(member.client())
    follower = Follower(client)
    task = asyncio.create_task(follower.run())
    stack.callback(task.cancel)
    return Doctor(member, address, sign, client, follower)


async def _until_ready(doctors: Sequence[Doctor]) -> None:
    """Until every doctor's node is linked with every other one."""
    deadline = time.monotonic() + STEP_SECONDS
    for doctor in doctors:
        while True:
            status = await doctor.client.status()
            linked = {peer.name for peer in status.peers if peer.connected}
            others = {one.member.name for one in doctors if one is not doctor}
            if status.ready and others <= linked:
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"{doctor.member.name} is not ready: {status.not_ready}")
            await asyncio.sleep(0.1)
