"""The people of the demonstration and what they can do: register, submit, prescribe, vote.

Each doctor signs with her own clinical key, opened here as on her own machine; the nodes see
signatures only. The clocks of all processes are one machine's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address
from medquorum.ledger.types import BlockType, Decision, PartName, Role
from medquorum.node.client import ApiProblem, FileSubmission, NodeClient, NodeUnreachable
from medquorum.node.clinical import Order, build_vote, hand_of, seal_and_submit
from medquorum.node.keystore import open_keystore
from medquorum.node.patient_wallet import create_wallet, make_registration, wallet_address
from medquorum.node.sealing import Grantor
from medquorum.node.structured_parts import encode_structured
from medquorum.node.views import BlockView, ProposalView
from scripts.local_network import LocalMember, LocalNetwork

PATIENCE_S: Final = 300.0
"""Longest wait for anything to happen; a busy machine needs it, an idle one a hundredth."""


@dataclass(slots=True)
class Participant:
    """One member with a client of its node; a doctor with her hand."""

    member: LocalMember
    client: NodeClient
    hand: Grantor | None = None
    finals: dict[str, int] = field(default_factory=dict)
    """When each block became final here, microseconds, by proposal id."""
    follower: asyncio.Task[None] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """The name in the charter."""
        return self.member.name

    async def follow(self) -> None:
        """Note when blocks become final at this node."""
        async for event in self.client.events():
            if event.kind == "block":
                self.finals.setdefault(str(event.detail["proposal"]), event.at_us)
                self.news.set()

    async def final(self, proposal: str) -> None:
        """Wait until a proposal is a block here."""
        while proposal not in self.finals:
            self.news.clear()
            await self.news.wait()


@dataclass(slots=True)
class Ballots:
    """The votes on one proposal and when the deciding one was sent."""

    proposal: str
    cast: list[tuple[str, str, str]] = field(default_factory=list)
    sent_us: list[int] = field(default_factory=list)
    finality_ms: float | None = None

    def deciding_us(self, panel: int) -> int:
        """When the vote was sent that settled the verdict (R-VER2, R-VER3)."""
        approvals = others = 0
        attending: bool | None = None
        for (_, decision, role), sent in zip(self.cast, self.sent_us, strict=True):
            approves = decision == Decision.APPROVE.value
            approvals, others = approvals + approves, others + (not approves)
            attending = approves if role == "attending" else attending
            approved = 2 * approvals > panel and attending is True
            if approved or attending is False or 2 * (panel - others) <= panel:
                return sent
        return self.sent_us[-1]


class Cast:
    """Everybody in the network."""

    def __init__(self, network: LocalNetwork, charter: Charter) -> None:
        self.network = network
        self.charter = charter
        self.people: dict[str, Participant] = {}
        self.ballots: dict[str, Ballots] = {}
        self.gone: set[str] = set()
        """Who was a member: their nodes hear of nothing any more."""

    async def enter(self) -> None:
        """Make each node's user, open the doctors' keys and follow every node."""
        for member in self.network.members:
            await enter_one(self, member)

    async def leave(self) -> None:
        """Stop following and close the clients."""
        for person in self.people.values():
            if person.follower is not None:
                person.follower.cancel()
            await asyncio.gather(
                *([person.follower] if person.follower else []), return_exceptions=True
            )
            await person.client.__aexit__(None, None, None)

    def of(self, role: Role) -> Participant:
        """The first participant of a role."""
        return next(one for one in self.people.values() if one.member.role is role)

    @property
    def doctors(self) -> list[Participant]:
        """The doctors in the order of network.toml."""
        return [one for one in self.people.values() if one.member.role is Role.DOCTOR]

    def running(self, person: Participant) -> bool:
        """Whether a member's process is alive."""
        process = person.member.process
        alive = process is not None and process.poll() is None
        return alive and person.name not in self.gone

    def address(self, person: Participant) -> Address:
        """A participant's address in the charter."""
        return next(one.address for one in self.charter.members if one.name == person.name)

    async def register(
        self, name: str, attending: Participant, signs: Mapping[str, Any], wallet: Path
    ) -> tuple[str, str]:
        """A patient makes her wallet; the hospital registers her: (proposal, wallet address)."""
        hospital = self.of(Role.HOSPITAL)
        public = await asyncio.to_thread(create_wallet, wallet, "demonstration wallet")
        opened = await asyncio.to_thread(open_keystore, wallet, "demonstration wallet")
        registration = make_registration(
            opened, self.charter.network_id, self.address(hospital), name
        )
        doctor = next(one for one in self.charter.members if one.name == attending.name)
        receipt = await hospital.client.submit_files(
            FileSubmission(
                BlockType.MEDICAL_FORM,
                doctor=doctor.address_text,
                structured={PartName.V_IND: signs},
                registration=registration,
            )
        )
        return receipt.proposal, wallet_address(public)

    async def submit_image(self, kind: BlockType, patient: int, part: PartName, image: Path) -> str:
        """The radiologist submits an image."""
        radiologist = self.of(Role.RADIOLOGIST)
        receipt = await radiologist.client.submit_files(
            FileSubmission(kind, patient=patient, files={part: image})
        )
        return receipt.proposal

    async def submit_results(self, patient: int, results: Mapping[str, Any]) -> str:
        """The laboratory submits test results."""
        laboratory = self.of(Role.LABORATORY)
        receipt = await laboratory.client.submit_files(
            FileSubmission(
                BlockType.TEST_RESULT, patient=patient, structured={PartName.TEST_RES: results}
            )
        )
        return receipt.proposal

    async def write(
        self,
        doctor: Participant,
        kind: BlockType,
        patient: int,
        content: Mapping[str, Any],
        references: tuple[str, ...] = (),
    ) -> str:
        """A doctor seals and signs a prescription or report on her own machine."""
        part = PartName.PRESC if kind is BlockType.PRESCRIPTION else PartName.M_REPORT
        if doctor.hand is None:
            raise RuntimeError(f"{doctor.name} has no clinical key here")
        order = Order(
            kind,
            patient,
            contents={part: encode_structured(part, content)},
            references=[bytes.fromhex(one) for one in references],
        )
        receipt = await seal_and_submit(doctor.client, self.charter, order, doctor.hand)
        return receipt.proposal

    async def vote(
        self, doctor: Participant, proposal: str, decision: Decision, grade: int | None = None
    ) -> None:
        """One doctor votes at her own node, once it has opened and checked the body."""
        if doctor.hand is None:
            raise RuntimeError(f"{doctor.name} has no clinical key here")
        await self.until_opened(doctor, proposal)
        vote = await build_vote(
            doctor.client, proposal, decision, grade, doctor.hand, charter=self.charter
        )
        ballots = self.ballots.setdefault(proposal, Ballots(proposal))
        ballots.sent_us.append(time.time_ns() // 1_000)
        ballots.cast.append((doctor.name, decision.value, vote.ballot.role.value))
        try:
            await doctor.client.vote(vote)
        except ApiProblem as problem:
            if problem.rule != "already_decided":
                raise
            ballots.sent_us.pop()
            ballots.cast.pop()

    async def until_opened(self, person: Participant, proposal: str) -> ProposalView:
        """Wait until a node knows a proposal and has opened its body."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    view = await person.client.proposal(proposal)
                    if view.body in ("opened", "failed") or not view.parts:
                        return view
                except (ApiProblem, NodeUnreachable):
                    pass
                await asyncio.sleep(0.05)

    async def until_height(self, person: Participant, n_bc: int) -> None:
        """Wait until a node has caught up to a block."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    if (await person.client.status()).n_bc >= n_bc:
                        return
                except NodeUnreachable:
                    pass
                await asyncio.sleep(0.05)

    async def until_final(self, proposal: str) -> BlockView:
        """Wait until a proposal is a block at every running node; note how long it took.

        A node that is down does not count: it learns of the block when it is back.
        """
        people = [one for one in self.people.values() if self.running(one)]
        async with asyncio.timeout(PATIENCE_S):
            for one in people:
                await one.final(proposal)
        ballots = self.ballots.get(proposal)
        if ballots is not None and ballots.sent_us:
            slowest = max(one.finals[proposal] for one in people)
            deciding = ballots.deciding_us(len(self.doctors))
            ballots.finality_ms = round((slowest - deciding) / 1_000, 1)
        view = await people[0].client.proposal(proposal)
        return await people[0].client.block(view.n_bc or 0)

    async def until_proposed(self, kind: str, inputs: tuple[str, ...]) -> ProposalView:
        """Wait for the AI entity's report on these blocks."""
        hospital = self.of(Role.HOSPITAL)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for view in await hospital.client.proposals("open", 100):
                    if view.ai and view.ai["kind"] == kind and view.references == inputs:
                        return view
                await asyncio.sleep(0.1)


async def enter_one(cast: Cast, member: LocalMember) -> Participant:
    """Make a node's user, open the doctor's key and follow the node."""
    client = await (await member.add_user()).__aenter__()
    person = Participant(member, client, await _hand(member))
    person.follower = asyncio.create_task(person.follow())
    cast.people[member.name] = person
    return person


async def _hand(member: LocalMember) -> Grantor | None:
    if member.role is not Role.DOCTOR:
        return None
    path = member.keys.clinical_keystore
    passphrase = member.keys.clinical.read()
    return hand_of(await asyncio.to_thread(open_keystore, path, passphrase))
