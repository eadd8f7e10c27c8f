"""The viewer's pure parts in real Chromium, beside deliberately naive twins in Python."""

from typing import Any

import numpy as np
import pytest

from tests.browser.viewer_kit import MadeNode, PageOf, Seen, made_study, viewer_of

OBLIQUE = {
    "columns": 7,
    "rows": 5,
    "slices": 4,
    "spacing_mm": [0.7, 0.9, 2.5],
    "origin": [12.0, -30.0, 100.0],
    "orientation": [0.8, 0.6, 0.0, -0.6, 0.8, 0.0],
    "positions": [[12.0 + 0.1 * z, -30.0, 100.0 + 2.5 * z] for z in range(4)],
    "rescale": {"slope": 1, "intercept": 0},
}


@pytest.fixture
def node() -> MadeNode:
    """A node whose images are not looked at here."""
    return made_study(16, 4)


async def run(seen: Seen, module: str, body: str, given: Any) -> Any:
    """What a function body returns, given a module of the viewer as `m` and a value as `v`."""
    script = f"async ([name, v]) => {{ const m = await import(name); {body} }}"
    return await seen.page.evaluate(script, [f"/page/viewer/{module}.js", given])


def border_middles(labels: np.ndarray, label: int) -> set[tuple[float, float]]:
    """Middles of the sides between voxels of a label and others, one voxel after another."""
    rows, columns = labels.shape
    found = set()
    for y, x in np.argwhere(labels == label):
        sides = ((0, -1, 0.5, 0.0), (1, 0, 1.0, 0.5), (0, 1, 0.5, 1.0), (-1, 0, 0.0, 0.5))
        for dx, dy, at_x, at_y in sides:
            beside_x, beside_y = x + dx, y + dy
            inside = 0 <= beside_x < columns and 0 <= beside_y < rows
            if not inside or labels[beside_y, beside_x] != label:
                found.add((x + at_x, y + at_y))
    return found


async def test_outlines_run_once_along_every_border_side(page_of: PageOf, node: MadeNode) -> None:
    rng = np.random.default_rng(5)
    maps = [rng.integers(0, 4, (9, 8)).astype(np.uint8) for _ in range(30)]
    maps.append(np.pad(np.ones((3, 3), np.uint8), 2))
    body = """return v.maps.map((labels) =>
      m.outlines(Uint8Array.from(labels), v.columns, v.rows).map((one) =>
        ({ label: one.label, paths: one.paths.map((path) => [...path]) })))"""
    async with viewer_of(page_of, node) as seen:
        square = maps.pop()
        for maps_of_size, columns, rows in ((maps, 8, 9), ([square], 7, 7)):
            given = {"maps": [m.ravel().tolist() for m in maps_of_size]}
            drawn = await run(seen, "contours", body, {**given, "columns": columns, "rows": rows})
            for labels, outlines in zip(maps_of_size, drawn, strict=True):
                wanted = set(np.unique(labels).tolist()) - {0}
                assert {one["label"] for one in outlines} == wanted
                for one in outlines:
                    check_outline(one, labels)


def check_outline(outline: dict[str, Any], labels: np.ndarray) -> None:
    """Closed paths of short steps, through each middle of a border side once."""
    points = []
    for path in outline["paths"]:
        line = np.array(path).reshape(-1, 2)
        steps = np.hypot(*(np.roll(line, -1, axis=0) - line).T)
        assert steps.max() <= 1.0 + 1e-6
        points += [tuple(point) for point in line.tolist()]
    assert len(points) == len(set(points))
    assert set(points) == border_middles(labels, outline["label"])


async def test_voxels_lie_where_positions_and_directions_say(
    page_of: PageOf, node: MadeNode
) -> None:
    async with viewer_of(page_of, node) as seen:
        grid = (await run(seen, "description", "return m.readSeries(v)", OBLIQUE))["grid"]
        body = """const point = m.pointOf(v.grid, v.voxel);
          return { point, back: m.voxelOf(v.grid, point), sides: m.sides(v.grid) }"""
        voxel = {"x": 3, "y": 1.5, "z": 2}
        told = await run(seen, "geometry", body, {"grid": grid, "voxel": voxel})
        across, down = np.array([0.8, 0.6, 0.0]) * 0.7, np.array([-0.6, 0.8, 0.0]) * 0.9
        wanted = np.array([12.2, -30.0, 105.0]) + 3 * across + 1.5 * down
        assert np.allclose(told["point"], wanted)
        assert np.allclose([told["back"][axis] for axis in "xyz"], [3, 1.5, 2])
        assert told["sides"] == {"left": "RA", "right": "LP", "top": "AL", "bottom": "PR"}


async def test_windows_map_stored_numbers_as_the_formula_does(
    page_of: PageOf, node: MadeNode
) -> None:
    stored = np.array([-2000, -360, -160, -1, 0, 40, 239, 240, 30000], dtype=np.int16)
    series = {"rescale": {"slope": 0.5, "intercept": 20}, "unsigned": False}
    window = {"low": -160, "high": 240}
    body = """const table = m.positions(v.series, v.window);
      return v.bits.map((each) => table[each])"""
    async with viewer_of(page_of, node) as seen:
        for unsigned in (False, True):
            given = {"series": {**series, "unsigned": unsigned}, "window": window}
            bits = stored.view(np.uint16).tolist()
            told = await run(seen, "windows", body, {**given, "bits": bits})
            numbers = stored.view(np.uint16) if unsigned else stored
            values = numbers.astype(np.float64) * 0.5 + 20
            assert told == np.floor(np.clip((values + 160) / 400 * 255, 0, 255)).tolist()


async def test_a_shelf_keeps_few_bytes_and_fetches_few_at_once(
    page_of: PageOf, node: MadeNode
) -> None:
    body = """
      const state = { busy: 0, most: 0, asked: [], keptMost: 0 };
      const fetchSlice = async (index) => {
        state.asked.push(index);
        state.busy += 1;
        state.most = Math.max(state.most, state.busy);
        await new Promise((done) => setTimeout(done));
        state.busy -= 1;
        return new Uint8Array(100);
      };
      const shelf = new m.SliceShelf(100, fetchSlice, new m.Lane(3), 1000);
      for (const index of [50, 51, 52, 53]) {
        await shelf.want(index);
        shelf.prefetch(index, 1);
        state.keptMost = Math.max(state.keptMost, shelf.bytes);
      }
      while (state.busy > 0) await new Promise((done) => setTimeout(done));
      state.far = shelf.peek(80) !== undefined;
      state.bytes = shelf.bytes;
      shelf.close();
      state.closed = shelf.bytes;
      return state;"""
    async with viewer_of(page_of, node) as seen:
        state = await run(seen, "slices", body, None)
        assert state["most"] <= 4, "three ahead, and the one that is waited for"
        assert state["asked"][0] == 50
        assert max(state["keptMost"], state["bytes"]) <= 1000
        assert not state["far"]
        assert state["closed"] == 0


HOSTILE = (
    {"columns": 10**9},
    {"rows": 0},
    {"slices": 1.5},
    {"columns": "7"},
    {"columns": None},
)


async def test_descriptions_that_cannot_be_are_refused(page_of: PageOf, node: MadeNode) -> None:
    body = """
      try { m.readSeries(v); return "read"; } catch (error) { return error.constructor.name; }"""
    async with viewer_of(page_of, node) as seen:
        assert await run(seen, "description", body, OBLIQUE) == "read"
        for change in HOSTILE:
            refused = await run(seen, "description", body, {**OBLIQUE, **change})
            assert refused == "UnreadableSeries", change


async def test_a_slice_of_another_size_is_refused(page_of: PageOf, node: MadeNode) -> None:
    body = """const sizes = [7, 8, 9];
      return sizes.map((size) => {
        try {
          return m.numbersOf(new Uint8Array(size), 4).length;
        } catch (error) {
          return error.name;
        }
      })"""
    async with viewer_of(page_of, node) as seen:
        assert await run(seen, "slices", body, None) == ["RangeError", 4, "RangeError"]


async def test_names_of_series_in_an_address_are_checked(page_of: PageOf, node: MadeNode) -> None:
    body = """return m.seriesOf(v)"""
    record = "ab" * 32
    fragment = f"#series=pet+{record}+IMM_PET&series=ct+{record}+IMG_CT&series=ct+../x+IMG_CT"
    async with viewer_of(page_of, node) as seen:
        told = await run(seen, "volume_series", body, fragment)
        assert [one["kind"] for one in told] == ["ct", "pet"]
        assert {one["record"] for one in told} == {record}


async def test_the_volume_is_read_for_what_its_viewer_reads_for(
    page_of: PageOf, node: MadeNode
) -> None:
    """A patient on request, all others for what the node takes by default; nothing else is said."""
    body = """return v.map((purpose) => {
      const series = [{ kind: "ct", record: "ab".repeat(32), part: "IMG_CT" }];
      const { hash } = new URL(m.addressOf({ series, source: { purpose } }), location.href);
      return [m.purposeOf(hash), m.seriesOf(hash).length];
    })"""
    async with viewer_of(page_of, node) as seen:
        told = await run(seen, "volume_series", body, ["request", None, "research"])
    assert told == [["request", 1], [None, 1], [None, 1]]
