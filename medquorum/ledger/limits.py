"""Every limit of the ledger in one place, each with its reason.

R-CAN3, R-CHA4, R-CHA9, R-BOD3, R-ORD8, R-ORD15, R-GOV2, R-AI2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CodecLimits:
    """What a decoder accepts: sizes in bytes, counts in entries, depth in containers."""

    total: int
    text: int
    binary: int
    entries: int
    map_entries: int
    depth: int


RECORD: Final = CodecLimits(262_144, 4_096, 65_536, 1_024, 64, 8)
"""One signed record: small enough that a thousand of them cannot exhaust a node."""
FRAME: Final = CodecLimits(1_048_576, 4_096, 1_048_576, 1_024, 64, 8)
"""One frame on the wire or in a file; opaque records ride inside it as bytes."""
CHARTER: Final = CodecLimits(67_108_864, 4_096, 67_108_864, 10_000, 64, 8)
"""A charter of ten thousand members with their certificates."""

MEMBERS: Final = 10_000
DOCTORS: Final = 128
"""Every doctor verifies every other's votes: beyond this ordering would be quadratic in vain."""
PARTS: Final = 8
CHUNK: Final = 1_048_576
"""Plaintext bytes of a sealed chunk: one wire frame, one resumable step."""
PART_BYTES: Final = 2 * 1024**3
BODY_BYTES: Final = 4 * 1024**3
BATCH_BLOCKS: Final = 256
BATCH_BODY_BYTES: Final = 917_504
"""A batch body with its certificates fits in one frame."""
REFERENCES: Final = 64
DAY_MS: Final = 86_400_000
PROPOSAL_LIFETIME_MS: Final = 90 * DAY_MS
CLOCK_DRIFT_MS: Final = 2_000
OPEN_PROPOSALS: Final = 10_000
"""Proposals without a final block kept at once; the next one is refused until one leaves."""
SLOTS_AHEAD: Final = 64
"""Ordering messages for later slots are ignored unless a certificate comes with them."""
NAME_BYTES: Final = 200
CHANGES: Final = 16
"""Changes in one amendment: what a board can still read before it votes (R-GOV2)."""
REGISTRY_ENTRIES: Final = 512
"""Absences, delegations and openings at once; the registry stays within a record (R-ORD15)."""
ORIGINS: Final = 8
"""Pages where a doctor's authenticator may be used: one per address of her institution (R-CHA9)."""
MODELS: Final = 16
"""Approved models of one AI entity: the kinds of images, each with a few of late years (R-AI2)."""
