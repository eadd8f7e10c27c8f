"""The service that follows the ledger's images and proposes reports.

It asks its own node for every final block, analyses each new image with what belongs to it (a PET
with the patient's newest CT), and proposes one report per image. What it has reported already it
reads from the ledger, so it may be stopped and started at any time. It never votes (R-VER5).
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from medquorum.ai_entity.analyse import analyse_fracture, analyse_tumour
from medquorum.ai_entity.errors import AnalysisError
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.node_api import NodeApi, NodeAway, NodeRefused, ReportForm
from medquorum.ledger import canonical
from medquorum.ledger.limits import FRAME

_LOG = structlog.get_logger("ai_service")
PART: Final = {"ct": "IMG_CT", "pet": "IMM_PET", "xray": "IMG_XRAY"}
IDLE_S: Final = 5.0
"""Longest wait for news before the node is asked again."""
BODY_PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits for a body that is final before this node has fetched it; the last one repeats."""
BODY_ATTEMPTS: Final = 60
REISSUES: Final = 5
"""How often findings are proposed again when the patient's history moved on meanwhile."""
MOST_STALE: Final = frozenset({"stale", "expired"})

Block = dict[str, Any]


@dataclass(slots=True)
class Study:
    """One image to report on, with what belongs to it."""

    image: Block
    ct: Block | None = None
    """The CT a PET is read with."""
    findings: Findings | None = None
    proposal: str | None = None
    attempts: int = 0

    @property
    def references(self) -> tuple[str, ...]:
        """The image blocks the report rests on, oldest first."""
        ct = () if self.ct is None else (str(self.ct["hash"]),)
        return (*ct, str(self.image["hash"]))


@dataclass(slots=True)
class Following:
    """What the service has seen of the ledger."""

    height: int = 0
    newest_ct: dict[int, Block] = field(default_factory=dict)
    studies: dict[str, Study] = field(default_factory=dict)
    """By hash of the image block."""


class AiService:
    """Follows one node until cancelled."""

    def __init__(self, api: NodeApi, models: Path) -> None:
        self._api = api
        self._models = models
        self._seen = Following()

    async def run(self) -> None:
        """Work for ever; a node that is away is asked again."""
        while True:
            try:
                await self.round()
            except (NodeAway, NodeRefused) as error:
                _LOG.info("node_not_serving", error=str(error))
                await asyncio.sleep(1.0)
            await self._api.changed(IDLE_S)

    async def round(self) -> int:
        """Take in what is new, propose what is owed; how many proposals were made."""
        await self._follow()
        reported = await self._reported()
        made = 0
        for study in list(self._seen.studies.values()):
            if self._owed(study, reported):
                made += await self._report(study)
        return made

    async def _follow(self) -> None:
        """Read the final blocks above the last height seen."""
        while page := await self._api.blocks(self._seen.height):
            for block in page:
                self._seen.height = int(block["n_bc"])
                if block["outcome"] == "accepted":
                    self._take(block)

    def _take(self, block: Block) -> None:
        kind, patient = str(block["type"]), int(block["n_pb"])
        if kind not in PART:
            return
        ct = self._seen.newest_ct.get(patient) if kind == "pet" else None
        if kind == "ct":
            self._seen.newest_ct[patient] = block
        self._seen.studies.setdefault(str(block["hash"]), Study(block, ct))

    async def _reported(self) -> dict[tuple[str, ...], str]:
        """The newest state of every machine's proposal, by its inputs."""
        states: dict[tuple[str, ...], str] = {}
        for proposal in await self._api.proposals():
            if proposal["ai"]:
                states.setdefault(tuple(proposal["references"]), str(proposal["state"]))
        return states

    def _owed(self, study: Study, reported: dict[tuple[str, ...], str]) -> bool:
        state = reported.get(study.references)
        if state is None:
            return study.attempts < REISSUES
        return state in MOST_STALE and study.attempts < REISSUES

    async def _report(self, study: Study) -> int:
        """Analyse once, then propose; 1 when a proposal was made."""
        study.attempts += 1
        if study.findings is None:
            study.findings = await self._analyse(study)
        if study.findings is None:
            return 0
        try:
            study.proposal = await self._api.submit(_form(study, study.findings))
        except NodeRefused as refused:
            _LOG.warning("report_refused", error=refused.rule)
            return 0
        _LOG.info("report_proposed", proposal=study.proposal)
        return 1

    async def _analyse(self, study: Study) -> Findings | None:
        with tempfile.TemporaryDirectory(prefix="medquorum-study-") as folder:
            image = await self._download(study.image, Path(folder))
            ct = None if study.ct is None else await self._download(study.ct, Path(folder))
            if image is None:
                return None
            try:
                return await asyncio.to_thread(self._run, str(study.image["type"]), image, ct)
            except AnalysisError as error:
                _LOG.warning("analysis_refused", error=type(error).__name__)
                study.attempts = REISSUES
                return None

    def _run(self, kind: str, image: Path, ct: Path | None) -> Findings:
        if kind == "xray":
            return analyse_fracture(image, self._models)
        if kind == "ct":
            return analyse_tumour(image, None, self._models)
        return analyse_tumour(ct if ct is not None else image, image, self._models)

    async def _download(self, block: Block, folder: Path) -> Path | None:
        """An image part as a file, once this node holds and has opened it."""
        part = PART[str(block["type"])]
        target = folder / part
        for attempt in range(BODY_ATTEMPTS):
            try:
                await self._api.download(str(block["record"]), part, target)
                return target
            except NodeRefused as refused:
                if refused.status != 404:
                    raise
            await asyncio.sleep(BODY_PAUSES_S[min(attempt, len(BODY_PAUSES_S) - 1)])
        _LOG.warning("body_missing", record=str(block["record"]))
        return None


def _form(study: Study, findings: Findings) -> ReportForm:
    provenance = {
        "confidence_ppm": findings.confidence_ppm,
        "kind": findings.kind.value,
        "model_digest": findings.model.digest.hex(),
        "model_name": findings.model.name,
        "model_version": findings.model.version,
        "preprocessing": findings.model.preprocessing,
        "training_digest": findings.model.training_digest.hex(),
    }
    overlay = findings.overlay
    return ReportForm(
        patient=int(study.image["n_pb"]),
        references=study.references,
        report=findings.to_report(),
        provenance=provenance,
        attachment=None if overlay is None else canonical.encode(overlay.to_content(), FRAME),
    )
