"""The service that follows the ledger's images and proposes reports.

It asks its own node for every final block, analyses each new image with what belongs to it (a PET
with the patient's newest CT), and proposes one report per image. A CT's own report is not proposed
any more once a PET is read with it, also where the PET came while the CT was analysed: the PET's
says what it said, and more. What it has reported already it reads from the ledger, so it may be
stopped and started at any time: what was being analysed is done again. It never votes (R-VER5).
Where the charter lists models for it, it runs one of them, and proposes with no other (R-AI4); when
the list changes, what could not be reported is tried again. A model that is not as registered, or
whose card is not the approved one, stops the proposals, not the service.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Final, Self

import structlog

from medquorum.ai_entity.analysing import Analyst
from medquorum.ai_entity.errors import AnalysisError, IsolationError, ModelError
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.following import Following, Study
from medquorum.ai_entity.learning.promotion import heed_charter
from medquorum.ai_entity.node_api import NodeApi, NodeAway, NodeRefused
from medquorum.ai_entity.proposing import report_form
from medquorum.ai_entity.registry import Shelf
from medquorum.ai_entity.service_status import ServiceStatus, State

_LOG = structlog.get_logger("ai_service")
IDLE_S: Final = 5.0
"""Longest wait for news before the node is asked again."""
REISSUES: Final = 5
"""How often findings are proposed again when the patient's history moved on meanwhile."""
MEND_S: Final = 30.0
"""Before a refused model is tried again: somebody may have restored its file."""
ISOLATION_TRIES: Final = 3
"""A machine short of memory or time may have recovered; images that always fail may not."""


class AiService:
    """Follows one node until cancelled; use it in ``with`` so that no child stays behind."""

    def __init__(self, api: NodeApi, models: Path, status: ServiceStatus | None = None) -> None:
        self._api = api
        self._models = models
        self._seen = Following()
        self._status = status or ServiceStatus()
        self.analyst = Analyst(api)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.analyst.__exit__()
        self._status.enter(State.STOPPED)

    async def run(self) -> None:
        """Work for ever; a node that is away is asked again."""
        while True:
            try:
                await self.round()
            except (NodeAway, NodeRefused) as error:
                _LOG.info("node_not_serving", error=str(error))
                self._status.enter(State.NODE_AWAY, reason=type(error).__name__)
                await asyncio.sleep(1.0)
            await self._api.changed(IDLE_S)

    async def round(self) -> int:
        """Take in what is new, propose what is owed; how many proposals were made."""
        self._seen.own = self._seen.own or await self._api.own_address()
        await self._heed_charter()
        # In this order: a report decided between the two is known from one of them.
        waiting = await self._waiting()
        await self._follow()
        made = 0
        settled = self._seen.decided | waiting
        for study in self._seen.in_turn():
            if self._is_owed(study, settled) and study.not_before_s <= _loop_s():
                made += await self._report(study)
        self._status.count(height=self._seen.height, proposed=made)
        if self._status.now.state is not State.MODEL_REFUSED:
            self._status.enter(State.WATCHING)
        return made

    def _is_owed(self, study: Study, settled: set[tuple[str, ...]]) -> bool:
        """Whether its report is neither decided nor waiting, nor part of a larger one's."""
        if study.references in settled or study.given_up or study.proposals >= REISSUES:
            return False
        larger = self._seen.larger(study)
        if larger is None or larger.given_up:
            return True
        # Without findings the larger one may come late: until then this one is said, but once.
        told = larger.references in settled or larger.findings is not None
        return not told and study.proposals == 0

    async def _heed_charter(self) -> None:
        """Take in which models are approved; another list lets every owed report be tried anew."""
        approval = await self._api.approval(self._seen.own)
        if approval == self._seen.approval:
            return
        self._seen.approval = approval
        if heed_charter(self._models, approval):
            _LOG.info("current_models_follow_charter")
        for study in self._seen.studies.values():
            study.forget()

    async def _follow(self) -> None:
        """Read the final blocks above the last height seen."""
        while page := await self._api.blocks(self._seen.height):
            for block in page:
                self._seen.take(block)

    async def _waiting(self) -> set[tuple[str, ...]]:
        """Inputs of own reports that wait for a verdict; a stale one is not among them."""
        return {
            tuple(proposal["references"])
            for proposal in await self._api.open_proposals()
            if proposal["ai"] and proposal["issuer"] == self._seen.own
        }

    async def _report(self, study: Study) -> int:
        """Analyse once, then propose; 1 when a proposal was made, 0 when it is owed or refused."""
        larger = self._seen.larger(study)
        if study.findings is None:
            study.findings = await self._analyse(study)
        if study.findings is None or not await self._is_still_owed(study, larger):
            return 0
        if not self._is_approved(study, study.findings):
            return 0
        study.proposals += 1
        try:
            proposal = await self._api.submit(report_form(study, study.findings))
        except NodeRefused as refused:
            _LOG.warning("report_refused", error=refused.rule)
            return 0
        _LOG.info("report_proposed", proposal=proposal)
        return 1

    async def _is_still_owed(self, study: Study, larger: Study | None) -> bool:
        """Ask the node again: an analysis takes long, and a PET may have come meanwhile.

        What came has its turn in the next round, before this one, whose findings are kept.
        """
        waiting = await self._waiting()
        await self._follow()
        if self._seen.larger(study) is not larger:
            return False
        return self._is_owed(study, self._seen.decided | waiting)

    def _is_approved(self, study: Study, findings: Findings) -> bool:
        """Asked when a proposal is made: since the analysis the card may have been changed."""
        model, approval = findings.model, self._seen.approval
        if not approval.models:
            return True
        try:
            card_digest = self._card_digest(model.digest)
        except ModelError as error:
            study.findings = None
            self._refused(study, error)
            return False
        said = (findings.kind.value, model.digest, card_digest, model.training_digest)
        if not approval.allows(*said):
            _LOG.warning("model_not_approved", model=model.digest.hex())
            study.given_up = True
            return False
        return True

    def _card_digest(self, digest: bytes) -> bytes:
        """Of the approved card as it lies there now; of none for a model that is not on the list.

        Raises ModelError where it is another card.
        """
        if digest not in self._seen.approval.cards:
            return b""
        return hashlib.sha256(self._shelf().open().card_bytes(digest)).digest()

    def _shelf(self) -> Shelf:
        """The models, and what the charter in force lets be taken from them."""
        return Shelf(self._models, self._seen.approval.digests, self._seen.approval.cards)

    async def _analyse(self, study: Study) -> Findings | None:
        """Findings; None while the images are not here, the model is refused, or for ever."""
        block = str(study.image["hash"])
        self._status.enter(State.ANALYSING, block)
        begun_s = _loop_s()
        try:
            findings = await self.analyst.findings(
                study, self._shelf(), self._seen.history, self._status.progress
            )
        except AnalysisError as error:
            self._refused(study, error)
            return None
        except asyncio.CancelledError:
            _LOG.info("analysis_stopped", block=block)
            raise
        if findings is not None:
            _LOG.info("analysed", block=block, seconds=round(_loop_s() - begun_s, 1))
        self._status.enter(State.WATCHING)
        return findings

    def _refused(self, study: Study, error: AnalysisError) -> None:
        """A model may be mended and a machine recover; images stay what they are."""
        study.failures += 1
        kind, reason = type(error).__name__, error.reason.value
        block = str(study.image["hash"])
        _LOG.warning("analysis_refused", error=kind, reason=reason, block=block)
        if isinstance(error, ModelError):
            self._status.enter(State.MODEL_REFUSED, block, reason)
            study.not_before_s = _loop_s() + MEND_S
            return
        self._status.enter(State.WATCHING)
        if isinstance(error, IsolationError) and study.failures < ISOLATION_TRIES:
            study.not_before_s = _loop_s() + MEND_S
            return
        study.given_up = True


def _loop_s() -> float:
    """Seconds of the loop's own clock."""
    return asyncio.get_running_loop().time()
