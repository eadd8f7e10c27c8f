"""The charter as JSON: for reading; what is verified is the file's bytes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from medquorum.ledger.charter import Member


class MemberAnswer(BaseModel):
    """One member."""

    name: str
    role: str
    address: str
    """bech32m."""
    endpoint: str
    keys: dict[str, str]
    """Public keys by purpose, hex."""

    @classmethod
    def of(cls, member: Member) -> MemberAnswer:
        """The public half of a member of the charter."""
        keys = {purpose.value: key.hex() for purpose, key in member.keys.by_purpose().items()}
        return cls(
            name=member.name,
            role=member.role.value,
            address=member.address_text,
            endpoint=member.endpoint,
            keys=keys,
        )


class OrderingAnswer(BaseModel):
    """The ordering parameters of R-CHA2."""

    mode: str
    slot_timeout_ms: int
    slot_timeout_max_ms: int
    idle_status_ms: int
    retransmit_ms: int
    batch_blocks: int


class CharterAnswer(BaseModel):
    """The charter in force."""

    name: str
    network: str
    """Network id, hex."""
    fingerprint: str
    """Eight words to be read aloud (R-CHA7)."""
    version: int
    created_at_ms: int
    quorum: int
    ordering: OrderingAnswer
    liars_for_safety: int
    absences_for_liveness: int
    policies: dict[str, dict[str, Any]]
    retention_days: int
    seal_difficulty_bits: int
    members: tuple[MemberAnswer, ...]
