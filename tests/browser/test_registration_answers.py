"""A registration whose answer was lost is not made twice, and a corrected name is what is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from medquorum.ledger import canonical
from medquorum.ledger.keys import address_of, address_text
from medquorum.ledger.types import PartName
from medquorum.node.accounts import UserRole
from medquorum.node.passwords import PasswordWorker
from tests.browser.conftest import pages_of
from tests.browser.kit import NAMES, Watched, hold_key
from tests.browser.record_house import RecordHouse, record_house
from tests.node.record_kit import DOCTOR, patient_key
from tests.support.network import HOSPITAL

WALLET_SECRET = "a wallet's own passphrase"
HOW = {HOSPITAL: UserRole.CLERK, DOCTOR: UserRole.DOCTOR}
ANSWERED_AT = {HOSPITAL: "**/v1/submissions", DOCTOR: "**/v1/proposals"}


ONLY_A_CLERK, ONLY_A_DOCTOR = (
    pytest.mark.parametrize("placed", [member], indirect=True, scope="module", ids=[who])
    for member, who in ((HOSPITAL, "clerk"), (DOCTOR, "doctor"))
)
"""For what is the same for both, or only one of them does."""


@dataclass
class Registering:
    """A form that is filled in, and the node behind it."""

    house: RecordHouse
    page: Page
    member: str
    earlier: int = 0
    """How many registrations the node had before."""

    @property
    def problem(self) -> Locator:
        """What the form says."""
        return self.page.locator("form.register > .problem")

    async def registered(self) -> list[str]:
        """The names in the forms that reached the node since, oldest first."""
        found = await self.house.desk.queries.proposals("open", 100)
        names = []
        for one in sorted(found, key=lambda view: view.issued_at_ms):
            if one.type == "medical_form" and one.patient is None:
                row = await self.house.desk.queries.row(one.id)
                body = self.house.desk.node.bodies.read(row.proposal.core.record, PartName.PAT_NAME)
                names.append(canonical.decode(b"".join([piece async for piece in body]))["name"])
        return names[self.earlier :]

    async def write(self, name: str) -> None:
        """Put this name into the form."""
        await self.page.get_by_label("Name", exact=True).fill(name)

    async def press(self) -> None:
        """Propose it."""
        await self.page.get_by_role("button", name="ropose the registration").click()

    async def press_unanswered(self, *, arrives: bool, status: int | None) -> None:
        """Propose it; what comes back is nothing, or a proxy's page with this status."""

        async def lose(route: Route) -> None:
            if arrives:
                await route.fetch()
            if status is None:
                await route.abort()
            else:
                await route.fulfill(status=status, content_type="text/html", body="<p>gateway</p>")

        await self.page.route(ANSWERED_AT[self.member], lose)
        await self.press()
        await expect(self.problem).not_to_be_empty()
        await self.page.unroute(ANSWERED_AT[self.member])

    async def done(self) -> None:
        """The page shows the proposal."""
        await self.page.get_by_role("heading", name="Registration proposed").wait_for()


@pytest_asyncio.fixture(
    loop_scope="session", scope="module", params=[HOSPITAL, DOCTOR], ids=["clerk", "doctor"]
)
async def placed(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    browser_passwords: PasswordWorker,
    password_phc: str,
) -> AsyncIterator[tuple[RecordHouse, str]]:
    """A hospital's node, then a doctor's."""
    folder = tmp_path_factory.mktemp("registering")
    async with record_house(folder, request.param, browser_passwords, password_phc) as house:
        yield house, request.param


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def seated(placed: tuple[RecordHouse, str], chromium: Browser) -> AsyncIterator[Watched]:
    """A clerk or a doctor who stays signed in from test to test."""
    house, member = placed
    async with pages_of(chromium) as make:
        watched = await make(house.base_url)
        await watched.enter(NAMES[HOW[member]])
        yield watched


@pytest_asyncio.fixture(loop_scope="session")
async def registering(
    placed: tuple[RecordHouse, str], seated: Watched
) -> AsyncIterator[Registering]:
    """A clerk, or a doctor whose key is open, before a form that says Anna Wrnog."""
    house, member = placed
    page = seated.page
    await page.goto("about:blank")
    seated.forget()
    seated.expect("ERR_FAILED|404|422|504")
    await page.goto(f"{house.base_url}/#/register", wait_until="commit")
    if member == DOCTOR:
        await hold_key(page, DOCTOR)
    form = Registering(house, page, member)
    form.earlier = len(await form.registered())
    await form.write("Anna Wrnog")
    await page.get_by_label("Passphrase of the patient").fill(WALLET_SECRET)
    await page.get_by_label("The same passphrase again").fill(WALLET_SECRET)
    async with page.expect_download():
        await page.get_by_role("button", name="Make the keys").click()
    await page.get_by_label("The patient has the file").check()
    yield form
    await page.unroute_all()
    await page.evaluate("sessionStorage.clear()")
    await page.goto("about:blank")
    seated.check()


@pytest.mark.parametrize("status", [None, 504])
async def test_a_registration_with_a_lost_answer_is_made_once(
    registering: Registering, status: int | None
) -> None:
    await registering.press_unanswered(arrives=True, status=status)
    await expect(registering.problem).to_contain_text("issues it no second time")
    await expect(registering.problem).not_to_contain_text("tried again by itself")
    assert await registering.registered() == ["Anna Wrnog"]
    await registering.press()
    await registering.done()
    assert await registering.registered() == ["Anna Wrnog"]
    assert "sent." not in await registering.page.evaluate("JSON.stringify({ ...sessionStorage })")


async def test_a_corrected_name_is_sent_where_the_first_never_arrived(
    registering: Registering,
) -> None:
    await registering.press_unanswered(arrives=False, status=None)
    await registering.write("Anna Right")
    await registering.press()
    await registering.done()
    assert await registering.registered() == ["Anna Right"]


async def test_a_name_corrected_after_it_arrived_is_told_apart(registering: Registering) -> None:
    await registering.press_unanswered(arrives=True, status=None)
    await registering.write("Anna Right")
    await registering.press()
    await expect(registering.problem).to_contain_text("has reached the node")
    assert await registering.registered() == ["Anna Wrnog"]
    await registering.press()
    await registering.done()
    assert await registering.registered() == ["Anna Wrnog", "Anna Right"]


@ONLY_A_DOCTOR
async def test_a_name_corrected_in_vain_is_not_lost_with_a_reload(registering: Registering) -> None:
    """The first has arrived, without the correction: what is shown for it would hide that."""
    page = registering.page
    await registering.press_unanswered(arrives=True, status=None)
    await registering.write("Anna Right")
    away = "**/v1/proposals/*"
    await page.route(away, lambda route: route.abort())
    async with page.expect_event("requestfailed"):
        await registering.press()
    await expect(registering.problem).to_contain_text("does not answer")
    await page.unroute(away)
    await page.reload(wait_until="commit")
    await page.get_by_label("Passphrase of the wallet").fill(WALLET_SECRET)
    again = page.get_by_role("button", name="Send it again")
    await again.click()
    await expect(page.locator(".problem")).to_contain_text("what you changed since is not in it")
    assert await registering.registered() == ["Anna Wrnog"]


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_reload_finds_the_registration_and_its_keys_again(
    registering: Registering, *, arrives: bool
) -> None:
    """A doctor's that arrived is shown; all else is sent as it was, once the keys are opened."""
    page = registering.page
    address = await page.locator(".wallet-fields code").inner_text()
    await registering.press_unanswered(arrives=arrives, status=None)
    await expect(registering.problem).to_contain_text("Keep this tab open")
    kept = await page.evaluate("JSON.stringify({ ...sessionStorage })")
    assert address in kept
    assert "Anna" not in kept
    await page.reload(wait_until="commit")
    if registering.member == HOSPITAL or not arrives:
        secret = page.get_by_label("Passphrase of the wallet")
        again = page.get_by_role("button", name="Send it again")
        await secret.fill("another passphrase")
        await again.click()
        await expect(page.locator(".problem")).not_to_be_empty()
        await secret.fill(WALLET_SECRET)
        await again.click()
    await registering.done()
    await expect(page.locator("dl.facts")).to_contain_text(address)
    assert await registering.registered() == ["Anna Wrnog"]
    assert await page.evaluate("sessionStorage.length") == 0


@ONLY_A_DOCTOR
async def test_a_registration_that_ended_meanwhile_waits_for_nobody(
    registering: Registering,
) -> None:
    page = registering.page
    await registering.press_unanswered(arrives=True, status=None)
    over = {"state": "expired"}
    await page.route("**/v1/proposals/*", lambda route: route.fulfill(json=over))
    await page.reload(wait_until="commit")
    await registering.done()
    await expect(page.locator("#content p[role=status]")).to_contain_text("ended without a verdict")


@ONLY_A_CLERK
async def test_a_registration_that_was_lost_can_be_given_up(registering: Registering) -> None:
    page = registering.page
    await registering.press_unanswered(arrives=False, status=None)
    await page.reload(wait_until="commit")
    await page.get_by_role("button", name="Give it up and begin anew").click()
    await expect(page.get_by_label("Name", exact=True)).to_have_value("")
    assert await page.evaluate("sessionStorage.length") == 0
    await page.reload(wait_until="commit")
    await page.get_by_label("Passphrase of the patient").wait_for()
    assert await registering.registered() == []


@ONLY_A_CLERK
async def test_a_registration_that_became_final_meanwhile_is_told(
    registering: Registering,
) -> None:
    """The blocks may come before the page does; then nothing is sent again."""
    page = registering.page
    await registering.press_unanswered(arrives=False, status=None)
    await page.evaluate(
        """(address) => {
          const [key] = Object.keys(sessionStorage).filter((one) => one.includes("begun"));
          const begun = JSON.parse(sessionStorage.getItem(key));
          sessionStorage.setItem(key, JSON.stringify({ ...begun, address }));
        }""",
        address_text(address_of(patient_key()), "mqpat"),
    )
    await page.reload(wait_until="commit")
    await expect(page.locator("#content p[role=status]")).to_contain_text("this is patient 1")
    assert "begun" not in await page.evaluate("JSON.stringify({ ...sessionStorage })")
    assert await registering.registered() == []
