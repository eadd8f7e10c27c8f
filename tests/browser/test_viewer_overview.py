"""The body at one look, in real Chromium: what is drawn where, what a click, a drag and keys do."""

import re
from typing import Any

import numpy as np
import pytest
from playwright.async_api import expect

from tests.browser.test_viewer import BOTH, CT_ALONE, LESION, MIDDLE, SIDE, SLICES
from tests.browser.viewer_kit import (
    PET_RECORD,
    WANTED_PET,
    MadeNode,
    MadeSeries,
    PageOf,
    Seen,
    made_study,
    viewer_of,
)

PET_ALONE = {"series": [WANTED_PET]}
OVERVIEW = ".viewer-overview"
FIRST, COLUMNS = 10, 77
"""Of the body, which is 76.8 columns wide: air beside it is left out."""
GAP = 6
PIXEL = """([x, y, layer]) => {
  const canvas = document.querySelector(`.viewer-overview ${layer}`);
  return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data];
}"""


@pytest.fixture
def node() -> MadeNode:
    """A node with one study of 40 slices."""
    return made_study(SIDE, SLICES)


async def front(seen: Seen, column: float, slice_: float) -> tuple[float, float]:
    """Where a voxel stands in the front view, which is as wide as its place."""
    box = await seen.page.locator(".viewer-overview-marks").bounding_box()
    assert box is not None
    width = box["width"] - 2 * GAP
    row_pixels = width * 3.0 / (COLUMNS * 2.0)
    return (
        GAP + width * (column - FIRST + 0.5) / COLUMNS,
        GAP + row_pixels * (SLICES - 0.5 - slice_),
    )


async def grey(seen: Seen, column: float, slice_: float) -> int:
    """What is drawn of a voxel in the front view."""
    place = await front(seen, column, slice_)
    found: list[int] = await seen.page.evaluate(PIXEL, [*place, ".viewer-picture"])
    assert found[0] == found[1] == found[2]
    return found[0]


async def marked(seen: Seen, column: float, slice_: float) -> bool:
    """Whether something is drawn over a voxel in the front view."""
    place = await front(seen, column, slice_)
    found: list[int] = await seen.page.evaluate(PIXEL, [*place, "[role=img]"])
    return found[3] > 0


async def click(seen: Seen, column: float, slice_: float) -> None:
    x, y = await front(seen, column, slice_)
    await seen.page.locator(".viewer-overview-marks").click(position={"x": x, "y": y})


async def shown(seen: Seen, wanted: dict[str, Any], lesions: int) -> None:
    """Show a study, and wait until its overview stands with so many outlines."""
    await seen.show(wanted)
    described = seen.page.get_by_role("img", name="Overview of the PET from the front")
    await expect(described).to_have_attribute(
        "aria-label",
        f"Overview of the PET from the front, with a line at slice {MIDDLE} / {SLICES}; "
        f"lesions marked: {lesions}",
    )


async def test_the_highest_uptake_stands_where_it_is_in_the_window_of_the_pet(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await shown(seen, BOTH, 1)
        await expect(seen.page.locator(OVERVIEW)).to_have_attribute("data-views", "front side")
        # SUV 9 lies above a window to 5 and is black; 0.8 of 5 is a light grey.
        assert await grey(seen, LESION["x"], LESION["z"]) == 0
        assert abs(await grey(seen, SIDE / 2, SLICES - 4) - 255 * (1 - 0.8 / 5)) <= 2
        # The patient's left is on the right of the picture: nothing hot mirrored.
        assert await grey(seen, SIDE - LESION["x"], LESION["z"]) > 200
        await seen.page.keyboard.press("Shift+w")
        await seen.settle()
        assert abs(await grey(seen, LESION["x"], LESION["z"]) - 25) <= 2


async def test_a_click_goes_to_the_slice_or_the_lesion_and_a_drag_through_the_slices(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await shown(seen, BOTH, 1)
        page = seen.page
        await click(seen, SIDE / 2 - 20, 31)
        await seen.drawn(31)
        await seen.settle()
        assert [await marked(seen, SIDE / 2 - 20, z) for z in (28, 31, 34)] == [False, True, False]
        await click(seen, LESION["x"] + 2, LESION["z"] + 2)
        await seen.drawn(int(LESION["z"]))
        await expect(page.locator(".viewer-readout")).to_contain_text("1  Liver")
        box = await page.locator(".viewer-overview-marks").bounding_box()
        assert box is not None
        for slice_, act in ((10, page.mouse.down), (25, page.mouse.up)):
            x, y = await front(seen, SIDE / 2 - 20, slice_)
            await page.mouse.move(box["x"] + x, box["y"] + y, steps=3)
            await act()
        await seen.drawn(25)
        await page.mouse.wheel(0, 120)
        await seen.drawn(24)
        # The overview has the focus now: the keys of slices work on it.
        await page.keyboard.press("ArrowUp")
        await seen.drawn(25)
        await page.keyboard.press("o")
        await click(seen, LESION["x"], LESION["z"] + 1)
        await seen.drawn(int(LESION["z"]) + 1)  # what is not outlined is not meant


async def test_v_puts_the_overview_away_and_back(page_of: PageOf, node: MadeNode) -> None:
    async with viewer_of(page_of, node) as seen:
        await shown(seen, BOTH, 1)
        overview = seen.page.locator(OVERVIEW)
        button = seen.page.get_by_role("button", name="MIP")
        await seen.page.keyboard.press("v")
        await expect(overview).to_be_hidden()
        await expect(button).to_have_attribute("aria-pressed", "false")
        await button.click()
        await expect(overview).to_be_visible()


async def test_a_pet_stored_from_the_head_and_from_behind_stands_the_same(
    page_of: PageOf, node: MadeNode
) -> None:
    """Slice 0 is the head's, row 0 the back's: the numbers of slices turn round, the body not."""
    [name] = [each for each in node.images if "PET" in each]
    made = node.images[name]
    turned = np.ascontiguousarray(made.voxels[::-1, ::-1])
    told = made.described | {
        "orientation": [1.0, 0.0, 0.0, 0.0, -1.0, 0.0],
        "positions": [[0.0, 2.0 * (SIDE - 1), 3.0 * (SLICES - 1 - z)] for z in range(SLICES)],
        "origin": [0.0, 2.0 * (SIDE - 1), 3.0 * (SLICES - 1)],
    }
    node.images = {f"{PET_RECORD}/IMM_PET": MadeSeries(turned, told)}
    async with viewer_of(page_of, node) as seen:
        await seen.show(PET_ALONE)
        await seen.page.locator(f"{OVERVIEW}[data-views]").wait_for()
        assert await grey(seen, LESION["x"], LESION["z"]) == 0
        await click(seen, SIDE / 2 - 20, 31)
        await seen.drawn(SLICES - 1 - 31)


async def test_what_is_read_on_request_is_asked_for_on_request(
    page_of: PageOf, node: MadeNode
) -> None:
    """A patient at her own images reads on her own request, the overview too."""
    async with viewer_of(page_of, node) as seen:
        asked: list[str] = []
        seen.page.on("request", lambda request: asked.append(request.url))
        await seen.page.evaluate(
            """async (wanted) => {
              const { createViewer } = await import("/page/viewer/viewer.js");
              const { sourceFor } = await import("/page/viewer/source.js");
              const { loadTexts } = await import("/page/texts.js");
              await loadTexts();
              const place = document.getElementById("place");
              place.style.height = "100vh";
              createViewer(place, { ...wanted, source: sourceFor("request") });
            }""",
            BOTH,
        )
        described = seen.page.get_by_role("img", name="Overview of the PET from the front")
        await expect(described).to_have_attribute("aria-label", re.compile("marked: 1$"))
        addresses = [url for url in asked if "/projections" in url]
        assert len(addresses) == 5, "where they lie, two views, the lesions on them"
        assert all("purpose=request" in url for url in addresses)


async def test_without_a_pet_there_is_none_and_nobody_asks(page_of: PageOf, node: MadeNode) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        await seen.drawn(MIDDLE)
        await expect(seen.page.locator(OVERVIEW)).to_have_count(0)
        await seen.page.keyboard.press("v")
        await seen.watched.settle()
        assert not [address for address in node.asked if "projections" in address]


async def test_an_overview_that_cannot_be_had_is_said_and_leaves_the_slices(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        seen.watched.expect("status of 422")
        problem = {"rule": "broken", "detail": "take the file again"}
        await seen.page.route(
            "**/projections/front", lambda route: route.fulfill(status=422, json=problem)
        )
        await seen.show(BOTH)
        note = seen.page.locator(".viewer-note", has_text="overview of the body cannot be shown")
        await expect(note).to_contain_text("take the file again")
        await expect(seen.page.locator(OVERVIEW)).to_have_count(0)
        await seen.page.keyboard.press("Home")
        await seen.drawn(SLICES - 1)
