"""The errors of consensus, in one place.

    ConsensusError
    ├── JournalError   a journal record that cannot be read, or records that contradict each other
    └── GuardError     this node was about to sign what its journal forbids (a defect here)

What a peer does wrong is never an exception: it is ignored, or it becomes evidence.
"""

from __future__ import annotations


class ConsensusError(Exception):
    """Base of every error consensus raises."""


class JournalError(ConsensusError):
    """The journal cannot be trusted: start without a seat and do not vote (R-SIM10)."""


class GuardError(ConsensusError):
    """A vote that the journal forbids was asked for; the node must stop (R-SIM6 to R-SIM8)."""
