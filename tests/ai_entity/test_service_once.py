"""A report is proposed once: not while its verdict falls, not where a larger one says it."""

from pathlib import Path
from typing import Any

import pytest

from medquorum.ai_entity.errors import Reason, SeriesError
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


def references(node: FakeNode) -> list[tuple[str, ...]]:
    return [form.references for form in node.submitted]


async def test_of_a_ct_and_a_pet_read_with_it_only_the_pets_report_is_proposed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = FakeNode()
    service, analysis = service_of(node, monkeypatch)
    ct, pet = block(1, "ct"), block(2, "pet")
    node.add(ct, pet, block(3, "ct", 2))
    for _ in range(3):
        await service.round()
    both = (ct["hash"], pet["hash"])
    assert references(node) == [both, (f"{3:064x}",)]
    assert ("ct", False) in analysis.seen
    assert len(analysis.seen) == 2
    # decided either way it stays the one that was said, also for a service begun anew
    node.open.clear()
    node.add(report(4, ct, pet, outcome="rejected"), report(5, block(3, "ct", 2)))
    again, _ = service_of(node, monkeypatch)
    assert (await service.round(), await again.round()) == (0, 0)


@pytest.mark.parametrize("readable", [True, False])
async def test_a_pet_that_comes_while_its_ct_is_analysed_has_its_turn_first(
    monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    node = FakeNode()
    service, analysis = service_of(node, monkeypatch)
    ct, pet = block(1, "ct"), block(2, "pet")
    node.add(ct)

    def analysed_as_the_pet_comes(kind: str, *given: Any) -> Any:
        if kind == "ct":
            node.add(pet)
        analysis.fails = kind == "pet" and not readable
        return analysis(kind, *given)

    monkeypatch.setattr(service.analyst, "run", analysed_as_the_pet_comes)
    assert [await service.round() for _ in range(3)] == [0, 1, 0]
    assert references(node) == [(ct["hash"], pet["hash"]) if readable else (ct["hash"],)]
    assert [kind for kind, _ in analysis.seen] == ["ct", "pet"]


async def test_a_report_that_another_start_proposed_during_the_analysis_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = FakeNode()
    service, analysis = service_of(node, monkeypatch)
    image = block(1, "ct")
    node.add(image)

    def analysed_as_it_is_decided(*given: Any) -> Any:
        node.add(report(2, image))
        return analysis(*given)

    monkeypatch.setattr(service.analyst, "run", analysed_as_it_is_decided)
    assert [await service.round() for _ in range(2)] == [0, 0]
    assert node.submitted == []


async def test_a_ct_report_that_a_pet_made_stale_is_not_proposed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = FakeNode()
    service, _ = service_of(node, monkeypatch)
    ct, pet = block(1, "ct"), block(2, "pet")
    node.add(ct)
    assert await service.round() == 1
    node.open.clear()
    node.add(pet)
    node.bodies.remove(pet["record"])
    assert [await service.round() for _ in range(2)] == [0, 0]
    node.bodies.add(pet["record"])
    assert await service.round() == 1
    node.open.clear()
    assert await service.round() == 1
    both = (ct["hash"], pet["hash"])
    assert references(node) == [(ct["hash"],), both, both]


async def test_a_pet_that_cannot_be_read_leaves_the_ct_its_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = FakeNode()
    service, analysis = service_of(node, monkeypatch)

    def fails_with_a_pet(kind: str, images: tuple[Path, Path | None], *more: Any) -> Any:
        if images[1] is not None:
            raise SeriesError(Reason.EMPTY_SERIES, "no slices")
        return analysis(kind, images, *more)

    monkeypatch.setattr(service.analyst, "run", fails_with_a_pet)
    ct = block(1, "ct")
    node.add(ct, block(2, "pet"))
    for _ in range(3):
        await service.round()
        node.open = node.open[:1]
    assert references(node) == [(ct["hash"],)]
