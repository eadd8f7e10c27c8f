"""Batches after a chain: composed by the rules, or forced against them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from medquorum.consensus.composition import judge_batch
from medquorum.consensus.pool import Candidate
from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch, BatchHeader
from medquorum.ledger.block import Block, Witness
from medquorum.ledger.reasons import Judgement
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BlockType
from tests.support.chains import Chain, Place, make_batch
from tests.support.network import START_MS, candidate, propose

PLACE = Place(slot=2, parent_slot=1, time_ms=START_MS + 1)


def after(chain: Chain, *decided: Candidate, **changes: Any) -> Batch:
    """The next batch; `changes` spoil its header."""

    def change(header: BatchHeader) -> BatchHeader:
        return replace(header, **changes)

    return make_batch(
        chain.network, chain.state, decided, replace(PLACE, parent_hash=chain.hash), change
    )


def forced(chain: Chain, parts: Iterable[tuple[Block, Witness]], **changes: Any) -> Batch:
    """A batch of blocks that nobody judged, with a header that fits them."""
    blocks, witnesses = zip(*parts, strict=True)
    roots = {
        "count": len(blocks),
        "blocks_root": merkle.root([one.encoded() for one in blocks]),
        "witness_root": merkle.root([one.encoded() for one in witnesses]),
        "last_block_hash": blocks[-1].hash,
    }
    empty = after(chain)
    header = replace(empty.header, **{**roots, **changes})
    return Batch(header, blocks, witnesses, empty.justification)


def judged(chain: Chain, batch: Batch) -> Judgement:
    """What another node says."""
    return judge_batch(batch, chain.state, verify)


def ct(chain: Chain, **changes: Any) -> Candidate:
    """A decided CT of patient 1."""
    proposal = propose(chain.network, chain.state, BlockType.CT, **changes)
    return candidate(chain.network, proposal, chain.state)
