"""Each role sees the doors that are open to it, and begins where its day begins."""

import pytest
from playwright.async_api import expect

from medquorum.node.accounts import UserRole
from tests.browser.kit import NAMES, PageOf
from tests.node.api.conftest import House

DOORS = {
    UserRole.DOCTOR: {"Inbox", "Upload images", "Patients", "Network", "Explorer", "Account"},
    UserRole.CLERK: {"Register a patient", "Patients", "Account"},
    UserRole.RADIOLOGIST: {"Upload images", "Patients", "Explorer", "Account"},
    UserRole.LABORATORY: {"Upload images", "Patients", "Explorer", "Account"},
    UserRole.PATIENT: {"My record", "Account"},
    UserRole.OPERATOR: {"Patients", "Network", "Explorer", "Account"},
    UserRole.AUDITOR: {"Patients", "Network", "Explorer", "Account"},
    UserRole.AI_ENTITY: {"Patients", "Network", "Explorer", "Account"},
}


@pytest.mark.parametrize("role", list(UserRole))
async def test_a_role_sees_its_own_doors(house: House, page_of: PageOf, role: UserRole) -> None:
    watched = await page_of(house.base_url)
    # Of the views nothing is asked here, and the fake desk has not all that they show.
    watched.expect("status of 404")
    await watched.enter(NAMES[role], "#/account")
    links = watched.page.locator("#rail .doors a")
    await expect(links).to_have_count(len(DOORS[role]))
    assert set(await links.all_inner_texts()) == DOORS[role]
    await expect(watched.page.get_by_role("heading", name=NAMES[role])).to_be_visible()
