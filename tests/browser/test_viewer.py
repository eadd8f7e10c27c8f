"""The slice viewer in real Chromium: what it draws of what was sent, what hands and keys do."""

import math
import re

import pytest
from playwright.async_api import expect

from tests.browser.viewer_kit import (
    REPORT,
    WANTED_CT,
    WANTED_PET,
    MadeNode,
    PageOf,
    Seen,
    made_study,
    viewer_of,
)

CT_ALONE = {"series": [WANTED_CT]}
BOTH = {
    "series": [WANTED_CT, WANTED_PET],
    "overlays": [{"record": REPORT, "lesions": [{"number": 1, "region": "Liver"}]}],
}
SLICES, SIDE = 40, 96
LESION = {"x": SIDE / 2 + 0.12 * SIDE, "y": SIDE / 2 - 0.2 * SIDE, "z": SLICES // 3}
MIDDLE = SLICES // 2


@pytest.fixture
def node() -> MadeNode:
    """A node with one study of 40 slices."""
    return made_study(SIDE, SLICES)


async def test_a_window_draws_the_numbers_as_greys(page_of: PageOf, node: MadeNode) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        await seen.drawn(MIDDLE)
        # 40 HU lie in the middle of the soft tissue window of 400 round 40.
        body = await seen.pixel("ct", 0.5, 0.5)
        assert body[0] == body[1] == body[2]
        assert abs(body[0] - 127) <= 1
        assert await seen.pixel("ct", 0.5, 0.02) == [0, 0, 0]


async def test_w_goes_through_the_presets_and_round(page_of: PageOf, node: MadeNode) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        level = seen.page.locator(".viewer-corner-level")
        names = []
        for _ in range(6):
            names.append((await level.inner_text()).split(" W")[0])
            await seen.page.keyboard.press("w")
            await expect(level).not_to_contain_text(names[-1] + " ")
        assert names == ["Soft tissue", "Lung", "Bone", "Brain", "Liver", "Soft tissue"]


async def test_wheel_keys_and_slider_turn_slices_from_the_head_down(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        page = seen.page
        await page.mouse.move(300, 300)
        await page.mouse.wheel(0, 120)  # downward, towards the feet, which are slice 0
        await seen.drawn(MIDDLE - 1)
        await page.keyboard.press("[")
        await seen.drawn(MIDDLE)
        await page.keyboard.press("Home")
        await seen.drawn(SLICES - 1)
        await expect(page.locator(".viewer-corner-place")).to_contain_text(f"1 / {SLICES}")
        await page.keyboard.press("End")
        await seen.drawn(0)
        slider = page.get_by_role("slider", name="Slice")
        await slider.fill("11")
        await seen.drawn(SLICES - 11)
        assert await slider.get_attribute("aria-valuetext") == f"11 / {SLICES}"


async def test_dragging_sets_the_window_and_the_numbers_follow(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        before = await seen.pixel("ct", 0.5, 0.5)
        await drag(seen, (300, 300), (300, 360))
        level = seen.page.locator(".viewer-corner-level")
        await expect(level).to_contain_text("By hand W 400 L 100")
        assert (await seen.pixel("ct", 0.5, 0.5))[0] < before[0]
        await drag(seen, (300, 300), (400, 300))
        await expect(level).to_contain_text("By hand W 5")


async def test_the_pointer_tells_hu_suv_and_place(page_of: PageOf, node: MadeNode) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show({**BOTH, "layout": "triple"})
        await seen.page.locator(".viewer-stage-3").wait_for()
        await seen.page.evaluate("viewer.goToLesion(1)")
        await seen.drawn(LESION["z"])
        readout = seen.page.locator(".viewer-readout")
        await expect(readout).to_contain_text("60 HU")
        await expect(readout).to_contain_text("SUV 9.00")
        await expect(readout).to_contain_text("Liver")
        x_mm, z_mm = round(LESION["x"]) * 2, LESION["z"] * 3
        await expect(readout).to_contain_text(re.compile(rf"L{x_mm} P\d+ H{z_mm} mm"))


async def test_fused_panes_show_uptake_in_colour_and_all_at_one_slice(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show({**BOTH, "layout": "triple"})
        await seen.page.locator(".viewer-stage-3").wait_for()
        await seen.page.evaluate(f"viewer.setSlice({LESION['z']})")
        await seen.drawn(LESION["z"])
        places = await seen.page.locator(".viewer-corner-place").all_inner_texts()
        assert len({place.split(" z")[0].strip() for place in places}) == 1
        # Where the lesion takes up most, hot iron is white and inverse grey black.
        x, y = await in_pane(seen, "fused", LESION)
        hot = await seen.pixel("fused", x, y)
        assert min(hot) > 150, "the hottest step of hot iron is white"
        x, y = await in_pane(seen, "pet", LESION)
        assert await seen.pixel("pet", x, y) == [0, 0, 0]
        x, y = await in_pane(seen, "pet", {"x": 2, "y": 2})
        assert await seen.pixel("pet", x, y) == [255, 255, 255]


async def test_opacity_and_colours_of_the_uptake_change_the_fused_picture(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show({**BOTH, "layout": "fused"})
        await seen.page.locator(".viewer-pane-fused").wait_for()
        await seen.page.evaluate(f"viewer.setSlice({LESION['z']})")
        await seen.drawn(LESION["z"])
        x, y = await in_pane(seen, "fused", LESION)
        await seen.page.get_by_label("Opacity of the PET").fill("0")
        await seen.settle()
        grey = await seen.pixel("fused", x, y)
        assert max(grey) - min(grey) <= 1
        await seen.page.get_by_label("Opacity of the PET").fill("100")
        await seen.page.get_by_label("PET range").select_option(label="SUV 0–20")
        await seen.settle()
        red, green, blue = await seen.pixel("fused", x, y)
        # SUV 9 of 20 lies below the half of hot iron: red alone, 0.45 / 0.5 of it.
        assert abs(red - 229) <= 3
        assert green <= 3
        assert blue <= 3


async def test_a_lesion_is_outlined_where_its_voxels_are_and_listed(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(BOTH)
        page = seen.page
        await page.get_by_role("button", name="1 Liver").click()
        await seen.drawn(LESION["z"])
        await expect(page.get_by_role("img", name="1 lesions outlined")).to_be_visible()
        radius = 0.08 * SIDE
        left, top = await in_pane(seen, "ct", {"x": LESION["x"] - radius, "y": LESION["y"]})
        assert await seen.marked(left, top), "no line at the lesion's border"
        x, y = await in_pane(seen, "ct", {"x": LESION["x"] - radius * 2, "y": LESION["y"] + 9})
        assert not await seen.marked(x, y)
        assert await page.locator(".viewer-tick").count() == 1
        await page.keyboard.press("o")
        await expect(page.get_by_role("img", name="0 lesions outlined")).to_be_visible()


async def test_a_distance_is_measured_in_millimetres_by_the_spacing(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        await seen.page.keyboard.press("m")
        box = await seen.page.locator(".viewer-marks").bounding_box()
        assert box is not None
        scale = min(box["width"], box["height"]) / (SIDE * 2.0)  # CSS pixels by mm
        start = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await drag(seen, start, (start[0] + 30 * scale, start[1] + 40 * scale))
        said = await seen.page.locator("#announcements").inner_text()
        length = float(said.removeprefix("Distance ").removesuffix(" mm"))
        assert math.isclose(length, 50.0, abs_tol=0.2)


async def test_a_point_in_the_patient_is_shown_at_its_voxel(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        assert await seen.page.evaluate("viewer.goToPoint([100.4, 59.5, 33.9])")
        await seen.drawn(11)
        await expect(seen.page.locator(".viewer-readout")).to_contain_text("L100 P60 H33 mm")
        assert not await seen.page.evaluate("viewer.goToPoint([100, 60, 4000])")
        assert not await seen.page.evaluate("viewer.goTo({x: NaN, y: 1, z: 1})")


async def test_slices_ahead_are_fetched_before_they_are_wanted_and_once(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        await seen.show(CT_ALONE)
        await seen.page.keyboard.press("]")
        await seen.drawn(MIDDLE - 1)
        await seen.until(lambda: asked_slice(node, MIDDLE - 12))
        assert len(node.asked) == len(set(node.asked))


async def test_a_slice_that_cannot_be_had_is_said_and_others_are_shown(
    page_of: PageOf, node: MadeNode
) -> None:
    node.failing = {MIDDLE - 1}
    async with viewer_of(page_of, node) as seen:
        seen.watched.expect("422")
        await seen.show(CT_ALONE)
        await seen.page.keyboard.press("]")
        await expect(seen.page.locator(".viewer-note")).to_contain_text("take the file again")
        await expect(seen.page.locator(".viewer")).to_have_attribute("data-drawn", str(MIDDLE))
        await seen.page.keyboard.press("]")
        await seen.drawn(MIDDLE - 2)


def asked_slice(node: MadeNode, index: int) -> bool:
    """Whether a slice of the CT was asked for."""
    return any(path.endswith(f"/slices/{index}") for path in node.asked)


async def drag(seen: Seen, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press, move in steps, let go; then wait for what is drawn."""
    await seen.page.mouse.move(*start)
    await seen.page.mouse.down()
    await seen.page.mouse.move(*end, steps=4)
    await seen.page.mouse.up()
    await seen.settle()


async def in_pane(seen: Seen, pane: str, voxel: dict[str, float]) -> tuple[float, float]:
    """The shares of a pane's width and height where a voxel's centre lies, not zoomed."""
    box = await seen.page.locator(f".viewer-pane-{pane} .viewer-marks").bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])
    across = (voxel["x"] + 0.5) / SIDE - 0.5
    down = (voxel["y"] + 0.5) / SIDE - 0.5
    return 0.5 + across * side / box["width"], 0.5 + down * side / box["height"]
