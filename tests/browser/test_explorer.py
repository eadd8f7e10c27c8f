"""The chain and the network in the page: links drawn, blocks verified here, waiting explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from medquorum.node.accounts import UserRole
from tests.browser.kit import NAMES, PageOf, Watched, until
from tests.browser.record_house import RecordHouse
from tests.browser.test_accessibility import grave_findings
from tests.node.record_kit import NETWORK


async def entered(page_of: PageOf, house: RecordHouse, view: str) -> Watched:
    watched = await page_of(house.base_url)
    await watched.enter(NAMES[UserRole.OPERATOR], view)
    return watched


async def test_blocks_are_drawn_with_both_kinds_of_links_newest_first(
    chain: RecordHouse, page_of: PageOf, repository: Path
) -> None:
    watched = await entered(page_of, chain, "#/explorer")
    page = watched.page
    rows = page.locator("table.blocks tbody tr")
    await expect(rows).to_have_count(16)
    await expect(rows.first).to_contain_text("Block 16")
    graph = page.locator("svg.graph")
    await expect(graph.locator(".node")).to_have_count(16)
    await expect(graph.locator(".global")).to_have_count(15)
    # Two registrations begin a patient's chain, and the rejected block 5 stands in none.
    await expect(graph.locator(".own")).to_have_count(13)
    await expect(graph.locator(".node.rejected")).to_have_count(1)
    assert await grave_findings(page, repository) == []
    await page.get_by_label("Only patient number").fill("2")
    await page.get_by_label("Only patient number").press("Enter")
    await expect(rows).to_have_count(3)
    await graph.locator(".node").last.click()
    await expect(page.get_by_role("heading", name="Block 14")).to_be_visible()


async def test_a_block_is_verified_in_the_page_from_its_proof(
    chain: RecordHouse, page_of: PageOf, repository: Path
) -> None:
    watched = await entered(page_of, chain, "#/block/7")
    page = watched.page
    verdict = page.locator("#verification .verdict")
    await expect(verdict).to_have_attribute("data-valid", "true", timeout=60_000)
    await expect(page.locator("ol.steps li.failed")).to_have_count(0)
    assert await page.locator("ol.steps li.passed").count() >= 10
    block = await chain.desk.block(7)
    header = page.locator("table.header-fields")
    for name, value in (
        ("N BC", "7"),
        ("Hprevious", block.hprevious),
        ("Hpresent", block.body_root),
        ("Hpatient", block.hpatient),
        ("Kp", block.patient_key),
        ("PAT NAME", block.patient_name),
        ("Sigt", block.signature),
        ("DR NAME", block.doctor),
    ):
        await expect(header.get_by_role("row", name=name)).to_contain_text(value)
    await expect(page.locator("table.votes")).to_contain_text("rejected")
    await expect(page.locator(".dissent")).to_contain_text(NETWORK.doctors[2])
    assert await grave_findings(page, repository) == []


@pytest.mark.parametrize("forged", ["a changed byte", "another block's proof", "no proof at all"])
async def test_a_forged_proof_shows_red(chain: RecordHouse, page_of: PageOf, forged: str) -> None:
    watched = await page_of(chain.base_url)
    genuine = bytearray(await chain.desk.proof(7))
    genuine[len(genuine) // 2] ^= 1
    sent = {
        "a changed byte": bytes(genuine),
        "another block's proof": await chain.desk.proof(6),
        "no proof at all": b"\x80",
    }[forged]

    async def answer(route: Route) -> None:
        await route.fulfill(body=sent, content_type="application/octet-stream")

    await watched.page.route("**/v1/proofs/7", answer)
    await watched.enter(NAMES[UserRole.OPERATOR], "#/block/7")
    verdict = watched.page.locator("#verification .verdict")
    await expect(verdict).to_have_attribute("data-valid", "false", timeout=60_000)
    assert await watched.page.locator("ol.steps li.failed").count() >= 1


async def test_the_network_says_why_a_proposal_waits_and_for_whom(
    chain: RecordHouse, page_of: PageOf, repository: Path
) -> None:
    watched = await entered(page_of, chain, "#/network")
    page = watched.page
    waiting = page.locator(".open-proposals")
    await expect(waiting).to_contain_text("0 of 3 needed approvals")
    for doctor in NETWORK.doctors:
        await expect(waiting).to_contain_text(doctor)
    await expect(page.get_by_text("1 doctors' nodes are linked, ordering needs 3")).to_be_visible()
    await expect(page.locator("figure.chart .uplot")).to_have_count(3)
    taking_part = page.locator("figure.chart").nth(1)
    await taking_part.locator("summary").click()
    absent = taking_part.get_by_role("row", name=NETWORK.doctors[1])
    await expect(absent).to_contain_text("94 %")
    await expect(page.get_by_text("Nobody is away.")).to_be_visible()
    shown = await page.locator("#content").inner_text()
    assert "Patient 1" not in shown
    assert "patient 2" not in shown
    assert await grave_findings(page, repository) == []


PAINTED = """(canvas) => {
  const {data, width} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const columns = new Set();
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === 224 && data[at + 1] === 166 && data[at + 2] === 74)
      columns.add((at / 4) % width);
  return columns.size / width;
}"""
"""The share of a canvas' columns in which the threshold's colour is painted."""


@pytest.mark.parametrize("reports", [1, 2])
async def test_the_threshold_is_drawn_also_beside_a_single_report(
    chain: RecordHouse, page_of: PageOf, reports: int
) -> None:
    watched = await page_of(chain.base_url)

    async def answer(route: Route) -> None:
        told = await (await route.fetch()).json()
        told["maturity"][0]["points"] = [
            {"n_bc": number, "reports": number, "approved": number, "lower_ppm": 206_549}
            for number in range(1, reports + 1)
        ]
        await route.fulfill(json=told)

    await watched.page.route("**/v1/statistics", answer)
    await watched.enter(NAMES[UserRole.OPERATOR], "#/network")
    canvas = watched.page.locator("figure.chart").nth(2).locator(".uplot canvas")
    await canvas.wait_for()
    await until(watched.page, lambda: canvas.evaluate(f"(one) => ({PAINTED})(one) > 0.5"))


async def test_without_the_chart_library_the_tables_are_open(
    chain: RecordHouse, page_of: PageOf
) -> None:
    watched = await page_of(chain.base_url)
    watched.expect("uPlot|ERR_FAILED|Failed to fetch")
    await watched.page.route("**/page/vendor/uPlot/**", lambda route: route.abort())
    await watched.enter(NAMES[UserRole.OPERATOR], "#/network")
    await expect(watched.page.locator("figure.chart details[open]")).to_have_count(3)
    await expect(watched.page.locator("figure.chart .uplot")).to_have_count(0)
