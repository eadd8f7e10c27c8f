"""What a chaos run compares at its end: each check finds the fault it is for."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, cast

import pytest

from medquorum.ledger.types import PartName
from medquorum.node.views import BlockView, ProposalView, VoteView
from scripts.chaos_network.checks import (
    broken_links,
    logged_errors,
    lost_sightings,
    lost_submissions,
    lost_votes,
    unequal_chains,
)
from scripts.chaos_network.history import Cast, Sighting, Submission
from scripts.chaos_network.ward import Ward
from scripts.chaos_network.watch import Watch


def a_view(kind: type, **given: Any) -> Any:
    """A view with nothing in it but what is given."""
    return kind(**{field.name: given.get(field.name, "") for field in fields(kind)})


def a_chain() -> list[BlockView]:
    """Two patients: 1, 2, rejected, 1."""
    places = [(1, 1, "accepted"), (2, 1, "accepted"), (0, 0, "rejected"), (1, 2, "accepted")]
    blocks: list[BlockView] = []
    for height, (n_pb, n_pa, outcome) in enumerate(places, 1):
        previous = blocks[-1].hash if blocks else "network"
        head = next((b.hash for b in reversed(blocks) if n_pb and b.n_pb == n_pb), "00" * 32)
        blocks.append(
            a_view(
                BlockView,
                n_bc=height,
                hash=f"block {height}",
                hprevious=previous,
                outcome=outcome,
                n_pb=n_pb,
                n_pa=n_pa,
                hpatient=head,
                proposal=f"proposal {height}",
                votes=(a_view(VoteView, voter_name="A", decision="approve"),),
            )
        )
    return blocks


def test_a_good_chain_has_nothing_to_report() -> None:
    chain = a_chain()
    assert list(broken_links(chain)) == []
    assert list(unequal_chains({"A": chain, "B": a_chain()})) == []
    assert (
        list(lost_sightings([Sighting("A", 0, "network"), Sighting("A", 4, "block 4")], chain))
        == []
    )


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (1, {"n_bc": 3}),
        (1, {"hprevious": "another"}),
        (3, {"n_pa": 3}),
        (3, {"hpatient": "block 2"}),
        (3, {"proposal": "proposal 1"}),
        (1, {"n_pb": 3}),
    ],
)
def test_a_broken_link_is_found(place: int, change: dict[str, Any]) -> None:
    chain = a_chain()
    chain[place] = replace(chain[place], **change)
    assert list(broken_links(chain)) != []


def test_chains_that_differ_are_found() -> None:
    forked = a_chain()
    forked[2] = replace(forked[2], hash="another")
    assert "different blocks 3" in next(unequal_chains({"A": a_chain(), "B": forked}))
    assert "did not become equal" in next(unequal_chains({"A": a_chain(), "B": a_chain()[:3]}))


def test_a_block_that_was_shown_and_is_gone_is_found() -> None:
    assert "is gone" in next(lost_sightings([Sighting("A", 5, "block 5")], a_chain()))
    assert "is another" in next(lost_sightings([Sighting("A", 2, "other")], a_chain()))


@pytest.mark.parametrize(
    ("proposal", "state", "reason", "found"),
    [
        ("proposal 1", "accepted", None, ""),
        ("proposal 9", "stale", "stale_position", ""),
        ("proposal 1", "open", None, "is accepted in the chain and open there"),
        ("proposal 9", "open", None, "is open and in no block"),
        ("proposal 9", "accepted", None, "is accepted and in no block"),
        ("proposal 9", "stale", None, "is stale without a reason"),
    ],
)
def test_a_lost_submission_is_found(
    proposal: str, state: str, reason: str | None, found: str
) -> None:
    submission = Submission("hospital", proposal, "record", PartName.V_IND, b"")
    views = {proposal: a_view(ProposalView, state=state, reason=reason)}
    said = " ".join(lost_submissions([submission], a_chain(), views))
    assert (found in said) if found else (said == "")
    assert "is unknown there" in next(lost_submissions([submission], a_chain(), {}))


def test_a_lost_vote_is_found() -> None:
    kept = a_view(ProposalView, votes=(a_view(VoteView, voter_name="B", decision="reject"),))
    views = {("B", "proposal 1"): kept}
    witnessed, stored = Cast("A", "proposal 1", "approve"), Cast("B", "proposal 1", "reject")
    assert list(lost_votes([witnessed, stored], a_chain(), views)) == []
    assert "is gone" in next(lost_votes([stored], a_chain(), {}))
    assert "is reject" in next(lost_votes([replace(stored, decision="approve")], a_chain(), views))


def test_what_a_node_logged_as_an_error_is_found() -> None:
    lines = [
        '{"level": "info", "event": "node_started"}',
        '{"level": "error", "event": "task_failed", "error_type": "OSError"}',
        '{"level": "error", "event": "task_failed", "error_type": "OSError"}',
        "Traceback (most recent call last):",
    ]
    assert list(logged_errors("A", "\n".join(lines))) == [
        "A logged a line that is no log: Traceback (most recent call last):",
        "A logged task_failed OSError",
    ]
    assert list(logged_errors("A", lines[0])) == []


def test_the_longest_time_without_a_block_counts_in_its_spans() -> None:
    watch = Watch(cast(Ward, None))
    watch.grown = [(0.0, 0), (1.0, 1), (11.0, 2), (13.0, 3)]
    assert watch.longest_gap_s() == 10.0
    assert watch.longest_gap_s([(0.0, True), (2.0, False), (9.0, True)]) == 2.0
    assert watch.first_growth_after(11.0) == (13.0, 3)
    assert watch.first_growth_after(13.0) is None
