"""What must hold at the end, as pure functions from what was noted and found to sentences.

Each answers the violations, none when the rule is kept. A block is compared by its hash, which
covers its header and, through the proposal's id, everything signed (R-ORD1, R-PRO2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from medquorum.node.views import BlockView, ProposalView
from scripts.chaos_network.history import Cast, Sighting, Submission

Chain = Sequence[BlockView]
CLOSED_WITHOUT_BLOCK = frozenset({"stale", "expired"})


def unequal_chains(chains: Mapping[str, Chain]) -> Iterator[str]:
    """Chains that differ from the first member's, at the first block where they do."""
    (reference_name, reference), *others = chains.items()
    for name, chain in others:
        for ours, theirs in zip(reference, chain, strict=False):
            if ours.hash != theirs.hash:
                yield f"{name} and {reference_name} hold different blocks {ours.n_bc}"
                break
        else:
            if len(chain) != len(reference):
                yield (
                    f"{name} holds {len(chain)} blocks and {reference_name} {len(reference)}: "
                    "they did not become equal"
                )


def broken_links(chain: Chain) -> Iterator[str]:
    """Gaps and false links in the numbers N BC and N PA (R-ORD2, R-ORD3)."""
    heads: dict[int, tuple[int, str]] = {}
    proposals: set[str] = set()
    for height, block in enumerate(chain, 1):
        if block.n_bc != height:
            yield f"block {block.n_bc} stands at height {height}"
        if height > 1 and block.hprevious != chain[height - 2].hash:
            yield f"block {height} does not follow block {height - 1}"
        if block.proposal in proposals:
            yield f"block {height} repeats a proposal"
        proposals.add(block.proposal)
        if block.outcome != "accepted":
            continue
        length, head = heads.get(block.n_pb, (0, "00" * 32))
        if (block.n_pa, block.hpatient) != (length + 1, head):
            yield f"block {height} does not follow patient {block.n_pb}'s block {length}"
        heads[block.n_pb] = (block.n_pa, block.hash)
    if sorted(heads) != list(range(1, len(heads) + 1)):
        yield "the patients' numbers have gaps"


def lost_sightings(sightings: Iterable[Sighting], chain: Chain) -> Iterator[str]:
    """Blocks a node showed as final that are not in the chain."""
    for seen in sightings:
        if seen.n_bc == 0:
            continue
        if seen.n_bc > len(chain):
            yield f"block {seen.n_bc} that {seen.member} showed as final is gone"
        elif chain[seen.n_bc - 1].hash != seen.block:
            yield f"block {seen.n_bc} that {seen.member} showed as final is another now"


def lost_submissions(
    submissions: Iterable[Submission], chain: Chain, views: Mapping[str, ProposalView]
) -> Iterator[str]:
    """Acknowledged proposals that are neither in the chain nor closed with a reason.

    `views` are those of the issuers' nodes, by proposal.
    """
    outcomes = {block.proposal: block.outcome for block in chain}
    for one in submissions:
        view, outcome = views.get(one.proposal), outcomes.get(one.proposal)
        named = f"proposal {one.proposal[:12]} that {one.member} acknowledged"
        if view is None:
            yield f"{named} is unknown there"
        elif outcome is not None and view.state != outcome:
            yield f"{named} is {outcome} in the chain and {view.state} there"
        elif outcome is None and view.state not in CLOSED_WITHOUT_BLOCK:
            yield f"{named} is {view.state} and in no block"
        elif outcome is None and not view.reason:
            yield f"{named} is {view.state} without a reason"


def lost_votes(
    votes: Iterable[Cast], chain: Chain, views: Mapping[tuple[str, str], ProposalView]
) -> Iterator[str]:
    """Acknowledged votes that neither stand in the witness nor are kept at the voter's node.

    `views` are those of the voters' nodes, by (voter, proposal).
    """
    blocks = {block.proposal: block for block in chain}
    for vote in votes:
        block, view = blocks.get(vote.proposal), views.get((vote.voter, vote.proposal))
        witnessed = () if block is None else block.votes
        kept = () if view is None else view.votes
        found = {one.decision for one in (*witnessed, *kept) if one.voter_name == vote.voter}
        if found != {vote.decision}:
            shown = " and ".join(sorted(found)) or "gone"
            yield (
                f"{vote.voter}'s acknowledged vote to {vote.decision} on "
                f"{vote.proposal[:12]} is {shown}"
            )


def logged_errors(name: str, log: str) -> Iterator[str]:
    """Each kind of error a node logged, once: faults around it are no errors of its own."""
    said = set()
    for line in log.splitlines():
        try:
            entry = json.loads(line)
            if entry["level"] in ("error", "critical"):
                said.add(f"{entry['event']} {entry.get('error_type', '')}".strip())
        except (ValueError, TypeError, KeyError):
            said.add(f"a line that is no log: {line[:80]}")
    for event in sorted(said):
        yield f"{name} logged {event}"
