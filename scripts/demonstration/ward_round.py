"""Many X-ray consultations at once: patients registered, films decided on, machine reports judged.

The doctors' opinions are scripted: they know each film's truth, reject a machine's report that
says otherwise or nothing, and write their own.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.consent import ConsentPurpose, ConsentStatement, sign_consent
from medquorum.ledger.contents import parse_medical_report
from medquorum.ledger.keys import public_key
from medquorum.ledger.limits import DAY_MS
from medquorum.ledger.registration import registration_payload, registration_proof
from medquorum.ledger.signature import signer
from medquorum.ledger.types import BlockType, Decision, PartName, Role
from medquorum.node.client import FileSubmission
from medquorum.node.desk import Registration
from medquorum.node.dossier_views import ConsentView
from medquorum.node.views import BlockView, ProposalView
from scripts.demonstration.cast import PATIENCE_S, Cast, Participant
from scripts.demonstration.films import DrawnFilm

WAVE: Final = 10
"""Consultations under way at once."""

POLL_S: Final = 0.1
CONSENT_MS: Final = 30 * DAY_MS
FORM: Final = {
    "anamnesis": "fell on the leg, pain",
    "observed_at_ms": 1_767_225_600_000,
    "signs": [{"code": "heart_rate", "unit": "/min", "value_milli": 84_000}],
}


@dataclass(slots=True)
class Consultation:
    """One patient with one film."""

    film: DrawnFilm
    attending: Participant
    patient: int = 0
    image: BlockView | None = None
    report: ProposalView | None = None
    said: str = ""
    """The machine's conclusion."""
    accepted: bool = False
    correction: BlockView | None = None

    @property
    def truth(self) -> str:
        """What the doctors conclude."""
        return "fracture" if self.film.fractured else "negative"


@dataclass(slots=True)
class WardRound:
    """Plays consultations on a running network with its AI service."""

    cast: Cast
    done: list[Consultation] = field(default_factory=list)
    wallets: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    """Patients' own keys by the proposal that registers them."""

    async def play(self, films: Sequence[DrawnFilm]) -> list[Consultation]:
        """Every film of a new patient, a wave at a time."""
        doctors = self.cast.doctors
        for start in range(0, len(films), WAVE):
            wave = [
                Consultation(film, doctors[(start + place) % len(doctors)])
                for place, film in enumerate(films[start : start + WAVE])
            ]
            await self._wave(wave)
            self.done += wave
        return self.done

    async def _wave(self, wave: Sequence[Consultation]) -> None:
        forms = await self._all([self.register(one.attending) for one in wave])
        for one, block in zip(wave, await self._approve(wave, forms), strict=True):
            one.patient = block.n_pb
        await self._all([self.allow_research(self.wallets[form]) for form in forms])
        images = await self._all([self.submit(one) for one in wave])
        for one, block in zip(wave, await self._approve(wave, images), strict=True):
            one.image = block
        for one, view in zip(wave, await self.reports([one.image for one in wave]), strict=True):
            one.report = view
        await self._all([self._judge(one) for one in wave])

    async def _all(self, steps: Iterable[Any]) -> list[Any]:
        return list(await asyncio.gather(*steps))

    async def register(self, attending: Participant) -> str:
        """The hospital registers a patient whose keys live for this story only; the proposal."""
        own, reading = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        hospital, charter = self.cast.of(Role.HOSPITAL), self.cast.charter
        payload = registration_payload(
            encryption_key=public_key(reading),
            issuer=self.cast.address(hospital),
            patient_key=public_key(own),
        )
        proof = registration_proof(charter.network_id, payload, signer(own)).proof
        doctor = next(one for one in charter.members if one.name == attending.name)
        receipt = await hospital.client.submit_files(
            FileSubmission(
                BlockType.MEDICAL_FORM,
                doctor=doctor.address_text,
                structured={PartName.V_IND: FORM},
                registration=Registration(
                    public_key(own), public_key(reading), proof, bytes(32), "Somebody"
                ),
            )
        )
        self.wallets[receipt.proposal] = own
        return receipt.proposal

    async def allow_research(self, own: ec.EllipticCurvePrivateKey) -> None:
        """A patient signs that the AI entity may learn from her; its node keeps that (R-CST3)."""
        entity, now_ms = self.cast.of(Role.AI_ENTITY), time.time_ns() // 1_000_000
        statement = ConsentStatement(
            public_key(own),
            now_ms,
            (ConsentPurpose.RESEARCH,),
            self.cast.address(entity),
            now_ms,
            now_ms + CONSENT_MS,
        )
        signed = sign_consent(self.cast.charter.network_id, statement, signer(own))
        body = {"consent": base64.b64encode(signed.encoded()).decode()}
        async with entity.member.client() as operator:
            await operator.typed(ConsentView, "POST", "/v1/consents", json=body)

    async def submit(self, one: Consultation) -> str:
        """The radiologist submits the film; the proposal."""
        return await self.cast.submit_image(
            BlockType.XRAY, one.patient, PartName.IMG_XRAY, one.film.path
        )

    async def _approve(
        self, wave: Sequence[Consultation], proposals: Sequence[str]
    ) -> list[BlockView]:
        return await self._all(
            [
                self.decide(proposal, one.attending, Decision.APPROVE)
                for one, proposal in zip(wave, proposals, strict=True)
            ]
        )

    async def decide(
        self, proposal: str, attending: Participant, decision: Decision, grade: int | None = None
    ) -> BlockView:
        """A majority votes alike, the attending last; the block."""
        doctors = self.cast.doctors
        others = [one for one in doctors if one.name != attending.name]
        for doctor in [*others[: len(doctors) // 2], attending]:
            await self.cast.vote(doctor, proposal, decision, grade)
        return await self.cast.until_final(proposal)

    async def reports(self, images: Sequence[BlockView | None]) -> list[ProposalView]:
        """The machine's open report on each image, once all are there."""
        wanted = [() if one is None else (one.hash,) for one in images]
        hospital = self.cast.of(Role.HOSPITAL).client
        async with asyncio.timeout(PATIENCE_S):
            while True:
                views = await hospital.proposals("open", 200)
                found = {one.references: one for one in views if one.ai}
                if all(references in found for references in wanted):
                    return [found[references] for references in wanted]
                await asyncio.sleep(POLL_S)

    async def _judge(self, one: Consultation) -> None:
        """The doctors approve what is right; else they reject it and write their own report."""
        if one.report is None or one.image is None:
            raise RuntimeError("a consultation without image or report")
        await self.cast.until_opened(one.attending, one.report.id)
        one.said = await self._conclusion(one.attending, one.report)
        one.accepted = one.said == one.truth
        decision = Decision.APPROVE if one.accepted else Decision.REJECT
        await self.decide(one.report.id, one.attending, decision, 1 if one.accepted else 4)
        if not one.accepted:
            one.correction = await self._correct(one, one.image)

    async def _conclusion(self, reader: Participant, view: ProposalView) -> str:
        pieces = [piece async for piece in reader.client.read_part(view.record, PartName.M_REPORT)]
        return parse_medical_report(b"".join(pieces)).conclusion.value

    async def _correct(self, one: Consultation, image: BlockView) -> BlockView:
        report = {
            "author_kind": "human",
            "conclusion": one.truth,
            "findings": {},
            "next_step": "treatment" if one.film.fractured else "none",
            "text": "read on the films themselves",
        }
        proposal = await self.cast.write(
            one.attending, BlockType.REPORT, one.patient, report, (image.hash,)
        )
        return await self.decide(proposal, one.attending, Decision.APPROVE)
