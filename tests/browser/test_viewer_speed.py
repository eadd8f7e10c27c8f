"""How soon PET over CT of 300 slices of 512 x 512 is on the screen, and the next slice of it."""

from statistics import median

import numpy as np

from tests.browser.viewer_kit import (
    PET_RECORD,
    RECORD,
    REPORT,
    WANTED_CT,
    WANTED_PET,
    MadeNode,
    MadeSeries,
    PageOf,
    described_volume,
    overlay_of,
    viewer_of,
)

SLICES, SIDE = 300, 512
FIRST_MS, NEXT_MS = 1_500, 50
STEPS = 20

FIRST = """async (wanted) => {
  const { createViewer } = await import("/page/viewer/viewer.js");
  const { loadTexts } = await import("/page/texts.js");
  await loadTexts();
  const place = document.getElementById("place");
  place.style.height = "100vh";
  const times = [];
  for (let run = 0; run < 10; run += 1) {
    window.viewer?.destroy();
    const begun = performance.now();
    window.viewer = createViewer(place, wanted);
    await window.viewer.ready;
    times.push(performance.now() - begun);
  }
  return times;
}"""
NEXT = """async (steps) => {
  await new Promise((done) => setTimeout(done, 1000));
  const times = [];
  const shown = () => document.querySelector(".viewer").dataset.drawn;
  const picture = document.querySelector(".viewer-marks");
  for (let step = 0; step < steps; step += 1) {
    const before = shown();
    const begun = performance.now();
    const wheel = { deltaY: 120, clientX: 300, clientY: 300, bubbles: true, cancelable: true };
    picture.dispatchEvent(new WheelEvent("wheel", wheel));
    while (shown() === before) await new Promise((done) => requestAnimationFrame(done));
    times.push(performance.now() - begun);
    await new Promise((done) => setTimeout(done, 60));
  }
  return times;
}"""


def made_large() -> MadeNode:
    """One slice 300 times: what is measured does not depend on what is in it."""
    rng = np.random.default_rng(1)
    ct = rng.normal(40, 30, (SIDE, SIDE)).astype("<i2")
    pet = np.zeros((SIDE, SIDE), dtype="<i2")
    pet[200:280, 200:280] = 6_000
    labels = (pet > 0).astype(np.uint8)
    shape = (SLICES, SIDE, SIDE)
    spacing = (0.98, 0.98, 3.27)
    images = {}
    for name, kind, plane, slope in (
        (f"{RECORD}/IMG_CT", "ct", ct, 1.0),
        (f"{PET_RECORD}/IMM_PET", "pet", pet, 0.001),
    ):
        voxels = np.broadcast_to(plane, shape)
        images[name] = MadeSeries(voxels, described_volume(kind, voxels, spacing, slope))
    return MadeNode(images, np.broadcast_to(labels, shape), overlay_of(labels[None]))


async def test_the_first_slice_is_there_soon_and_the_next_at_once(page_of: PageOf) -> None:
    node = made_large()
    wanted = {
        "series": [WANTED_CT, WANTED_PET],
        "overlays": [{"record": REPORT}],
        "layout": "fused",
    }
    async with viewer_of(page_of, node) as seen:
        first = await seen.page.evaluate(FIRST, wanted)
        await seen.page.locator(".viewer-pane-fused").wait_for()
        turned = await seen.page.evaluate(NEXT, STEPS)
        print(f"first slice {median(first):.0f} ms, next slice {median(turned):.0f} ms (medians)")
        # The best of them: on a machine that does much else at once the rest wait for their turn.
        assert min(first) <= FIRST_MS
        assert min(turned) <= NEXT_MS
