"""What fingers, buttons, cine and a series of another space do to the slice viewer."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.viewer_kit import (
    PET_RECORD,
    WANTED_CT,
    WANTED_PET,
    MadeNode,
    PageOf,
    Seen,
    made_study,
    viewer_of,
)

CT_ALONE = {"series": [WANTED_CT]}
SLICES = 12
MIDDLE = SLICES // 2


@pytest.fixture
def node() -> MadeNode:
    """A node with a small study."""
    return made_study(48, SLICES)


class Fingers:
    """Touches sent to the browser as a screen sends them."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def put(self, *places: tuple[float, float]) -> None:
        """Put down one finger after another."""
        await self._send("touchStart", places)

    async def move(self, *places: tuple[float, float]) -> None:
        """Move the fingers that are down."""
        await self._send("touchMove", places)

    async def lift(self) -> None:
        """Lift all."""
        await self._send("touchEnd", ())

    async def _send(self, kind: str, places: tuple[tuple[float, float], ...]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        message = {"type": kind, "touchPoints": points}
        await self._session.send("Input.dispatchTouchEvent", message)


async def scale_bar_mm(seen: Seen) -> float:
    """CSS pixels by mm of the picture, from the pane's own placement as the marks draw it."""
    return await seen.page.evaluate(
        """() => {
          const canvas = document.querySelector(".viewer-picture");
          const { data, width, height } = canvas.getContext("2d")
            .getImageData(0, Math.round(canvas.height / 2), canvas.width, 1);
          let bright = 0;
          for (let at = 0; at < width; at += 1) bright += data[at * 4] > 60 ? 1 : 0;
          return bright;
        }"""
    )


async def test_one_finger_scrolls_and_two_zoom(page_of: PageOf, node: MadeNode) -> None:
    async with viewer_of(page_of, node, has_touch=True) as seen:
        await seen.show(CT_ALONE)
        fingers = Fingers(await seen.page.context.new_cdp_session(seen.page))
        await fingers.put((300, 300))
        await fingers.move((300, 315))
        await fingers.move((300, 325))
        await fingers.lift()
        await seen.drawn(MIDDLE - 2)
        before = await scale_bar_mm(seen)
        await fingers.put((560, 360), (640, 360))
        await fingers.move((540, 360), (660, 360))
        await fingers.move((520, 360), (680, 360))
        await fingers.lift()
        await seen.settle()
        assert await scale_bar_mm(seen) > 1.5 * before
        await expect(seen.page.locator(".viewer")).to_have_attribute("data-drawn", str(MIDDLE - 2))


async def test_buttons_and_keys_zoom_move_and_reset(page_of: PageOf, node: MadeNode) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        mouse = seen.page.mouse
        whole = await scale_bar_mm(seen)
        await seen.page.keyboard.press("-")
        await seen.settle()
        assert await scale_bar_mm(seen) < whole
        await seen.page.keyboard.press("f")
        await seen.settle()
        assert await scale_bar_mm(seen) == whole
        await mouse.move(600, 400)
        await mouse.down(button="right")
        await mouse.move(600, 300, steps=3)
        await mouse.up(button="right")
        await seen.settle()
        assert await scale_bar_mm(seen) > 1.5 * whole
        await mouse.down(button="middle")
        await mouse.move(600, 1400, steps=3)
        await mouse.up(button="middle")
        await seen.settle()
        assert await scale_bar_mm(seen) == 0, "the picture was moved out of the middle"


async def test_cine_plays_from_head_to_foot_and_stops(page_of: PageOf, node: MadeNode) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        await seen.page.evaluate(
            """() => {
              window.played = [];
              const note = () => window.played.push(Number(viewer.dataset.drawn));
              const viewer = document.querySelector(".viewer");
              new MutationObserver(note).observe(viewer, { attributeFilter: ["data-drawn"] });
            }"""
        )
        await seen.page.get_by_label("Slices by second").select_option("24")
        await seen.page.get_by_role("button", name="Cine", exact=True).click()
        await seen.drawn(0)
        await seen.drawn(SLICES - 1)
        await seen.page.keyboard.press("c")
        button = seen.page.get_by_role("button", name="Cine", exact=True)
        await expect(button).to_have_attribute("aria-pressed", "false")
        order = list(dict.fromkeys(await seen.page.evaluate("window.played")))
        assert order[: MIDDLE + 2] == [*range(MIDDLE, -1, -1), SLICES - 1]


async def test_series_of_different_spaces_are_shown_one_by_one(
    page_of: PageOf, node: MadeNode
) -> None:
    node.images[f"{PET_RECORD}/IMM_PET"].described["frame_of_reference"] = "9.9"
    async with viewer_of(page_of, node) as seen:
        await seen.show({"series": [WANTED_CT, WANTED_PET], "layout": "fused"})
        alone = seen.page.get_by_role("button", name="Show the PET by itself")
        await alone.wait_for()
        assert await seen.page.get_by_role("button", name="Fused").count() == 0
        await alone.click()
        await expect(seen.page.locator(".viewer-corner-title")).to_have_text("PET")
        assert not any("on=" in path for path in node.asked)


async def test_the_crosshair_is_moved_by_keys_and_read_out(page_of: PageOf, node: MadeNode) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        await seen.page.locator(".viewer-marks").focus()
        await seen.page.keyboard.press("Shift+ArrowRight")
        said = seen.page.locator("#announcements")
        await expect(said).to_contain_text("40 HU   L50 P48")
        await seen.page.keyboard.press("Shift+ArrowDown")
        await expect(said).to_contain_text("L50 P50")
