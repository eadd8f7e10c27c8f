"""The viewer before the real application: what the node decodes of DICOM is what the page shows."""

import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest_asyncio
from playwright.async_api import expect

from medquorum.ledger.types import PartName
from medquorum.node.accounts import Accounts, MemoryAccountStore, UserRole, wall_clock_ms
from medquorum.node.api.application import create_app, start_listener
from medquorum.node.passwords import PasswordWorker
from tests.browser.kit import PASSWORD
from tests.browser.viewer_kit import PageOf, Seen
from tests.node.intake.kit import archive, encoded
from tests.node.viewing.kit import (
    OTHER_RECORD,
    RECORD,
    REPORT,
    ImageDesk,
    overlay,
    slice_of,
    volume,
)

SIDE, SLICES = 64, 12
SPACING_MM = (0.7, 0.7, 2.0)
"""Of the kit's slices: columns, rows, slices."""
AIR, TISSUE, LESION_HU, LESION_SUV = -1000, 40, 90, 7.5
INSIDE = slice(20, 30)
"""Rows, and columns, of the lesion, on slices 4 to 6."""
STORED_OFFSET = 1024
LIVER = 7
"""Of the map of organs."""


def made_ct() -> np.ndarray:
    """HU [z, y, x]: a block of tissue with a denser lesion."""
    hu = np.full((SLICES, SIDE, SIDE), AIR)
    hu[:, 8:56, 8:56] = TISSUE
    hu[4:7, INSIDE, INSIDE] = LESION_HU
    return hu


def made_pet() -> bytes:
    """A PET of half the CT's columns and rows, in g/mL, hot where the lesion is."""
    stored = np.zeros((SLICES, SIDE // 2, SIDE // 2))
    stored[4:7, 10:15, 10:15] = LESION_SUV * 1000
    slices = [
        slice_of(
            "PT",
            number,
            plane,
            Units="GML",
            RescaleIntercept="0",
            RescaleSlope="0.001",
            PixelSpacing=[1.4, 1.4],
            ImagePositionPatient=[0.35, 0.35, 2.0 * number],
        )
        for number, plane in enumerate(stored)
    ]
    return archive([encoded(one) for one in slices])


def made_desk() -> ImageDesk:
    """A desk with a CT, its PET and a report's overlay."""
    desk = ImageDesk()
    hu = made_ct()
    labels = (hu == LESION_HU).astype(np.uint8)
    organs = np.where(hu == AIR, 0, LIVER).astype(np.uint8)
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, SPACING_MM[0]], [0, SPACING_MM[1], 0], [SPACING_MM[2], 0, 0]]
    desk.bodies = {
        (RECORD, PartName.IMG_CT): volume("CT", hu + STORED_OFFSET),
        (OTHER_RECORD, PartName.IMM_PET): made_pet(),
        (REPORT, PartName.ATTACHMENT): overlay(
            labels, affine, organs_zlib=[zlib.compress(organs.tobytes())]
        ),
    }
    return desk


@pytest_asyncio.fixture(loop_scope="session")
async def base_url(tmp_path: Path, browser_passwords: PasswordWorker) -> AsyncIterator[str]:
    """A served node with one doctor."""
    accounts = Accounts(MemoryAccountStore(), browser_passwords, now_ms=wall_clock_ms)
    user = await accounts.add_user("a-doctor", UserRole.DOCTOR)
    phc = await browser_passwords.hash(PASSWORD)
    await accounts.store.save_user(replace(user, password_phc=phc))
    app = create_app(made_desk(), accounts, spool=tmp_path / "spool")
    runner = await start_listener(app, "127.0.0.1", 0)
    yield "http://127.0.0.1:{1}".format(*runner.addresses[0])
    await runner.cleanup()


async def test_decoded_series_are_shown_fused_with_the_reports_findings(
    page_of: PageOf, base_url: str
) -> None:
    watched = await page_of(base_url)
    watched.expect("401")  # the page asks who it is before anybody signed in
    page = watched.page
    await page.goto(base_url)
    await page.evaluate(
        """async ([name, password]) => {
          const { api } = await import("/page/api.js");
          await api.post("/v1/login", { name, password });
        }""",
        ["a-doctor", PASSWORD],
    )
    seen = Seen(watched)
    wanted = {
        "series": [
            {"kind": "pet", "record": OTHER_RECORD, "part": "IMM_PET"},
            {"kind": "ct", "record": RECORD, "part": "IMG_CT"},
        ],
        "overlays": [{"record": REPORT, "lesions": [{"number": 1, "region": "Thigh"}]}],
        "layout": "triple",
    }
    await seen.show(wanted)
    await page.locator(".viewer-stage-3").wait_for()
    assert await page.evaluate("viewer.goToLesion(1)")
    readout = page.locator(".viewer-readout")
    await expect(readout).to_contain_text(f"{LESION_HU} HU")
    await expect(readout).to_contain_text(f"SUV {LESION_SUV:.2f}")
    await expect(readout).to_contain_text("1  Thigh")
    # Voxel 24.5 (rounded up) of 0.7 mm, slice 4 or 5 of 2 mm.
    await expect(readout).to_contain_text("L18 P18")
    fused = page.get_by_role("img", name="PET on CT")
    assert "1 lesions outlined" in (await fused.get_attribute("aria-label") or "")
    overview = page.get_by_role("img", name="Overview of the PET from the front")
    await expect(overview).to_have_attribute("aria-label", re.compile("lesions marked: 1$"))
    organs = page.get_by_label("Organs", exact=True).and_(page.get_by_role("checkbox"))
    assert not await organs.is_checked(), "organs are drawn when asked for"
    await organs.check()
    await expect(readout).to_contain_text("Liver")
    await expect(page.get_by_role("list", name="Organs")).to_contain_text("Liver")
    # What it still fetches would be asked of a node that is gone.
    await watched.settle()
    await page.goto("about:blank")
