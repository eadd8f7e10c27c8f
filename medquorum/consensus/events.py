"""What a replica is told, and what it wants done beside ordering's effects."""

from __future__ import annotations

from dataclasses import dataclass

from medquorum.consensus.effects import Effect as OrderingEffect
from medquorum.consensus.messages import Message
from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import Judgement, Reason
from medquorum.ledger.types import ProposalId
from medquorum.ledger.vote import Vote


@dataclass(frozen=True, slots=True)
class ProposalArrived:
    """A proposal from a peer, or from this node's own desk (sender None)."""

    proposal: Proposal
    sender: Address | None


@dataclass(frozen=True, slots=True)
class VoteArrived:
    """A vote from a peer, or from this node's own doctor (sender None)."""

    vote: Vote
    sender: Address | None


@dataclass(frozen=True, slots=True)
class OrderingArrived:
    """An ordering message from a peer."""

    message: Message
    sender: Address


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """A member's node is linked and has said hello."""

    peer: Address


@dataclass(frozen=True, slots=True)
class PeerLost:
    """The link to a member's node is down."""

    peer: Address


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline passed."""


Event = ProposalArrived | VoteArrived | OrderingArrived | PeerConnected | PeerLost | Tick


@dataclass(frozen=True, slots=True)
class Accepted:
    """Make it durable, then pass it on to the other nodes."""

    record: Proposal | Vote


@dataclass(frozen=True, slots=True)
class Refused:
    """An object set aside or refused; a Reject counts against its sender."""

    record: Proposal | Vote
    judgement: Judgement
    sender: Address | None


@dataclass(frozen=True, slots=True)
class DoubleVote:
    """Two different votes of one doctor on one proposal: evidence (R-VOT3, R-SIM11)."""

    first: Vote
    second: Vote


@dataclass(frozen=True, slots=True)
class Forgotten:
    """An open proposal left the pool without a block: expired or stale for ever."""

    proposal: ProposalId
    reason: Reason


@dataclass(frozen=True, slots=True)
class CharterChanged:
    """An amendment is final: members, keys and rules are those of this charter (R-GOV8)."""

    charter: Charter


Effect = OrderingEffect | Accepted | Refused | DoubleVote | Forgotten | CharterChanged
