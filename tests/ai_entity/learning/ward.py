"""A small network's ledger with bodies: images, reports of machine and doctors, exports."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from medquorum.ai_entity.learning.verified_ledger import Judgement
from medquorum.ai_entity.overlay import Overlay, make_overlay
from medquorum.ai_entity.phantom.long_bone import make_long_bone
from medquorum.consensus.verification import verify_export
from medquorum.ledger import canonical
from medquorum.ledger.block import Block
from medquorum.ledger.ceremony import open_charter
from medquorum.ledger.contents import AuthorKind, Conclusion, MedicalReport, NextStep
from medquorum.ledger.limits import FRAME
from medquorum.ledger.provenance import FindingKind, Provenance
from medquorum.ledger.types import BlockHash, BlockType, Outcome, PartName
from tests.support.chains import Chain, export_bytes
from tests.support.network import ai_report, digest, make_network, part, propose, registration


def film(seed: int, fractured: bool, side: int = 320) -> bytes:
    """A phantom radiograph as PNG."""
    pixels = make_long_bone(seed, fractured).pixels
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    done, encoded = cv2.imencode(".png", small * np.uint16(16))
    assert done
    return encoded.tobytes()


def film_overlay(side: int = 320) -> Overlay:
    """What the fracture pipeline would attach to such a film."""
    return make_overlay(np.zeros((1, side, side), dtype=np.uint8), np.eye(4))


def report_bytes(conclusion: Conclusion, author: AuthorKind = AuthorKind.MACHINE) -> bytes:
    """The content of M_REPORT."""
    return MedicalReport(author, conclusion, NextStep.NONE, "words").encoded()


@dataclass
class FakeBodies:
    """What the AI entity's node would give."""

    parts: dict[tuple[str, str], bytes | Path] = field(default_factory=dict)

    async def part(self, record: str, part: str, target: Path) -> bool:
        content = self.parts.get((record, part))
        if content is None:
            return False
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        else:
            target.write_bytes(content)
        return True


@dataclass
class Ward:
    """A chain that grows, and the bodies of its blocks."""

    chain: Chain = field(default_factory=lambda: Chain(make_network(3)))
    bodies: FakeBodies = field(default_factory=FakeBodies)
    patients: int = 0

    def patient(self, label: str | None = None) -> int:
        """Register a patient; its number."""
        self.patients += 1
        name = label or f"patient {self.patients}"
        self._decide(registration(self.chain.network, name), {})
        return self.patients

    def image(self, kind: BlockType, patient: int, content: bytes | Path) -> BlockHash:
        """An image block."""
        name = {BlockType.CT: PartName.IMG_CT, BlockType.PET: PartName.IMM_PET}.get(
            kind, PartName.IMG_XRAY
        )
        proposal = propose(self.chain.network, self.chain.view, kind, patient)
        return self._decide(proposal, {name: content}).hash

    def machine(
        self,
        patient: int,
        images: tuple[BlockHash, ...],
        conclusion: Conclusion,
        *,
        overlay: Overlay | None = None,
        outcome: Outcome = Outcome.ACCEPTED,
        facts: Mapping[str, Any] | None = None,
    ) -> Block:
        """A report of the AI entity."""
        named = {
            "kind": FindingKind.FRACTURE,
            "model_digest": digest("model"),
            "confidence_ppm": 910_000,
            **(facts or {}),
        }
        provenance = Provenance(
            model_name="m",
            model_version="1",
            training_digest=digest("training"),
            preprocessing="1",
            inputs=images,
            **named,
        )
        contents: dict[PartName, bytes | Path] = {PartName.M_REPORT: report_bytes(conclusion)}
        if overlay is not None:
            contents[PartName.ATTACHMENT] = canonical.encode(overlay.to_content(), FRAME)
        parts = tuple(part(name) for name in sorted(contents, key=lambda one: one.value))
        proposal = ai_report(
            self.chain.network,
            self.chain.view,
            images[-1],
            patient,
            references=images,
            ai=provenance,
            parts=parts,
            record=self._record(),
        )
        return self._decide(proposal, contents, outcome)

    def doctor(
        self, patient: int, conclusion: Conclusion, *, overlay: Overlay | None = None, **core: Any
    ) -> Block:
        """A report of a doctor; `core` names references or what it replaces."""
        contents: dict[PartName, bytes | Path] = {
            PartName.M_REPORT: report_bytes(conclusion, AuthorKind.HUMAN)
        }
        if overlay is not None:
            contents[PartName.ATTACHMENT] = canonical.encode(overlay.to_content(), FRAME)
        parts = tuple(part(name) for name in sorted(contents, key=lambda one: one.value))
        proposal = propose(
            self.chain.network,
            self.chain.view,
            BlockType.REPORT,
            patient,
            parts=parts,
            record=self._record(),
            **core,
        )
        return self._decide(proposal, contents)

    def _record(self) -> Any:
        return digest(f"record {self.chain.view.n_bc} {len(self.bodies.parts)} {id(self.chain)}")

    def _decide(
        self,
        proposal: Any,
        contents: Mapping[PartName, bytes | Path],
        outcome: Outcome = Outcome.ACCEPTED,
    ) -> Block:
        block = self.chain.stage(proposal, outcome=outcome)
        record = bytes(proposal.core.record).hex()
        for name, content in contents.items():
            self.bodies.parts[record, name.value] = content
        self.chain.close()
        return block

    def files(self, folder: Path) -> tuple[Path, Path]:
        """The export and the charter as files."""
        folder.mkdir(parents=True, exist_ok=True)
        export, charter = folder / "chain.export", folder / "charter.bin"
        export.write_bytes(export_bytes(self.chain))
        charter.write_bytes(self.chain.network.charter_file())
        return export, charter


def in_process(export: Path, charter: Path) -> Judgement:
    """The product's verifier without a process of its own."""
    founded = open_charter(charter.read_bytes())
    found = verify_export([export.read_bytes()], founded)
    return Judgement(found.valid, found.height, found.reason)
