"""A node that serves one made-up study to the viewer, and the viewer in a page of its own.

The node answers as `/v1/images` and `/v1/overlays` do, from arrays: what is drawn can be compared
with what was sent, voxel by voxel.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from aiohttp import web
from playwright.async_api import Page

from medquorum.node.page.routes import POLICY
from medquorum.node.viewing.forms import nifti_header
from medquorum.node.viewing.sights import SightName
from medquorum.node.viewing.told import Description
from tests.browser.keys_kit import Handler, served
from tests.browser.kit import SLOWEST_MS, PageOf, Watched, drawn_frames
from tests.browser.projected import labels_projected, projection_of, projections_told

Voxels = npt.NDArray[Any]
RECORD, PET_RECORD, REPORT = "11" * 32, "22" * 32, "33" * 32
FRAME_OF_REFERENCE = "1.2.3"
CT_WINDOWS = (
    ("soft_tissue", 40, 400),
    ("lung", -600, 1500),
    ("bone", 400, 1800),
    ("brain", 40, 80),
    ("liver", 60, 160),
)
PET_WINDOWS = (("suv_5", 2.5, 5), ("suv_10", 5, 10), ("suv_20", 10, 20))
_DOCUMENT = """<!doctype html><html lang="en"><title>viewer</title>
<link rel="icon" href="/page/style/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page/style/base.css">
<link rel="stylesheet" href="/page/style/viewer.css">
<main id="place"></main><div id="curtain" hidden></div>
<div id="announcements" role="status" aria-live="polite"></div></html>"""


@dataclass(frozen=True, slots=True)
class MadeSeries:
    """Stored numbers [z, y, x] and what the node says of them."""

    voxels: Voxels
    described: dict[str, Any]


def described_volume(
    kind: str, voxels: Voxels, spacing_mm: tuple[float, float, float], slope: float
) -> dict[str, Any]:
    """The description of an axial volume whose first voxel lies at the origin, feet first."""
    slices, rows, columns = voxels.shape
    windows = CT_WINDOWS if kind == "ct" else PET_WINDOWS
    return {
        "kind": kind,
        "columns": columns,
        "rows": rows,
        "slices": slices,
        "frames": [],
        "spacing_mm": list(spacing_mm),
        "origin": [0.0, 0.0, 0.0],
        "orientation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "positions": [[0.0, 0.0, z * spacing_mm[2]] for z in range(slices)],
        "unit": "HU" if kind == "ct" else "SUV",
        "stored": "int16",
        "rescale": {"slope": slope, "intercept": 0.0},
        "windows": [{"name": n, "centre": c, "width": w} for n, c, w in windows],
        "photometric": "MONOCHROME2",
        "series": {},
        "warnings": [],
        "frame_of_reference": FRAME_OF_REFERENCE,
    }


@dataclass
class MadeNode:
    """The node of one study; PET is on the CT's grid already."""

    images: Mapping[str, MadeSeries]
    """By `record/part`."""
    labels: Voxels | None = None
    overlay: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Addresses in the order they were asked for."""
    failing: set[int] = field(default_factory=set)
    """Slices that are refused."""
    delay_s: float = 0.0

    def routes(self) -> dict[tuple[str, str], Handler]:
        """What `served` adds to the page's files."""
        return {
            ("GET", "/viewer"): _document,
            ("GET", "/v1/images/{record}/{part}"): self._describe,
            ("GET", "/v1/images/{record}/{part}/slices/{index}"): self._slice,
            ("GET", "/v1/images/{record}/{part}/volume.nii"): self._volume,
            ("GET", "/v1/images/{record}/{part}/projections"): self._describe_projections,
            ("GET", "/v1/images/{record}/{part}/projections/{view}"): self._projection,
            ("GET", "/v1/overlays/{record}/projections/{view}"): self._projected_labels,
            ("GET", "/v1/overlays/{record}"): self._describe_overlay,
            ("GET", "/v1/overlays/{record}/slices/{index}"): self._label_slice,
        }

    def _series(self, request: web.Request) -> MadeSeries:
        self.asked.append(str(request.rel_url))
        return self.images[f"{request.match_info['record']}/{request.match_info['part']}"]

    async def _describe(self, request: web.Request) -> web.Response:
        return web.json_response(self._series(request).described)

    async def _slice(self, request: web.Request) -> web.Response:
        series, index = self._series(request), int(request.match_info["index"])
        await asyncio.sleep(self.delay_s)
        if index in self.failing:
            problem = {"rule": "broken", "detail": "take the file again"}
            return web.json_response(problem, status=422)
        return web.Response(body=series.voxels[index].tobytes())

    async def _volume(self, request: web.Request) -> web.Response:
        series = self._series(request)
        header = nifti_header(Description.model_validate(series.described))
        return web.Response(body=header + series.voxels.tobytes())

    async def _describe_overlay(self, request: web.Request) -> web.Response:
        return web.json_response(self.overlay)

    async def _label_slice(self, request: web.Request) -> web.Response:
        assert self.labels is not None
        return web.Response(body=self.labels[int(request.match_info["index"])].tobytes())

    async def _describe_projections(self, request: web.Request) -> web.Response:
        return web.json_response(projections_told(self._series(request).described))

    async def _projection(self, request: web.Request) -> web.Response:
        series, view = self._series(request), cast(SightName, request.match_info["view"])
        return web.Response(body=projection_of(series.described, series.voxels, view))

    async def _projected_labels(self, request: web.Request) -> web.Response:
        assert self.labels is not None
        told = self.images[request.query["on"]].described
        view = cast(SightName, request.match_info["view"])
        return web.Response(body=labels_projected(told, self.labels, view))


async def _document(_: web.Request) -> web.Response:
    headers = {"Content-Security-Policy": POLICY}
    return web.Response(text=_DOCUMENT, content_type="text/html", headers=headers)


def overlay_of(labels: Voxels) -> dict[str, Any]:
    """What a node says of lesions in a label map [z, y, x]."""
    views = []
    for label in range(1, int(labels.max()) + 1):
        sizes = (labels == label).sum(axis=(1, 2))
        slices = np.flatnonzero(sizes)
        views.append(
            {
                "label": label,
                "kind": "lesion",
                "level": None,
                "voxels": int(sizes.sum()),
                "first_slice": int(slices[0]),
                "central_slice": int(sizes.argmax()),
                "last_slice": int(slices[-1]),
            }
        )
    return {"on": "", "labels": views}


WANTED_CT = {"kind": "ct", "record": RECORD, "part": "IMG_CT"}
WANTED_PET = {"kind": "pet", "record": PET_RECORD, "part": "IMM_PET"}


def made_study(side: int = 96, slices: int = 40) -> MadeNode:
    """A round body with lungs, a bone and one hot lesion, label 1; CT in HU, PET in SUV / 1000."""
    z, y, x = np.mgrid[:slices, :side, :side].astype(np.float32)
    across, down = (x - side / 2) / side, (y - side / 2) / side
    body = across**2 + down**2 < 0.16
    lung = body & ((np.abs(across) - 0.18) ** 2 / 0.01 + down**2 / 0.03 < 1) & (z > slices / 2)
    bone = body & (across**2 + (down - 0.28) ** 2 < 0.003)
    ball = ((across - 0.12) * side) ** 2 + ((down + 0.2) * side) ** 2 + (2 * (z - slices // 3)) ** 2
    lesion = ball < (0.08 * side) ** 2
    ct = np.where(body, 40.0, -1000.0)
    ct[lung], ct[bone], ct[lesion] = -800.0, 900.0, 60.0
    pet = np.where(body, 800.0, 0.0)
    pet[lesion] = 9000.0
    spacing = (2.0, 2.0, 3.0)
    volumes = {
        f"{RECORD}/IMG_CT": ("ct", ct.astype("<i2"), 1.0),
        f"{PET_RECORD}/IMM_PET": ("pet", pet.astype("<i2"), 0.001),
    }
    images = {
        name: MadeSeries(voxels, described_volume(kind, voxels, spacing, slope))
        for name, (kind, voxels, slope) in volumes.items()
    }
    labels = lesion.astype(np.uint8)
    return MadeNode(images, labels, overlay_of(labels))


@dataclass
class Seen:
    """A viewer in a watched page."""

    watched: Watched

    @property
    def page(self) -> Page:
        """The page."""
        return self.watched.page

    async def show(self, wanted: Mapping[str, Any]) -> None:
        """Make a viewer, and wait until its first slice is drawn."""
        await self.page.evaluate(
            """async (wanted) => {
              const { createViewer } = await import("/page/viewer/viewer.js");
              const { loadTexts } = await import("/page/texts.js");
              await loadTexts();
              window.viewer?.destroy();
              let place = document.getElementById("place");
              if (place === null) {
                place = document.createElement("div");
                place.id = "place";
                document.body.prepend(place);
              }
              place.style.height = "100vh";
              window.viewer = createViewer(place, wanted);
              await window.viewer.ready;
            }""",
            wanted,
        )

    async def drawn(self, index: int) -> None:
        """Wait until this slice is on the screen."""
        await self.page.locator(f'.viewer[data-drawn="{index}"]').wait_for()

    async def pixel(self, pane: str, x: float, y: float) -> list[int]:
        """RGB in the middle of the picture, moved by shares of the pane's width and height."""
        found: list[int] = await self.page.evaluate(
            """([pane, x, y]) => {
              const canvas = document.querySelector(`.viewer-pane-${pane} .viewer-picture`);
              const context = canvas.getContext("2d");
              const at = [Math.round(canvas.width * x), Math.round(canvas.height * y)];
              return [...context.getImageData(...at, 1, 1).data].slice(0, 3);
            }""",
            [pane, x, y],
        )
        return found

    async def marked(self, x: float, y: float) -> bool:
        """Whether something is drawn over the picture at, or within a few pixels of, a place."""
        found: bool = await self.page.evaluate(
            """([x, y]) => {
              const canvas = document.querySelector(".viewer-marks");
              const at = [Math.round(canvas.width * x) - 4, Math.round(canvas.height * y) - 4];
              const { data } = canvas.getContext("2d").getImageData(...at, 8, 8);
              return data.some((value, index) => index % 4 === 3 && value > 0);
            }""",
            [x, y],
        )
        return found

    async def settle(self) -> None:
        """Wait until what was asked for is drawn: two frames."""
        await drawn_frames(self.page)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, frame by frame, for something outside the page."""
        async with asyncio.timeout(SLOWEST_MS / 1_000):
            while not condition():
                await self.settle()


@asynccontextmanager
async def viewer_of(page_of: PageOf, node: MadeNode, **options: Any) -> AsyncIterator[Seen]:
    """A page whose node serves the study."""
    async with served(node.routes()) as base_url:
        watched = await page_of(base_url, **options)
        await watched.page.goto(f"{base_url}/viewer")
        yield Seen(watched)
        await watched.page.goto("about:blank")
