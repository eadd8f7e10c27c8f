"""The X-ray viewer in real Chromium: the film, and what an analysis drew on it."""

from typing import Any

import numpy as np
import pytest
from playwright.async_api import expect

from tests.browser.viewer_kit import RECORD, REPORT, MadeNode, MadeSeries, PageOf, viewer_of

ROWS, COLUMNS = 200, 120
WANTED: dict[str, Any] = {
    "series": [{"kind": "xray", "record": RECORD, "part": "IMG_XRAY"}],
    "overlays": [{"record": REPORT}],
    "boxes": [[40, 90, 30, 20]],
}


@pytest.fixture
def node() -> MadeNode:
    """A film of 1,000 with a bone of 3,000 and values up to 60,000, which need 16 bits."""
    film = np.full((1, ROWS, COLUMNS), 1_000, dtype="<u2")
    film[0, :, 50:70] = 3_000
    film[0, :4] = 60_000
    labels = np.zeros((1, ROWS, COLUMNS), dtype=np.uint8)
    labels[0, 100, 45:75] = 2
    labels[0, 150:160, 20:30] = 23
    labels[0, :, 50] = 1
    described = {
        "kind": "xray",
        "columns": COLUMNS,
        "rows": ROWS,
        "slices": 1,
        "frames": [{"columns": COLUMNS, "rows": ROWS}],
        "spacing_mm": [0.2, 0.2, None],
        "origin": None,
        "orientation": None,
        "positions": [],
        "unit": "none",
        "stored": "uint16",
        "rescale": {"slope": 1, "intercept": 0},
        "windows": [{"name": "full", "centre": 2_000, "width": 4_000}],
        "photometric": "MONOCHROME1",
        "series": {},
        "warnings": [{"kind": "inverted", "after": None, "count": None}],
        "frame_of_reference": None,
    }
    images = {f"{RECORD}/IMG_XRAY": MadeSeries(film, described)}
    return MadeNode(images, labels, {"on": "", "labels": []})


async def test_a_film_is_shown_inverted_and_with_what_was_drawn(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        page = seen.page
        await seen.show(WANTED)
        await page.get_by_label("Boxes").wait_for()
        await seen.settle()
        box = await page.locator(".viewer-marks").bounding_box()
        assert box is not None
        wide = box["height"] * COLUMNS / ROWS

        async def grey(column: float, row: float) -> list[int]:
            x = 0.5 + ((column + 0.5) / COLUMNS - 0.5) * wide / box["width"]
            return await seen.pixel("xray", x, (row + 0.5) / ROWS)

        assert await grey(20, 60) == [63, 63, 63]
        assert await grey(60, 60) == [191, 191, 191]
        assert await grey(60, 1) == [255, 255, 255], "60,000 is no negative number"
        hot = await grey(25, 155)
        assert hot[0] > hot[2] + 40, "the activation is laid over the film in colour"
        await page.get_by_label("Activation").uncheck()
        await seen.settle()
        assert await grey(25, 155) == [63, 63, 63]
        await page.keyboard.press("i")
        await seen.settle()
        assert await grey(60, 60) == [64, 64, 64]
        await expect(page.locator(".viewer-note")).to_contain_text("stored inverted")


async def test_edges_are_off_at_first_and_boxes_can_be_taken_away(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        page = seen.page
        await seen.show(WANTED)
        boxes = page.get_by_label("Boxes")
        await boxes.wait_for()
        assert not await page.get_by_label("Edges").is_checked()
        assert await page.get_by_label("Contours").is_checked()
        drawn = await drawn_marks(page)
        await boxes.uncheck()
        await seen.settle()
        assert await drawn_marks(page) < drawn


@pytest.fixture
def bordered(node: MadeNode) -> MadeNode:
    """The film between bright borders: 24 columns left, 20 rows below, 40 above with a marker."""
    film = node.images[f"{RECORD}/IMG_XRAY"].voxels[0]
    film[:4] = 1_000
    film[:, 40:60] = np.linspace(1_000, 3_000, ROWS)[:, None]
    film[:, :24] = film[:40] = film[-20:] = 3_900
    film[10:16, 100:108] = 500
    return node


async def test_a_bright_border_is_covered_but_no_marker_in_it(
    page_of: PageOf, bordered: MadeNode
) -> None:
    async with viewer_of(page_of, bordered) as seen:
        page = seen.page
        await seen.show({"series": WANTED["series"]})
        cover = page.get_by_role("button", name="Cover border")
        await expect(cover).to_have_attribute("aria-pressed", "false")
        covered = page.get_by_text("border covered · B")
        await expect(covered).to_have_count(0)
        offered = page.get_by_text("B covers the bright border")
        await expect(offered).to_be_visible()
        await page.keyboard.press("b")
        await expect(covered).to_be_visible()
        await expect(offered).to_have_count(0)
        await seen.settle()
        box = await page.locator(".viewer-marks").bounding_box()
        assert box is not None
        wide = box["height"] * COLUMNS / ROWS

        async def greys(*places: tuple[int, int]) -> list[int]:
            across = [0.5 + ((column + 0.5) / COLUMNS - 0.5) * wide / box["width"]
                      for column, _ in places]  # fmt: skip
            return [
                (await seen.pixel("xray", x, (row + 0.5) / ROWS))[0]
                for x, (_, row) in zip(across, places, strict=True)
            ]

        border, above = ((12, 100), (60, 190), (60, 5)), ((80, 12), (104, 12))
        assert await greys(*border) == [0, 0, 0]
        assert await greys(*above) == [248, 31], "the marker and its lines stay"
        assert await greys((80, 100)) == [63]
        await page.locator(".viewer-marks").hover(
            position={"x": box["width"] / 2 - wide * 0.4, "y": box["height"] / 2}
        )
        await expect(page.locator(".viewer-readout")).to_contain_text("3900")
        await page.keyboard.press("b")
        await expect(cover).to_have_attribute("aria-pressed", "false")
        await seen.settle()
        assert await greys(*border) == [248, 248, 248]
        await cover.click()
        await page.keyboard.press("i")
        await seen.settle()
        assert await greys(*border) == [7, 7, 7], "shown inverted it does not dazzle"
        await cover.click()
        await expect(cover).to_have_attribute("aria-pressed", "false")
        await expect(offered).to_have_count(0)


async def test_what_an_analysis_drew_is_never_covered(page_of: PageOf, bordered: MadeNode) -> None:
    """An activation in the border, and the film's own edge, at the scale of the screen."""
    assert bordered.labels is not None
    bordered.labels[0, 185:195, 70:100] = 23
    async with viewer_of(page_of, bordered) as seen:
        page = seen.page
        await seen.show(WANTED)
        await page.get_by_label("Activation").wait_for()
        await page.keyboard.press("b")
        await seen.settle()
        box = await page.locator(".viewer-marks").bounding_box()
        assert box is not None
        wide = box["height"] * COLUMNS / ROWS
        hot = await seen.pixel("xray", 0.5 + (85.5 / COLUMNS - 0.5) * wide / box["width"], 0.95)
        assert hot[0] > hot[2] + 40, "the activation lies over the cover"
        for beside in range(-2, 3):
            x = 0.5 + (-0.5 * wide + beside) / box["width"]
            assert await seen.pixel("xray", x, 0.5) == [0, 0, 0], "the film's edge shines through"


async def test_dense_anatomy_that_was_clipped_is_no_border(page_of: PageOf, node: MadeNode) -> None:
    """A white lower third from edge to edge; and a narrower one with a fine dark line in it."""
    async with viewer_of(page_of, node) as seen:
        found = await seen.page.evaluate(
            """async () => {
              const { openingOf } = await import("/page/viewer/shutters.js");
              const [columns, rows] = [800, 1000];
              const length = columns * rows;
              const film = (white, line) => Uint16Array.from({ length }, (_, at) => {
                const [x, y] = [at % columns, Math.floor(at / columns)];
                if (y >= rows - white) return x >= 400 && x < 400 + line ? 1500 : 4095;
                return x < 100 || x > 700 ? 200 : 1500 + ((x * 7 + y * 13) % 900);
              });
              return [[350, 0], [150, 4], [150, 0]].map(([white, line]) =>
                openingOf(film(white, line), { columns, rows }, false));
            }"""
        )
    assert found == [None, None, {"left": 0, "top": 0, "right": 800, "bottom": 850}]


async def test_a_film_without_a_border_has_nothing_to_cover(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(WANTED)
        await seen.page.get_by_label("Boxes").wait_for()
        await expect(seen.page.get_by_role("button", name="Cover border")).to_have_count(0)
        await expect(seen.page.get_by_text("bright border")).to_have_count(0)


async def drawn_marks(page: Any) -> int:
    """Pixels drawn over the film."""
    count: int = await page.evaluate(
        """() => {
          const canvas = document.querySelector(".viewer-marks");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return data.filter((value, index) => index % 4 === 3 && value > 0).length;
        }"""
    )
    return count
