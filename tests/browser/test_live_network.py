"""A live network in real Chromium: from a person without a number to a receipt checked offline."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from medquorum.ai_entity.package_images import tibia_radiograph, tiny_ct_series
from medquorum.ledger.types import Role
from medquorum.node.page_key_file import open_page_keys
from scripts.local_desks import open_desks
from scripts.local_network import LocalNetwork, local_network
from tests.browser.keys_kit import forms, stored_on
from tests.browser.kit import PageOf
from tests.browser.live_kit import (
    SERIES_MS,
    WALLET_PASSPHRASE,
    Person,
    block_of,
    proposal_where,
    save,
)

ALBUM = "MEDQUORUM_BROWSER_ALBUM"
"""Names a folder for the pictures of the pages; else they stay in the test's own folder."""
NAME = "Nora Example"
WEB_STORAGES = 3
"""Local and session storage and the cookies; what a page stores besides is in IndexedDB."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    """Eight nodes and the AI entity's service, each a process."""
    network = local_network(tmp_path_factory.mktemp("desks") / "homes", free_ports=True)
    network.prepare(light_keys=True)
    try:
        network.start()
        network.wait_ready()
        yield network
    finally:
        network.stop()


@dataclass
class Ward:
    """Everybody at her page."""

    network: LocalNetwork
    doctors: list[Person]
    clerk: Person
    radiologist: Person

    @property
    def everybody(self) -> list[Person]:
        """All who have a page."""
        return [*self.doctors, self.clerk, self.radiologist]

    async def decide(self, proposal: str, grade: int | None = None) -> None:
        """Four doctors approve at four pages, the attending last: a majority with her decides."""
        for doctor in (*self.doctors[1:], self.doctors[0]):
            await doctor.approve(proposal, grade)
        await block_of(self.radiologist, proposal)


@pytest_asyncio.fixture(loop_scope="session")
async def ward(live: LocalNetwork, page_of: PageOf, tmp_path: Path) -> AsyncIterator[Ward]:
    for member in live.members:
        await member.add_user()
    live.start_ai()
    album = Path(os.environ.get(ALBUM, tmp_path / "album"))
    people = []
    for desk in await open_desks(live):
        watched = await page_of(desk.member.url, accept_downloads=True)
        people.append(Person(desk, watched, album))
        await people[-1].sign_in()
    *doctors, clerk, radiologist = people
    yield Ward(live, doctors, clerk, radiologist)
    for person in people:
        await person.page.goto("about:blank")


async def _register(ward: Ward, tmp_path: Path) -> str:
    """The clerk fills in the form; the patient's keys are made on the page. The proposal."""
    clerk, page = ward.clerk, ward.clerk.page
    await clerk.go("register")
    await page.locator("#name").fill(NAME)
    await page.locator("#attending").select_option(label=ward.doctors[0].member.name)
    await page.locator("#wallet-new").fill(WALLET_PASSPHRASE)
    await page.locator("#wallet-again").fill(WALLET_PASSPHRASE)
    make = page.get_by_role("button", name="Make the keys and save the file")
    wallet = await save(page, make.click, tmp_path / "wallet.json")
    assert json.loads(wallet.read_text())["format"] == "medquorum/page-keys/1"
    await page.locator("#wallet-kept").check()
    await page.get_by_label("Heart rate").fill("72")
    await clerk.picture("register")
    await page.get_by_role("button", name="Propose the registration").click()
    link = page.locator("a[href^='#/case/']").last
    await link.wait_for()
    return (await link.inner_text()).strip()


def _files(source: Path) -> list[Path]:
    """A film, or the files of a series."""
    return sorted(source.rglob("*.dcm")) if source.is_dir() else [source]


async def _upload(ward: Ward, sources: list[Path], patient: int) -> None:
    """The radiologist chooses series or films and has them looked into."""
    page = ward.radiologist.page
    await ward.radiologist.go("upload")
    await page.locator("select").first.wait_for()
    files = [str(path) for source in sources for path in _files(source)]
    await page.locator("input[type=file]").first.set_input_files(files)
    await page.get_by_role("button", name="Start upload").click()
    cards = page.locator(".series-card")
    await cards.first.wait_for(timeout=SERIES_MS)
    await expect(cards).to_have_count(len(sources), timeout=SERIES_MS)
    await page.locator("select").first.select_option(str(patient))
    await ward.radiologist.picture(f"upload-{len(sources)}")


async def _propose(ward: Ward, kind: str) -> str:
    """Propose one of the uploaded series; its id."""
    page = ward.radiologist.page
    card = page.locator(f".series-card[data-kind={kind}]")
    await card.get_by_role("button", name="Propose").click()
    found = await proposal_where(
        ward.radiologist, f"the {kind} as a proposal", lambda one: one.type == kind
    )
    return found.id


def _series(shared: Path | None) -> list[Path]:
    """CT and PET of a real patient; a CT from a package where they are absent."""
    if shared is None:
        return [tiny_ct_series()]
    case = shared / "dicom" / "STS_005"
    return [case / "CT" / "image", case / "PET" / "image"]


async def _audit(repository: Path, charter: Path, *words: str) -> str:
    """What the independent verifier says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(repository / "scripts" / "audit"),
        *words,
        "--charter",
        str(charter),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.mark.timeout(600)
async def test_from_registration_to_a_receipt_that_an_outsider_checks(
    ward: Ward, tmp_path: Path, repository: Path, shared_data_folder: Path | None
) -> None:
    """Register, upload CT and PET, the AI entity reports, four doctors vote, the audit believes."""
    first = ward.doctors[0]
    await ward.decide(await _register(ward, tmp_path))
    patient = 1
    series = _series(shared_data_folder)
    await _upload(ward, series, patient)
    ct = await _propose(ward, "ct")
    await first.go("inbox")
    await first.page.locator(f"#content a[href='#/case/{ct}']").wait_for()
    await first.picture("inbox")
    await ward.decide(ct)
    images = 1
    if len(series) > 1:
        await ward.decide(await _propose(ward, "pet"))
        images = 2
    await _decide_report(ward, images, tmp_path, repository)
    await _film(ward, patient)
    await _look_around(ward, patient)
    await _no_secret_left_the_pages(ward, tmp_path / "wallet.json")


async def _decide_report(ward: Ward, images: int, tmp_path: Path, repository: Path) -> None:
    """Look at the AI entity's report, approve it, and have the receipt checked by an outsider."""
    first = ward.doctors[0]
    report = await proposal_where(
        ward.radiologist,
        "the AI entity's report",
        lambda one: one.ai is not None and len(one.references) == images,
    )
    await first.go(f"case/{report.id}")
    await first.page.locator(".votebar").wait_for()
    await expect(first.page.locator(".case-side")).to_contain_text("Not for clinical use")
    for layout in ("CT", "PET", "Fused", "All three") if images > 1 else ():
        choice = first.page.get_by_role("button", name=layout, exact=True)
        await choice.click()
        await expect(choice).to_have_attribute("aria-pressed", "true")
        await first.images(f"case-{layout.lower().replace(' ', '-')}")
    await first.images("case-report")
    await ward.decide(report.id, 1)
    block = await block_of(first, report.id)
    assert block.outcome == "accepted"
    button = first.page.get_by_role("button", name="Save receipt")
    receipt = await save(first.page, button.click, tmp_path / "vote.mqreceipt")
    async with first.client() as client:
        (tmp_path / "block.proof").write_bytes(await client.proof(block.n_bc))
    said = await _audit(
        repository,
        ward.network.charter_path,
        *("--receipt", str(receipt), "--proof", str(tmp_path / "block.proof")),
    )
    assert "VALID" in said


async def _film(ward: Ward, patient: int) -> None:
    """A real film goes the same way as far as the AI entity's report on it."""
    first, page = ward.doctors[0], ward.radiologist.page
    await page.get_by_role("button", name="Give up and remove").click()
    await expect(page.locator(".series-card")).to_have_count(0)
    await _upload(ward, [tibia_radiograph()], patient)
    await ward.decide(await _propose(ward, "xray"))
    report = await proposal_where(
        ward.radiologist,
        "the AI entity's report on the film",
        lambda one: one.ai is not None and one.ai["kind"] == "fracture",
    )
    await first.go(f"case/{report.id}")
    await first.page.locator(".votebar").wait_for()
    await expect(first.page.locator(".case-side")).to_contain_text("Not for clinical use")
    await first.images("case-xray")


async def _look_around(ward: Ward, patient: int) -> None:
    """The record, the chain, one block verified in the page, the network."""
    first = ward.doctors[0]
    async with first.client() as client:
        n_bc = (await client.status()).n_bc
    places = {
        "timeline": f"patient/{patient}",
        "explorer": "explorer",
        "block": f"block/{n_bc}",
        "network": "network",
    }
    for name, place in places.items():
        await first.go(place)
        await expect(first.page.locator("#content h1").first).to_be_visible()
        await first.picture(name)


async def _no_secret_left_the_pages(ward: Ward, wallet: Path) -> None:
    """No request, storage or log holds a passphrase or a private key; key files stay on disk."""
    passphrases = [WALLET_PASSPHRASE.encode()]
    keys = [open_page_keys(wallet.read_bytes(), WALLET_PASSPHRASE)]
    for person in ward.doctors:
        assert person.desk.key_file is not None
        passphrases.append(person.desk.passphrase_file.read_bytes().strip())
        sealed = person.desk.key_file.read_bytes()
        keys.append(open_page_keys(sealed, passphrases[-1].decode()))
    scalars = [
        one.private_key(purpose).private_numbers().private_value.to_bytes(32, "big")
        for one in keys
        for purpose in one.purposes
    ]
    assert len(scalars) >= 2 + len(ward.doctors), "a wallet holds two keys, a key file one"
    secret = [form for one in (*passphrases, *scalars) for form in forms(one)]
    for person in ward.everybody:
        stored = await stored_on(person.page)
        if person.desk.key_file is not None:
            assert len(stored) > WEB_STORAGES, "a doctor's votes are kept in IndexedDB"
        kept = [text.encode() for text in stored]
        logs = [path.read_bytes() for path in person.member.home.glob("*.log")]
        for place in (*person.watched.bodies, *kept, *logs):
            assert not any(form in place for form in secret), "a secret left the page"
    assert ward.network.of_role(Role.AI_ENTITY)
