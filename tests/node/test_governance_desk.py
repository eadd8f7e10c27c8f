"""The governance side of a node: acts taken or refused with advice, and what the chain tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from medquorum.ledger.change import Admit, Reinstate, Revoke, SetMode, Suspend
from medquorum.ledger.governance import AbsenceAct, Act, Amendment, DelegationAct, OpeningAct
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proposal import Proposal, issue, parse_proposal
from medquorum.ledger.types import BlockType, ProposalId, QuorumMode
from medquorum.node.desk import DeskError
from medquorum.node.desk_governance import Assignment
from medquorum.node.driver import now_ms
from medquorum.node.governance_desk import NodeGovernance
from medquorum.node.governance_issue import Issue, request_core
from medquorum.node.governance_records import GovernanceRecords
from medquorum.node.issuer import Issuer
from medquorum.node.store.halt_rows import HaltRow, insert_halt
from tests.ledger.charter_kit import signer_of
from tests.ledger.governance_kit import newcomer
from tests.node.kit import Node, node_of
from tests.support.governed_story import NEW, governed
from tests.support.network import HOSPITAL, address, make_network

DAY_MS = 86_400_000
STORY = governed()
FIRST, SECOND, THIRD, FOURTH = STORY.network.doctors


def desk_of(node: Node) -> NodeGovernance:
    """The desk of a node, its issuing key in it where the node holds one."""
    institution = node.name == HOSPITAL
    sign = signer_of(node.name, Purpose.CLINICAL) if institution else None
    issuer = Issuer(address(node.name), sign)
    return NodeGovernance(node.driver, GovernanceRecords(node.store), issuer)


@pytest.fixture
async def young(tmp_path: Path) -> AsyncIterator[NodeGovernance]:
    """The hospital's node in a network of four doctors and no block."""
    async with node_of(make_network(), HOSPITAL, tmp_path) as node:
        yield desk_of(node)


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[NodeGovernance]:
    """The hospital's node after seven charters."""
    async with node_of(STORY.network, HOSPITAL, tmp_path, STORY) as node:
        yield desk_of(node)


def signed(desk: NodeGovernance, act: Act, by: str) -> Proposal:
    """An act signed on somebody's own machine, now."""
    network = desk.driver.replica.state.network
    asked = Issue(network, address(by), now_ms(), DAY_MS)
    return issue(request_core(act, asked, None), signer_of(by, Purpose.CLINICAL))


async def refusal(desk: NodeGovernance, act: Act, by: str) -> DeskError:
    with pytest.raises(DeskError) as refused:
        await desk.accept(signed(desk, act, by).encoded())
    assert len(desk.driver.replica.pool) == 0
    return refused.value


# --- taken ----------------------------------------------------------------------------------


async def test_an_institutions_act_is_signed_and_open(young: NodeGovernance) -> None:
    receipt = await young.issue(Amendment(0, (Admit(newcomer(NEW)),)))
    assert (receipt.type, receipt.needed, receipt.doctors, receipt.required) == (
        "amendment",
        3,
        4,
        (),
    )
    assert f"admits {NEW} (doctor)" in receipt.summary[0]
    (entry,) = young.driver.replica.pool
    assert entry.proposal.id.hex() == receipt.proposal
    with pytest.raises(DeskError) as other:
        await young.accept(entry.proposal.encoded())
    assert (other.value.status, other.value.rule) == (409, "duplicate")


async def test_any_member_may_bring_its_act_to_any_node(young: NodeGovernance) -> None:
    begins = now_ms()
    act = AbsenceAct(address(FIRST), address(SECOND), begins, begins + DAY_MS)
    receipt = await young.accept(signed(young, act, FIRST).encoded())
    assert (receipt.needed, receipt.required) == (0, (SECOND,))
    assert f"{SECOND} stands in" in receipt.summary[0]


async def test_two_thirds_are_needed_for_another_mode(young: NodeGovernance) -> None:
    receipt = await young.issue(Amendment(0, (SetMode(QuorumMode.MAJORITY),)))
    assert (receipt.needed, receipt.doctors) == (2 * 4 // 3 + 1, 4)


async def test_a_patient_gets_another_attending(old: NodeGovernance) -> None:
    receipt = await old.issue(Assignment(2, address(NEW)))
    assert receipt.type == BlockType.ATTENDING.value
    assert receipt.summary == (f"gives patient 2 {NEW} as attending physician",)
    with pytest.raises(DeskError) as unknown:
        await old.issue(Assignment(9, address(NEW)))
    assert (unknown.value.status, unknown.value.rule) == (404, "unknown_patient")


# --- refused --------------------------------------------------------------------------------


async def test_a_doctors_node_signs_for_nobody(tmp_path: Path) -> None:
    async with node_of(make_network(), FIRST, tmp_path) as node:
        with pytest.raises(DeskError) as refused:
            await desk_of(node).issue(Amendment(0, (Reinstate(address(SECOND)),)))
    assert (refused.value.status, refused.value.rule) == (403, "key_elsewhere")


async def test_what_is_no_act_goes_elsewhere(young: NodeGovernance) -> None:
    with pytest.raises(DeskError) as malformed:
        await young.accept(b"nonsense")
    assert (malformed.value.status, malformed.value.rule) == (400, "malformed")
    clinical = STORY.blocks[0].proposal
    with pytest.raises(DeskError) as sealed:
        await young.accept(clinical.encoded())
    assert (sealed.value.status, sealed.value.rule) == (400, "not_governance")


async def test_a_signature_of_somebody_else_is_refused(young: NodeGovernance) -> None:
    made = signed(young, Amendment(0, (SetMode(QuorumMode.MAJORITY),)), FIRST)
    forged = issue(made.core, signer_of(SECOND, Purpose.CLINICAL))
    assert parse_proposal(forged.encoded()).id == made.id
    with pytest.raises(DeskError) as refused:
        await young.accept(forged.encoded())
    assert refused.value.rule == "bad_signature"


async def test_whoever_left_proposes_nothing(old: NodeGovernance) -> None:
    gone = await refusal(old, Amendment(6, (SetMode(QuorumMode.BYZANTINE),)), FIRST)
    assert (gone.status, gone.rule) == (403, "unknown_issuer")


def absences() -> dict[str, tuple[Act, str, str]]:
    """Inadmissible acts: who asks, and what the refusal must say."""
    now, first, second = now_ms(), address(FIRST), address(SECOND)
    long = AbsenceAct(first, second, now, now + 31 * DAY_MS)
    return {
        "backwards": (replace(long, to_ms=now - 1), FIRST, "ends before it begins"),
        "too long": (long, FIRST, "allows 30 days"),
        "oneself": (AbsenceAct(first, first, now, now + DAY_MS), FIRST, "stand in for herself"),
        "a hospital": (
            AbsenceAct(first, address(HOSPITAL), now, now + DAY_MS),
            FIRST,
            "no active doctor",
        ),
        "nothing to end": (AbsenceAct(first, None), FIRST, "no declared absence"),
        "a stranger's patient": (DelegationAct(first, second, 1), FIRST, "not registered"),
        "stale": (Amendment(7, (SetMode(QuorumMode.MAJORITY),)), FIRST, "of version 7"),
        "no change": (Amendment(0, (SetMode(QuorumMode.BYZANTINE),)), FIRST, "says so already"),
        "two at once": (
            Amendment(0, (Revoke(first, second), Suspend(address(THIRD), second))),
            FOURTH,
            "split the amendment",
        ),
    }


@pytest.mark.parametrize("case", list(absences()))
async def test_the_condition_that_bars_an_act_is_named(young: NodeGovernance, case: str) -> None:
    act, by, says = absences()[case]
    refused = await refusal(young, act, by)
    assert says in refused.advice, refused
    assert "R-GOV" in refused.advice


async def test_what_is_decided_is_not_opened(old: NodeGovernance) -> None:
    decided = STORY.blocks[0]
    opening = OpeningAct(address(SECOND), address(NEW), ProposalId(decided.proposal.id))
    refused = await refusal(old, opening, SECOND)
    assert "is decided: block 1" in refused.advice
    patients = await refusal(old, DelegationAct(address(SECOND), address(NEW), 2), SECOND)
    assert "who alone may hand the decisions on" in patients.advice


# --- what the chain tells -------------------------------------------------------------------


async def test_the_history_names_every_change_and_every_vote(old: NodeGovernance) -> None:
    history = await old.history()
    assert [one.version for one in history] == list(range(len(STORY.state.charters)))
    assert [one.in_force for one in history] == [False] * (len(history) - 1) + [True]
    founding, admitted, rotated, revoked, *_ = history
    assert (founding.n_bc, founding.votes) == (None, ())
    assert f"admits {NEW}" in admitted.changes[0]
    assert admitted.proposer_name == HOSPITAL
    assert {vote.voter_name for vote in admitted.votes} == {FIRST, SECOND, THIRD, FOURTH}
    assert rotated.changes == (f"exchanges the consensus key of {SECOND}",)
    assert f"revokes {FIRST}" in revoked.changes[0]
    assert [one.doctors for one in history] == [len(one.doctors) for one in STORY.state.charters]


async def test_the_registry_is_that_of_the_chain(old: NodeGovernance) -> None:
    shown = [(one.attending_name, one.delegate_name, one.from_ms) for one in old.registry()]
    expected = STORY.state.absences
    assert len(shown) == len(expected)
    assert {one.kind for one in old.registry()} <= {"absence", "delegation", "opening"}


async def test_evidence_is_told_with_both_statements(old: NodeGovernance) -> None:
    found = await old.evidence()
    assert [(one.kind, one.culprit_name) for one in found] == [
        ("two_notars", THIRD),
        ("two_proposals", STORY.network.doctors[STORY.entries[0].batch.header.leader]),
        ("two_votes", SECOND),
    ]
    assert all(one.first != one.second for one in found)


async def test_an_ai_entitys_maturity_counts_its_blocks_once(old: NodeGovernance) -> None:
    first, again = await old.maturity(), await old.maturity()
    assert first == again
    reports = [
        block.header.outcome.value == "accepted"
        for block in STORY.blocks
        if block.proposal.core.ai is not None
    ]
    together = [one for one in first if one.kind is None]
    assert [(one.reports, one.approved) for one in together] == [(len(reports), sum(reports))]
    assert not together[0].mature


async def test_a_stop_is_told_with_its_certificates(young: NodeGovernance) -> None:
    assert not (await young.halt()).halted
    row = HaltRow("fork", (b"one", b"another"), None, 5)
    await young.records._store.writer.submit(lambda connection: insert_halt(connection, row))
    young.driver.halted = "fork"
    told = await young.halt()
    assert (told.halted, told.reason, "convict" in told.advice) == (True, "fork", True)
    assert told.stops[0].certificates == ("b25l", "YW5vdGhlcg==")
