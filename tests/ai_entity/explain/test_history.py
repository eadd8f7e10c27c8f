"""Which report is the last study, and that the service compares with it."""

from pathlib import Path
from typing import Any

import pytest

from medquorum.ai_entity.explain import history as history_module
from medquorum.ai_entity.explain.history import ReportHistory, fetch_previous
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.node_api import NodeRefused
from medquorum.ai_entity.service import AiService
from medquorum.ledger.limits import RECORD
from tests.ai_entity.explain.bodies import Scan, parts_of, person, scanned
from tests.ai_entity.test_service import OTHER, OWN, FakeNode, block, report


def taken(*blocks: dict[str, Any]) -> ReportHistory:
    history = ReportHistory()
    for one in blocks:
        history.take(one, OWN)
    return history


def test_the_newest_own_accepted_report_of_the_same_kind_of_image() -> None:
    ct, pet = block(1, "ct", batch_time_ms=50), block(2, "pet", batch_time_ms=60)
    of_pet, newer = report(3, ct, pet), block(4, "ct")
    of_ct = report(5, newer)
    foreign, refused = report(6, pet, issuer=OTHER), report(7, pet, outcome="rejected")
    history = taken(ct, pet, of_pet, newer, of_ct, foreign, refused)
    assert history.last_before(block(8, "pet")) == of_pet
    assert history.last_before(block(8, "ct")) == of_ct
    assert history.last_before(block(8, "ct", 2)) is None
    assert history.recorded_ms(of_pet) == 60
    assert history.recorded_ms(newer) is None, "a node that tells no time"


def test_another_kind_of_image_is_better_than_none() -> None:
    ct = block(1, "ct")
    of_ct = report(2, ct)
    assert taken(ct, of_ct).last_before(block(3, "pet")) == of_ct
    xray = block(1, "xray")
    assert taken(xray, report(2, xray)).last_before(block(3, "ct")) is None


@pytest.fixture(scope="module")
def earlier() -> Findings:
    return scanned(person(), Scan(()))


class Holding(FakeNode):
    """A node that holds reports as the ledger has them."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[tuple[str, str], bytes] = {}

    async def download(self, record: str, part: str, target: Path) -> None:
        if (record, part) in self.parts:
            target.write_bytes(self.parts[record, part])
        elif part in ("M_REPORT", "ATTACHMENT"):
            raise NodeRefused(403, "not_entitled", "sealed for others")
        else:
            await super().download(record, part, target)

    def keep(self, held: dict[str, Any], findings: Findings) -> None:
        report_part, attachment = parts_of(findings)
        self.parts[held["record"], "M_REPORT"] = report_part
        self.parts[held["record"], "ATTACHMENT"] = attachment


async def proposed(node: Holding, findings: Findings, monkeypatch: pytest.MonkeyPatch) -> Any:
    service = AiService(node, Path())  # type: ignore[arg-type]
    monkeypatch.setattr(service.analyst, "run", lambda *_, **__: findings)
    await service.round()
    return node.submitted[-1].report["findings"]


async def test_the_service_reports_what_changed(
    earlier: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Holding()
    day_ms = 86_400_000
    first = block(1, "pet", batch_time_ms=day_ms)
    last = report(2, first)
    node.add(first, last, block(3, "pet", batch_time_ms=8 * day_ms))
    node.keep(last, earlier)
    found = await proposed(node, earlier, monkeypatch)
    assert found["changes"]["previous_report"] == last["hash"]
    assert found["changes"]["days"] == 7
    assert "Compared with the report in block" in node.submitted[-1].report["text"]


async def test_a_sealed_or_broken_report_costs_the_comparison_only(
    earlier: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Holding()
    first = block(1, "pet")
    last = report(2, first)
    node.add(first, last, block(3, "pet"))
    assert (await proposed(node, earlier, monkeypatch))["changes"] is None
    node.open.clear()
    node.parts[last["record"], "M_REPORT"] = b"\xc1 no report"
    assert (await proposed(node, earlier, monkeypatch))["changes"] is None


async def test_a_part_larger_than_a_record_is_not_read(
    earlier: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Holding()
    first = block(1, "pet")
    last = report(2, first)
    node.keep(last, earlier)
    node.parts[last["record"], "M_REPORT"] += b" " * RECORD.total
    monkeypatch.setattr(history_module, "read_previous", lambda *_: pytest.fail("it was read"))
    history = taken(first, last)
    api: Any = node
    assert await fetch_previous(api, history, block(3, "pet"), tmp_path) is None
