"""Building the proposals of governance, at an institution's node or on a doctor's own machine."""

from __future__ import annotations

import os
from dataclasses import dataclass

from medquorum.ledger.body import body_root
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.proposal import Core, GovernanceIssue, governance_core
from medquorum.ledger.types import BlockHash, BlockType, NetworkId, RecordId
from medquorum.node.desk_governance import Assignment, Request

RECORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Subject:
    """The registered patient whom an assignment is about."""

    number: int
    key: PublicKey
    name: bytes
    """PAT NAME of the registration (R-PRO5)."""
    head: BlockHash


@dataclass(frozen=True, slots=True)
class Issue:
    """Who issues where, when and until when."""

    network: NetworkId
    issuer: Address
    issued_at_ms: int
    lifetime_ms: int


def request_core(request: Request, asked: Issue, subject: Subject | None) -> Core:
    """The core of a request; `subject` is the patient of an assignment (R-GOV1, R-PRO1)."""
    record = RecordId(os.urandom(RECORD_BYTES))
    expires_at_ms = asked.issued_at_ms + asked.lifetime_ms
    if not isinstance(request, Assignment):
        issue = GovernanceIssue(
            asked.network, asked.issuer, record, asked.issued_at_ms, expires_at_ms
        )
        return governance_core(request, issue)
    if subject is None:
        raise AssertionError("an assignment is about a patient")
    return Core(
        type=BlockType.ATTENDING,
        network=asked.network,
        issuer=asked.issuer,
        doctor=request.doctor,
        patient=subject.number,
        patient_key=subject.key,
        patient_name=subject.name,
        record=record,
        parts=(),
        body_root=body_root(()),
        seen_head=subject.head,
        issued_at_ms=asked.issued_at_ms,
        expires_at_ms=expires_at_ms,
    )
