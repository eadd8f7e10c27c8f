"""The report file: what happened, in the form programs read.

`finality_ms` runs from the sending of the vote that decided to the block on the slowest node that
is up. `dissent` names who voted otherwise than the outcome: at a rejection those who approved.
`expert_contour_ml` is the volume of an RTSTRUCT found beside the PET, null where there is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medquorum.ledger.types import Role
from medquorum.node.views import BlockView, StatusView
from scripts.demonstration.cast import Cast
from scripts.demonstration.story import Proposed, Told


@dataclass(frozen=True, slots=True)
class Ending:
    """What was found when all was done."""

    statuses: Mapping[str, StatusView]
    """By member name."""
    equal: bool
    """Whether all tips are the same."""
    audit: Mapping[str, Any]
    """`{result, blocks}` of the independent audit."""


async def write_report(path: Path, cast: Cast, told: Told, ending: Ending) -> None:
    """Write the JSON of the whole run."""
    chain = [block async for block in cast.of(Role.HOSPITAL).client.all_blocks()]
    report = {
        "nodes": [_node(cast, name, status) for name, status in ending.statuses.items()],
        "blocks": [_block(cast, block) for block in chain],
        "rejections": [_rejection(block) for block in chain if block.outcome == "rejected"],
        "ai_proposals": [_ai(one, chain) for one in told.ai],
        "expert_contour_ml": told.contour_ml,
        "tips_equal": ending.equal,
        "audit": dict(ending.audit),
    }
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _node(cast: Cast, name: str, status: StatusView) -> dict[str, Any]:
    return {
        "name": name,
        "role": status.role,
        "address": status.address,
        "restarted": cast.people[name].member.restarted,
        "tip": {"n_bc": status.n_bc, "hash": status.tip_hash},
    }


def _verdict(block: BlockView) -> dict[str, Any]:
    verdict = block.verdict
    return {
        "panel": verdict.panel,
        "approvals": verdict.approvals,
        "attending_approved": verdict.attending_approved,
        "dissent": list(verdict.dissent),
    }


def _block(cast: Cast, block: BlockView) -> dict[str, Any]:
    ballots = cast.ballots.get(block.proposal)
    return {
        "type": block.type,
        "n_bc": block.n_bc,
        "n_pa": block.n_pa,
        "n_pb": block.n_pb,
        "hash": block.hash,
        "issuer_role": block.issuer_role,
        "verdict": _verdict(block),
        "finality_ms": ballots.finality_ms if ballots else None,
    }


def _rejection(block: BlockView) -> dict[str, Any]:
    return {
        "n_bc": block.n_bc,
        "proposal_type": block.proposal_type,
        "proposal": block.proposal,
        "issuer_role": block.issuer_role,
        "rejections": block.verdict.rejections,
        "verdict": _verdict(block),
    }


def _ai(proposed: Proposed, chain: list[BlockView]) -> dict[str, Any]:
    ai = proposed.view.ai or {}
    tumour = proposed.findings.get("tumour")
    outcome = next((one.outcome for one in chain if one.proposal == proposed.view.id), "open")
    return {
        "kind": ai.get("kind"),
        "model_name": ai.get("model_name"),
        "model_digest": ai.get("model_digest"),
        "scores": dict(proposed.findings.get("scores_ppm", {})),
        "volume_ml": tumour["total_tumour_volume_ul"] / 1_000 if tumour else None,
        "abstained": proposed.findings.get("abstained"),
        "outcome": {"accepted": "approved"}.get(outcome, outcome),
    }
