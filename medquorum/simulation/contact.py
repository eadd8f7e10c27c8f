"""The one place that knows how a replica is made, and what it holds inside.

A process starts as a hospital's does: the ledger replayed from final batches, the journal decoded
from its bytes, open proposals and votes put back (R-SIM10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from medquorum.consensus.ordering.application import Seat
from medquorum.consensus.ordering.journal import decode_record, encode_record, slot_of
from medquorum.consensus.replica import Remembered, Replica
from medquorum.ledger.chain import ChainState, genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import DOCTORS, OPEN_PROPOSALS, SLOTS_AHEAD
from medquorum.simulation.crypto import Cryptography
from medquorum.simulation.disk import Disk

_EARLY_VOTES: Final = 4_096
_KINDS_KEPT: Final = 6
"""Two votes of each of the three kinds."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose node a machine is, and by which founding charter it starts."""

    charter: Charter
    address: Address
    cryptography: Cryptography

    def seat_of(self, charter: Charter) -> Seat | None:
        """The doctor's seat under a charter; None for a follower."""
        number = charter.doctor_number(self.address)
        member = charter.member(self.address)
        if number is None or member is None:
            return None
        return Seat(number, self.cryptography.signer(member.keys.consensus))


def start_replica(identity: Identity, disk: Disk) -> Replica:
    """A replica as the disk remembers it; JournalError when the journal contradicts itself."""
    state: ChainState = genesis(identity.charter)
    slot = 0
    for final in disk.chain:
        state, slot = state.extend(final.batch), final.batch.header.slot
        state.absorb()
        if state.amended is not None:
            state, slot = state.next_epoch(), 0
    journal = [
        decode_record(*encode_record(record))
        for epoch, record in disk.journal
        if epoch == state.charter.version and slot_of(record) >= slot
    ]
    remembered = Remembered(
        state=state,
        final_slot=slot,
        log_length=len(disk.chain),
        journal=journal,
        proposals=list(disk.open.values()),
        votes=[vote for votes in disk.votes.values() for vote in votes.values()],
    )
    return Replica(remembered, identity.seat_of, identity.cryptography.verify, disk.history)


def charter_of(replica: Replica, epoch: int) -> Charter | None:
    """The charter of an epoch, as far as this replica knows it (R-ORD9)."""
    charters = replica.state.charters
    return charters[epoch] if epoch < len(charters) else None


@dataclass(frozen=True, slots=True)
class Held:
    """How much one replica holds beyond its chain."""

    open_proposals: int
    early_votes: int
    ordering: int
    """Votes, certificates, proposals, bodies and wants of ordering."""

    def fault(self, doctors: int, spread: int) -> str | None:
        """What is beyond its bound; `spread` counts slots from the last final one to the current.

        Per slot two votes of every kind and doctor, two proposals and bodies, three certificates.
        """
        slots = spread + SLOTS_AHEAD + 2
        most = slots * (min(doctors, DOCTORS) * _KINDS_KEPT + 8)
        for name, count, bound in (
            ("open proposals", self.open_proposals, OPEN_PROPOSALS),
            ("early votes", self.early_votes, _EARLY_VOTES),
            ("objects of ordering", self.ordering, most),
        ):
            if count > bound:
                return f"{count} {name}, at most {bound}"
        return None


def held_by(replica: Replica) -> Held:
    """Count what a replica keeps in memory."""
    state = replica.ordering._state
    votes = sum(len(signers) for slot in state.tally._slots.values() for signers in slot.values())
    ordering = (
        votes
        + len(state.shelf._kept)
        + sum(len(kept) for kept in state.proposals.values())
        + len(state.branches._bodies)
        + len(state.wants)
    )
    return Held(len(replica.pool), len(replica._early), ordering)
