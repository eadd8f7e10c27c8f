"""From the record to its contents: the images of each block, and what is said of a reading."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from medquorum.ledger import canonical
from medquorum.node.accounts import UserRole
from medquorum.node.passwords import PasswordWorker
from tests.browser.case_contents import film_report
from tests.browser.kit import NAMES, PageOf, open_view
from tests.browser.record_house import RecordHouse, record_house
from tests.browser.viewer_kit import RECORD, made_study
from tests.support.network import HOSPITAL

CT = 4
"""The block of the first CT."""
REPORT = 6
"""The block of the machine's report on it."""


@pytest.mark.parametrize("view", ["#/patient/1", f"#/block/{CT}"])
async def test_a_doctor_comes_from_the_record_to_the_case_of_its_images(
    chain: RecordHouse, page_of: PageOf, view: str
) -> None:
    watched = await page_of(chain.base_url)
    watched.expect("status of 422")  # the kit's images are no DICOM
    page = watched.page
    await watched.enter(NAMES[UserRole.DOCTOR], view)
    place = page.get_by_role("row", name=f"Block {CT}") if "patient" in view else page
    await place.get_by_role("link", name="Images", exact=True).click()
    await page.locator(".case-frame .viewer").wait_for()
    proposal = (await chain.desk.block(CT)).proposal
    assert await page.evaluate("location.hash") == f"#/case/{proposal}"


async def test_each_block_leads_to_its_case_and_no_other_role_is_offered_images(
    chain: RecordHouse, page_of: PageOf
) -> None:
    watched = await page_of(chain.base_url)
    page = watched.page
    await watched.enter(NAMES[UserRole.AUDITOR], "#/patient/1")
    rows = page.locator("table.blocks tbody tr")
    await rows.first.wait_for()
    assert await rows.count() == await rows.get_by_role("link", name="Case").count() > 10
    assert await page.get_by_role("link", name="Images", exact=True).count() == 0


async def test_a_patient_sees_her_images(chain: RecordHouse, page_of: PageOf) -> None:
    watched = await page_of(chain.base_url)
    page = watched.page
    study = made_study(32, 8).images[f"{RECORD}/IMG_CT"]
    asked: list[str] = []

    async def images(route: Route) -> None:
        asked.append(route.request.url)
        _, slices, rest = route.request.url.partition("/slices/")
        if slices:
            await route.fulfill(body=study.voxels[int(rest.partition("?")[0])].tobytes())
        else:
            await route.fulfill(json=study.described)

    await page.route("**/v1/images/**", images)
    await watched.enter(NAMES[UserRole.PATIENT], "#/patient/1")
    await (
        page.get_by_role("row", name=f"Block {CT}")
        .get_by_role("link", name="Images", exact=True)
        .click()
    )
    await page.locator(".viewer[data-drawn]").wait_for()
    await expect(page.get_by_role("heading", name=f"Block {CT} · CT")).to_be_visible()
    assert {url.partition("purpose=")[2] for url in asked} == {"request"}
    await page.unroute("**/v1/images/**")
    watched.expect("status of 422")  # the kit's images are no DICOM; another's would be refused
    assert await page.evaluate("async (url) => (await fetch(url)).status", asked[0]) == 422
    await page.get_by_role("link", name="Back to the record").click()
    await page.locator("table.blocks").first.wait_for()


@pytest.mark.parametrize(
    ("role", "purpose"), [(UserRole.PATIENT, "request"), (UserRole.DOCTOR, "treatment")]
)
async def test_a_patients_own_reading_is_her_request_wherever_it_is_opened(
    chain: RecordHouse, page_of: PageOf, role: UserRole, purpose: str
) -> None:
    watched = await page_of(chain.base_url)
    watched.expect("status of 404")  # before the first block there is none
    page = watched.page
    await watched.enter(NAMES[role], "#/patient/1")
    for place in (page.get_by_role("row", name="Block 1 "), page.locator("#content")):
        async with page.expect_request("**/V_IND?*") as asking:
            await place.get_by_role("button", name="Vital signs").click()
        assert (await asking.value).url.partition("purpose=")[2] == purpose
        await page.get_by_role("dialog").get_by_text("Heart rate").wait_for()
        await page.keyboard.press("Escape")
        await open_view(page, "#/block/1")


async def test_a_reading_that_failed_is_not_said_to_be_in_the_log(
    page_of: PageOf, tmp_path: Path, browser_passwords: PasswordWorker, password_phc: str
) -> None:
    """A hospital's node has no key to what the laboratory found."""
    async with record_house(tmp_path, HOSPITAL, browser_passwords, password_phc) as house:
        watched = await page_of(house.base_url)
        watched.expect("status of 404")
        page = watched.page
        await watched.enter(NAMES[UserRole.RADIOLOGIST], "#/patient/1")
        box = page.get_by_role("dialog")
        await page.get_by_role("row", name="Block 3").get_by_role("button", name="Results").click()
        await expect(box).to_contain_text("This node cannot open this part")
        await expect(box).not_to_contain_text("log")
        assert await house.desk.accesses(1) == ()
        await page.keyboard.press("Escape")
        row = page.get_by_role("row", name="Block 1 ")
        await row.get_by_role("button", name="Vital signs").click()
        await expect(box).to_contain_text("This reading is in the patient's log")
        assert len(await house.desk.accesses(1)) == 1
        await page.goto("about:blank")


async def test_a_film_without_a_fracture_is_not_called_negative(
    chain: RecordHouse, page_of: PageOf
) -> None:
    watched = await page_of(chain.base_url)
    page = watched.page
    content = film_report() | {"conclusion": "negative", "next_step": "none"}

    async def report(route: Route) -> None:
        told = canonical.encode(content)
        await route.fulfill(body=told, content_type="application/octet-stream")

    await page.route("**/v1/records/*/M_REPORT*", report)
    await watched.enter(NAMES[UserRole.DOCTOR], f"#/block/{REPORT}")
    await page.get_by_role("button", name="Report", exact=True).click()
    await expect(page.locator("dialog")).to_contain_text("nothing else was looked for")
