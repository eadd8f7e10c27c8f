"""How the network governs itself: a doctor comes, one changes keys, one is away, one leaves.

Everything is done with the commands people would type; each step waits until every node that is up
says the same of the charter. The tests play the same story.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medquorum.ledger.types import BlockType, Decision, ProposalId, Role, VoterRole
from medquorum.ledger.vote import Ballot, cast
from medquorum.node.client import ApiProblem, NodeUnreachable
from medquorum.node.views import BlockView
from scripts.demonstration.cast import PATIENCE_S, Cast, Participant, enter_one
from scripts.demonstration.commands import keys_of, medquorum
from scripts.demonstration.timeline import Timeline
from scripts.local_network import LocalMember

CLOSING_SECONDS: Final = 5.0
"""Within this no node talks to a revoked member any more."""
PRESCRIPTION: Final = {
    "kind": "ct",
    "lines": [{"instruction": "soon", "text": "CT of the thorax"}],
}
FORM: Final = {
    "anamnesis": "cough since a month",
    "signs": [{"code": "heart_rate", "unit": "/min", "value_milli": 82_000}],
}


@dataclass(slots=True)
class Governed:
    """What came of the story, for whoever checks it."""

    blocks: list[BlockView] = field(default_factory=list)
    """Those of acts of governance, in order."""
    votes: dict[str, BlockView] = field(default_factory=dict)
    """Clinical blocks by what they show."""
    newcomer: str = ""
    rotated: str = ""
    delegate: str = ""
    inbox: list[str] = field(default_factory=list)
    """What the delegate's inbox said of the absence."""
    revoked: str = ""
    closed_s: float | None = None
    """How long after its block the revoked doctor's last session lasted."""
    refused: str = ""
    """What the revoked doctor was told when she voted."""


class GovernanceStory:
    """Plays the story on a running network of at least four doctors."""

    def __init__(
        self, cast: Cast, timeline: Timeline, folder: Path, *, light_keys: bool = False
    ) -> None:
        self.cast = cast
        self.line = timeline
        self.folder = folder
        self.light_keys = light_keys
        self.told = Governed()
        self._patients = 0

    @property
    def hospital(self) -> Participant:
        """Whose operator proposes amendments."""
        return self.cast.of(Role.HOSPITAL)

    @property
    def voters(self) -> list[Participant]:
        """The doctors who are members and whose nodes are up."""
        return [one for one in self.cast.doctors if self.cast.running(one)]

    async def play(self) -> Governed:
        """Every step in turn."""
        self.line.heading("Governance: the doctors change the rules by which they decide")
        await self.admit("Dr. Elm")
        await self.rotate(self.cast.doctors[1])
        await self.stand_in(self.cast.doctors[0], self.cast.doctors[2])
        await self.revoke(self.cast.doctors[3], successor=self.cast.doctors[2])
        return self.told

    # --- steps ------------------------------------------------------------------------------

    async def admit(self, name: str) -> None:
        """A fifth doctor asks, is admitted by vote, starts her node and votes."""
        member, request = await asyncio.to_thread(
            self.cast.network.join, name, Role.DOCTOR, light_keys=self.light_keys
        )
        self.told.newcomer = name
        await self._amend("admit", str(request), issuer=self.hospital.member)
        self.cast.network.start([member])
        with self.line.working(f"{name}'s node starts and reads the chain"):
            await asyncio.to_thread(self.cast.network.wait_ready, [member])
            newcomer = await enter_one(self.cast, member)
            await self.until_ready(newcomer)
        await self._together("newcomer", newcomer)

    async def rotate(self, doctor: Participant) -> None:
        """A doctor's node is down; its consensus and TLS keys are exchanged meanwhile."""
        member = doctor.member
        self.told.rotated = doctor.name
        self.cast.network.kill(member)
        self.line.note(f"[bold red]kill -9[/] {doctor.name}'s node; her keys may be lost")
        elsewhere = ("--node", self.hospital.member.url)
        token = ("--token-file", str(self.hospital.member.home / "operator.token"))
        purposes = ("--purpose", "consensus", "--purpose", "tls")
        await self._amend("rotate-key", *purposes, *elsewhere, *token, issuer=member)
        await medquorum("keys", "swap", "--home", str(member.home))
        self.cast.network.start([member])
        with self.line.working(f"{doctor.name}'s node starts with its new keys"):
            await asyncio.to_thread(self.cast.network.wait_ready, [member])
            await self.until_ready(doctor)
        await self._together("new keys", doctor)

    async def stand_in(self, away: Participant, delegate: Participant) -> None:
        """An attending physician is away; the delegate approves in her place."""
        patient = (await self._register(away, away)).n_pb
        self.told.delegate = delegate.name
        receipt = await self._act(
            "absence", "declare", "--delegate", delegate.name, "--to", "+7d", issuer=away.member
        )
        await self._say_yes(delegate, receipt)
        await self._enacted(receipt, [])
        proposal = await self._prescribe(delegate, patient)
        block = await self._decide(proposal, (one for one in self.voters if one is not away))
        self.told.votes["absence"] = block
        roles = {vote.voter_name: vote.role for vote in block.votes}
        self.line.note(f"{away.name} is away: {delegate.name} decides as {roles[delegate.name]}")

    async def _say_yes(self, delegate: Participant, receipt: dict[str, Any]) -> None:
        """A doctor finds an act in her inbox and approves it, all with commands."""
        await self.cast.until_opened(delegate, receipt["proposal"])
        home = ("--home", str(delegate.member.home))
        inbox = await medquorum("inbox", *home, "--json")
        (found,) = [one for one in inbox if one["id"] == receipt["proposal"]]
        self.told.inbox = found["summary"]
        self.line.detail(f"in {delegate.name}'s inbox: {'; '.join(found['summary'])}")
        short = receipt["proposal"][:12]
        clinical = keys_of(delegate.member)[4:]
        await medquorum("vote", short, "approve", *home, *clinical, "--json")

    async def revoke(self, doctor: Participant, *, successor: Participant) -> None:
        """A doctor leaves: nobody talks to her node any more, and her vote is worth nothing."""
        open_proposal = await self._prescribe(successor, 1)
        await self.cast.until_opened(doctor, open_proposal)
        receipt = await self._propose_amendment(
            "revoke", doctor.name, "--successor", successor.name, issuer=self.hospital.member
        )
        block = await self._enacted(receipt, self.voters)
        self.told.revoked = doctor.name
        self.told.closed_s = await self._closed(doctor, block)
        self.line.note(
            f"{doctor.name}'s node is linked to nobody {self.told.closed_s:.1f} s after the block"
        )
        self.told.refused = await self._vote_in_vain(doctor, open_proposal)
        self.line.detail(f"her vote: {self.told.refused}")
        self.cast.gone.add(doctor.name)
        await self._in_force()
        self.told.votes["revocation"] = await self._decide(open_proposal, self.voters)

    # --- how --------------------------------------------------------------------------------

    async def _amend(self, *words: str, issuer: LocalMember) -> BlockView:
        """Propose an amendment, let the doctors who are up approve, wait until it is in force."""
        receipt = await self._propose_amendment(*words, issuer=issuer)
        block = await self._enacted(receipt, self.voters)
        await self._in_force()
        return block

    async def _propose_amendment(self, *words: str, issuer: LocalMember) -> dict[str, Any]:
        return await self._act("charter", "amend", *words, issuer=issuer)

    async def _act(self, *words: str, issuer: LocalMember) -> dict[str, Any]:
        """Propose an act of governance from the command line; its receipt."""
        proposed = await medquorum(*words, *keys_of(issuer), "--yes", "--json")
        receipt: dict[str, Any] = proposed["receipt"]
        self.line.note(f"{proposed['issuer']} proposes: {'; '.join(receipt['summary'])}")
        self.line.detail(f"now  {proposed['before']}")
        if proposed["after"] != proposed["before"]:
            self.line.detail(f"then {proposed['after']}")
        return receipt

    async def _enacted(self, receipt: dict[str, Any], voters: Iterable[Participant]) -> BlockView:
        """Let doctors approve an act; its block."""
        block = await self._decide(receipt["proposal"], voters)
        self.told.blocks.append(block)
        colour = "green" if block.outcome == "accepted" else "red"
        self.line.note(
            f"[{colour}]■ block {block.n_bc}[/] {block.type}  [{colour}]{block.outcome}[/], "
            f"{block.verdict.approvals} of {block.verdict.panel} approve"
        )
        return block

    async def _in_force(self) -> None:
        """Wait until every node that is up has as many versions as there were amendments."""
        version = sum(one.type == BlockType.AMENDMENT for one in self.told.blocks)
        waiting = [one for one in self.cast.people.values() if self.cast.running(one)]
        nodes = len(waiting)
        async with asyncio.timeout(PATIENCE_S):
            while waiting:
                if (await waiting[0].client.charter()).version == version:
                    waiting.pop(0)
                else:
                    await asyncio.sleep(0.05)
        self.line.detail(f"version {version} is in force on {nodes} nodes")

    async def shown(self, person: Participant) -> dict[str, Any]:
        """`medquorum charter show --json` at a node."""
        home = ("--home", str(person.member.home))
        found: dict[str, Any] = await medquorum("charter", "show", *home, "--json")
        return found

    async def _register(self, attending: Participant, first: Participant) -> BlockView:
        self._patients += 1
        form = {**FORM, "observed_at_ms": time.time_ns() // 1_000_000}
        wallet = self.folder / f"governance-{self._patients}.wallet.json"
        proposal, _ = await self.cast.register(f"Patient {self._patients}", attending, form, wallet)
        return await self._decide(proposal, (first, *self.voters))

    async def _decide(self, proposal: str, voters: Iterable[Participant]) -> BlockView:
        """Doctors approve, each once, until it is decided; the block."""
        for one in {one.name: one for one in voters}.values():
            await self.cast.vote(one, proposal, Decision.APPROVE)
        return await self.cast.until_final(proposal)

    async def _prescribe(self, doctor: Participant, patient: int) -> str:
        return await self.cast.write(doctor, BlockType.PRESCRIPTION, patient, PRESCRIPTION)

    async def _together(self, what: str, first: Participant) -> None:
        """The doctors vote on a new patient's form, this one first: her vote is in its block."""
        block = await self._register(self.cast.doctors[0], first)
        self.told.votes[what] = block
        names = ", ".join(vote.voter_name for vote in block.votes)
        self.line.note(f"block {block.n_bc} with the {what}: votes of {names}")

    async def until_ready(self, person: Participant) -> None:
        """Wait until a node has caught up, is a member and linked to a quorum."""
        wanted = (await self.hospital.client.status()).n_bc
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    status = await person.client.status()
                    if status.ready and status.n_bc >= wanted:
                        return
                except (ApiProblem, NodeUnreachable):
                    pass
                await asyncio.sleep(0.1)

    async def _closed(self, doctor: Participant, block: BlockView) -> float:
        """Seconds from the block to the end of the doctor's last session with a member."""
        began = block.finalised_at_us / 1e6
        async with asyncio.timeout(PATIENCE_S):
            while True:
                status = await doctor.client.status()
                if not any(peer.connected for peer in status.peers):
                    return max(0.0, time.time() - began)
                await asyncio.sleep(0.05)

    async def _vote_in_vain(self, doctor: Participant, proposal: str) -> str:
        """What her own node tells a doctor who has left when she votes all the same."""
        if doctor.hand is None:
            raise RuntimeError(f"{doctor.name} has no clinical key here")
        identifier = ProposalId(bytes.fromhex(proposal))
        ballot = Ballot(identifier, doctor.hand.address, Decision.REJECT, VoterRole.PEER)
        vote = cast(ballot, self.cast.charter.network_id, doctor.hand.sign)
        try:
            await doctor.client.vote(vote)
        except ApiProblem as refusal:
            return str(refusal)
        return ""
