"""Every limit of the HTTP layer, each with its reason."""

from __future__ import annotations

from typing import Final

from medquorum.ledger.limits import PART_BYTES

BODY_BYTES: Final = 64 * 1024**2
"""A request that is held in memory: a sealed proposal with the wraps of ten thousand members."""
JSON_BYTES: Final = 65_536
"""A login, a user, a token."""
FIELD_BYTES: Final = 262_144
"""One form field: a structured part as JSON is at most one ledger record."""
FORM_FIELDS: Final = 18
"""Nine fields and nine parts."""
STREAMED_PART_BYTES: Final = PART_BYTES
PIECE_BYTES: Final = 1_048_576
"""Written to and read from files at once: large enough that a thread's hop costs nothing."""
BODY_SECONDS: Final = 30.0
"""A request held in memory arrives within this; also the longest silence within a stream."""
SLOWEST_BYTES_PER_SECOND: Final = 16_384
"""A stream that stays below this after its first `BODY_SECONDS` is one that holds a place."""
IN_FLIGHT: Final = 512
"""Requests at once; the next is told to come back."""
EVENT_STREAMS: Final = 128
"""Open event streams: pages of one institution and its programs."""
EVENT_STREAM_SECONDS: Final = 900.0
"""A stream ends and is resumed, so that a revoked user does not listen for ever."""
HEARTBEAT_SECONDS: Final = 15.0
IDLE_LOCK_MS: Final = 10 * 60_000
"""A page left alone locks itself: shorter than a session, whose end would cost the open case."""
SPOOL_WRITERS: Final = 4
"""Threads that write uploads: more only queue in the disk."""
PAGE_DEFAULT: Final = 50
PAGE_LONGEST: Final = 500
ANSWER_KEPT_MS: Final = 24 * 3_600_000
"""How long the answer to an idempotency key is given again."""
HEADER_BYTES: Final = 4_096
KEEPALIVE_SECONDS: Final = 15.0
