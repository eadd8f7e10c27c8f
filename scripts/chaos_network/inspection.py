"""Afterwards: wait until everything is settled, then compare every node with what was noted."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medquorum.node.client import ApiProblem, NodeUnreachable
from medquorum.node.views import BlockView, ProposalView
from scripts.chaos_network.checks import (
    broken_links,
    logged_errors,
    lost_sightings,
    lost_submissions,
    lost_votes,
    unequal_chains,
)
from scripts.chaos_network.history import Submission
from scripts.chaos_network.ward import Ward
from scripts.local_network import REPOSITORY, LocalMember

SETTLE_S: Final = 180.0
"""Longest wait for every open proposal to close and every chain to be equal."""
BODY_S: Final = 60.0
LOOK_S: Final = 0.5
AUDITS: Final = 2
"""At the same time: the verifier is pure Python and takes a core."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What stands at the end."""

    blocks: int
    rejected: int
    patients: int
    bodies: int
    audits: dict[str, str]


async def settle(ward: Ward) -> bool:
    """Wait until nothing is open and all chains are equal; False, and accused, when not."""
    end_s = time.monotonic() + SETTLE_S
    said: list[str] = ["nothing was asked"]
    while time.monotonic() < end_s:
        said = await _unsettled(ward)
        if not said:
            return True
        await asyncio.sleep(LOOK_S)
    for sentence in said:
        ward.history.accuse(f"after {SETTLE_S:.0f} s without faults {sentence}")
    return False


async def _unsettled(ward: Ward) -> list[str]:
    said = []
    tips = set()
    for name, client in ward.clients.items():
        try:
            status = await client.status()
            tips.add((status.n_bc, status.tip_hash))
            for view in await client.proposals("open", 20):
                why = await client.why(view.id)
                said.append(f"{view.id[:12]} is open at {name}: {' '.join(why.sentences)}")
        except (NodeUnreachable, ApiProblem) as problem:
            said.append(f"{name} does not answer: {problem}")
    if len(tips) > 1:
        said.append(f"the chains end at {sorted(tips)}")
    return said


async def inspect(ward: Ward, folder: Path) -> Findings:
    """Every check; violations go to the ward's history."""
    history = ward.history
    chains = {name: [b async for b in one.all_blocks()] for name, one in ward.clients.items()}
    chain = max(chains.values(), key=len)
    history.say(f"{'compare':<12} {len(chain)} blocks at {len(chains)} nodes")
    accusations: list[Iterable[str]] = [
        unequal_chains(chains),
        broken_links(chain),
        lost_sightings(history.sightings, chain),
        lost_submissions(history.submissions, chain, await _issued(ward)),
        lost_votes(history.votes, chain, await _voted(ward)),
        *(logged_errors(one.name, _log(one)) for one in ward.network.members),
    ]
    for sentences in accusations:
        for sentence in sentences:
            history.accuse(sentence)
    bodies = await _bodies(ward, chain)
    audits = await _audits(ward, folder, len(chain))
    accepted = [block for block in chain if block.outcome == "accepted"]
    patients = {block.n_pb for block in accepted}
    return Findings(len(chain), len(chain) - len(accepted), len(patients), bodies, audits)


def _log(member: LocalMember) -> str:
    return (member.home / "node.log").read_text(errors="replace")


async def _view(ward: Ward, name: str, proposal: str) -> ProposalView | None:
    try:
        return await ward.asked(name, lambda client: client.proposal(proposal))
    except ApiProblem:
        return None


async def _issued(ward: Ward) -> dict[str, ProposalView]:
    found = {}
    for one in ward.history.submissions:
        if (view := await _view(ward, one.member, one.proposal)) is not None:
            found[one.proposal] = view
    return found


async def _voted(ward: Ward) -> dict[tuple[str, str], ProposalView]:
    found = {}
    for vote in ward.history.votes:
        if (view := await _view(ward, vote.voter, vote.proposal)) is not None:
            found[vote.voter, vote.proposal] = view
    return found


async def _bodies(ward: Ward, chain: list[BlockView]) -> int:
    """Read what was acknowledged and accepted at another doctor's node each; how many."""
    accepted = {block.proposal for block in chain if block.outcome == "accepted"}
    kept = [one for one in ward.history.submissions if one.proposal in accepted]
    readers = _around(ward.members.doctors)
    end_s = time.monotonic() + BODY_S
    for submission in kept:
        reader = next(readers)
        while not await _readable(ward, reader, submission):
            if time.monotonic() > end_s:
                ward.history.accuse(
                    f"{reader} cannot give {submission.part.value} of {submission.proposal[:12]} "
                    f"as {submission.member} took it"
                )
                break
            await asyncio.sleep(LOOK_S)
    return len(kept)


async def _readable(ward: Ward, reader: str, submission: Submission) -> bool:
    digest = hashlib.sha256()
    try:
        async for piece in ward.clients[reader].read_part(submission.record, submission.part):
            digest.update(piece)
    except (ApiProblem, NodeUnreachable):
        return False
    return digest.digest() == submission.digest


def _around(names: tuple[str, ...]) -> Iterator[str]:
    while True:
        yield from names


async def _audits(ward: Ward, folder: Path, blocks: int) -> dict[str, str]:
    """The independent verifier's verdict on every node's export."""
    gate = asyncio.Semaphore(AUDITS)

    async def judged(member: LocalMember) -> tuple[str, str]:
        async with gate:
            verdict = await _audit(ward, member, folder, blocks)
        ward.history.say(f"{'audit':<12} {member.name}: {verdict}")
        if verdict != "VALID":
            ward.history.accuse(f"scripts/audit says {verdict} for {member.name}'s export")
        return member.name, verdict

    return dict(await asyncio.gather(*(judged(one) for one in ward.network.members)))


async def _audit(ward: Ward, member: LocalMember, folder: Path, blocks: int) -> str:
    export = folder / f"{member.home.name}.export"
    async with member.client() as operator:
        await operator.export_to(export)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(REPOSITORY / "scripts" / "audit"),
        str(export),
        "--charter",
        str(ward.network.charter_path),
        "--json",
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    try:
        said = json.loads(output)
    except ValueError:
        return "nothing"
    verdict = str(said.get("verdict"))
    return verdict if said.get("blocks") == blocks else f"{verdict} of {said.get('blocks')} blocks"
