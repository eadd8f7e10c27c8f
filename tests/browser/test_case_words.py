"""What a report's findings are called on the page: never more than was looked for or found."""

from datetime import UTC, datetime
from typing import Any

from playwright.async_api import Locator, expect

from medquorum.ledger.types import BlockType
from tests.browser.case_contents import PRESCRIPTION, film_report, tumour_report
from tests.browser.case_entry import Desk
from tests.browser.case_kit import machine_report, other_proposal


async def side_of(desk: Desk, content: dict[str, Any], *, film: bool = False) -> Locator:
    """The evidence of a machine's report with this content."""
    proposal = machine_report(film=film, attached=not film)
    desk.ids["report"] = desk.ward.put(proposal, content)
    await desk.open("report")
    side = desk.page.locator(".case-side")
    await side.locator(".conclusion").wait_for()
    return side


def film_without_fracture() -> dict[str, Any]:
    """As the rule says it of a film with a lytic lesion."""
    content = film_report()
    content["findings"]["fracture"] |= {
        "severity": "none",
        "healing_weeks_low": 0,
        "healing_weeks_high": 0,
        "advice": "No treatment follows from this picture.",
    }
    return content | {"conclusion": "negative", "next_step": "none"}


async def test_a_film_without_a_fracture_is_not_called_negative(desk: Desk) -> None:
    side = await side_of(desk, film_without_fracture(), film=True)
    heading = side.locator(".conclusion-line strong")
    await expect(heading).to_have_text("No fracture found")
    scope = "Tumours, destroyed bone (lysis) and foreign bodies are not judged."
    await expect(side.locator(".conclusion")).to_contain_text(scope)
    calm = await heading.evaluate("(one) => getComputedStyle(one).color")
    assert calm == await side.evaluate("(one) => getComputedStyle(one).color")
    for unsaid in ("If it is so", "No treatment"):
        await expect(side).not_to_contain_text(unsaid)
    with_one = await side_of(desk, film_report(), film=True)
    read_now = "Have the film read by a radiologist or trauma surgeon now."
    for told in ("If it is so", "moderate", scope, read_now, "must not guide care"):
        await expect(with_one).to_contain_text(told)


async def test_an_organ_without_a_lesion_of_its_own_says_which_one_reaches_it(desk: Desk) -> None:
    content = tumour_report()
    lesions = content["findings"]["tumour"]["lesions"]
    content["findings"]["tumour"]["lesions"] = lesions[2:]
    before = await side_of(desk, content)
    row = before.locator(".organ", has_text="lungs")
    await expect(row).to_contain_text("No listed lesion lies mainly here")
    await expect(before.locator(".organ", has_text="muscle")).not_to_contain_text("lesion")
    await expect(before.locator(".organ", has_text="spleen")).not_to_contain_text("lesion")
    lesions[2]["reaches"] = ["lungs"]
    await side_of(desk, content)
    await expect(row).to_contain_text("reached by lesion 3 in muscle")


async def test_two_reports_of_a_patient_are_told_apart_by_their_images(desk: Desk) -> None:
    desk.ward.views.clear()
    desk.ids["ct"] = desk.ward.put(machine_report(film=True), None, images=("ct",))
    desk.ids["both"] = desk.ward.put(machine_report(), None, images=("ct", "pet"))
    desk.watched.expect("404")
    desk.house.desk.happen("proposal")
    await desk.open("both")
    names = desk.page.locator("#rail .case-name")
    await expect(names).to_have_count(2)
    for name in ("Report on CT · patient 1", "Report on CT + PET · patient 1"):
        await expect(names.filter(has_text=name)).to_have_count(1)
    await expect(desk.bar.locator("strong").first).to_have_text("Report on CT + PET · patient 1")


async def test_a_case_that_is_over_says_when_and_no_longer_when_it_ends(desk: Desk) -> None:
    proposal = other_proposal(BlockType.PRESCRIPTION)
    desk.ids["over"] = desk.ward.put(proposal, PRESCRIPTION)
    await desk.open("over")
    told = desk.bar.locator(".votebar-case .hint")
    await expect(told).to_contain_text("ends in 5 d")
    year = datetime.now(UTC).year
    moment = int(datetime(year - 1, 6, 15, 12, tzinfo=UTC).timestamp()) * 1_000
    desk.ward.change(desk.ids["over"], "block", state="accepted", n_bc=9, decided_at_ms=moment)
    await expect(told).to_contain_text("decided")
    await expect(told).to_contain_text(str(year - 1))
    desk.ward.change(desk.ids["over"], "closed", state="expired", n_bc=None, decided_at_ms=None)
    await expect(told).to_contain_text("closed undecided")
    await expect(told).not_to_contain_text("ends")
