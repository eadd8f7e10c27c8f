"""The members of a real network and what they do: each node a process, each doctor her own key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address, public_key
from medquorum.ledger.registration import registration_payload, registration_proof
from medquorum.ledger.signature import signer
from medquorum.ledger.types import BlockType, Decision, PartName, Role
from medquorum.ledger.vote import Vote
from medquorum.node.client import ApiProblem, FileSubmission, NodeClient, NodeUnreachable
from medquorum.node.clinical import Order, build_vote, seal_and_submit
from medquorum.node.desk import Registration
from medquorum.node.sealing import Grantor
from medquorum.node.structured_parts import encode_structured
from medquorum.node.views import BlockView, ProposalView, StatusView
from scripts.local_network import LocalMember, LocalNetwork

PATIENCE_S = 60.0
"""Longest wait for anything: a loaded machine is slow, a broken node is slower still."""
POLL_S = 0.05
T = TypeVar("T")


async def until(
    what: str, ask: Callable[[], Awaitable[T | None]], patience_s: float = PATIENCE_S
) -> T:
    """Ask until the answer is something; AssertionError names what never came."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        try:
            answer = await ask()
        except NodeUnreachable:
            answer = None
        if answer is not None and answer is not False:
            return answer
        await asyncio.sleep(POLL_S)
    raise AssertionError(f"{what} did not come about within {patience_s:.0f} s")


@dataclass(slots=True)
class People:
    """Clients of every node, and the doctors' hands."""

    network: LocalNetwork
    charter: Charter
    hands: Mapping[str, Grantor]
    ct: Path
    """A small CT series, packed."""
    clients: dict[str, NodeClient] = field(default_factory=dict)

    def address(self, name: str) -> Address:
        """The address of a member."""
        return next(member.address for member in self.charter.members if member.name == name)

    def of(self, role: Role) -> LocalMember:
        """The first member of a role."""
        return self.network.of_role(role)[0]

    def at(self, member: LocalMember | Role) -> NodeClient:
        """The client of a node, as the user who works there."""
        name = self.of(member).name if isinstance(member, Role) else member.name
        return self.clients[name]

    async def enter(self, stack: AsyncExitStack) -> None:
        """Open a client of every node, with the token of its own user."""
        for member in self.network.members:
            token = member.user_token.read_text()
            client = NodeClient(member.url, token)
            self.clients[member.name] = await stack.enter_async_context(client)

    # --- submitting -------------------------------------------------------------------------

    async def register(self, attending: LocalMember) -> str:
        """The hospital registers a new patient; the proposal."""
        own, reading = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        payload = registration_payload(
            encryption_key=public_key(reading),
            issuer=self.address(self.of(Role.HOSPITAL).name),
            patient_key=public_key(own),
        )
        proof = registration_proof(self.charter.network_id, payload, signer(own)).proof
        doctor = self.charter.member(self.address(attending.name))
        assert doctor is not None
        form = {
            "anamnesis": "cough since a month",
            "observed_at_ms": time.time_ns() // 1_000_000,
            "signs": [{"code": "heart_rate", "unit": "/min", "value_milli": 82_000}],
        }
        receipt = await self.at(Role.HOSPITAL).submit_files(
            FileSubmission(
                BlockType.MEDICAL_FORM,
                doctor=doctor.address_text,
                structured={PartName.V_IND: form},
                registration=Registration(
                    public_key(own), public_key(reading), proof, bytes(32), "Somebody"
                ),
            )
        )
        return receipt.proposal

    async def submit_ct(self, patient: int) -> str:
        """The radiologist submits a CT; the proposal."""
        receipt = await self.at(Role.RADIOLOGIST).submit_files(
            FileSubmission(BlockType.CT, patient=patient, files={PartName.IMG_CT: self.ct})
        )
        return receipt.proposal

    async def prescribe(self, doctor: LocalMember, patient: int) -> str:
        """A doctor seals and signs a prescription; the proposal."""
        content = {"kind": "ct", "lines": [{"instruction": "soon", "text": "CT of the thorax"}]}
        contents = {PartName.PRESC: encode_structured(PartName.PRESC, content)}
        order = Order(BlockType.PRESCRIPTION, patient, contents=contents)
        hand = self.hands[doctor.name]
        return (await seal_and_submit(self.at(doctor), self.charter, order, hand)).proposal

    # --- deciding ---------------------------------------------------------------------------

    async def opened(self, member: LocalMember, proposal: str) -> ProposalView:
        """Wait until a node has opened the body of a proposal."""
        client = self.at(member)

        async def ask() -> ProposalView | None:
            try:
                view = await client.proposal(proposal)
            except ApiProblem as problem:
                assert problem.status == 404
                return None
            return view if view.body == "opened" else None

        return await until(f"{member.name} opening a body", ask)

    async def ballot(
        self, doctor: LocalMember, proposal: str, decision: Decision = Decision.APPROVE
    ) -> Vote:
        """A doctor's signed vote, not sent yet."""
        await self.opened(doctor, proposal)
        hand = self.hands[doctor.name]
        client = self.at(doctor)
        return await build_vote(client, proposal, decision, None, hand, charter=self.charter)

    async def vote(
        self, doctor: LocalMember, proposal: str, decision: Decision = Decision.APPROVE
    ) -> None:
        """A doctor votes, if she has not and it is not decided meanwhile."""
        try:
            await self.at(doctor).vote(await self.ballot(doctor, proposal, decision))
        except ApiProblem as problem:
            assert problem.rule in ("already_decided", "duplicate"), problem

    async def decide(self, proposal: str, voters: Iterable[LocalMember] | None = None) -> BlockView:
        """Doctors approve; the block once it is final at every running node."""
        for doctor in self.network.doctors if voters is None else voters:
            await self.vote(doctor, proposal)
        return await self.final(proposal)

    async def final(self, proposal: str) -> BlockView:
        """The block of a proposal, once it is final at every running node."""
        running = [m for m in self.network.members if m.process and m.process.poll() is None]
        block: BlockView | None = None
        for member in running:
            ask = partial(self._block, member, proposal)
            block = await until(f"a block at {member.name}", ask)
        assert block is not None
        return block

    async def _block(self, member: LocalMember, proposal: str) -> BlockView | None:
        client = self.at(member)
        try:
            view = await client.proposal(proposal)
        except ApiProblem:
            return None
        return None if view.n_bc is None else await client.block(view.n_bc)

    async def patient(self, attending: LocalMember) -> int:
        """The number of a new patient, decided on by all."""
        return (await self.decide(await self.register(attending))).n_pb

    # --- looking ----------------------------------------------------------------------------

    async def tips(self) -> set[tuple[int, str]]:
        """Where the chains of all nodes end."""
        found = [await self.at(member).status() for member in self.network.members]
        return {(status.n_bc, status.tip_hash) for status in found}

    async def one_tip(self) -> tuple[int, str]:
        """Wait until all chains end alike."""

        async def ask() -> tuple[int, str] | None:
            tips = await self.tips()
            return tips.pop() if len(tips) == 1 else None

        return await until("one tip everywhere", ask)

    async def ready(self, member: LocalMember) -> StatusView:
        """Wait until a node is linked to a quorum."""

        async def ask() -> StatusView | None:
            status = await self.at(member).status()
            return status if status.ready else None

        return await until(f"{member.name} being ready", ask)

    async def restart(self, member: LocalMember) -> None:
        """Start a node's process again and wait until it takes part."""
        self.network.start([member])
        await asyncio.to_thread(self.network.wait_ready, [member])
        await self.ready(member)

    async def part(self, member: LocalMember | Role, record: str, part: PartName) -> bytes:
        """The plaintext of a part as a node gives it; ApiProblem where it may not."""
        return b"".join([piece async for piece in self.at(member).read_part(record, part)])
