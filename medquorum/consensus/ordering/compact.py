"""A batch by reference: proposal ids, who voted, the outcome (R-SIM5).

At a hundred doctors a full body would cost the leader a hundred megabytes a slot; the receivers
hold proposals and votes already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medquorum.ledger.block import Block, Witness
from medquorum.ledger.keys import Address
from medquorum.ledger.types import Outcome, ProposalId


@dataclass(frozen=True, slots=True)
class CompactEntry:
    """One block of a batch, by reference: doctor i's vote is in the witness iff bit i is set."""

    proposal: ProposalId
    voters: bytes
    """Bitmap of the doctors' numbers: bit i of the map is bit i % 8 of byte i // 8."""
    outcome: Outcome


Compact = tuple[CompactEntry, ...]


def compact_of(
    blocks: Sequence[Block], witnesses: Sequence[Witness], doctors: Sequence[Address]
) -> Compact:
    """The compact form of a body; votes of nobody in `doctors` leave no bit."""
    numbers = {address: number for number, address in enumerate(doctors)}
    entries = []
    for block, witness in zip(blocks, witnesses, strict=True):
        bitmap = bytearray((len(doctors) + 7) // 8)
        for vote in witness.votes:
            number = numbers.get(vote.ballot.voter)
            if number is not None:
                bitmap[number // 8] |= 1 << number % 8
        header = block.header
        entries.append(CompactEntry(header.proposal, bytes(bitmap), header.outcome))
    return tuple(entries)


def voters_of(entry: CompactEntry) -> tuple[int, ...]:
    """The doctors' numbers whose votes are in the witness, ascending."""
    return tuple(i for i in range(len(entry.voters) * 8) if entry.voters[i // 8] >> i % 8 & 1)
