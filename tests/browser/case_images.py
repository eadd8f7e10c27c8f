"""Images and outlines of the cases: handed to the viewer in the browser, or as an attachment."""

from __future__ import annotations

import zlib
from typing import cast
from urllib.parse import parse_qs, urlsplit

import numpy as np
from playwright.async_api import BrowserContext, Route

from medquorum.ledger import canonical
from medquorum.ledger.limits import FRAME
from medquorum.node.viewing.sights import SightName
from tests.browser.projected import labels_projected, projection_of, projections_told
from tests.browser.viewer_kit import MadeNode, MadeSeries, described_volume, made_study

XRAY_RECORD = "44" * 32


def _film() -> MadeSeries:
    """A forearm's two bones, bright on dark."""
    rows, columns = 180, 120
    y, x = np.mgrid[:rows, :columns]
    grey = np.full((rows, columns), 3_000.0)
    for centre in (42, 76):
        grey += 38_000 * np.exp(-(((x - centre - 4 * np.sin(y / 40)) / 7) ** 2))
    voxels = grey.astype("<u2")[None]
    described = described_volume("ct", voxels, (0.2, 0.2, 1.0), 1.0) | {
        "kind": "xray",
        "frames": [{"columns": columns, "rows": rows}],
        "spacing_mm": [0.2, 0.2, None],
        "origin": None,
        "orientation": None,
        "positions": [],
        "unit": "none",
        "stored": "uint16",
        "windows": [{"name": "full", "centre": 22_000, "width": 44_000}],
    }
    return MadeSeries(voxels, described)


async def serve_images(context: BrowserContext, node: MadeNode | None = None) -> None:
    """Answer the viewer's questions in the browser."""
    made = node or made_study(96, 40)
    held = {**made.images, f"{XRAY_RECORD}/IMG_XRAY": _film()}

    async def images(route: Route) -> None:
        _, _, rest = route.request.url.partition("/v1/images/")
        record, name, *more = rest.partition("?")[0].split("/")
        series = held.get(f"{record}/{name}")
        if series is None:
            await route.fulfill(
                status=404, json={"rule": "unknown_record", "detail": "no such image"}
            )
        elif not more:
            await route.fulfill(json=series.described)
        elif more == ["projections"]:
            await route.fulfill(json=projections_told(series.described))
        elif more[0] == "projections":
            view = cast(SightName, more[1])
            await route.fulfill(body=projection_of(series.described, series.voxels, view))
        else:
            await route.fulfill(body=series.voxels[int(more[1])].tobytes())

    async def overlays(route: Route) -> None:
        parts = route.request.url.partition("/v1/overlays/")[2].partition("?")[0].split("/")
        if len(parts) == 1:
            await route.fulfill(json=made.overlay)
            return
        assert made.labels is not None
        if parts[1] == "projections":
            [on] = parse_qs(urlsplit(route.request.url).query)["on"]
            told, view = held[on].described, cast(SightName, parts[2])
            await route.fulfill(body=labels_projected(told, made.labels, view))
        else:
            await route.fulfill(body=made.labels[int(parts[-1])].tobytes())

    await context.route("**/v1/images/**", images)
    await context.route("**/v1/overlays/**", overlays)


def attachment(labels: bytes, shape: tuple[int, int, int]) -> bytes:
    """A machine's outline as it stands in an ATTACHMENT."""
    content = {
        "affine_nm": [0] * 12,
        "labels_zlib": [zlib.compress(labels, 9)],
        "organs_zlib": [zlib.compress(bytes(len(labels)), 9)],
        "shape": list(shape),
    }
    return canonical.encode(content, FRAME)
