"""A report is proposed once, also when its verdict falls while the service asks."""

from typing import Any

import pytest

from tests.ai_entity.test_service import FakeNode, block, report, service_of


async def test_a_report_decided_while_the_service_asks_is_not_proposed_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = FakeNode()
    service, _ = service_of(node, monkeypatch)
    image = block(1, "ct")
    node.add(image)
    assert await service.round() == 1
    asked = node.blocks

    async def decided_after(after: int) -> list[dict[str, Any]]:
        page = await asked(after)
        if node.open and not page:
            node.open.clear()
            node.add(report(2, image))
        return page

    monkeypatch.setattr(node, "blocks", decided_after)
    assert await service.round() == 0
    assert await service.round() == 0
    assert len(node.submitted) == 1
