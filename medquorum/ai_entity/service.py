"""The service that follows the ledger's images and proposes reports.

It asks its own node for every final block, analyses each new image with what belongs to it (a PET
with the patient's newest CT), and proposes one report per image. What it has reported already it
reads from the ledger, so it may be stopped and started at any time. It never votes (R-VER5). Where
the charter lists models for it, it runs one of them, and proposes with no other (R-AI4); when the
list changes, what could not be reported is tried again.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from medquorum.ai_entity.analyse import analyse_fracture, analyse_tumour
from medquorum.ai_entity.approval import Approval
from medquorum.ai_entity.errors import AnalysisError
from medquorum.ai_entity.explain.history import ReportHistory, fetch_previous
from medquorum.ai_entity.explain.reporting import with_changes
from medquorum.ai_entity.findings import Findings, Kind
from medquorum.ai_entity.learning.promotion import heed_charter
from medquorum.ai_entity.node_api import NodeApi, NodeAway, NodeRefused, ReportForm
from medquorum.ai_entity.registry import Shelf
from medquorum.ledger import canonical
from medquorum.ledger.limits import FRAME

_LOG = structlog.get_logger("ai_service")
PART: Final = {"ct": "IMG_CT", "pet": "IMM_PET", "xray": "IMG_XRAY"}
IDLE_S: Final = 5.0
"""Longest wait for news before the node is asked again."""
REISSUES: Final = 5
"""How often findings are proposed again when the patient's history moved on meanwhile."""

Block = dict[str, Any]


@dataclass(slots=True)
class Study:
    """One image to report on, with what belongs to it."""

    image: Block
    ct: Block | None = None
    """The CT a PET is read with."""
    findings: Findings | None = None
    proposals: int = 0
    """How often it was proposed, or refused, since the start."""

    @property
    def references(self) -> tuple[str, ...]:
        """The image blocks the report rests on, oldest first."""
        ct = () if self.ct is None else (str(self.ct["hash"]),)
        return (*ct, str(self.image["hash"]))


@dataclass(slots=True)
class Following:
    """What the service has seen of the ledger."""

    own: str = ""
    """The AI entity's address."""
    approval: Approval = Approval()  # noqa: RUF009  (frozen)
    """The models the charter lists for it."""
    height: int = 0
    decided: set[tuple[str, ...]] = field(default_factory=set)
    """Inputs of own reports that are in the chain, accepted or rejected."""
    newest_ct: dict[int, Block] = field(default_factory=dict)
    history: ReportHistory = field(default_factory=ReportHistory)
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
        self._seen.own = self._seen.own or await self._api.own_address()
        await self._heed_charter()
        await self._follow()
        waiting = await self._waiting()
        made = 0
        for study in list(self._seen.studies.values()):
            settled = study.references in self._seen.decided | waiting
            if not settled and study.proposals < REISSUES:
                made += await self._report(study)
        return made

    async def _heed_charter(self) -> None:
        """Take in which models are approved; another list lets every owed report be tried anew."""
        approval = await self._api.approval(self._seen.own)
        if approval == self._seen.approval:
            return
        self._seen.approval = approval
        if heed_charter(self._models, approval):
            _LOG.info("current_models_follow_charter")
        for study in self._seen.studies.values():
            study.findings, study.proposals = None, 0

    async def _follow(self) -> None:
        """Read the final blocks above the last height seen."""
        while page := await self._api.blocks(self._seen.height):
            for block in page:
                self._seen.height = int(block["n_bc"])
                self._seen.history.take(block, self._seen.own)
                if block["ai"] and block["issuer"] == self._seen.own:
                    self._seen.decided.add(tuple(block["references"]))
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

    async def _waiting(self) -> set[tuple[str, ...]]:
        """Inputs of own reports that wait for a verdict; a stale one is not among them."""
        return {
            tuple(proposal["references"])
            for proposal in await self._api.open_proposals()
            if proposal["ai"] and proposal["issuer"] == self._seen.own
        }

    async def _report(self, study: Study) -> int:
        """Analyse once, then propose; 1 when a proposal was made, 0 when it is owed or refused."""
        if study.findings is None:
            study.findings = await self._analyse(study)
        if study.findings is None:
            return 0
        if not self._is_approved(study.findings):
            study.proposals = REISSUES
            return 0
        study.proposals += 1
        try:
            proposal = await self._api.submit(_form(study, study.findings))
        except NodeRefused as refused:
            _LOG.warning("report_refused", error=refused.rule)
            return 0
        _LOG.info("report_proposed", proposal=proposal)
        return 1

    def _is_approved(self, findings: Findings) -> bool:
        model = findings.model
        allowed = self._seen.approval.allows(
            findings.kind.value, model.digest, model.training_digest
        )
        if not allowed:
            _LOG.warning("model_not_approved", model=model.digest.hex())
        return allowed

    async def _analyse(self, study: Study) -> Findings | None:
        """Findings; None while the images are not here yet, or for ever when they are refused."""
        with tempfile.TemporaryDirectory(prefix="medquorum-study-") as folder:
            image = await self._download(study.image, Path(folder))
            ct = None if study.ct is None else await self._download(study.ct, Path(folder))
            if image is None or (study.ct is not None and ct is None):
                return None
            try:
                findings = await asyncio.to_thread(self._run, str(study.image["type"]), image, ct)
                return await self._compared(study, findings, Path(folder))
            except AnalysisError as error:
                _LOG.warning("analysis_refused", error=type(error).__name__)
                study.proposals = REISSUES
                return None

    async def _compared(self, study: Study, findings: Findings, folder: Path) -> Findings:
        """The findings with what changed since the patient's last study, where there is one."""
        history = self._seen.history
        previous = await fetch_previous(self._api, history, study.image, folder)
        if previous is None or findings.kind != Kind.TUMOUR:
            return findings
        recorded_ms = history.recorded_ms(study.image)
        return await asyncio.to_thread(with_changes, findings, previous, recorded_ms)

    def _run(self, kind: str, image: Path, ct: Path | None) -> Findings:
        shelf = Shelf(self._models, self._seen.approval.digests)
        if kind == "xray":
            return analyse_fracture(image, shelf)
        if kind == "ct":
            return analyse_tumour(image, None, shelf)
        return analyse_tumour(ct if ct is not None else image, image, shelf)

    async def _download(self, block: Block, folder: Path) -> Path | None:
        """An image part as a file; None until this node holds and has opened it, which is news."""
        part = PART[str(block["type"])]
        target = folder / part
        try:
            await self._api.download(str(block["record"]), part, target)
        except NodeRefused as refused:
            if refused.status != 404:
                raise
            return None
        return target


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
