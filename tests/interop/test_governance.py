"""The doctors change the rules: real processes, real commands, and an outsider who believes it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medquorum.consensus.proofs import check_proof
from medquorum.ledger.charter import Charter
from medquorum.ledger.types import Role
from medquorum.node.views import StatusView
from scripts.demonstration.cast import Cast
from scripts.demonstration.closing import same_height
from scripts.demonstration.commands import CommandFailed, medquorum
from scripts.demonstration.governance import CLOSING_SECONDS, GovernanceStory, Governed
from scripts.demonstration.timeline import Timeline
from scripts.local_network import LocalNetwork, local_network, log_tail

pytestmark = [pytest.mark.interop, pytest.mark.timeout(400)]


@dataclass(frozen=True, slots=True)
class Played:
    """A network after the story, with what everybody was told meanwhile."""

    network: LocalNetwork
    charter: Charter
    told: Governed
    shown: dict[str, dict[str, Any]]
    """`medquorum charter show --json` at every member's node."""
    statuses: dict[str, StatusView]
    export: Path
    proofs: dict[int, bytes]
    """Of every governance block, by N BC."""


async def _play(network: LocalNetwork, charter: Charter, folder: Path) -> Played:
    cast = Cast(network, charter)
    await cast.enter()
    try:
        told = await GovernanceStory(cast, Timeline(), folder, light_keys=True).play()
        members = [one for one in cast.people.values() if cast.running(one)]
        statuses = await same_height(cast)
        shown = {}
        for one in members:
            home = ("--home", str(one.member.home))
            shown[one.name] = await medquorum("charter", "show", *home, "--json")
        export = folder / "chain.export"
        await cast.of(Role.DOCTOR).client.export_to(export)
        hospital = cast.of(Role.HOSPITAL).client
        proofs = {block.n_bc: await hospital.proof(block.n_bc) for block in told.blocks}
        return Played(network, charter, told, shown, dict(statuses), export, proofs)
    finally:
        await cast.leave()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The whole story, played once."""
    folder = tmp_path_factory.mktemp("governance")
    network = local_network(folder / "homes", free_ports=True)
    charter = network.prepare(light_keys=True)
    try:
        network.start()
        network.wait_ready()
        yield asyncio.run(_play(network, charter, folder))
    except Exception as error:
        for member in network.members:
            error.add_note(f"{member.name}:\n{log_tail(member)}")
        raise
    finally:
        network.stop()


def test_every_act_was_accepted_in_order(played: Played) -> None:
    types = [(block.type, block.outcome) for block in played.told.blocks]
    amendment, absence = ("amendment", "accepted"), ("absence", "accepted")
    assert types == [amendment, amendment, absence, amendment]
    assert {(block.n_pb, block.n_pa) for block in played.told.blocks} == {(0, 0)}


def test_an_admitted_doctor_and_one_with_new_keys_vote(played: Played) -> None:
    told = played.told
    for what, name in (("newcomer", told.newcomer), ("new keys", told.rotated)):
        voters = {vote.voter_name: vote.decision for vote in told.votes[what].votes}
        assert voters[name] == "approve", what
    assert (told.votes["newcomer"].epoch, told.votes["new keys"].epoch) == (1, 2)


def test_a_delegate_decides_while_the_attending_is_away(played: Played) -> None:
    block = played.told.votes["absence"]
    assert f"{played.told.delegate} stands in" in played.told.inbox[0]
    roles = {vote.voter_name: vote.role for vote in block.votes}
    assert roles[played.told.delegate] == "delegate"
    assert "attending" not in roles.values()
    assert (block.outcome, block.verdict.attending_approved) == ("accepted", True)


def test_nobody_talks_to_a_revoked_doctor_and_her_vote_is_refused(played: Played) -> None:
    told = played.told
    assert told.closed_s is not None
    assert told.closed_s < CLOSING_SECONDS
    assert told.refused != ""
    block = told.votes["revocation"]
    assert told.revoked not in {vote.voter_name for vote in block.votes}
    assert (block.verdict.panel, block.epoch) == (4, 3)
    assert told.revoked not in played.statuses


def test_every_node_shows_the_same_charter_and_how_it_came_about(played: Played) -> None:
    first, *others = played.shown.values()
    assert len(played.shown) == 8
    assert {shown["version"] for shown in played.shown.values()} == {3}
    for shown in others:
        for part in ("members", "former", "registry", "history"):
            assert shown[part] == first[part], part
    told = played.told
    names = {member["name"] for member in first["members"]}
    assert told.newcomer in names
    assert told.revoked not in names
    assert [(former["name"], former["successor"]) for former in first["former"]] == [
        (told.revoked, told.delegate)
    ]
    assert [entry["delegate_name"] for entry in first["registry"]] == [told.delegate]
    assert [version["version"] for version in first["history"]] == [0, 1, 2, 3]
    assert [version["n_bc"] for version in first["history"][1:]] == [
        block.n_bc for block in told.blocks if block.type == "amendment"
    ]
    assert len({(one.n_bc, one.tip_hash) for one in played.statuses.values()}) == 1


def test_the_founding_charter_alone_proves_it(played: Played, audit: Path) -> None:
    arguments = ["--charter", str(played.network.charter_path), "--json"]
    judged = subprocess.run(
        [str(audit), str(played.export), *arguments], capture_output=True, check=False
    )
    assert (judged.returncode, json.loads(judged.stdout)["verdict"]) == (0, "VALID"), judged
    for height, proof in played.proofs.items():
        outcome = check_proof(proof, played.charter)
        assert (outcome.valid, outcome.height) == (True, height), outcome
    spoiled = bytearray(played.export.read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    bad = played.export.with_name("spoiled.export")
    bad.write_bytes(spoiled)
    judged = subprocess.run([str(audit), str(bad), *arguments], capture_output=True, check=False)
    assert json.loads(judged.stdout)["verdict"] == "TAMPERED"


def test_what_bars_an_amendment_is_said_before_anything_is_signed(played: Played) -> None:
    home = played.network.of_role(Role.HOSPITAL)[0].home
    with pytest.raises(CommandFailed) as refused:
        asyncio.run(
            medquorum(
                *("charter", "amend", "revoke", "Dr. Amara", "--successor", "Dr. Chen"),
                *("suspend", "Dr. Bianchi", "--stand-in", "Dr. Chen"),
                *("--home", str(home), "--yes"),
            )
        )
    assert "R-GOV6" in str(refused.value)
    assert "split the amendment" in str(refused.value)
