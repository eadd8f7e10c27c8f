"""Which report is the patient's last study, and its content from the node.

Only this entity's own accepted reports are compared with: their overlays are readable here, and one
kind of measurement goes through both. A PET is compared with the last PET, a CT with the last CT;
where there is none of its kind, with the newest of the other.
"""

from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.explain.previous import PreviousStudy, read_previous
from medquorum.ai_entity.node_api import NodeApi, NodeRefused
from medquorum.ledger.limits import FRAME, RECORD

Block = dict[str, Any]
IMAGES: Final = ("ct", "pet")
REPORT_PART: Final = "M_REPORT"
OVERLAY_PART: Final = "ATTACHMENT"
LONGEST: Final = {REPORT_PART: RECORD.total, OVERLAY_PART: FRAME.total}


class ReportHistory:
    """The newest own report of every patient by kind of image."""

    def __init__(self) -> None:
        self._images: dict[str, tuple[str, int]] = {}
        """Hash of an image block: its type and ledger time in ms."""
        self._newest: dict[tuple[int, str], Block] = {}

    def take(self, block: Block, own: str) -> None:
        """Learn one final block, in the order of the chain."""
        if block["outcome"] != "accepted":
            return
        if block["type"] in IMAGES:
            time_ms = int(block.get("batch_time_ms", 0))
            self._images[str(block["hash"])] = (str(block["type"]), time_ms)
        elif block["type"] == "report" and block["issuer"] == own:
            kind = self._kind(block)
            if kind is not None:
                self._newest[int(block["n_pb"]), kind] = block

    def last_before(self, image: Block) -> Block | None:
        """The report that a new study is compared with."""
        patient, kind = int(image["n_pb"]), str(image["type"])
        same = self._newest.get((patient, kind))
        others = [self._newest.get((patient, other)) for other in IMAGES]
        known = [block for block in others if block is not None]
        return same or max(known, key=lambda block: int(block["n_bc"]), default=None)

    def recorded_ms(self, block: Block) -> int | None:
        """Ledger time of the image that a report is about, or of the image itself."""
        about = [str(block["hash"]), *(str(one) for one in reversed(block["references"]))]
        times = [self._images[one][1] for one in about if one in self._images]
        return times[0] if times and times[0] > 0 else None

    def _kind(self, report: Block) -> str | None:
        """``pet`` when a PET is among the images that the report is about."""
        kinds = {self._images[str(one)][0] for one in report["references"] if one in self._images}
        return next((kind for kind in ("pet", "ct") if kind in kinds), None)


async def fetch_previous(
    api: NodeApi, history: ReportHistory, image: Block, folder: Path
) -> PreviousStudy | None:
    """The last study before ``image``; None where there is none that this node can open.

    Raises NodeAway when the node does not answer. A refusal costs the comparison, not the report.
    """
    block = history.last_before(image)
    if block is None:
        return None
    report = await _part(api, block, REPORT_PART, folder)
    if report is None:
        return None
    held = OVERLAY_PART in block.get("parts", (OVERLAY_PART,))
    overlay = await _part(api, block, OVERLAY_PART, folder) if held else None
    return read_previous(report, overlay, str(block["hash"]), history.recorded_ms(block))


async def _part(api: NodeApi, block: Block, part: str, folder: Path) -> bytes | None:
    """A part's plaintext; None where the node holds none or it is larger than any we wrote."""
    target = folder / f"previous-{part}"
    try:
        await api.download(str(block["record"]), part, target)
    except NodeRefused:
        return None
    if target.stat().st_size > LONGEST[part]:
        return None
    return target.read_bytes()
