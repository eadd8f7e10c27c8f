"""A node with two patients' real histories behind the real API: sealed bodies, votes, proofs.

Nothing is made up by the desk: what a page shows comes from the store, as in a running node. Only
peers are missing, so blocks are those the kit lets happen, and nothing new becomes final.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import update

from medquorum.consensus.events import ProposalArrived
from medquorum.ledger.contents import PatientName
from medquorum.ledger.keys import PublicKey, Purpose, public_key
from medquorum.ledger.signature import Signer
from medquorum.ledger.types import BlockType, Decision, Outcome, PartName
from medquorum.node.consents import Consents
from medquorum.node.dossiers import NodeDossiers
from medquorum.node.governance_desk import NodeGovernance
from medquorum.node.governance_records import GovernanceRecords
from medquorum.node.histories import Histories
from medquorum.node.issuer import Issuer
from medquorum.node.reading import Reading
from medquorum.node.statistics import Statistics
from medquorum.node.store.clinical_rows import insert_proposals, insert_votes
from medquorum.node.store.schema import BATCHES
from medquorum.node.structured_parts import encode_structured
from medquorum.node.views import PeerView, StatusView
from tests.ledger.charter_kit import make_charter, private_key, signer_of
from tests.node.kit import Node, node_of
from tests.node.sealed_bodies import Sealed, seal
from tests.support.chains import Chain
from tests.support.network import (
    AI_ENTITY,
    HOSPITAL,
    INSTITUTIONS,
    LABORATORY,
    RADIOLOGIST,
    Network,
    address,
    ai_report,
    digest,
    propose,
    registration,
    votes,
)

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
CHARTER = make_charter()
NETWORK = Network(CHARTER, tuple(doctor.name for doctor in CHARTER.doctors))
DOCTOR = NETWORK.doctors[0]
BEGAN_MS = time.time_ns() // 1_000_000 - 60 * DAY_MS
HUMAN: dict[str, object] = {"author_kind": "human", "findings": {}}
SIGNS = [
    {"code": "body_temperature", "unit": "degC", "value_milli": 36_900},
    {"code": "heart_rate", "unit": "/min", "value_milli": 78_000},
    {"code": "systolic_pressure", "unit": "mmHg", "value_milli": 132_000},
    {"code": "diastolic_pressure", "unit": "mmHg", "value_milli": 84_000},
    {"code": "body_weight", "unit": "kg", "value_milli": 64_500},
]
RESULTS = [
    {
        "analyte": "Haemoglobin",
        "value_milli": 118_000,
        "unit": "g/L",
        "flag": "low",
        "reference_low_milli": 120_000,
        "reference_high_milli": 160_000,
    },
    {
        "analyte": "Lactate dehydrogenase",
        "value_milli": 412_000,
        "unit": "U/L",
        "flag": "high",
        "reference_low_milli": 135_000,
        "reference_high_milli": 225_000,
    },
]


@dataclass
class Record:
    """Grows real blocks, a day or so apart, and remembers the sealed bodies."""

    chain: Chain = field(default_factory=lambda: Chain(NETWORK, time_ms=BEGAN_MS))
    bodies: list[Sealed] = field(default_factory=list)
    latest: dict[int, bytes] = field(default_factory=dict)

    def place(
        self,
        sealed: Sealed,
        days: float,
        decisions: Mapping[str, Decision] | None = None,
        outcome: Outcome = Outcome.ACCEPTED,
    ) -> bytes:
        """A block this many days after the beginning; its hash."""
        self.chain.time_ms = BEGAN_MS + int(days * DAY_MS)
        block = self.chain.stage(sealed.proposal, decisions, outcome)
        self.chain.close()
        self.bodies.append(sealed)
        return block.hash

    def times(self, days: float) -> dict[str, Any]:
        """Issued two hours before the block."""
        issued = BEGAN_MS + int(days * DAY_MS) - 2 * HOUR_MS
        return {"issued_at_ms": issued, "expires_at_ms": issued + 7 * DAY_MS}

    def register(self, patient: str, days: float) -> bytes:
        """A first form with vital signs."""
        name = PatientName(patient.title(), digest(f"salt {patient}"))
        form = {
            "observed_at_ms": BEGAN_MS + int(days * DAY_MS) - 3 * HOUR_MS,
            "signs": SIGNS,
            "anamnesis": "Swelling of the left thigh for three months, no fever.",
        }
        contents = {
            PartName.PAT_NAME: name.encoded(),
            PartName.V_IND: encode_structured(PartName.V_IND, form),
        }
        drafted = registration(NETWORK, patient)
        return self.place(seal(NETWORK, drafted, contents, HOSPITAL, **self.times(days)), days)

    def write(
        self,
        kind: BlockType,
        fields: Mapping[str, object],
        days: float,
        *seen: bytes,
        patient: int = 1,
        issuer: str = DOCTOR,
        decisions: Mapping[str, Decision] | None = None,
    ) -> bytes:
        """A structured part."""
        drafted = propose(NETWORK, self.chain.view, kind, patient, issuer=issuer)
        part = drafted.core.parts[0].name
        named = {**self.times(days), "references": seen}
        sealed = seal(NETWORK, drafted, {part: encode_structured(part, fields)}, issuer, **named)
        return self.place(sealed, days, decisions)

    def image(self, kind: BlockType, days: float, patient: int = 1) -> bytes:
        """An image of a few bytes: nobody looks into it here."""
        drafted = propose(NETWORK, self.chain.view, kind, patient)
        part = drafted.core.parts[0].name
        sealed = seal(NETWORK, drafted, {part: b"pixels" * 99}, RADIOLOGIST, **self.times(days))
        return self.place(sealed, days)

    def machine(self, image: bytes, days: float, outcome: Outcome = Outcome.ACCEPTED) -> bytes:
        """A report of the AI entity."""
        drafted = ai_report(NETWORK, self.chain.view, image)  # type: ignore[arg-type]
        findings = {"machine_generated": True, "scores_ppm": {"thigh_left": 912_000}}
        report = {
            "author_kind": "machine",
            "conclusion": "tumour",
            "next_step": "pet",
            "text": "One lesion, left thigh.",
            "findings": findings,
        }
        contents = {PartName.M_REPORT: encode_structured(PartName.M_REPORT, report)}
        sealed = seal(NETWORK, drafted, contents, AI_ENTITY, **self.times(days))
        return self.place(sealed, days, outcome=outcome)


def grown() -> Record:
    """Two tumour consultations of patient 1, an X-ray of patient 2."""
    record, dissent = Record(), dict.fromkeys(NETWORK.doctors, Decision.APPROVE)
    dissent[NETWORK.doctors[2]] = Decision.REJECT
    lines = [{"text": "CT of the thigh", "instruction": "with contrast"}]
    record.register("patient 1", 1)
    record.write(BlockType.PRESCRIPTION, {"kind": "ct", "lines": lines}, 2)
    laboratory = {"collected_at_ms": BEGAN_MS + 2 * DAY_MS, "specimen": "blood", "results": RESULTS}
    record.write(BlockType.TEST_RESULT, laboratory, 3, issuer=LABORATORY)
    ct = record.image(BlockType.CT, 4)
    record.machine(ct, 4.2, Outcome.REJECTED)
    record.machine(ct, 4.4)
    unsure = {"conclusion": "inconclusive", "next_step": "pet", "text": "Unclear mass.", **HUMAN}
    record.write(BlockType.REPORT, unsure, 5, ct, decisions=dissent)
    record.register("patient 2", 6)
    three = dict.fromkeys([DOCTOR, *NETWORK.doctors[2:]], Decision.APPROVE)
    record.write(BlockType.PRESCRIPTION, {"kind": "pet", "lines": []}, 7, decisions=three)
    pet = record.image(BlockType.PET, 9)
    tumour = {"conclusion": "tumour", "next_step": "treatment", "text": "Sarcoma.", **HUMAN}
    record.write(BlockType.REPORT, tumour, 10, ct, pet)
    dose = [{"text": "Doxorubicin", "instruction": "75 mg/m² every 21 days"}]
    record.write(BlockType.PRESCRIPTION, {"kind": "treatment", "lines": dose}, 11)
    xray = record.image(BlockType.XRAY, 12, patient=2)
    broken = {"conclusion": "fracture", "next_step": "treatment", "text": "Radius.", **HUMAN}
    record.write(BlockType.REPORT, broken, 13, xray, patient=2)
    record.write(BlockType.PRESCRIPTION, {"kind": "ct", "lines": lines}, 50)
    record.image(BlockType.CT, 52)
    return record


class KitDesk:
    """A desk over the rooms of a kit node, as the front desk is over those of a running one."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.charter_file = node.membership.charter_file
        charters, own = node.driver.charters, node.address
        histories = Histories(charters, node.store, node.bodies)
        records, queries = GovernanceRecords(node.store), node.queries
        sign = signer_of(node.name, Purpose.CLINICAL) if node.name in INSTITUTIONS else None
        self.consents = Consents(node.store, charters, own, lambda: node.state)
        self.reading = Reading(node.bodies, self.consents)
        self.governance = NodeGovernance(node.driver, records, Issuer(own, sign))
        self.dossiers = NodeDossiers(self.charter_file, queries, self.reading, histories)
        self.statistics = Statistics(node.store, queries, records)
        self.submit = node.submissions.submit
        self.accept_sealed = node.submissions.accept_sealed
        self.put_chunk = node.submissions.put_chunk
        self.vote = node.voting.vote
        self.read_part = self.reading.read_part
        self.events = node.news.follow
        self.queries = queries

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queries, name)

    @property
    def charter(self) -> Any:
        return self.node.driver.charters.current

    async def proposal_bytes(self, identifier: str) -> bytes:
        return (await self.queries.row(identifier)).proposal.encoded()

    def holds(self, record: bytes) -> bool:
        return self.node.bodies.proposal(record) is not None  # type: ignore[arg-type]

    def status(self) -> StatusView:
        """As of a node whose peers are away."""
        state, member = self.node.state, self.charter.member(self.node.address)
        peers = tuple(
            PeerView(one.name, one.role.value, one.address_text, index % 3 != 0, None)
            for index, one in enumerate(self.charter.members)
            if one.address != self.node.address
        )
        return StatusView(
            name=member.name,
            role=member.role.value,
            address=member.address_text,
            network=state.network.hex(),
            network_name=self.charter.name,
            charter_version=self.charter.version,
            doctors=len(self.charter.doctors),
            quorum=self.charter.quorum,
            mode=self.charter.ordering.mode.value,
            n_bc=state.n_bc,
            tip_hash=state.tip.hex(),
            patients=state.patients,
            epoch=0,
            slot=self.node.driver.replica.ordering.current_slot,
            final_slot=self.node.driver.replica.ordering.final_slot,
            leader=self.charter.doctors[0].name,
            open_proposals=len(self.node.driver.replica.pool),
            peers=peers,
            ready=False,
            not_ready=("1 doctors' nodes are linked, ordering needs 3",),
            ordering="ordering",
        )


@asynccontextmanager
async def record_desk(home: Path, name: str = DOCTOR) -> AsyncIterator[KitDesk]:
    """The desk of one member's node, which has opened what it may read; one proposal is open."""
    record = grown()
    async with node_of(NETWORK, name, home, record.chain) as node:
        await _remember(node, record.bodies)
        await _open_proposal(node, record)
        yield KitDesk(node)


async def _remember(node: Node, bodies: Sequence[Sealed]) -> None:
    """Bodies with their chunks, and when proposals and votes came."""
    for index, sealed in enumerate(bodies):
        core = sealed.proposal.core
        cast = votes(NETWORK, sealed.proposal, node.state)
        await node.store.writer.submit(partial(_arrive, index=index, sealed=sealed, cast=cast))
        if address(node.name) in {wrap.recipient for wrap in sealed.wraps}:
            for (part, chunk), octets in sealed.chunks.items():
                await node.chunks.put_chunk(core.record, part.value, chunk, octets)
            await node.chunks.make_durable(core.record)
            await node.bodies.adopt(sealed.proposal, sealed.wraps)


def _arrive(connection: Any, index: int, sealed: Sealed, cast: Sequence[Any]) -> None:
    """A proposal, an hour's voting or so, and its batch as this node saw them come."""
    issued_us = sealed.proposal.core.issued_at_ms * 1_000
    voted_us = issued_us + (20 + 37 * (index * 5 % 11)) * 60_000_000
    insert_proposals(connection, [sealed.proposal], issued_us + 1_000_000, "accepted")
    insert_votes(connection, cast, voted_us)
    final = update(BATCHES).where(BATCHES.c.first_nbc == index + 1)
    connection.execute(final.values(finalised_at_us=voted_us + 900_000))


async def _open_proposal(node: Node, record: Record) -> None:
    drafted = propose(NETWORK, record.chain.view, BlockType.TEST_RESULT, 2)
    content = {"collected_at_ms": BEGAN_MS, "specimen": "blood", "results": RESULTS}
    parts = {PartName.TEST_RES: encode_structured(PartName.TEST_RES, content)}
    sealed = seal(NETWORK, drafted, parts, LABORATORY)
    node.holders.offers[sealed.proposal.core.issuer] = sealed
    await node.driver.ask(ProposalArrived(sealed.proposal, None))


def wallet_signer(patient: str = "patient 1") -> Signer:
    """The signing capability of a patient's key."""
    return signer_of(patient, Purpose.CLINICAL)


def patient_key(patient: str = "patient 1") -> PublicKey:
    """Kp."""
    return public_key(private_key(patient, Purpose.CLINICAL))
