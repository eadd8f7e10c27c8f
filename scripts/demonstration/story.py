"""The two consultations, step by step.

The doctors' opinions are scripted here and nowhere else: an AI report from CT alone is rejected
(its card says how little it can see), one from CT and PET is approved with one dissent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medquorum.ledger.types import BlockType, Decision, PartName
from medquorum.node.views import BlockView, ProposalView
from scripts.demonstration.cast import Cast, Participant
from scripts.demonstration.images import Images
from scripts.demonstration.timeline import Timeline, ballots_line

APPROVE, REJECT = Decision.APPROVE, Decision.REJECT
FORM_SIGNS: Final = (
    ("body_temperature", "degC", 37_100),
    ("heart_rate", "/min", 82_000),
    ("systolic_pressure", "mmHg", 131_000),
    ("diastolic_pressure", "mmHg", 84_000),
    ("body_weight", "kg", 74_500),
)


@dataclass(slots=True)
class Proposed:
    """One AI proposal as the report file lists it."""

    view: ProposalView
    findings: Mapping[str, Any]


@dataclass(slots=True)
class Told:
    """What happened, for the report file."""

    blocks: list[BlockView] = field(default_factory=list)
    ai: list[Proposed] = field(default_factory=list)
    restarted: str | None = None
    contour_ml: float | None = None
    """Volume of the expert's contour beside the PET."""


class Story:
    """Plays both consultations on a running network."""

    def __init__(self, cast: Cast, timeline: Timeline, images: Images, folder: Path) -> None:
        self.cast = cast
        self.line = timeline
        self.images = images
        self.folder = folder
        self.told = Told(contour_ml=images.contour_ml)

    async def decide(
        self,
        title: str,
        proposal: str,
        opinions: Mapping[str, Decision] | None = None,
        grade: int | None = None,
    ) -> BlockView:
        """Every running doctor votes, dissenters first and the attending last; tell the end."""
        self.line.note(title)
        opinions = opinions or {}
        known = await self.cast.until_opened(self.cast.doctors[0], proposal)
        attending = known.verdict.attending
        voters = [one for one in self.cast.doctors if self.cast.running(one)]
        voters.sort(key=lambda one: (one.name == attending, opinions.get(one.name) != REJECT))
        for doctor in voters:
            opinion = opinions.get(doctor.name, APPROVE)
            await self.cast.vote(doctor, proposal, opinion, grade)
        block = await self.cast.until_final(proposal)
        self._tell(block, proposal)
        return block

    def _tell(self, block: BlockView, proposal: str) -> None:
        ballots = self.cast.ballots[proposal]
        verdict = block.verdict
        colour = "green" if block.outcome == "accepted" else "red"
        place = f"patient {block.n_pb}, entry {block.n_pa}" if block.n_pa else "in no chart"
        self.line.detail(ballots_line(ballots.cast))
        self.line.note(
            f"[{colour}]■ block {block.n_bc}[/] {block.type.replace('_', ' ')} ({place})  "
            f"[{colour}]{block.outcome}[/], {verdict.approvals} of {verdict.panel} approve  "
            f"[dim]final on every node in {ballots.finality_ms} ms[/]"
        )
        self.told.blocks.append(block)

    # --- the tumour consultation ------------------------------------------------------------

    async def tumour(self) -> None:
        """Form, CT, AI report rejected, assessed, PET, AI report approved, test, treatment."""
        cast, attending = self.cast, self.cast.doctors[0]
        self.line.heading("Consultation 1: a suspected tumour")
        patient = await self._register("Patient One", attending, "weight loss, an unclear mass")
        await self._prescribe(attending, patient, "ct", "CT of the region")
        ct = await self._image(BlockType.CT, patient, PartName.IMG_CT)
        await self._machine_ct(ct)
        await self._assess_ct(attending, patient, ct)
        await self._prescribe(attending, patient, "pet", "FDG PET of the same region")
        victim = cast.doctors[3]
        cast.network.kill(victim.member)
        self.line.note(f"[bold red]kill -9[/] {victim.name}'s node: the others go on without it")
        pet = await self._image(BlockType.PET, patient, PartName.IMM_PET)
        await self._bring_back(victim)
        await self._machine_pet(ct, pet)
        await self._laboratory(patient)
        await self._prescribe(attending, patient, "treatment", "referral to the tumour board")

    async def leave_open(self) -> None:
        """One more film whose report nobody has decided on yet: for whoever opens a page."""
        self.line.heading("A case is left open for you")
        patient = await self._register("Patient Three", self.cast.doctors[0], "pain after a fall")
        xray = await self._image(BlockType.XRAY, patient, PartName.IMG_XRAY)
        await self._machine_report("fracture", [xray])
        self.line.note("this report waits in every doctor's inbox")

    async def _register(self, name: str, attending: Participant, complaint: str) -> int:
        signs = [
            {"code": code, "unit": unit, "value_milli": value} for code, unit, value in FORM_SIGNS
        ]
        form = {"anamnesis": complaint, "observed_at_ms": _now_ms(), "signs": signs}
        wallet = self.folder / f"{name.lower().replace(' ', '-')}.wallet.json"
        proposal, _ = await self.cast.register(name, attending, form, wallet)
        block = await self.decide(
            f"hospital registers a patient; attending physician: {attending.name}*", proposal
        )
        return block.n_pb

    async def _prescribe(
        self, doctor: Participant, patient: int, kind: str, instruction: str
    ) -> BlockView:
        lines = [{"instruction": instruction, "text": "as soon as possible"}]
        proposal = await self.cast.write(
            doctor, BlockType.PRESCRIPTION, patient, {"kind": kind, "lines": lines}
        )
        return await self.decide(f"{doctor.name} prescribes: {kind}", proposal)

    async def _image(self, kind: BlockType, patient: int, part: PartName) -> BlockView:
        image, origin = {
            BlockType.CT: (self.images.ct, self.images.ct_origin),
            BlockType.PET: (self.images.pet, self.images.pet_origin),
            BlockType.XRAY: (self.images.xray, self.images.xray_origin),
        }[kind]
        megabytes = image.stat().st_size / 1e6
        with self.line.working(f"the radiologist seals {megabytes:.1f} MB"):
            proposal = await self.cast.submit_image(kind, patient, part, image)
        return await self.decide(
            f"radiologist submits {kind.value.upper()} ({megabytes:.1f} MB sealed; {origin})",
            proposal,
        )

    async def _machine_report(
        self, kind: str, inputs: Sequence[BlockView]
    ) -> tuple[ProposalView, Mapping[str, Any]]:
        """Wait for the AI entity's report and show what it says."""
        with self.line.working("the AI entity reads the image"):
            view = await self.cast.until_proposed(kind, tuple(one.hash for one in inputs))
        reader = self.cast.doctors[0]
        await self.cast.until_opened(reader, view.id)
        report = await _report(reader, view)
        ai = view.ai or {}
        self.line.note(
            f"[magenta]AI entity[/] proposes a report with {ai['model_name']} "
            f"{ai['model_version']} (sha256 {str(ai['model_digest'])[:12]}…)"
        )
        for text in str(report["text"]).splitlines():
            self.line.detail(text)
        self.told.ai.append(Proposed(view, report["findings"]))
        return view, report["findings"]

    async def _machine_ct(self, ct: BlockView) -> None:
        view, _ = await self._machine_report("tumour", [ct])
        first, second = self.cast.doctors[0], self.cast.doctors[1]
        await self.decide(
            "the doctors do not trust CT alone (see the model's card)",
            view.id,
            {first.name: REJECT, second.name: REJECT},
            grade=3,
        )

    async def _assess_ct(self, doctor: Participant, patient: int, ct: BlockView) -> None:
        report = {
            "author_kind": "human",
            "conclusion": "inconclusive",
            "findings": {},
            "next_step": "pet",
            "text": "Soft tissue mass. CT alone does not settle it.",
        }
        proposal = await self.cast.write(
            doctor, BlockType.REPORT, patient, report, references=(ct.hash,)
        )
        await self.decide(f"{doctor.name} reports: inconclusive, asks for PET", proposal, grade=1)

    async def _bring_back(self, victim: Participant) -> None:
        network = self.cast.network
        network.start([victim.member])
        with self.line.working(f"{victim.name}'s node starts again and catches up"):
            network.wait_ready([victim.member])
            wanted = (await self.cast.doctors[0].client.status()).n_bc
            await self.cast.until_height(victim, wanted)
        self.told.restarted = victim.name
        self.line.note(f"{victim.name}'s node is back and has caught up to block {wanted}")

    async def _machine_pet(self, ct: BlockView, pet: BlockView) -> None:
        view, findings = await self._machine_report("tumour", [ct, pet])
        tumour = findings.get("tumour")
        if tumour and self.images.contour_ml is not None:
            volume = tumour["total_tumour_volume_ul"] / 1_000
            self.line.detail(
                f"total tumour volume {volume:.1f} mL; expert contour of the same PET "
                f"{self.images.contour_ml:.1f} mL"
            )
        dissenter = self.cast.doctors[2].name
        await self.decide(
            "the doctors look at CT and PET side by side", view.id, {dissenter: REJECT}, grade=2
        )

    async def _laboratory(self, patient: int) -> None:
        def result(analyte: str, unit: str, value: int, low: int, high: int) -> dict[str, Any]:
            flag = "low" if value < low else "high" if value > high else "normal"
            return {
                "analyte": analyte,
                "flag": flag,
                "reference_high_milli": high,
                "reference_low_milli": low,
                "unit": unit,
                "value_milli": value,
            }

        results = {
            "collected_at_ms": _now_ms(),
            "results": [
                result("lactate dehydrogenase", "U/L", 312_000, 135_000, 225_000),
                result("haemoglobin", "g/L", 128_000, 120_000, 160_000),
            ],
            "specimen": "venous blood",
        }
        proposal = await self.cast.submit_results(patient, results)
        await self.decide("laboratory submits test results", proposal)

    # --- the fracture consultation ----------------------------------------------------------

    async def fracture(self) -> None:
        """Form, X-ray, AI report, treatment."""
        attending = self.cast.doctors[1]
        self.line.heading("Consultation 2: a suspected fracture")
        patient = await self._register("Patient Two", attending, "fell on the ankle, pain")
        xray = await self._image(BlockType.XRAY, patient, PartName.IMG_XRAY)
        view, _ = await self._machine_report("fracture", [xray])
        await self.decide("the doctors look at the X-ray", view.id, grade=1)
        await self._prescribe(attending, patient, "treatment", "rest, cold packs, review in a week")


async def _report(reader: Participant, view: ProposalView) -> dict[str, Any]:
    from medquorum.ledger.contents import parse_medical_report

    pieces = [piece async for piece in reader.client.read_part(view.record, PartName.M_REPORT)]
    report = parse_medical_report(b"".join(pieces))
    return {"findings": report.findings, "text": report.text}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
