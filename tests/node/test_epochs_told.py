"""What an operator is told of acts of governance, and of members who have left (R-GOV4, R-GOV9)."""

from __future__ import annotations

from pathlib import Path

from medquorum.consensus.events import ProposalArrived, VoteArrived
from medquorum.ledger.governance import AbsenceAct
from medquorum.ledger.reasons import ACCEPT
from tests.node.kit import node_of
from tests.node.sealed_bodies import clock_ms
from tests.node.test_epochs import FOUNDING, STORY, signed_act
from tests.support.network import LABORATORY, address, vote


async def test_why_an_act_of_governance_waits_names_who_is_missing(tmp_path: Path) -> None:
    first, second, third, fourth = FOUNDING.doctors
    absence = AbsenceAct(address(first), address(second), clock_ms(), clock_ms() + 86_400_000)
    act = signed_act(FOUNDING, absence, third)
    async with node_of(FOUNDING, LABORATORY, tmp_path) as node:
        assert await node.driver.ask(ProposalArrived(act, address(third))) == ACCEPT
        for doctor in (third, fourth):
            await node.driver.ask(VoteArrived(vote(FOUNDING, act, doctor), address(doctor)))
        view = await node.queries.why(act.id.hex())
        assert view.sentences[:2] == (
            "2 of 3 needed approvals, 0 rejections.",
            f"It needs the approval of {second} in any case.",
        )
        assert view.missing_voters == tuple(sorted((first, second)))
        shown = await node.queries.proposal(act.id.hex())
        assert (shown.type, shown.body, shown.verdict.attending) == ("absence", "none", None)


async def test_former_members_keep_their_names_in_old_blocks(tmp_path: Path) -> None:
    first = FOUNDING.doctors[0]
    async with node_of(FOUNDING, LABORATORY, tmp_path, STORY, run=False) as node:
        block = await node.queries.block(1)
        assert first in [cast.voter_name for cast in block.votes]
        assert (block.verdict.panel, block.verdict.approvals) == (4, 4), "the panel of its epoch"
        assert not any(cast.automatic for cast in block.votes)
        patient = await node.queries.patient(1)
        assert patient.attending_name == FOUNDING.doctors[1], "her successor attends now"
