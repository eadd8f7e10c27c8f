"""Reports, corrections and prescriptions written beside a case: sealed here, learnt from later."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest_asyncio
from playwright.async_api import expect

from medquorum.ai_entity.overlay import overlay_from_content
from medquorum.ledger.contents import parse_medical_report
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.accounts import UserRole
from tests.browser.case_contents import film_report
from tests.browser.case_images import serve_images
from tests.browser.case_kit import (
    CT_HASH,
    PET_HASH,
    machine_report,
    staged,
)
from tests.browser.kit import NAMES, PageOf, open_view
from tests.browser.test_accessibility import grave_findings
from tests.browser.writing_kit import LABELS, Writing, at_a_report
from tests.node.api.conftest import House
from tests.support.network import digest


@pytest_asyncio.fixture(loop_scope="session")
async def writing(house: House, page_of: PageOf) -> AsyncIterator[Writing]:
    async with at_a_report(house, page_of) as made:
        yield made


async def test_a_correction_becomes_a_label(writing: Writing) -> None:
    """Struck-out lesions leave outline, list and volume; it replaces the machine's report."""
    await writing.open("Correct the AI's findings")
    form = writing.form
    await form.locator('input[name="lesion-2"]').uncheck()
    assert await form.locator('input[name="volume"]').input_value() == "20.8"
    await form.locator('select[name="level-1"]').select_option("Negative")
    await form.locator("textarea").fill("The liver lesion is a cyst.\nLungs and muscle as seen.")
    await writing.issue()
    core = writing.ward.issued.core if writing.ward.issued else None
    assert core is not None
    assert (core.type, core.patient, core.ai) == (BlockType.REPORT, 1, None)
    assert core.references == (CT_HASH, PET_HASH)
    assert core.replaces == bytes.fromhex("e6" * 32)
    report = writing.ward.opened(PartName.M_REPORT)
    assert (report["author_kind"], report["conclusion"]) == ("human", "tumour")
    assert report["text"] == "The liver lesion is a cyst.\nLungs and muscle as seen."
    tumour = report["findings"]["tumour"]
    assert report["findings"]["corrects"] == writing.case
    assert [one["number"] for one in tumour["lesions"]] == [1, 3]
    assert tumour["total_tumour_volume_ul"] == 20_800
    levels = {one["region"]: one["level"] for one in tumour["regions"]}
    assert (levels["liver"], levels["lungs"]) == ("Negative", "Metastasis")
    overlay = overlay_from_content(writing.ward.opened(PartName.ATTACHMENT))
    assert np.array_equal(overlay.labels(), np.where(LABELS == 2, 0, LABELS))


async def test_a_correction_keeps_where_lesions_grow_into(
    writing: Writing, repository: Path
) -> None:
    """Unless she says otherwise, or calls that organ negative."""
    await writing.open("Correct the AI's findings")
    form = writing.form
    await form.locator('select[name="level-2"]').select_option("Tumor+")
    await form.locator("textarea").fill("The muscle is grown into from the lungs.")
    into_muscle = form.locator('input[name="reach-1-muscle"]')
    await expect(into_muscle).to_be_checked()
    await form.locator('select[name="level-1"]').select_option("Negative")
    into_liver = form.locator('input[name="reach-1-liver"]')
    await expect(into_liver).to_be_disabled()
    await expect(into_liver).not_to_be_checked()
    await expect(form.get_by_label("lungs", exact=True)).to_have_value("Metastasis")
    assert await grave_findings(writing.page, repository) == []
    await form.locator('input[name="reach-2-lungs"]').uncheck()
    await expect(form.locator('input[name="reach-2-lungs"]')).to_be_focused()
    await writing.issue()
    tumour = writing.ward.opened(PartName.M_REPORT)["findings"]["tumour"]
    reaches = {one["number"]: one["reaches"] for one in tumour["lesions"]}
    assert reaches == {1: ["muscle"], 2: [], 3: []}


async def test_a_draft_outlives_the_case_but_not_the_sign_out(writing: Writing) -> None:
    page = writing.page
    await writing.open("Correct the AI's findings")
    await writing.form.locator("textarea").fill("half a sentence")
    await open_view(page, "#/inbox")
    await writing.open("Correct the AI's findings")
    assert await writing.form.locator("textarea").input_value() == "half a sentence"
    stored = json.loads(await page.evaluate("JSON.stringify({ ...sessionStorage })"))
    assert any("half a sentence" in text for text in stored.values())
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_label("Password").wait_for()
    assert await page.evaluate("sessionStorage.length") == 0
    assert writing.ward.issued is None


async def test_a_prescription_offers_what_comes_next(writing: Writing) -> None:
    await writing.open("Prescribe")
    form = writing.form
    permitted = form.locator("label.permitted")
    await expect(permitted).to_have_count(2)
    assert [text.split("next")[0].strip() for text in await permitted.all_inner_texts()] == [
        "PET",
        "Treatment",
    ]
    await form.locator('input[value="treatment"]').check()
    await form.get_by_label("What", exact=True).fill("Doxorubicin")
    await form.get_by_label("How", exact=True).fill("75 mg/m² on day 1")
    await form.get_by_role("button", name="Add a line").click()
    await form.get_by_label("What", exact=True).nth(1).fill("<b>Dexrazoxane</b>")
    await writing.issue()
    assert writing.ward.opened(PartName.PRESC) == {
        "kind": "treatment",
        "lines": [
            {"instruction": "75 mg/m² on day 1", "text": "Doxorubicin"},
            {"instruction": "", "text": "<b>Dexrazoxane</b>"},
        ],
    }


async def test_an_institutions_node_seals_a_radiologists_report(
    house: House, page_of: PageOf
) -> None:
    """The page hands plain parts to the node, which holds the institution's key."""
    ward = staged(house)
    case = ward.put(machine_report(film=True), film_report(), state="rejected", n_bc=6)
    status = replace(house.desk.status(), role="radiologist")
    house.desk.status = lambda: status  # type: ignore[method-assign]
    watched = await page_of(house.base_url)
    await serve_images(watched.page.context)
    await watched.enter(NAMES[UserRole.RADIOLOGIST])
    writing = Writing(ward, watched, case)
    await writing.open("Correct the AI's findings")
    await expect(writing.page.locator(".votebar")).to_contain_text("rejected, as block 6")
    await writing.form.locator('select[name="conclusion"]').select_option("negative")
    await writing.form.locator('select[name="next_step"]').select_option("none")
    await writing.form.locator("textarea").fill("No fracture. Vascular channel.")
    await writing.issue()
    [submitted], [parts] = house.desk.submitted, house.desk.contents
    assert (submitted.type, submitted.patient, submitted.replaces) == (BlockType.REPORT, 1, None)
    assert [bytes(one) for one in submitted.references] == [digest("xray block")]
    report = parse_medical_report(parts[PartName.M_REPORT])
    assert (report.author_kind.value, report.conclusion.value) == ("human", "negative")
    assert set(parts) == {PartName.M_REPORT}
    await watched.page.goto("about:blank")
