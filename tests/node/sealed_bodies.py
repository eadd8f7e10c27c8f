"""Bodies sealed for real, with the proposals that name them and a lifetime that holds now."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.chain import ChainState
from medquorum.ledger.contents import PatientName
from medquorum.ledger.keys import Purpose, public_key
from medquorum.ledger.part_keys import PartKeys, new_part_keys
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.sealing import seal_part
from medquorum.ledger.types import BlockType, PartName, RecordId
from medquorum.ledger.wrap import Wrap
from medquorum.node.recipients import encryption_keys
from medquorum.node.sealing import Grantor, SealedBody, wraps_for
from tests.ledger.charter_kit import address_of_name, private_key, signer_of
from tests.support.network import HOSPITAL, Network, digest, propose, registration, sign_core

DAY_MS = 86_400_000


def clock_ms() -> int:
    """The machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Sealed:
    """A proposal with the body it names."""

    proposal: Proposal
    chunks: Mapping[tuple[PartName, int], bytes]
    wraps: tuple[Wrap, ...]
    keys: Mapping[PartName, PartKeys]

    @property
    def record(self) -> RecordId:
        """The record."""
        return self.proposal.core.record

    def without_wrap(self, name: str) -> tuple[Wrap, ...]:
        """The wraps but one member's."""
        return tuple(wrap for wrap in self.wraps if wrap.recipient != address_of_name(name))


def now_fields() -> dict[str, Any]:
    """A lifetime that holds now."""
    return {"issued_at_ms": clock_ms(), "expires_at_ms": clock_ms() + 7 * DAY_MS}


def seal(
    network: Network,
    drafted: Proposal,
    contents: Mapping[PartName, bytes],
    issuer: str,
    **fields: Any,
) -> Sealed:
    """The drafted proposal with a real body, and every wrap the rule gives."""
    record = RecordId(os.urandom(32))
    keys = {name: new_part_keys(os.urandom) for name in sorted(contents)}
    parts: list[PartDescriptor] = []
    chunks: dict[tuple[PartName, int], bytes] = {}
    for name in sorted(contents):
        sealed = seal_part(network.id, record, name, keys[name], contents[name])
        parts.append(sealed.descriptor)
        chunks |= {(name, index): chunk for index, chunk in enumerate(sealed.chunks)}
    changed = {**now_fields(), "record": record, "parts": tuple(parts), **fields}
    proposal = sign_core(drafted.core, issuer, **changed)
    body = SealedBody(record, tuple(parts), keys)
    core = proposal.core
    reading = public_key(private_key("patient 1", Purpose.ENCRYPTION))
    recipients = encryption_keys(
        network.charter, core.type, core.issuer, (core.patient_key, reading)
    )
    grantor = Grantor(core.issuer, signer_of(issuer, Purpose.CLINICAL))
    return Sealed(proposal, chunks, wraps_for(network.id, body, grantor, recipients), keys)


def sealed_registration(network: Network, patient: str = "patient 1", **fields: Any) -> Sealed:
    """A first form by the hospital."""
    name = PatientName(patient, digest(f"salt {patient}"))
    contents = {PartName.PAT_NAME: name.encoded(), PartName.V_IND: b"vital signs"}
    return seal(network, registration(network, patient), contents, HOSPITAL, **fields)


def sealed_proposal(
    network: Network,
    view: ChainState,
    block_type: BlockType,
    content: bytes,
    issuer: str,
    **fields: Any,
) -> Sealed:
    """Something about patient 1, by a member."""
    drafted = propose(network, view, block_type, issuer=issuer)
    return seal(network, drafted, {drafted.core.parts[0].name: content}, issuer, **fields)
