"""A hospital of the charter that speaks the peers' protocol from inside the bench.

It has its own keys, TLS leaf and listener, issues signed proposals with sealed bodies and serves
their chunks, exactly as a hospital's node would (R-NET1 to R-NET4). It counts what it is sent.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.body import PartDescriptor, body_root
from medquorum.ledger.charter import Charter
from medquorum.ledger.contents import AnalyteResult, Flag, LaboratoryResults, PatientName
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address, PublicKey, public_key
from medquorum.ledger.part_keys import PartKeys, new_part_keys
from medquorum.ledger.proposal import Core, Proposal, Registration, issue
from medquorum.ledger.registration import (
    patient_name_commitment,
    registration_payload,
    registration_proof,
)
from medquorum.ledger.sealing import seal_part
from medquorum.ledger.signature import signer
from medquorum.ledger.types import BlockHash, BlockType, PartName, RecordId
from medquorum.ledger.vital_signs import VitalSigns
from medquorum.ledger.wrap import make_wrap
from medquorum.node.body_store import BodyAbsent
from medquorum.node.keystore import open_keystore
from medquorum.node.peers.directory import NodeIdentity, directory_of
from medquorum.node.peers.errors import CloseReason
from medquorum.node.peers.hub import Hub
from medquorum.node.peers.hub_settings import HubSettings
from medquorum.node.peers.serving import BodyServer, HeldBody
from medquorum.node.recipients import encryption_keys
from scripts.local_network import LocalMember

LIFETIME_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient made up for the bench, as the registered chain names them."""

    attending: Address
    key: PublicKey
    encryption_key: PublicKey
    name: bytes
    number: int | None = None
    head: BlockHash = field(default_factory=lambda: BlockHash(ZERO))


class LoadMember:
    """One member, running while entered."""

    def __init__(self, member: LocalMember, charter: Charter) -> None:
        self.charter = charter
        self.counted: Counter[tuple[Address, str]] = Counter()
        self._linked: defaultdict[Address, asyncio.Event] = defaultdict(asyncio.Event)
        self._member = member
        self._chunks: dict[tuple[bytes, str, int], bytes] = {}
        self._held: dict[RecordId, HeldBody] = {}
        self._recipients: dict[RecordId, frozenset[Address]] = {}
        self._stack = AsyncExitStack()
        keys = open_keystore(member.keys.node_keystore, member.keys.node.read())
        self._consensus = keys.private_key("consensus")
        self._tls = keys.private_key("tls")
        self._sign = signer(keys.private_key("clinical"))
        self.address = Address(keys.public.owner)
        entry = charter.member(self.address)
        if entry is None:
            raise RuntimeError(f"{member.name} is not in the charter")
        self._entry = entry

    async def __aenter__(self) -> LoadMember:
        identity = NodeIdentity(
            self.address, self._entry.tls_certificate, self._tls, signer(self._consensus)
        )
        routes = BodyServer(self, self).routes()
        settings = HubSettings("127.0.0.1", self._member.p2p_port, routes=routes)
        directory = directory_of(self.charter, self.charter.network_id)
        self.hub = Hub(identity, directory, self, settings)
        await self._stack.enter_async_context(self.hub)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    # --- what the hub tells --------------------------------------------------------------------

    def connected(self, peer: Address) -> None:
        """A link is up."""
        self._linked[peer].set()

    def disconnected(self, peer: Address, reason: CloseReason) -> None:
        """A link is down; the hub dials again."""
        self._linked[peer].clear()

    async def received(self, peer: Address, kind: str, payload: bytes) -> None:
        """Count what a peer sends; a hospital's node takes no part in ordering."""
        self.counted[peer, kind] += 1

    # --- what serving asks (R-NET4) ---------------------------------------------------------------

    async def get_chunk(self, record: bytes, part: str, index: int) -> bytes:
        """One sealed chunk from memory."""
        try:
            return self._chunks[record, part, index]
        except KeyError:
            raise BodyAbsent("not sealed here") from None

    def entitled(self, member: Address, record: RecordId) -> bool:
        """Whether a wrap was made for the member."""
        return member in self._recipients.get(record, frozenset())

    def held(self, record: RecordId) -> HeldBody | None:
        """A body sealed here."""
        return self._held.get(record)

    # --- what it issues -------------------------------------------------------------------------

    def registration(self, attending: Address) -> tuple[Proposal, Patient]:
        """The first medical form of a new patient."""
        own, encryption = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        salt = os.urandom(32)
        patient = Patient(
            attending,
            public_key(own),
            public_key(encryption),
            patient_name_commitment(self.charter.network_id, salt, "Bench"),
        )
        contents = {
            PartName.PAT_NAME: PatientName("Bench", salt).encoded(),
            PartName.V_IND: VitalSigns(_now_ms(), (), "bench").encoded(),
        }
        proof = registration_proof(
            self.charter.network_id,
            registration_payload(
                encryption_key=patient.encryption_key, issuer=self.address, patient_key=patient.key
            ),
            signer(own),
        )

        return self._issue(BlockType.MEDICAL_FORM, patient, contents, proof), patient

    def test_result(self, patient: Patient) -> Proposal:
        """A small laboratory result of a registered patient: an additive type (R-BLK4)."""
        result = AnalyteResult("creatinine", 80_000, "umol/L", Flag.NORMAL)
        contents = {PartName.TEST_RES: LaboratoryResults(_now_ms(), "serum", (result,)).encoded()}
        return self._issue(BlockType.TEST_RESULT, patient, contents, None)

    def _issue(
        self,
        block_type: BlockType,
        patient: Patient,
        contents: Mapping[PartName, bytes],
        registration: Registration | None,
    ) -> Proposal:
        network, record = self.charter.network_id, RecordId(os.urandom(32))
        keys: dict[PartName, PartKeys] = {}
        descriptors = []
        for name in sorted(contents, key=lambda one: one.value):
            keys[name] = new_part_keys(os.urandom)
            sealed = seal_part(network, record, name, keys[name], contents[name])
            descriptors.append(sealed.descriptor)
            for index, chunk in enumerate(sealed.chunks):
                self._chunks[record, name.value, index] = chunk
        self._wrap(block_type, patient, record, keys, tuple(descriptors))
        core = self._core(block_type, patient, record, tuple(descriptors))
        return issue(replace(core, registration=registration), self._sign)

    def _wrap(
        self,
        block_type: BlockType,
        patient: Patient,
        record: RecordId,
        keys: Mapping[PartName, PartKeys],
        descriptors: tuple[PartDescriptor, ...],
    ) -> None:
        """Hold a sealed body with a wrap for everybody who may read it."""
        recipients = encryption_keys(
            self.charter, block_type, self.address, (patient.key, patient.encryption_key)
        )
        wraps = tuple(
            make_wrap(
                self.charter.network_id,
                record,
                grantor=self.address,
                sign=self._sign,
                recipient_address=address,
                recipient_encryption_key=key,
                keys=keys,
            ).encoded()
            for address, key in recipients.items()
        )
        self._held[record] = HeldBody(descriptors, wraps)
        self._recipients[record] = frozenset(recipients)

    def _core(
        self,
        block_type: BlockType,
        patient: Patient,
        record: RecordId,
        parts: tuple[PartDescriptor, ...],
    ) -> Core:
        now_ms = _now_ms()
        return Core(
            type=block_type,
            network=self.charter.network_id,
            issuer=self.address,
            doctor=patient.attending,
            patient=patient.number,
            patient_key=patient.key,
            patient_name=patient.name,
            record=record,
            parts=parts,
            body_root=body_root(parts),
            seen_head=patient.head,
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + LIFETIME_MS,
        )

    def spread(self, kind: str, encoded: bytes, peers: tuple[Address, ...]) -> None:
        """Push an object to peers; RuntimeError when a link refuses."""
        for peer in peers:
            if not self.hub.send(peer, kind, encoded):
                raise RuntimeError("a node is not connected, or does not read")

    async def wait_connected(self, peers: tuple[Address, ...], seconds: float = 30.0) -> None:
        """Until every peer is linked."""
        async with asyncio.timeout(seconds):
            for peer in peers:
                await self._linked[peer].wait()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
