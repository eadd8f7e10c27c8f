"""A patient's record in the page, against a real node: what is shown, signed, refused, logged."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from medquorum.ledger import canonical
from medquorum.ledger.contents import parse_patient_name, parse_vital_signs
from medquorum.ledger.registration import verify_registration
from medquorum.ledger.types import PartName
from medquorum.node.accounts import UserRole
from medquorum.node.page_key_file import open_page_keys
from medquorum.node.passwords import PasswordWorker
from tests.browser.kit import NAMES, PASSPHRASE, PageOf, Watched
from tests.browser.record_house import RecordHouse, hand_file, record_house, wallet_file
from tests.browser.test_accessibility import grave_findings
from tests.node.record_kit import DOCTOR, patient_key
from tests.support.network import HOSPITAL

WALLET_SECRET = "a wallet's own passphrase"
NAME = "Zoë Ångström <img src=x onerror=alert(1)>"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def hospital(
    tmp_path_factory: pytest.TempPathFactory, browser_passwords: PasswordWorker, password_phc: str
) -> AsyncIterator[RecordHouse]:
    """A hospital's node."""
    folder = tmp_path_factory.mktemp("hospital")
    async with record_house(folder, HOSPITAL, browser_passwords, password_phc) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def surgery(
    tmp_path_factory: pytest.TempPathFactory, browser_passwords: PasswordWorker, password_phc: str
) -> AsyncIterator[RecordHouse]:
    """A doctor's node."""
    folder = tmp_path_factory.mktemp("surgery")
    async with record_house(folder, DOCTOR, browser_passwords, password_phc) as house:
        yield house


async def entered(page_of: PageOf, house: RecordHouse, role: UserRole, view: str) -> Watched:
    watched = await page_of(house.base_url)
    await watched.enter(NAMES[role], view)
    return watched


async def fill_in(page: Page) -> Path:
    """The form, and the wallet file that was saved."""
    await page.get_by_label("Name", exact=True).fill(NAME)
    await page.get_by_label("Passphrase of the patient").fill(WALLET_SECRET)
    await page.get_by_label("The same passphrase again").fill(WALLET_SECRET)
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Make the keys").click()
    await page.get_by_label("The patient has the file").check()
    await page.get_by_label("Body temperature").fill("37,2")
    await page.get_by_label("Heart rate").fill("400")
    return await (await saving.value).path()


async def proposed(page: Page, house: RecordHouse) -> tuple[str, bytes, bytes]:
    """The proposal's id, the name and the vital signs as the node opened them."""
    link = page.locator("dl.facts a code")
    identifier = await link.inner_text(timeout=60_000)
    row = await house.desk.queries.row(identifier)
    assert verify_registration(row.proposal.core)
    read = [
        b"".join(
            [piece async for piece in house.desk.node.bodies.read(row.proposal.core.record, part)]
        )
        for part in (PartName.PAT_NAME, PartName.V_IND)
    ]
    return identifier, read[0], read[1]


def check_content(name: bytes, signs: bytes) -> None:
    assert parse_patient_name(name).name == NAME
    found = {sign.code.value: sign.value_milli for sign in parse_vital_signs(signs).signs}
    assert found == {"body_temperature": 37_200, "heart_rate": 88_000}


def check_wallet(saved: Path, watched: Watched) -> None:
    """It opens with the passphrase, and neither keys nor passphrase ever left the page."""
    content = saved.read_bytes()
    opened = open_page_keys(content, WALLET_SECRET)
    scalars = [
        opened.private_key(purpose).private_numbers().private_value.to_bytes(32, "big")
        for purpose in ("patient", "encryption")
    ]
    sent = b"".join(watched.bodies)
    assert sent
    for secret in (WALLET_SECRET.encode(), *scalars, *(one.hex().encode() for one in scalars)):
        assert secret not in sent


async def test_a_clerk_registers_a_patient_and_a_wrong_value_is_refused(
    hospital: RecordHouse, page_of: PageOf
) -> None:
    watched = await entered(page_of, hospital, UserRole.CLERK, "#/register")
    page = watched.page
    send = page.get_by_role("button", name="Propose the registration")
    await expect(send).to_be_disabled()
    saved = await fill_in(page)
    await send.click()
    await expect(page.get_by_text("Only 20 – 300 /min")).to_be_visible()
    await expect(page.locator("#sign-heart_rate")).to_be_focused()
    assert not [body for body in watched.bodies if b"medical_form" in body]
    await page.get_by_label("Heart rate").fill("88")
    await send.click()
    _, name, signs = await proposed(page, hospital)
    check_content(name, signs)
    check_wallet(saved, watched)


async def test_a_patient_is_registered_with_the_wallet_she_has_but_once(
    hospital: RecordHouse, page_of: PageOf, tmp_path: Path, repository: Path
) -> None:
    """As where the page was closed before an answer came: new keys would make her two patients."""
    watched = await entered(page_of, hospital, UserRole.CLERK, "#/register")
    watched.expect("404")  # nobody has that number yet
    page = watched.page
    await page.get_by_label("Name", exact=True).fill(NAME)
    await page.get_by_text("The patient has a wallet file already").click()
    own = page.locator(".wallet-fields details")
    assert await grave_findings(page, repository) == []
    for patient, passphrase, said in (
        ("patient 1", PASSPHRASE, "Patient 1 is registered with these keys"),
        ("patient 9", PASSPHRASE + "!", "passphrase"),
        ("patient 9", PASSPHRASE, None),
    ):
        await own.get_by_label("Wallet file").set_input_files(wallet_file(tmp_path, patient))
        await own.get_by_label("Passphrase of the wallet").fill(passphrase)
        await own.get_by_role("button", name="Use these keys").click()
        if said is not None:
            await expect(own.locator(".problem")).to_contain_text(said)
            await expect(page.get_by_role("button", name="Propose the reg")).to_be_disabled()
    await page.get_by_role("button", name="Propose the registration").click()
    identifier, name, _ = await proposed(page, hospital)
    assert parse_patient_name(name).name == NAME
    core = (await hospital.desk.queries.row(identifier)).proposal.core
    assert core.patient_key == patient_key("patient 9")


async def test_a_doctor_seals_the_registration_herself(
    surgery: RecordHouse, page_of: PageOf, tmp_path: Path
) -> None:
    watched = await entered(page_of, surgery, UserRole.DOCTOR, "#/register")
    page = watched.page
    saved = await fill_in(page)
    await page.get_by_label("Heart rate").fill("88")
    await page.get_by_role("button", name="Sign and propose").click()
    key = page.get_by_role("dialog")
    await key.get_by_label("Key file").set_input_files(hand_file(tmp_path, DOCTOR))
    await key.get_by_label("Passphrase of the key").fill(PASSPHRASE)
    await key.get_by_role("button", name="Open key").click()
    _, name, signs = await proposed(page, surgery)
    check_content(name, signs)
    check_wallet(saved, watched)
    assert NAME.encode() not in b"".join(watched.bodies)


async def test_the_timeline_shows_phases_next_steps_and_contents_on_request(
    surgery: RecordHouse, page_of: PageOf, repository: Path
) -> None:
    watched = await entered(page_of, surgery, UserRole.DOCTOR, "#/patients")
    page = watched.page
    await page.get_by_role("link", name="Patient 1").click()
    newest = page.locator("section.consultation").first
    await expect(newest.locator(".phase.current")).to_contain_text("CT taken")
    await expect(newest.locator(".next")).to_contain_text("Report on the images")
    await expect(page.locator("section.consultation")).to_have_count(3)
    machine = page.locator("td .tag", has_text="AI, ")
    await expect(machine.first).to_have_text(re.compile(r"^AI, own estimate \d+ %$"))
    assert await grave_findings(page, repository) == []
    before = len(await surgery.desk.accesses(1))
    row = page.get_by_role("row", name="Block 3")
    await row.get_by_role("button", name="Results").click()
    box = page.get_by_role("dialog")
    await expect(box.get_by_role("row", name="Haemoglobin")).to_contain_text("118 g/L")
    await expect(box.get_by_role("row", name="Haemoglobin")).to_contain_text("low")
    assert len(await surgery.desk.accesses(1)) == before + 1
    assert await grave_findings(page, repository) == []
    await page.keyboard.press("Escape")
    await page.get_by_label("Reading for").select_option("research")
    watched.expect("status of 403")
    await row.get_by_role("button", name="Results").click()
    await expect(box).to_contain_text("has not consented")


async def test_a_patient_gives_a_consent_with_her_wallet_and_takes_it_back(
    hospital: RecordHouse, page_of: PageOf, tmp_path: Path, repository: Path
) -> None:
    watched = await entered(page_of, hospital, UserRole.PATIENT, "#/patient/1")
    page = watched.page
    await page.get_by_role("tab", name="Consent").click()
    await page.get_by_label("research").check()
    assert await grave_findings(page, repository) == []

    async def sign(patient: str) -> None:
        box = page.get_by_role("dialog")
        await box.get_by_label("Wallet file").set_input_files(wallet_file(tmp_path, patient))
        await box.get_by_label("Passphrase").fill(PASSPHRASE)
        await box.get_by_role("button", name="Sign").click()

    await page.get_by_role("button", name="Sign with the wallet").click()
    await sign("patient 2")
    await expect(page.get_by_role("dialog")).to_contain_text("another patient's")
    await sign("patient 1")
    table = page.locator("table.consents")
    await expect(table).to_contain_text("In force")
    (given,) = await hospital.desk.dossiers.consents(1)
    assert (given.purposes, given.grantee, given.in_force) == (("research",), None, True)
    async with page.expect_download() as saving:
        await table.get_by_role("link", name="Save").click()
    saved = (await (await saving.value).path()).read_bytes()
    assert canonical.decode(saved).keys() == {"signature", "statement"}
    await table.get_by_role("button", name="Revoke").click()
    await sign("patient 1")
    await expect(table).to_contain_text("Revoked")
    assert not any(one.in_force for one in await hospital.desk.dossiers.consents(1))


async def test_who_read_what_shows_emergencies_and_refusals(
    hospital: RecordHouse, page_of: PageOf, repository: Path
) -> None:
    watched = await entered(page_of, hospital, UserRole.PATIENT, "#/patient/1")
    page = watched.page
    tried = """async ([purpose]) => {
      const { blocks } = await (await fetch("/v1/patients/1/history")).json();
      return (await fetch(`/v1/records/${blocks[0].record}/V_IND?purpose=${purpose}`)).status;
    }"""
    reader = await page_of(hospital.base_url)
    await reader.enter(NAMES[UserRole.RADIOLOGIST])
    reader.expect("status of 403")
    assert await reader.page.evaluate(tried, ["emergency"]) == 200
    assert await reader.page.evaluate(tried, ["quality"]) == 403
    await page.get_by_role("tab", name="Who read what").click()
    rows = page.locator("table.accesses tbody tr")
    await expect(rows.nth(0)).to_contain_text("refused")
    await expect(rows.nth(1).locator(".tag.emergency")).to_have_text("emergency")
    await expect(rows.nth(1)).to_contain_text(NAMES[UserRole.RADIOLOGIST])
    assert await grave_findings(page, repository) == []
    await page.get_by_role("tab", name="Who read what").press("ArrowRight")
    await expect(page.get_by_role("tab", name="Download")).to_be_focused()
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="Download the record").click()
    saved = await (await saving.value).path()
    assert saved.read_bytes()[:2] == b"PK"
    assert json.dumps(NAME) not in saved.read_bytes().decode("latin-1")
