"""A whole network of real processes over real sockets, through a consultation and two crashes."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from medquorum.consensus.proofs import check_proof
from medquorum.consensus.verification import verify_export
from medquorum.ledger.types import BlockType, Decision, PartName, Role
from medquorum.node.client import ApiProblem, FileSubmission
from medquorum.node.clinical import Order, seal_and_submit
from medquorum.node.structured_parts import encode_structured
from tests.interop.people import People, until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

REPORT = {
    "author_kind": "human",
    "conclusion": "inconclusive",
    "findings": {},
    "next_step": "none",
    "text": "a shadow",
}


def a_report(patient: int, text: str) -> Order:
    content = encode_structured(PartName.M_REPORT, REPORT | {"text": text})
    return Order(BlockType.REPORT, patient, contents={PartName.M_REPORT: content})


async def test_a_patient_and_her_ct_stand_in_every_chain(people: People) -> None:
    first = people.network.doctors[0]
    form = await people.decide(await people.register(first))
    image = await people.decide(await people.submit_ct(form.n_pb))
    assert (form.n_pa, image.n_pa, image.n_pb) == (1, 2, form.n_pb)
    assert image.hpatient == form.hash
    assert await people.one_tip() == (image.n_bc, image.hash)
    seen = {(await people.at(one).patient(form.n_pb)).head for one in people.network.members}
    assert seen == {image.hash}


async def test_who_is_entitled_reads_the_body_and_nobody_else(people: People) -> None:
    patient = await people.patient(people.network.doctors[1])
    image = await people.decide(await people.submit_ct(patient))
    reader = people.network.doctors[3]
    await people.opened(reader, image.proposal)
    plain = people.ct.read_bytes()
    assert await people.part(reader, image.record, PartName.IMG_CT) == plain
    assert await people.part(Role.RADIOLOGIST, image.record, PartName.IMG_CT) == plain
    with pytest.raises(ApiProblem) as refused:
        await people.part(Role.LABORATORY, image.record, PartName.IMG_CT)
    assert (refused.value.status, refused.value.rule) == (404, "unknown_record")
    async with reader.client() as operator:
        accesses = await operator.accesses(patient)
    assert [(one["part"], one["user_name"]) for one in accesses] == [("IMG_CT", "doctor")]


async def test_what_a_role_may_not_issue_leaves_nothing(people: People) -> None:
    patient = await people.patient(people.network.doctors[0])
    laboratory = people.of(Role.LABORATORY)
    before = await people.at(laboratory).proposals(limit=500)
    stored = set((laboratory.home / "bodies").rglob("*"))
    with pytest.raises(ApiProblem) as refused:
        await people.at(laboratory).submit_files(
            FileSubmission(BlockType.CT, patient=patient, files={PartName.IMG_CT: people.ct})
        )
    assert (refused.value.status, refused.value.rule) == (403, "role_not_allowed")
    assert await people.at(laboratory).proposals(limit=500) == before
    assert set((laboratory.home / "bodies").rglob("*")) == stored


async def test_a_vote_counts_once(people: People) -> None:
    patient = await people.patient(people.network.doctors[0])
    proposal = await people.submit_ct(patient)
    voter = people.network.doctors[2]
    ballot = await people.ballot(voter, proposal)
    first = await people.at(voter).vote(ballot)
    again = await people.at(voter).vote(ballot)
    assert again.vote == first.vote, "its answer may have been lost"
    other = await people.ballot(voter, proposal, Decision.REJECT)
    with pytest.raises(ApiProblem) as changed:
        await people.at(voter).vote(other)
    assert (changed.value.status, changed.value.rule) == (409, "conflicting_vote")
    with pytest.raises(ApiProblem) as foreign:
        await people.at(people.network.doctors[1]).vote(other)
    assert (foreign.value.status, foreign.value.rule) == (403, "not_this_doctor")
    block = await people.decide(proposal)
    assert (block.outcome, block.verdict.rejections) == ("accepted", 0)
    assert (await people.at(voter).vote(ballot)).vote == first.vote


async def test_a_report_on_an_old_history_is_stale(people: People) -> None:
    first, second = people.network.doctors[:2]
    patient = await people.patient(first)
    hands = people.hands
    early = await seal_and_submit(
        people.at(first), people.charter, a_report(patient, "early"), hands[first.name]
    )
    late = await seal_and_submit(
        people.at(second), people.charter, a_report(patient, "late"), hands[second.name]
    )
    await people.decide(early.proposal)

    async def closed() -> str | None:
        view = await people.at(second).proposal(late.proposal)
        return None if view.state == "open" else view.state

    assert await until("the end of the late report", closed) == "stale"


async def test_a_doctors_node_killed_between_votes_catches_up(people: People) -> None:
    attending, second, third, victim = people.network.doctors
    patient = await people.patient(attending)
    proposal = await people.prescribe(attending, patient)
    await people.vote(victim, proposal)
    people.network.kill(victim)
    block = await people.decide(proposal, (second, third, attending))
    following = await people.decide(await people.submit_ct(patient), (second, third, attending))
    await people.restart(victim)
    assert await people.one_tip() == (following.n_bc, following.hash)
    await people.opened(victim, following.proposal)
    image = await people.part(victim, following.record, PartName.IMG_CT)
    assert image == people.ct.read_bytes()
    counted = {vote.voter_name for vote in block.votes}
    assert victim.name in counted, "a vote with a receipt outlives the node that gave it"


async def test_what_has_a_receipt_survives_the_submitter(people: People) -> None:
    patient = await people.patient(people.network.doctors[2])
    radiologist = people.of(Role.RADIOLOGIST)
    proposal = await people.submit_ct(patient)
    people.network.kill(radiologist)
    await people.restart(radiologist)
    block = await people.decide(proposal)
    assert (block.outcome, block.n_pb) == ("accepted", patient)
    reader = people.network.doctors[0]
    assert await people.part(reader, block.record, PartName.IMG_CT) == people.ct.read_bytes()


async def test_a_node_that_is_asked_to_stop_ends_well_and_returns(people: People) -> None:
    laboratory = people.of(Role.LABORATORY)
    process = laboratory.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 20) == 0
    await people.restart(laboratory)
    await people.one_tip()


async def test_every_export_and_proof_is_valid(people: People, tmp_path: Path, audit: Path) -> None:
    await people.patient(people.network.doctors[0])
    n_bc, _ = await people.one_tip()
    for member in people.network.members:
        async with member.client() as operator:
            pieces = [piece async for piece in operator.export()]
        outcome = verify_export(pieces, people.charter)
        assert (outcome.valid, outcome.blocks) == (True, n_bc), (member.name, outcome)
    hospital = people.at(Role.HOSPITAL)
    for height in range(1, n_bc + 1):
        outcome = check_proof(await hospital.proof(height), people.charter)
        assert (outcome.valid, outcome.height) == (True, height), outcome
    export = tmp_path / "chain.export"
    async with people.of(Role.HOSPITAL).client() as operator:
        await operator.export_to(export)
    arguments = [str(export), "--charter", str(people.network.charter_path), "--json"]
    judged = await asyncio.to_thread(
        subprocess.run, [str(audit), *arguments], capture_output=True, check=False
    )
    said = json.loads(judged.stdout)
    assert (judged.returncode, said["verdict"]) == (0, "VALID"), judged


async def test_numbers_run_without_gaps(people: People) -> None:
    blocks = [block async for block in people.at(people.network.doctors[0]).all_blocks()]
    assert [block.n_bc for block in blocks] == list(range(1, len(blocks) + 1))
    per_patient = defaultdict(list)
    for block in blocks:
        if block.outcome == "accepted":
            per_patient[block.n_pb].append(block.n_pa)
    assert sorted(per_patient) == list(range(1, len(per_patient) + 1))
    assert all(ns == list(range(1, len(ns) + 1)) for ns in per_patient.values())


async def test_the_ai_entity_reports_on_a_ct_once(people: People) -> None:
    patient = await people.patient(people.network.doctors[0])
    image = await people.decide(await people.submit_ct(patient))
    people.network.start_ai()
    hospital = people.at(Role.HOSPITAL)

    async def reported() -> str | None:
        views = await hospital.proposals("open", 500)
        mine = [view for view in views if view.references == (image.hash,)]
        return mine[0].id if mine else None

    proposal = await until("the AI entity's report", reported)
    view = await people.opened(people.network.doctors[1], proposal)
    assert view.ai is not None
    assert view.ai["machine_generated"] is True
    assert (view.issuer_role, view.patient, view.type) == ("ai_entity", patient, "report")
    block = await people.decide(proposal)
    assert block.references == (image.hash,)
    later = await people.decide(await people.submit_ct(patient))

    async def later_reported() -> bool:
        views = await hospital.proposals(None, 500)
        return any(view.references == (later.hash,) for view in views)

    await until("a report on the next CT", later_reported)
    about_first = [v for v in await hospital.proposals(None, 500) if v.references == (image.hash,)]
    assert len(about_first) == 1, "what is decided is not reported again"
