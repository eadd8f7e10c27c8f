"""Votes by policy: what a node casts in its doctor's name, and what it leaves to her (R-VER4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from medquorum.consensus.events import ProposalArrived
from medquorum.ledger.batch import Absence
from medquorum.ledger.charter import TypePolicy
from medquorum.ledger.contents import AnalyteResult, Flag, LaboratoryResults
from medquorum.ledger.keys import Purpose, public_key
from medquorum.ledger.reasons import ACCEPT
from medquorum.ledger.registry import FOR_EVER_MS
from medquorum.ledger.types import BlockType, Decision, Panel, PartName, VoterRole
from medquorum.ledger.vote import Vote
from medquorum.node.auto_rules import Inspection, Policy, plausible
from medquorum.node.auto_votes import AutoVotes
from medquorum.node.intake.gate import ImageGate
from tests.ledger.charter_kit import private_key
from tests.node.intake.kit import archive, changed, series
from tests.node.kit import Node, node_of, until
from tests.node.sealed_bodies import Sealed, seal, sealed_proposal
from tests.support.chains import Chain
from tests.support.network import (
    LABORATORY,
    RADIOLOGIST,
    address,
    make_network,
    propose,
    registration,
)

BY_POLICY = {
    BlockType.TEST_RESULT: TypePolicy(
        Panel.ALL_DOCTORS, strict=False, auto_policies=(Policy.PLAUSIBLE_TEST_RESULT.value,)
    ),
    BlockType.CT: TypePolicy(
        Panel.ALL_DOCTORS, strict=False, auto_policies=(Policy.COMPLETE_IMAGE_SERIES.value,)
    ),
}
NETWORK = make_network(policies=BY_POLICY)
ATTENDING, PEER = NETWORK.doctors[:2]


def chain() -> Chain:
    """One registered patient."""
    grown = Chain(NETWORK)
    grown.stage(registration(NETWORK))
    grown.close()
    return grown


CHAIN = chain()


def result(**changes: object) -> AnalyteResult:
    usual = AnalyteResult("potassium", 4_100, "mmol/L", Flag.NORMAL, 3_500, 5_100)
    return replace(usual, **changes)  # type: ignore[arg-type]


def results_of(*results: AnalyteResult) -> bytes:
    return LaboratoryResults(1_767_312_000_000, "serum", results).encoded()


GOOD = results_of(result())


@asynccontextmanager
async def automatic(
    home: Path, doctor: str = PEER, policies: Sequence[Policy] = tuple(Policy)
) -> AsyncIterator[tuple[Node, AutoVotes]]:
    """A doctor's node whose policies vote."""
    async with node_of(NETWORK, doctor, home, CHAIN) as node:
        hand = node.membership.policy_hand()
        assert hand is not None
        inspection = Inspection(node.bodies, ImageGate(), home / "spool")
        voting = AutoVotes(node.driver, node.bodies, hand, policies, inspection)
        voting.fatal = node.fatal.append
        yield node, voting
        await voting.close()
        assert node.fatal == []


def laboratory_result(content: bytes) -> Sealed:
    return sealed_proposal(NETWORK, CHAIN.view, BlockType.TEST_RESULT, content, LABORATORY)


async def arrives(node: Node, voting: AutoVotes, sealed: Sealed) -> list[Vote]:
    """The proposal with its body, until it is opened and looked into; the votes then."""
    issuer, record = sealed.proposal.core.issuer, sealed.record
    node.holders.offers[issuer] = sealed
    assert await node.driver.ask(ProposalArrived(sealed.proposal, issuer)) == ACCEPT
    await until(lambda: node.opened(sealed) and node.bodies._bodies[record].task is None)
    return await looked(node, voting, sealed)


async def looked(node: Node, voting: AutoVotes, sealed: Sealed) -> list[Vote]:
    await asyncio.gather(*voting._looking.values())
    entry = node.driver.replica.pool.get(sealed.proposal.id)
    assert entry is not None
    return list(entry.votes.values())


async def test_a_plausible_test_result_is_approved_with_the_policy_key(tmp_path: Path) -> None:
    async with automatic(tmp_path) as (node, voting):
        sealed = laboratory_result(GOOD)
        (cast,) = await arrives(node, voting, sealed)
        ballot = cast.ballot
        assert (ballot.voter, ballot.role, ballot.decision, ballot.mode) == (
            address(PEER),
            VoterRole.PEER,
            Decision.APPROVE,
            "policy:plausible-test-result",
        )
        assert await node.rows("votes") == 1, "durable like any vote"
        view = await node.queries.proposal(sealed.proposal.id.hex())
        assert [(shown.mode, shown.automatic) for shown in view.votes] == [(ballot.mode, True)]
        assert await node.queries.inbox() == (), "her vote is cast"


@pytest.mark.parametrize(
    "content",
    [
        results_of(result(flag=Flag.HIGH)),
        results_of(result(value_milli=5_101)),
        results_of(result(value_milli=3_499)),
        results_of(result(reference_low_milli=None, reference_high_milli=None)),
        results_of(result(), result(value_milli=9_000)),
        results_of(),
        b"no test result at all",
        bytes(300_000),
    ],
)
def test_what_is_not_plain_is_not_plausible(content: bytes) -> None:
    assert not plausible(content)


@pytest.mark.parametrize(
    "bounds", [{"reference_low_milli": None}, {"reference_high_milli": None}, {}]
)
def test_one_bound_is_enough(bounds: dict[str, None]) -> None:
    assert plausible(results_of(result(**bounds)))


async def test_a_result_out_of_range_is_left_to_her(tmp_path: Path) -> None:
    async with automatic(tmp_path) as (node, voting):
        assert (
            await arrives(node, voting, laboratory_result(results_of(result(flag=Flag.LOW)))) == []
        )
        assert len(await node.queries.inbox()) == 1


async def test_an_attachment_is_left_to_her(tmp_path: Path) -> None:
    drafted = propose(NETWORK, CHAIN.view, BlockType.TEST_RESULT)
    contents = {PartName.TEST_RES: GOOD, PartName.ATTACHMENT: b"a scanned letter"}
    async with automatic(tmp_path) as (node, voting):
        assert await arrives(node, voting, seal(NETWORK, drafted, contents, LABORATORY)) == []


async def test_the_attending_votes_herself(tmp_path: Path) -> None:
    async with automatic(tmp_path, ATTENDING) as (node, voting):
        assert await arrives(node, voting, laboratory_result(GOOD)) == []


async def test_who_may_stand_in_for_the_attending_votes_herself(tmp_path: Path) -> None:
    """Even if not today: a vote is irrevocable."""
    async with automatic(tmp_path) as (node, voting):
        later = Absence(address(ATTENDING), address(PEER), FOR_EVER_MS - 1, FOR_EVER_MS)
        node.driver.replica.state.absences = (later,)
        sealed = laboratory_result(GOOD)
        assert await arrives(node, voting, sealed) == []
        node.driver.replica.state.absences = ()
        voting.start()
        assert len(await looked(node, voting, sealed)) == 1


async def test_a_policy_that_the_node_does_not_name_casts_nothing(tmp_path: Path) -> None:
    async with automatic(tmp_path, policies=[Policy.COMPLETE_IMAGE_SERIES]) as (node, voting):
        assert await arrives(node, voting, laboratory_result(GOOD)) == []


async def test_a_policy_that_the_charter_does_not_name_casts_nothing(tmp_path: Path) -> None:
    async with automatic(tmp_path) as (node, voting):
        state = node.driver.replica.state
        state.charter = replace(state.charter, policies=make_network().charter.policies)
        sealed = laboratory_result(GOOD)
        assert await arrives(node, voting, sealed) == []
        assert voting._looking == {}


async def test_another_policy_key_than_the_charters_casts_nothing(tmp_path: Path) -> None:
    async with automatic(tmp_path) as (node, voting):
        key = public_key(private_key("another", Purpose.POLICY))
        voting._hand = replace(voting._hand, key=key)
        assert await arrives(node, voting, laboratory_result(GOOD)) == []


async def test_her_own_vote_is_not_cast_again(tmp_path: Path) -> None:
    async with automatic(tmp_path) as (node, voting):
        sealed = laboratory_result(GOOD)
        before = await arrives(node, voting, sealed)
        voting.start()
        assert await looked(node, voting, sealed) == before


async def test_what_was_open_at_the_start_is_considered(tmp_path: Path) -> None:
    sealed = laboratory_result(GOOD)
    async with automatic(tmp_path, policies=()) as (node, voting):
        assert await arrives(node, voting, sealed) == []
    async with node_of(NETWORK, PEER, tmp_path) as again:
        hand = again.membership.policy_hand()
        assert hand is not None
        inspection = Inspection(again.bodies, ImageGate(), tmp_path / "spool")
        voting = AutoVotes(again.driver, again.bodies, hand, tuple(Policy), inspection)
        voting.start()
        assert len(await looked(again, voting, sealed)) == 1


@pytest.mark.parametrize(("numbers", "votes"), [((1, 2, 3, 4), 1), ((1, 2, 4, 5), 0)])
async def test_a_complete_series_is_approved_and_one_with_a_gap_is_not(
    tmp_path: Path, numbers: tuple[int, ...], votes: int
) -> None:
    files = [changed("CT", lambda _: None, number) for number in numbers]
    sealed = sealed_proposal(NETWORK, CHAIN.view, BlockType.CT, archive(files), RADIOLOGIST)
    async with automatic(tmp_path) as (node, voting):
        cast = await arrives(node, voting, sealed)
        assert [one.ballot.mode for one in cast] == ["policy:complete-image-series"] * votes
        assert list((tmp_path / "spool").iterdir()) == [], "no image stays in the open"


async def test_a_series_that_does_not_parse_is_left_to_her(tmp_path: Path) -> None:
    content = archive([*series("CT", 3), b"not DICOM"])
    sealed = sealed_proposal(NETWORK, CHAIN.view, BlockType.CT, content, RADIOLOGIST)
    async with automatic(tmp_path) as (node, voting):
        assert await arrives(node, voting, sealed) == []
