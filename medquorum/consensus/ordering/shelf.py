"""The certificates of the last final slot and later ones (R-SIM1, R-ORD11)."""

from __future__ import annotations

from collections.abc import Iterable

from medquorum.ledger.certificate import Certificate, Statement
from medquorum.ledger.types import BatchHash, OrderingKind


class Shelf:
    """At most one certificate per slot and kind; all of them verified."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self._kept: dict[tuple[int, OrderingKind], Certificate] = {}
        self.top = 0
        """The highest slot with any certificate."""
        self.changes = 0
        """Grows with every change: what was concluded at the same count still holds."""
        for certificate in certificates:
            self.add(certificate)

    def get(self, slot: int, kind: OrderingKind) -> Certificate | None:
        """The certificate of that slot and kind."""
        return self._kept.get((slot, kind))

    def holds(self, statement: Statement) -> bool:
        """Whether this very statement is certified."""
        known = self.get(statement.slot, statement.kind)
        return known is not None and known.statement == statement

    def add(self, certificate: Certificate) -> bool:
        """Keep it unless the slot has one of its kind."""
        statement = certificate.statement
        if (statement.slot, statement.kind) in self._kept:
            return False
        self._kept[statement.slot, statement.kind] = certificate
        self.changes += 1
        self.top = max(self.top, statement.slot)
        return True

    def supporting(self, slot: int, digest: BatchHash) -> Certificate | None:
        """What lets a batch be built upon (R-ORD12): notar first, its votes are known best."""
        for kind in (OrderingKind.NOTAR, OrderingKind.FINAL):
            certificate = self.get(slot, kind)
            if certificate is not None and certificate.statement.hash == digest:
                return certificate
        return None

    def certified(self, slot: int) -> tuple[BatchHash, ...]:
        """The hashes certified in a slot, final first; two only beyond the fault bound."""
        hashes: list[BatchHash] = []
        for kind in (OrderingKind.FINAL, OrderingKind.NOTAR):
            known = self.get(slot, kind)
            if known and known.statement.hash is not None and known.statement.hash not in hashes:
                hashes.append(known.statement.hash)
        return tuple(hashes)

    def since(self, slot: int) -> tuple[Certificate, ...]:
        """Every certificate of this slot and later ones, ascending by slot."""
        return tuple(
            self._kept[key] for key in sorted(self._kept, key=lambda one: one[0]) if key[0] >= slot
        )

    def finals(self, above: int) -> tuple[Certificate, ...]:
        """Final certificates of later slots, the highest first."""
        if self.top <= above:
            return ()
        found = [
            certificate
            for (slot, kind), certificate in self._kept.items()
            if kind is OrderingKind.FINAL and slot > above
        ]
        return tuple(sorted(found, key=lambda one: -one.statement.slot))

    def forget(self, below: int) -> None:
        """Drop slots below the last final one."""
        self.changes += 1
        for key in [key for key in self._kept if key[0] < below]:
            del self._kept[key]
