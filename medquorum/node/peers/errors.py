"""The errors and closed sets of refusal of the peer room, in one place.

    PeerError
    ├── FrameError         bytes that are not a frame, or a message that fits in none (R-NET1)
    ├── DirectoryError     a charter entry that cannot be dialled or pinned (R-CHA4)
    ├── HandshakeFailed    a peer that did not get through HELLO; carries the HelloRefusal (R-NET2)
    └── BodyUnavailable    no holder gave a body that fits its part roots (R-NET4)

What a peer did wrong is a value (`HelloRefusal`, `CloseReason`, `Offence`), counted and shown to
operators; the peer itself is told a WebSocket close code and nothing of our internals.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class HelloRefusal(StrEnum):
    """Why a HELLO was refused (R-NET2); checks run in this order, the signature last."""

    MALFORMED = "malformed"
    """Not the map of R-NET2 in canonical form, or not alone in its frame."""
    PROTOCOL_VERSION = "protocol_version"
    """Another protocol version than 1."""
    OWN_ADDRESS = "own_address"
    """The peer shows this node's own leaf: a second node runs with the same identity."""
    UNKNOWN_MEMBER = "unknown_member"
    """No such member in the charter in force."""
    WRONG_MEMBER = "wrong_member"
    """Another member than the one whose leaf TLS showed: a borrowed or relayed HELLO."""
    WRONG_CHANNEL = "wrong_channel"
    """The signed SPKI hashes are not those of this connection: somebody stands in between."""
    STALE_NONCE = "stale_nonce"
    """It does not answer the nonce of this connection: a replay."""
    BAD_SIGNATURE = "bad_signature"
    """Not by the member's consensus key for this network."""
    OUT_OF_TURN = "out_of_turn"
    """A message after the handshake ended."""


class CloseReason(StrEnum):
    """Why a link ended."""

    PEER_CLOSED = "peer_closed"
    """The other side closed in good order."""
    BROKEN = "broken"
    """The connection was lost."""
    SILENT = "silent"
    """Nothing arrived within the receive timeout, not even STATUS (R-SIM9)."""
    OVERSIZE = "oversize"
    """A frame of more than 1 MiB (R-NET1)."""
    MALFORMED = "malformed"
    """A frame that is not canonical, or a message out of place."""
    OUTBOUND_FULL = "outbound_full"
    """The peer does not read: its outbound queue reached its limit."""
    REPLACED = "replaced"
    """A newer connection of the same member took over."""
    NOT_A_MEMBER = "not_a_member"
    """The charter in force no longer has this member, or not with this leaf."""
    CROWDED_OUT = "crowded_out"
    """Room was needed for a doctor's node."""
    LOW_SCORE = "low_score"
    """Too many offences."""
    SHUTDOWN = "shutdown"
    """This node stops."""


CLOSE_CODES: Final = {
    CloseReason.PEER_CLOSED: 1000,
    CloseReason.BROKEN: 1011,
    CloseReason.SILENT: 1001,
    CloseReason.OVERSIZE: 1009,
    CloseReason.MALFORMED: 1002,
    CloseReason.OUTBOUND_FULL: 1013,
    CloseReason.REPLACED: 1000,
    CloseReason.NOT_A_MEMBER: 1008,
    CloseReason.CROWDED_OUT: 1013,
    CloseReason.LOW_SCORE: 1008,
    CloseReason.SHUTDOWN: 1001,
}
"""The WebSocket close code (RFC 6455, 7.4.1) the peer is told."""


class PeerError(Exception):
    """Base of every error of the peer room."""


class FrameError(PeerError):
    """Bytes that are not a frame, or a message that no frame can carry (R-NET1)."""


class DirectoryError(PeerError):
    """A member whose endpoint or leaf cannot be used (R-CHA4)."""


class HandshakeFailed(PeerError):
    """The peer did not get through HELLO (R-NET2)."""

    def __init__(self, refusal: HelloRefusal) -> None:
        super().__init__(f"R-NET2: HELLO refused ({refusal.value})")
        self.refusal = refusal


class BodyUnavailable(PeerError):
    """No holder gave the missing chunks; ask again when another holder is connected (R-NET4)."""
