"""Consultations: patients are registered, examined, reported on and treated, several at once.

Whoever submits waits for the node's receipt and then for the end of the proposal, as people do;
what went unanswered is sent again, what is stale is written again.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.keys import public_key
from medquorum.ledger.registration import registration_payload, registration_proof
from medquorum.ledger.signature import signer
from medquorum.ledger.types import BlockType, PartName, Role
from medquorum.node.client import ApiProblem, FileSubmission
from medquorum.node.clinical import Order, seal_and_submit
from medquorum.node.desk import Receipt, Registration
from medquorum.node.structured_parts import encode_structured
from medquorum.node.views import ProposalView
from scripts.chaos_network.history import Submission
from scripts.chaos_network.ward import Ward

CONSULTATIONS: Final = 5
"""At the same time."""
TRIES: Final = 20
"""How often something stale or refused is written again: a node may not know the patient yet."""
LOOK_S: Final = 0.4
VISIT_S: Final = (0.1, 1.5)
"""Between two steps of a consultation."""

Send = Callable[[], Awaitable[Receipt]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is submitted and by whom."""

    member: str
    part: PartName
    plaintext: bytes
    send: Send


class Practice:
    """Consultations at `CONSULTATIONS` desks until `close` is set."""

    def __init__(self, ward: Ward) -> None:
        self.close = asyncio.Event()
        self._ward = ward
        self._ct = ward.ct.read_bytes()

    async def run(self) -> None:
        """One consultation after another at every desk."""
        async with asyncio.TaskGroup() as group:
            for desk in range(CONSULTATIONS):
                group.create_task(self._desk(self._ward.chance(f"desk {desk}")))

    async def _desk(self, chance: random.Random) -> None:
        while not self.close.is_set():
            await self._consultation(chance)

    async def _consultation(self, chance: random.Random) -> None:
        """Registered, CT prescribed, CT and tests, one or two reports at once, treatment."""
        doctors = self._ward.members.doctors
        attending = chance.choice(doctors)
        form = await self._through(partial(self._registration, attending))
        patient = await self._number(form)
        if patient is None:
            return
        authors = chance.sample(doctors, chance.choice((1, 1, 2)))
        for step in (
            (partial(self._prescription, attending, patient, "ct"),),
            (partial(self._image, patient), partial(self._tests, patient)),
            tuple(partial(self._report, author, patient) for author in authors),
            (partial(self._prescription, attending, patient, "treatment"),),
        ):
            if self.close.is_set():
                return
            await asyncio.sleep(chance.uniform(*VISIT_S))
            await asyncio.gather(*(self._through(write) for write in step))

    async def _number(self, form: ProposalView | None) -> int | None:
        """N PB of the patient an accepted form registered."""
        if form is None or form.state != "accepted" or form.n_bc is None:
            return None
        n_bc = form.n_bc
        hospital = self._ward.of(Role.HOSPITAL).name
        return (await self._ward.asked(hospital, lambda client: client.block(n_bc))).n_pb

    async def _through(self, write: Callable[[], Sheet]) -> ProposalView | None:
        """Submit until something came of it; None where it was given up."""
        for _ in range(TRIES):
            if self.close.is_set():
                return None
            view = await self._submitted(write())
            if view is not None and view.state != "stale":
                return view
            await asyncio.sleep(LOOK_S)
        return None

    async def _submitted(self, sheet: Sheet) -> ProposalView | None:
        """Send, note the receipt, wait for the end of the proposal; None when it is refused."""
        history = self._ward.history
        try:
            receipt = await self._ward.asked(sheet.member, lambda _: sheet.send())
        except ApiProblem as problem:
            history.refusals[problem.rule] += 1
            return None
        digest = hashlib.sha256(sheet.plaintext).digest()
        history.submissions.append(
            Submission(sheet.member, receipt.proposal, receipt.record, sheet.part, digest)
        )
        while True:
            try:
                view = await self._ward.asked(
                    sheet.member, lambda client: client.proposal(receipt.proposal)
                )
            except ApiProblem as problem:
                history.accuse(f"{sheet.member} took a proposal and now says {problem.rule}")
                return None
            if view.state != "open":
                return view
            await asyncio.sleep(LOOK_S)

    # --- what is written --------------------------------------------------------------------

    def _registration(self, attending: str) -> Sheet:
        ward = self._ward
        own, reading = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        payload = registration_payload(
            encryption_key=public_key(reading),
            issuer=ward.entry(ward.of(Role.HOSPITAL).name).address,
            patient_key=public_key(own),
        )
        proof = registration_proof(ward.charter.network_id, payload, signer(own)).proof
        salt = secrets.token_bytes(32)
        form = {
            "anamnesis": "cough since a month",
            "observed_at_ms": time.time_ns() // 1_000_000,
            "signs": [{"code": "heart_rate", "unit": "/min", "value_milli": 82_000}],
        }
        registration = Registration(public_key(own), public_key(reading), proof, salt, "Somebody")
        submission = FileSubmission(
            BlockType.MEDICAL_FORM,
            doctor=ward.entry(attending).address_text,
            structured={PartName.V_IND: form},
            registration=registration,
        )
        return self._filed(Role.HOSPITAL, PartName.V_IND, submission)

    def _image(self, patient: int) -> Sheet:
        files = {PartName.IMG_CT: self._ward.ct}
        submission = FileSubmission(BlockType.CT, patient=patient, files=files)
        return self._filed(Role.RADIOLOGIST, PartName.IMG_CT, submission)

    def _tests(self, patient: int) -> Sheet:
        result = {
            "analyte": "creatinine",
            "flag": "normal",
            "reference_high_milli": None,
            "reference_low_milli": None,
            "unit": "umol/L",
            "value_milli": 80_000,
        }
        results = {
            "collected_at_ms": time.time_ns() // 1_000_000,
            "results": [result],
            "specimen": "serum",
        }
        submission = FileSubmission(
            BlockType.TEST_RESULT, patient=patient, structured={PartName.TEST_RES: results}
        )
        return self._filed(Role.HOSPITAL, PartName.TEST_RES, submission)

    def _filed(self, role: Role, part: PartName, submission: FileSubmission) -> Sheet:
        """An institution's submission; sent again it is the same one (its idempotency key)."""
        name, key = self._ward.of(role).name, secrets.token_hex(16)
        structured = submission.structured.get(part)
        plaintext = self._ct if structured is None else encode_structured(part, structured)
        client = self._ward.clients[name]
        send = partial(client.submit_files, submission, idempotency_key=key)
        return Sheet(name, part, plaintext, send)

    def _prescription(self, doctor: str, patient: int, kind: str) -> Sheet:
        lines = [{"instruction": "soon", "text": f"{kind} of the thorax"}]
        content = {"kind": kind, "lines": lines}
        return self._written(doctor, patient, BlockType.PRESCRIPTION, content)

    def _report(self, doctor: str, patient: int) -> Sheet:
        content = {
            "author_kind": "human",
            "conclusion": "inconclusive",
            "findings": {},
            "next_step": "treatment",
            "text": f"a shadow, says {doctor}",
        }
        return self._written(doctor, patient, BlockType.REPORT, content)

    def _written(
        self, doctor: str, patient: int, kind: BlockType, content: Mapping[str, Any]
    ) -> Sheet:
        """What a doctor seals and signs herself; sent again it is signed anew."""
        part = PartName.PRESC if kind is BlockType.PRESCRIPTION else PartName.M_REPORT
        plaintext = encode_structured(part, content)
        order = Order(kind, patient, contents={part: plaintext})
        ward = self._ward
        client, hand = ward.clients[doctor], ward.hands[doctor]
        send = partial(seal_and_submit, client, ward.charter, order, hand)
        return Sheet(doctor, part, plaintext, send)
