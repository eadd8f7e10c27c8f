"""The case view in real Chromium: evidence, and a vote signed by keys alone from what is shown."""

from dataclasses import replace
from pathlib import Path

from playwright.async_api import expect

from medquorum.consensus.receipts import check_receipt
from medquorum.ledger import canonical
from medquorum.ledger.keys import Purpose, public_key
from medquorum.ledger.receipt import parse_receipt
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BlockType, Decision, VoterRole
from medquorum.node.desk import DeskError
from tests.browser.case_contents import FORM, film_report, poisoned, tumour_report
from tests.browser.case_entry import DOCTOR, Desk, open_key
from tests.browser.case_kit import (
    ATTENDING,
    NETWORK,
    OTHER,
    machine_report,
    other_proposal,
)
from tests.ledger.charter_kit import private_key


async def test_from_the_inbox_to_a_cast_vote_in_four_keys(desk: Desk, tmp_path: Path) -> None:
    """R-VOT1, R-EXP4: Enter, A, 1, Enter; the vote is hers, the receipt verifies offline."""
    page, identifier = desk.page, desk.ids["tumour"]
    await page.locator(f"#content a[href='#/case/{identifier}']").focus()
    await desk.press("Enter")
    await expect(desk.bar.get_by_role("button", name="Approve")).to_be_visible()
    await desk.press("a")
    form = page.locator("form.ballot")
    await expect(form).to_contain_text(identifier[:8])
    await expect(form.locator("button.cast")).to_be_disabled()
    await desk.press("1")
    for told in ("Approve", "1: I agree", "attending", "number 1", "organ lesions 1.0"):
        await expect(form).to_contain_text(told)
    assert desk.ward.cast == []
    await expect(form.locator("button.cast")).to_be_enabled()
    await desk.press("Enter")
    receipt = page.locator(".receipt")
    await receipt.wait_for()
    [vote] = desk.ward.cast
    ballot = vote.ballot
    assert (ballot.decision, ballot.grade, ballot.role) == (
        Decision.APPROVE,
        1,
        VoterRole.ATTENDING,
    )
    key = public_key(private_key(ATTENDING, Purpose.CLINICAL))
    assert verify(key, ballot.digest(NETWORK.id), vote.signature)
    async with page.expect_download() as downloading:
        await desk.bar.get_by_role("button", name="Save receipt").click()
    path = tmp_path / "receipt"
    await (await downloading.value).save_as(path)
    found = check_receipt(path.read_bytes(), NETWORK.charter)
    assert found.valid, found.reason
    assert parse_receipt(path.read_bytes()).vote.encoded() == vote.encoded()
    await expect(desk.bar.locator("button.onward")).to_contain_text("Next: ")
    await desk.bar.locator("button.onward").focus()
    await desk.press("Enter")
    await expect(page.locator("form.ballot, .receipt")).to_have_count(0)
    assert identifier not in page.url
    assert len(desk.ward.cast) == 1


async def test_others_votes_appear_only_after_ones_own(desk: Desk) -> None:
    await desk.open("form")
    side = desk.page.locator(".case-side")
    await expect(side).to_contain_text("Others' votes are shown once yours is cast")
    assert OTHER not in await desk.page.content()
    await desk.press("r", "Enter")
    await expect(side.locator(".votes")).to_contain_text(OTHER)
    assert desk.ward.cast[0].ballot.decision is Decision.REJECT
    assert desk.ward.cast[0].ballot.grade is None


async def test_the_evidence_of_a_tumour_is_in_numbers_with_units_and_methods(desk: Desk) -> None:
    await desk.open("tumour")
    side = desk.page.locator(".case-side")
    for told in (
        "Tumour Highest probability of tumour in any organ 91 %; not calibrated for patients",
        "Lesions (4)",
        "26.9 mL",
        "by network, threshold 0.5",
        "92 days ago",
        "PERCIST progressive",
        "1 new: liver",
    ):
        await expect(side).to_contain_text(told)
    organs = side.locator(".organ")
    assert await organs.first.locator(".chip").inner_text() == "Metastasis"
    spoken = await organs.first.locator(".levels").get_attribute("aria-label")
    assert spoken == "Negative 4 %, Tumor 9 %, Tumor+ 15 %, Metastasis 72 %"
    await side.locator(".card-open").click()
    card = desk.page.locator("dialog")
    for told in ("Not for clinical use", "mean Dice 0.61", "Lesions below 0.5 mL", "SHA-256"):
        await expect(card).to_contain_text(told)
    await expect(card.locator("svg circle")).to_have_count(5)
    await desk.press("Escape")
    await expect(card).to_have_count(0)


async def test_a_lesion_leads_the_images_to_its_place(desk: Desk) -> None:
    await desk.open("tumour")
    viewer = desk.page.locator(".case-images .viewer")
    await desk.page.locator(".case-images .viewer[data-drawn]").wait_for()
    before = await viewer.get_attribute("data-drawn")
    await desk.page.get_by_role("button", name="Lesion 1, lungs").press("Enter")
    await expect(viewer).not_to_have_attribute("data-drawn", before or "")
    assert desk.ward.cast == []


SHOWN = {
    "film": (
        ".case-side",
        ("Edge rule", "64 %", "Together", "87 %", "moderate", "4 to 8 weeks", "within two days."),
    ),
    "form": (".document", ("38.6 °C", "high", "91 %", "low", "Weight loss 4 kg.")),
    "results": (".document", ("Lactate dehydrogenase", "412 U/L", "↑ high", "135 to 250", "serum")),
    "prescription": (".document", ("Prescription: Treatment", "Doxorubicin", "Day 1 of 21")),
}
"""Where each kind of case says what: units, marks, each opinion, what follows."""


async def test_every_kind_of_case_shows_what_is_to_be_judged(desk: Desk) -> None:
    for name, (place, told) in SHOWN.items():
        await desk.open(name)
        for text in told:
            await expect(desk.page.locator(place)).to_contain_text(text)


async def test_each_state_says_what_happened_and_what_to_do(desk: Desk) -> None:
    ward, page = desk.ward, desk.page
    late = ward.put(other_proposal(BlockType.TEST_RESULT, references=()), None, body="fetching")
    desk.ids["late"] = late
    await desk.open("late")
    await expect(page.locator(".case-images")).to_contain_text("still on its way")
    await desk.press("a")
    await expect(desk.bar).to_contain_text("You can approve once the content is here")
    await desk.press("Enter")
    await desk.press("Escape")
    await desk.open("results")
    ward.refusal = DeskError(409, "already_decided", "the verdict is final")
    await desk.press("a", "Enter")
    await expect(desk.bar).to_contain_text("It was decided meanwhile")
    ward.change(desk.ids["prescription"], "block", state="stale", reason="stale")
    await desk.open("prescription")
    await expect(desk.bar).to_contain_text("must issue it again on the new state")
    await expect(desk.bar.get_by_role("button", name="Approve")).to_have_count(0)
    assert ward.cast == []
    desk.watched.expect("409")


async def test_a_node_that_goes_away_while_voting_gets_the_vote_later(desk: Desk) -> None:
    page = desk.page
    await desk.open("prescription")
    await page.route("**/v1/votes", lambda route: route.abort())
    await desk.press("q", "Enter")
    await expect(desk.bar).to_contain_text("signed and kept on this computer")
    assert desk.ward.cast == []
    await page.unroute("**/v1/votes")
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await page.locator(".receipt").wait_for()
    assert [vote.ballot.decision for vote in desk.ward.cast] == [Decision.ABSTAIN]
    desk.watched.expect("ERR_FAILED")


async def test_a_session_that_ends_while_voting_loses_nothing(desk: Desk) -> None:
    page = desk.page
    desk.watched.expect("401")
    await desk.open("prescription")
    over = {"rule": "unauthorised", "detail": "log in"}
    await page.route("**/v1/votes", lambda route: route.fulfill(status=401, json=over))
    await desk.press("r", "Enter")
    await page.locator("#curtain").get_by_text("Your session has ended").wait_for()
    assert desk.ward.cast == []
    await page.unroute("**/v1/votes")
    await desk.watched.sign_in(DOCTOR)
    await page.get_by_role("button", name="Later").click()
    await page.locator(".receipt").wait_for()
    assert [vote.ballot.decision for vote in desk.ward.cast] == [Decision.REJECT]


async def test_a_closed_key_is_asked_for_and_the_vote_goes_on(desk: Desk) -> None:
    page = desk.page
    await desk.open("prescription")
    await page.evaluate("import('/page/keys/hand.js').then((m) => m.hand.lock())")
    await desk.press("a", "Enter")
    await page.locator("dialog").wait_for()
    assert desk.ward.cast == []
    await page.locator("dialog #key-passphrase").wait_for()
    await open_key(page, desk.file, known=True)
    await page.locator(".receipt").wait_for()
    assert len(desk.ward.cast) == 1


async def test_no_text_of_a_record_becomes_script(desk: Desk) -> None:
    """Payloads in every free text of a report, a film's report and a form."""
    page, ward = desk.page, desk.ward
    ward.contents[ward.views[desk.ids["tumour"]].record, "M_REPORT"] = _encoded(tumour_report())
    ward.contents[ward.views[desk.ids["film"]].record, "M_REPORT"] = _encoded(film_report())
    ward.contents[ward.views[desk.ids["form"]].record, "V_IND"] = _encoded(FORM)
    for name in ("tumour", "film", "form"):
        await desk.open(name)
        await expect(page.locator(".case-side .history")).to_be_visible()
        if name != "form":
            await page.locator(".card-open").click()
            await page.keyboard.press("Escape")
        await expect(page.locator(".case-frame")).to_contain_text("globalThis.broken")
        assert await page.evaluate("globalThis.broken") is None
    assert (
        await page.locator(".case-frame iframe, .case-frame script, .case-frame [onload]").count()
        == 0
    )


def _encoded(content: dict[str, object]) -> bytes:
    return canonical.encode(poisoned(content))


async def test_a_forged_proposal_cannot_be_voted_on(desk: Desk) -> None:
    """R-PRO2: the bytes the node gives do not bear the issuer's signature."""
    ward = desk.ward
    genuine = machine_report(attached=False)
    forged = replace(genuine, signature=ward.proposals[desk.ids["form"]].signature)
    desk.ids["forged"] = ward.put(forged, tumour_report())
    await desk.open("forged")
    await desk.press("a", "1", "Enter")
    await expect(desk.bar).to_contain_text("signature does not hold")
    await expect(desk.page.locator("button.cast")).to_be_disabled()
    assert ward.cast == []
