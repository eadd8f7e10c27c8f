"""What a doctor issues, sealed and signed on her own machine (R-PRO2, R-BOD3 to R-BOD7).

The chunks are put first; the proposal and its wraps are small, hold no plaintext and no key, and
can be kept and sent again: sent again they are the same proposal (R-PRO3).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from medquorum.ledger.body import PartDescriptor, body_root
from medquorum.ledger.charter import Charter
from medquorum.ledger.contents import PatientName
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address, PublicKey, parse_address
from medquorum.ledger.part_keys import PartKeys, new_part_keys
from medquorum.ledger.proposal import Core, Proposal, issue
from medquorum.ledger.proposal import Registration as CoreRegistration
from medquorum.ledger.registration import patient_name_commitment
from medquorum.ledger.sealing import seal_part
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import BlockHash, BlockType, NetworkId, PartName, RecordId
from medquorum.ledger.wrap import Wrap
from medquorum.node.client import NodeClient
from medquorum.node.desk import Receipt, Registration
from medquorum.node.recipients import encryption_keys
from medquorum.node.sealing import Grantor, SealedBody, new_record, seal_body, wraps_for

LIFETIME_MS: Final = 7 * 86_400_000


class ClinicalError(Exception):
    """What was to be signed must not be; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a doctor issues: a prescription, a report, a form."""

    type: BlockType
    patient: int | None
    """N PB; None on registration."""
    contents: Mapping[PartName, bytes] = field(default_factory=dict, repr=False)
    """Small parts: canonical bytes of R-CON."""
    files: Mapping[PartName, Path] = field(default_factory=dict)
    """Large parts, sealed as they are read."""
    doctor: Address | None = None
    """The responsible doctor; None: the patient's attending, on registration the issuer."""
    references: Sequence[bytes] = ()
    replaces: bytes | None = None
    registration: Registration | None = field(default=None, repr=False)
    lifetime_ms: int = LIFETIME_MS


@dataclass(frozen=True, slots=True)
class SealedOrder:
    """An order whose chunks the node has: what is left is to propose it."""

    proposal: Proposal
    wraps: tuple[Wrap, ...]


async def seal_for(
    client: NodeClient, charter: Charter, order: Order, doctor: Grantor
) -> SealedOrder:
    """Seal and sign for the recipients of this version of the charter; the chunks are put."""
    network = charter.network_id
    subject = await _subject(client, network, order)
    body = await _sealed(client, network, order)
    proposal = issue(_core(network, order, subject, body, doctor.address), doctor.sign)
    keys = (subject.key, subject.encryption_key)
    recipients = encryption_keys(charter, order.type, doctor.address, keys)
    return SealedOrder(proposal, wraps_for(network, body, doctor, recipients))


async def propose_sealed(client: NodeClient, sealed: SealedOrder) -> Receipt:
    """Propose what was sealed, for the first time or again; the receipt's id is its own."""
    encoded = sealed.proposal.encoded()
    receipt = await client.accept_sealed(encoded, [wrap.encoded() for wrap in sealed.wraps])
    if receipt.proposal != sealed.proposal.id.hex():
        raise ClinicalError("R-PRO2: the node answers for another proposal; tell its operator")
    return receipt


@dataclass(frozen=True, slots=True)
class _Subject:
    """The patient a proposal is about, as its core names her."""

    number: int | None
    key: PublicKey
    encryption_key: PublicKey
    name: bytes
    attending: Address | None
    head: BlockHash


async def _subject(client: NodeClient, network: NetworkId, order: Order) -> _Subject:
    registration = order.registration
    if (order.patient is None) != (registration is not None):
        raise ClinicalError("R-PRO4: name a patient, or register one; not both")
    if registration is not None:
        return _Subject(
            None,
            PublicKey(registration.public_key),
            PublicKey(registration.encryption_key),
            patient_name_commitment(network, registration.name_salt, registration.name),
            None,
            BlockHash(ZERO),
        )
    view = await client.patient(order.patient or 0)
    return _Subject(
        view.n_pb,
        PublicKey(bytes.fromhex(view.public_key)),
        PublicKey(bytes.fromhex(view.encryption_key)),
        bytes.fromhex(view.patient_name),
        parse_address(view.attending)[0],
        BlockHash(bytes.fromhex(view.head)),
    )


def _core(
    network: NetworkId, order: Order, subject: _Subject, body: SealedBody, issuer: Address
) -> Core:
    now_ms = time.time_ns() // 1_000_000
    registration = order.registration
    return Core(
        type=order.type,
        network=network,
        issuer=issuer,
        doctor=order.doctor or subject.attending or issuer,
        patient=subject.number,
        patient_key=subject.key,
        patient_name=subject.name,
        record=body.record,
        parts=body.parts,
        body_root=body_root(body.parts),
        seen_head=subject.head,
        issued_at_ms=now_ms,
        expires_at_ms=now_ms + order.lifetime_ms,
        references=tuple(BlockHash(each) for each in order.references),
        replaces=None if order.replaces is None else BlockHash(order.replaces),
        registration=None
        if registration is None
        else CoreRegistration(
            PublicKey(registration.encryption_key), Signature(registration.proof)
        ),
        ai=None,
    )


async def _sealed(client: NodeClient, network: NetworkId, order: Order) -> SealedBody:
    """Every part sealed and put; small ones never touch a disk here."""
    record = new_record()
    contents = dict(order.contents)
    if (registration := order.registration) is not None:
        name = PatientName(registration.name, registration.name_salt)
        contents[PartName.PAT_NAME] = name.encoded()
    streamed = await seal_body(network, record, order.files, client.put_chunk)
    descriptors: list[PartDescriptor] = list(streamed.parts)
    keys: dict[PartName, PartKeys] = dict(streamed.keys)
    for part, content in contents.items():
        keys[part] = new_part_keys(os.urandom)
        sealed = seal_part(network, record, part, keys[part], content)
        for index, chunk in enumerate(sealed.chunks):
            await client.put_chunk(record, part, index, chunk)
        descriptors.append(sealed.descriptor)
    ascending = tuple(sorted(descriptors, key=lambda each: each.name.value))
    return SealedBody(RecordId(record), ascending, keys)
