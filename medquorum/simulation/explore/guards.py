"""What an honest node may sign next: asked of the real pen and the real check of justifications.

The guards are not written down a second time. A node's votes become a journal, and `Pen` says what
it would sign over it; a batch and its certificates go through `justified`. A flaw is that same code
with something hidden from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, assert_never

from medquorum.consensus.errors import GuardError
from medquorum.consensus.ordering.application import Seat
from medquorum.consensus.ordering.journal import JournalState
from medquorum.consensus.ordering.notarise import justified
from medquorum.consensus.ordering.pen import Pen
from medquorum.ledger.batch import BatchHeader
from medquorum.ledger.certificate import Certificate, Electorate, Statement
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature
from medquorum.ledger.types import BatchHash, BlockHash, NetworkId, OrderingKind
from medquorum.simulation.explore.model import FIELD_BITS, Ballot, Flaw, Model

_NETWORK: Final = NetworkId(hashlib.sha256(b"exploration").digest())
_ELECTORATE: Final = Electorate(_NETWORK, 0, (), 1)
_SEAT: Final = Seat(0, lambda digest: Signature(bytes(SIGNATURE_BYTES)))
_HIDDEN: Final = {
    (Flaw.FINAL_AFTER_SKIP, OrderingKind.FINAL): OrderingKind.SKIP,
    (Flaw.SKIP_AFTER_FINAL, OrderingKind.SKIP): OrderingKind.FINAL,
    (Flaw.NOTAR_TWICE, OrderingKind.NOTAR): OrderingKind.NOTAR,
}
"""What a flawed pen does not see in its journal while it signs a kind."""


def hash_of(batch: int | None) -> BatchHash:
    """A batch's hash in the model; slot 0 has the network id (R-ORD9)."""
    if batch is None:
        return BatchHash(_NETWORK)
    return BatchHash(hashlib.sha256(b"batch %d" % batch).digest())


def pen_signs(signed: frozenset[Ballot], ballot: Ballot, flaw: Flaw = Flaw.NONE) -> bool:
    """Whether the pen of a node that signed these would sign one more."""
    hidden = _HIDDEN.get((flaw, ballot.kind))
    journal = JournalState()
    for one in signed:
        digest = hash_of(one.batch)
        if one.kind is hidden:
            continue
        if one.kind is OrderingKind.SKIP:
            journal.skipped.add(one.slot)
        elif one.kind is OrderingKind.FINAL:
            journal.finalised[one.slot] = digest
        elif one.slot not in journal.notarised or one.batch == ballot.batch:
            journal.notarised[one.slot] = digest
    pen = Pen(_SEAT, _ELECTORATE, journal)
    try:
        match ballot.kind:
            case OrderingKind.NOTAR:
                pen.notarise(ballot.slot, hash_of(ballot.batch))
            case OrderingKind.SKIP:
                pen.skip(ballot.slot)
            case OrderingKind.FINAL:
                pen.finalise(ballot.slot, hash_of(ballot.batch))
            case _:
                assert_never(ballot.kind)
    except GuardError:
        return False
    return True


def _header(model: Model, batch: int) -> BatchHeader:
    """The header `justified` looks at; what it does not look at is zero."""
    slot, parent = model.batches[batch].slot, model.batches[batch].parent
    return BatchHeader(
        network=_NETWORK,
        epoch=0,
        slot=slot,
        leader=0,
        parent_slot=0 if parent is None else model.batches[parent].slot,
        parent_hash=hash_of(parent),
        first_nbc=1,
        count=0,
        blocks_root=ZERO,
        witness_root=ZERO,
        justification_root=ZERO,
        last_block_hash=BlockHash(ZERO),
        registry_hash=ZERO,
        charter_version=0,
        time_ms=slot,
    )


def rules_allow(model: Model, ballot: Ballot, certified: frozenset[Ballot]) -> bool:
    """Whether the certificates that exist let some honest node sign this (R-SIM6 to R-SIM8)."""
    match ballot.kind:
        case OrderingKind.NOTAR:
            return ballot.batch is not None and _justifiable(model, ballot.batch, certified)
        case OrderingKind.SKIP:
            before = ballot.slot - 1
            return before == 0 or any(one.slot == before for one in certified)
        case OrderingKind.FINAL:
            return Ballot(OrderingKind.NOTAR, ballot.slot, ballot.batch) in certified
    assert_never(ballot.kind)


def _justifiable(model: Model, batch: int, certified: frozenset[Ballot]) -> bool:
    header = _header(model, batch)
    parent = model.batches[batch].parent
    if model.flaw is Flaw.GAP_WITHOUT_SKIPS:
        return parent is None or any(one.batch == parent for one in certified)
    found = [
        one
        for one in sorted(certified, key=lambda each: each.slot)
        if (one.batch == parent and parent is not None and one.kind is OrderingKind.NOTAR)
        or (one.kind is OrderingKind.SKIP and header.parent_slot < one.slot < header.slot)
    ]
    return justified(header, tuple(_certificate(one) for one in found))


def _certificate(ballot: Ballot) -> Certificate:
    digest = None if ballot.batch is None else hash_of(ballot.batch)
    return Certificate(Statement(0, ballot.slot, ballot.kind, digest), ())


@dataclass(slots=True)
class Guards:
    """Both guards as masks over the fields of a model, each asked once."""

    model: Model
    _open: dict[int, int] = field(default_factory=dict)
    _enabled: dict[int, int] = field(default_factory=dict)

    def open_to(self, votes: int) -> int:
        """What the pen of a node with these votes would still sign."""
        known = self._open.get(votes)
        if known is None:
            signed = self.model.certified(votes)
            known = self._open[votes] = _mask(
                one not in signed and pen_signs(signed, one, self.model.flaw)
                for one in self.model.ballots
            )
        return known

    def enabled_by(self, certificates: int) -> int:
        """What the certificates that exist allow."""
        known = self._enabled.get(certificates)
        if known is None:
            certified = self.model.certified(certificates)
            known = self._enabled[certificates] = _mask(
                rules_allow(self.model, one, certified) for one in self.model.ballots
            )
        return known


def _mask(allowed: Iterable[bool]) -> int:
    return sum(1 << at * FIELD_BITS for at, one in enumerate(allowed) if one)
