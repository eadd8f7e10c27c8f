"""What the desk answers where the proof of a rejected block is asked for (R-EXP3)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medquorum.consensus.proofs import check_proof
from medquorum.ledger import proof as proof_forms
from medquorum.ledger.limits import FRAME
from medquorum.ledger.proof import parse_proof
from medquorum.ledger.types import BlockHash, BlockType, Decision, Outcome
from medquorum.node.desk import DeskError
from tests.node.kit import node_of
from tests.support.chains import Chain
from tests.support.network import digest, make_network, propose, registration

UNSEEN = BlockHash(digest("a block of another chain"))


def rejections() -> Chain:
    """Patient 1, then rejected: by the attending; by the panel, what saw nothing known; of nobody;

    by the attending, what saw nothing known.
    """
    chain = Chain(make_network())
    network = chain.network
    attending, *peers = network.doctors
    chain.stage(registration(network))
    alone, panel = {attending: Decision.REJECT}, dict.fromkeys(peers[:2], Decision.REJECT)
    kind = BlockType.XRAY
    for proposal, against in (
        (propose(network, chain.view, kind), alone),
        (propose(network, chain.view, kind, seen_head=UNSEEN), panel),
        (propose(network, chain.view, kind, 9), panel),
        (propose(network, chain.view, BlockType.CT, seen_head=UNSEEN), alone),
    ):
        chain.stage(proposal, against, Outcome.REJECTED)
    chain.close()
    return chain


@pytest.mark.parametrize(("n_bc", "history"), [(1, 0), (2, 1), (3, 0), (4, 0)])
async def test_a_rejected_block_has_a_proof_that_holds(
    tmp_path: Path, n_bc: int, history: int
) -> None:
    """R-EXP3: with the history its issuer had seen, or with none."""
    chain = rejections()
    async with node_of(chain.network, chain.network.doctors[0], tmp_path, chain) as node:
        encoded = await node.queries.proof(n_bc)
    assert check_proof(encoded, chain.network.charter).valid
    assert len(parse_proof(encoded).patient_chain) == history


async def test_what_no_proof_can_show_is_said(tmp_path: Path) -> None:
    """R-EXP3: never a file that nobody can verify."""
    chain = rejections()
    async with node_of(chain.network, chain.network.doctors[0], tmp_path, chain) as node:
        with pytest.raises(DeskError, match="not_provable_alone") as refused:
            await node.queries.proof(5)
    assert refused.value.status == 409


async def test_a_proof_longer_than_a_frame_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-EXP3: limits are those of a frame, in bytes and in entries."""
    chain = rejections()
    async with node_of(chain.network, chain.network.doctors[0], tmp_path, chain) as node:
        whole = len(await node.queries.proof(2))
        for total, fits in ((whole, True), (whole - 1, False)):
            monkeypatch.setattr(proof_forms, "FRAME", replace(FRAME, total=total))
            if fits:
                assert len(await node.queries.proof(2)) == whole
                continue
            with pytest.raises(DeskError, match="proof_too_long") as refused:
                await node.queries.proof(2)
            assert refused.value.status == 413
