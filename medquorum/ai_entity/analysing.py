"""One study from the node to findings: download, analyse in a watched child, compare with the last.

The images lie in a folder of their own for as long as the analysis takes. When the service is
stopped the child is ended at once and the folder removed; nothing of an analysis is kept, so it is
simply done again after the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from medquorum.ai_entity.analyse import Manner, measure_fracture, measure_tumour
from medquorum.ai_entity.errors import AnalysisError
from medquorum.ai_entity.explain.history import ReportHistory, fetch_previous
from medquorum.ai_entity.explain.reporting import with_card, with_changes
from medquorum.ai_entity.findings import Findings, Kind
from medquorum.ai_entity.following import PART, Block, Study
from medquorum.ai_entity.isolated import WarmWorkers, Watch
from medquorum.ai_entity.node_api import NodeApi, NodeRefused
from medquorum.ai_entity.registry import Shelf
from medquorum.ai_entity.working_folder import WorkingFolder

NOT_HERE: Final = 404

PRELOAD: Final = (
    "onnxruntime",
    "medquorum.ai_entity.fracture.pipeline",
    "medquorum.ai_entity.fracture.radiograph",
    "medquorum.ai_entity.tumour.pipeline",
    "medquorum.ai_entity.contact_sheet",
    "medquorum.ai_entity.explain.placing",
)
"""What the next child imports while it waits: twice as long as reading an X-ray."""


class Analyst:
    """Makes findings of studies, one after the other; ``close`` ends the child that waits."""

    def __init__(self, api: NodeApi) -> None:
        self._api = api
        self._workers = WarmWorkers(PRELOAD)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    async def findings(
        self,
        study: Study,
        shelf: Shelf,
        history: ReportHistory,
        progress: Callable[[float], None],
    ) -> Findings | None:
        """Findings with what changed; None while the images are not here yet, which is news.

        Raises AnalysisError. Cancelling it ends the child within a tenth of a second.
        """
        with WorkingFolder("study") as held:
            image = await self._download(study.image, held.path)
            ct = None if study.ct is None else await self._download(study.ct, held.path)
            if image is None or (study.ct is not None and ct is None):
                return None
            watch = Watch(progress)
            kind = str(study.image["type"])
            found = await self._stoppable(watch, self.run, kind, (image, ct), shelf, watch)
            told = await asyncio.to_thread(with_card, found, shelf.folder)
            return await self._compared(study, told, history, held.path)

    def run(
        self, kind: str, images: tuple[Path, Path | None], shelf: Shelf, watch: Watch
    ) -> Findings:
        """The analysis itself, in a child; blocks."""
        image, ct = images
        manner = Manner(watch=watch, workers=self._workers)
        if kind == "xray":
            return measure_fracture(image, shelf, manner=manner).findings
        if kind == "ct":
            return measure_tumour(image, None, shelf, manner=manner).findings
        return measure_tumour(image if ct is None else ct, image, shelf, manner=manner).findings

    async def _stoppable(
        self, watch: Watch, function: Callable[..., Findings], *arguments: Any
    ) -> Findings:
        work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            watch.cancel()
            with suppress(AnalysisError):
                await work
            raise

    async def _compared(
        self, study: Study, findings: Findings, history: ReportHistory, folder: Path
    ) -> Findings:
        """The findings with what changed since the patient's last study, where there is one."""
        previous = await fetch_previous(self._api, history, study.image, folder)
        if previous is None or findings.kind != Kind.TUMOUR:
            return findings
        recorded_ms = history.recorded_ms(study.image)
        return await asyncio.to_thread(with_changes, findings, previous, recorded_ms)

    async def _download(self, block: Block, folder: Path) -> Path | None:
        """An image part as a file; None until this node holds and has opened it."""
        part = PART[str(block["type"])]
        target = folder / part
        try:
            await self._api.download(str(block["record"]), part, target)
        except NodeRefused as refused:
            if refused.status != NOT_HERE:
                raise
            return None
        return target
