"""That a block stands in a final batch, shown by headers, paths and a certificate (R-EXP3)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from medquorum.consensus.headers import lone_header_fault
from medquorum.ledger import merkle
from medquorum.ledger.batch import BatchHeader
from medquorum.ledger.certificate import Statement, verify_certificate
from medquorum.ledger.chain import ChainState
from medquorum.ledger.proof import Inclusion
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import BatchHash, BlockHash, OrderingKind


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """Where an epoch starts: charter, hash and N BC of what ended the one before (R-GOV8)."""

    state: ChainState
    """Of the chain it knows the charters, and number, hash and time of that last block."""
    hash: BatchHash
    n_bc: int


def ordering_fault(proof: Inclusion, start: EpochEnd, check: Verifier) -> str | None:
    """The rule that headers and certificate break in the epoch that starts there, if any."""
    charter = start.state.charter
    if not proof.headers:
        return "R-EXP3: no batch header"
    for header in proof.headers:
        fault = lone_header_fault(header, charter)
        if fault is not None:
            return fault
    if not _begins(proof.headers[0], start):
        return "R-ORD9: the first batch does not follow the start of its epoch"
    if not all(_follows(before, after) for before, after in pairwise(proof.headers)):
        return "R-ORD7: the headers do not link"
    last = proof.headers[-1]
    statement = Statement(last.epoch, last.slot, OrderingKind.FINAL, last.hash())
    if proof.certificate.statement != statement:
        return "R-ORD17: the certificate names another batch"
    if not verify_certificate(proof.certificate, charter.electorate(), check):
        return "R-ORD11: the certificate does not hold"
    return None


def _begins(first: BatchHeader, start: EpochEnd) -> bool:
    """Whether a batch comes after the start of its epoch; at once where it names slot 0."""
    if first.time_ms <= start.state.time_ms or first.first_nbc <= start.n_bc:
        return False
    at_once = first.parent_hash == start.hash and first.first_nbc == start.n_bc + 1
    return first.parent_slot > 0 or at_once


def _follows(before: BatchHeader, after: BatchHeader) -> bool:
    return (
        (after.parent_slot, after.parent_hash) == (before.slot, before.hash())
        and after.first_nbc == before.first_nbc + before.count
        and after.time_ms > before.time_ms
        and (after.count > 0 or after.last_block_hash == before.last_block_hash)
    )


def inclusion_fault(proof: Inclusion) -> str | None:
    """Whether block and witness are those of their place in the first header's batch."""
    first, index = proof.headers[0], proof.index
    block, witness = proof.block.encoded(), proof.witness.encoded()
    header = proof.block.header
    included = (
        header.n_bc == first.first_nbc + index
        and (index < first.count - 1 or proof.block.hash == first.last_block_hash)
        and (header.n_bc > 1 or header.hprevious == BlockHash(first.network))
        and merkle.verify_path(block, index, first.count, proof.block_path, first.blocks_root)
        and merkle.verify_path(witness, index, first.count, proof.witness_path, first.witness_root)
    )
    return None if included else "R-MRK2: block or witness is not in the batch"
