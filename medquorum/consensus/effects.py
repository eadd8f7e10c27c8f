"""What consensus wants done, in this order (R-SIM10).

The shell performs a tuple of effects from left to right. Within one call every `Persist` stands
before every `Send` and `Broadcast`, so one durable write serves them all, and nothing leaves the
node before what it rests on is on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from medquorum.consensus.messages import Message
from medquorum.consensus.ordering.evidence import Evidence
from medquorum.consensus.ordering.journal import JournalRecord
from medquorum.ledger.batch import Batch
from medquorum.ledger.certificate import Certificate, OrderingVote
from medquorum.ledger.keys import Address


class HaltReason(StrEnum):
    """Why ordering stopped for good; reads go on, governance decides (R-SIM2)."""

    FORK = "fork"
    """Two final certificates on two branches."""
    INVALID_FINAL = "invalid_final"
    """A quorum finalised a batch that breaks the rules of section 10."""


@dataclass(frozen=True, slots=True)
class Persist:
    """Make the record durable; a failure stops the node."""

    record: JournalRecord
    epoch: int
    """The epoch whose journal it belongs to: slots begin anew in the next."""


@dataclass(frozen=True, slots=True)
class Send:
    """To one peer; dropped when it is not connected."""

    to: Address
    message: Message


@dataclass(frozen=True, slots=True)
class Broadcast:
    """To every other doctor's node."""

    message: Message


@dataclass(frozen=True, slots=True)
class Commit:
    """Append one final batch; the certificate finalises it or a descendant (R-ORD17)."""

    batch: Batch
    certificate: Certificate
    tail: tuple[Batch, ...] = ()
    """Where the batch ended its epoch: the empty batches up to the certified one (R-GOV8)."""


@dataclass(frozen=True, slots=True)
class Convict:
    """Keep and publish evidence against a doctor's node (R-SIM11)."""

    evidence: Evidence
    culprit: Address
    """The doctor whose node signed both: numbers change with the charter."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Ordering has stopped; publish the certificates."""

    reason: HaltReason
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class CeaseVoting:
    """A vote of our own key that our journal does not hold: follow only, from now on (R-SIM10)."""

    shown: OrderingVote


Effect = Persist | Send | Broadcast | Commit | Convict | Halt | CeaseVoting
