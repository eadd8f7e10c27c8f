"""Members come, change keys and go while real processes run: seats, sessions, reads (R-GOV7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from medquorum.ledger.ceremony import parse_request
from medquorum.ledger.change import Admit, Change, Revoke, RotateKey
from medquorum.ledger.charter import Charter
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Address, Purpose
from medquorum.ledger.types import Decision, Role
from medquorum.node.cli.rotation import rotated_member, swap_keystores
from medquorum.node.client import ApiProblem, NodeClient
from medquorum.node.clinical import build_vote, charter_in_force, hand_of
from medquorum.node.clinical_acts import propose_signed
from medquorum.node.keystore import TLS_PURPOSE, open_keystore
from medquorum.node.sealing import Grantor
from medquorum.node.views import StatusView
from scripts.local_machine import LIGHT_COST, key_cost
from scripts.local_network import LocalMember, LocalNetwork, local_network
from tests.interop.people import until

CUT_OFF_S = 5.0
"""Longest that a revoked member's session may outlive the amendment."""


@dataclass
class Assembly:
    """Four doctors and a laboratory, each a process; `hands` hold the doctors' own keys."""

    network: LocalNetwork
    charter: Charter
    hands: dict[str, Grantor] = field(default_factory=dict)

    def lend(self, doctor: LocalMember) -> Address:
        """Take a doctor's own key in hand; her address."""
        keys = doctor.keys
        hand = hand_of(open_keystore(keys.clinical_keystore, keys.clinical.read()))
        self.hands[doctor.name] = hand
        return hand.address

    async def amend(self, voters: list[LocalMember], *changes: Change) -> int:
        """Have doctors change the charter; the version it makes."""
        first = voters[0]
        async with first.client() as client:
            in_force = await charter_in_force(client, self.charter)
            act = Amendment(in_force.version, changes)
            receipt = await propose_signed(client, in_force, act, self.hands[first.name])
        for doctor in voters:
            await self.vote(doctor, receipt.proposal)
        return in_force.version + 1

    async def vote(self, doctor: LocalMember, proposal: str) -> None:
        async with NodeClient(doctor.url, doctor.user_token.read_text()) as client:

            async def known() -> bool:
                try:
                    return (await client.proposal(proposal)).id == proposal
                except ApiProblem:
                    return False

            await until(f"{doctor.name} hearing of it", known)
            hand = self.hands[doctor.name]
            cast = await build_vote(
                client, proposal, Decision.APPROVE, None, hand, charter=self.charter
            )
            try:
                await client.vote(cast)
            except ApiProblem as problem:
                assert problem.rule == "already_decided", problem

    async def reaches(self, version: int, *members: LocalMember) -> None:
        """Wait until a charter is in force at these nodes."""
        for member in members:

            async def reached(member: LocalMember = member) -> bool:
                return (await status(member)).charter_version == version

            await until(f"version {version} at {member.name}", reached)

    async def start(self, member: LocalMember) -> None:
        self.network.start([member])
        await asyncio.to_thread(self.network.wait_ready, [member])


async def status(member: LocalMember) -> StatusView:
    async with member.client() as client:
        return await client.status()


async def takes_part(member: LocalMember) -> bool:
    shown = await status(member)
    return shown.ready and shown.ordering in ("idle", "ordering")


def connected(shown: StatusView) -> set[str]:
    return {peer.name for peer in shown.peers if peer.connected}


@asynccontextmanager
async def assembled(folder: Path) -> AsyncIterator[Assembly]:
    network = local_network(folder / "homes", free_ports=True)
    network.members = [one for one in network.members if one.role in (Role.DOCTOR, Role.LABORATORY)]
    sources = tuple(member.source for member in network.members)
    network.source = replace(network.source, members=sources)
    assembly = Assembly(network, network.prepare(light_keys=True))
    try:
        network.start()
        network.wait_ready()
        for member in network.members:
            await member.add_user()
        for doctor in network.doctors:
            assembly.lend(doctor)
        yield assembly
    finally:
        network.stop()


@pytest.mark.timeout(240)
async def test_members_come_change_keys_and_go(tmp_path: Path) -> None:
    async with assembled(tmp_path) as assembly:
        network = assembly.network
        first, second, third, fourth = network.doctors
        laboratory = network.of_role(Role.LABORATORY)[0]
        newcomer = await admitted(assembly)
        await keys_changed_while_away(assembly, fourth)
        voters = [first, second, newcomer, fourth]
        address = assembly.hands[first.name].address
        left = Revoke(assembly.hands[third.name].address, address)
        version = await assembly.amend(voters, left)
        await assembly.reaches(version, first)
        await cut_off(third, within_s=CUT_OFF_S)
        await assembly.reaches(version, *voters, laboratory)
        for member in (*voters, laboratory):
            assert third.name not in connected(await status(member))
        await reads_alone(third)


async def admitted(assembly: Assembly) -> LocalMember:
    """A doctor nobody knows yet starts with an empty store; once admitted she orders with them."""
    doctors = assembly.network.doctors
    newcomer, request = assembly.network.join("Dr. Newcomer", Role.DOCTOR, light_keys=True)
    await assembly.start(newcomer)
    shown = await status(newcomer)
    assert not shown.ready
    assert any("does not name this member" in reason for reason in shown.not_ready)
    assert connected(shown) == set()
    member = parse_request(request.read_bytes())
    version = await assembly.amend(doctors[:3], Admit(member))
    await assembly.reaches(version, newcomer, *doctors)
    await until("the newcomer taking part", lambda: takes_part(newcomer))
    await newcomer.add_user()
    assembly.lend(newcomer)
    return newcomer


async def keys_changed_while_away(assembly: Assembly, doctor: LocalMember) -> None:
    """Her node is down when its keys are changed; with the new keystore it takes its seat again."""
    address = assembly.hands[doctor.name].address
    await until("the doctor taking part", lambda: takes_part(doctor))
    others = [one for one in assembly.network.doctors if one is not doctor]
    purposes = (Purpose.CONSENSUS.value, Purpose.ENCRYPTION.value, TLS_PURPOSE)
    async with others[0].client() as client:
        before = (await charter_in_force(client, assembly.charter)).member(address)
    assert before is not None
    with key_cost(LIGHT_COST):
        changed = rotated_member(doctor.keys, before, purposes, None)
    assembly.network.kill(doctor)
    hand = assembly.hands[doctor.name]
    async with others[0].client() as client:
        in_force = await charter_in_force(client, assembly.charter)
        act = Amendment(in_force.version, (RotateKey(changed),))
        receipt = await propose_signed(client, in_force, act, hand)
    for other in others:
        await assembly.vote(other, receipt.proposal)
    await assembly.reaches(in_force.version + 1, *others)
    swap_keystores(doctor.keys)
    await assembly.start(doctor)
    await assembly.reaches(in_force.version + 1, doctor)
    await until("the doctor's node taking its seat", lambda: takes_part(doctor))


async def cut_off(member: LocalMember, within_s: float) -> None:
    start_s = time.monotonic()
    while connected(await status(member)):
        assert time.monotonic() - start_s < within_s, "a session outlived the amendment"
        await asyncio.sleep(0.05)


async def reads_alone(member: LocalMember) -> None:
    """A revoked node goes on answering its own people, and says what it is."""
    shown = await status(member)
    assert (shown.ready, shown.ordering) == (False, "observing")
    async with member.client() as client:
        assert [block.n_bc for block in await client.blocks(0, 10, None)]
