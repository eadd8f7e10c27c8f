"""Every limit of the peer room in one place, each with its reason (R-NET1 to R-NET4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from medquorum.ledger.limits import FRAME

FRAME_BYTES: Final = FRAME.total
FRAME_MESSAGES: Final = FRAME.entries
KIND_LETTERS: Final = 31
"""A kind fits MessagePack's shortest text form, so its overhead is known without encoding."""
PEERS: Final = 64
"""Live links of one node: beyond it fan-out costs more than gossip saves."""
SEEN_OBJECTS: Final = 100_000
RETAINED_BYTES: Final = 64 * 1024**2
"""Payloads kept to answer pulls; older ones are asked of the ledger's own catch-up instead."""
WANTED_OBJECTS: Final = 65_536
WANTED_PER_PEER: Final = 16_384
"""Announcements one peer can make us wait for: it must not fill the list for the others."""
DIGESTS_PER_MESSAGE: Final = 1_000
PULL_ANSWER_BYTES: Final = 4 * 1024**2
"""Half an outbound queue per retry interval: small pulls must not close the link by answers."""
PULL_ATTEMPTS: Final = 8
"""Asked this often among its announcers, an object is given up until it is announced anew."""
PULL_RETRY_MS: Final = 500
ANNOUNCE_DELAY_MS: Final = 50
"""Digests wait this long for company; whoever sends us the object meanwhile needs none."""
EAGER_OTHERS: Final = 4
EAGER_PEERS: Final = 16
"""Up to this many peers everybody is pushed to: an announcement would only add a round trip."""


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """What one link bears."""

    queued_bytes: int = 8 * 1024**2
    """Outbound; at this size the link closes rather than drop a consensus message unseen."""
    receive_timeout_s: float = 60.0
    """STATUS is the keep-alive, so silence this long means the peer is gone."""
    close_timeout_s: float = 1.0
    frames_per_s: float = 2_000.0
    frames_burst: float = 4_000.0
    messages_per_s: float = 20_000.0
    """Twice what one core can verify."""
    messages_burst: float = 40_000.0
    bytes_per_s: float = 32 * 1024.0**2
    bytes_burst: float = 32 * 1024.0**2


@dataclass(frozen=True, slots=True)
class HubLimits:
    """What the hub bears, and how patient it is."""

    peers: int = PEERS
    link: LinkLimits = LinkLimits()
    handshake_timeout_s: float = 5.0
    """For TLS, and again for HELLO: a dribbling caller holds a socket no longer."""
    keepalive_timeout_s: float = 15.0
    backoff_low_s: float = 0.2
    backoff_high_s: float = 5.0
    stable_link_s: float = 5.0
    """A link that lived this long starts the backoff anew."""
    ban_s: float = 30.0
    """How long a member with a low score stays out; a doctor's node must be able to return."""


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """How bodies are served and fetched (R-NET4)."""

    lanes: int = 4
    """Parallel keep-alive connections of one fetch: network, hashing and storing overlap."""
    chunk_timeout_s: float = 30.0
    serving: int = 32
    """Chunks in memory for all peers together."""
    serving_per_member: int = 8
    requests_per_s: float = 1_000.0
    """Per member: as many chunks as a gigabyte a second."""
    requests_burst: float = 2_000.0
    manifests: int = 64
    """Leaf hashes of this many bodies are kept; at most 8 MiB."""
    holder_failures: int = 3
    """Lost connections or refusals before a fetch leaves a holder; a wrong byte does at once."""
