"""Hostile texts in everything a list shows: shown as they are, and nothing of them runs."""

from dataclasses import replace

import pytest
from playwright.async_api import expect

from medquorum.node.accounts import UserRole
from medquorum.node.views import EventView, ProposalView, StatusView
from tests.browser.kit import NAMES, PageOf
from tests.browser.payloads import PAYLOADS
from tests.node.api.conftest import House
from tests.node.api.fake_desk import proposal

DOCTOR = NAMES[UserRole.DOCTOR]


def hostile(number: int, payload: str) -> ProposalView:
    """A case with the text wherever a member, a model or a file could have put it."""
    return replace(
        proposal(f"{number:064x}"),
        type=payload if number % 2 else "report",
        issuer_name=payload,
        issuer_role=payload,
        reason=payload,
        body=payload,
        summary=(payload, payload),
        ai={"model": payload, "kind": payload},
        verdict=replace(proposal().verdict, attending=payload, missing=(payload,)),
    )


def hostile_status(house: House, payload: str) -> StatusView:
    status = house.desk.status()
    return replace(status, name=payload, network_name=payload, leader=payload, ordering=payload)


def test_there_are_thirty_payloads() -> None:
    assert len(set(PAYLOADS)) == 30


async def test_no_text_of_a_list_runs(
    house: House, page_of: PageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = tuple(hostile(number, payload) for number, payload in enumerate(PAYLOADS, 1))

    async def inbox() -> tuple[ProposalView, ...]:
        return cases

    monkeypatch.setattr(house.desk, "inbox", inbox)
    status = hostile_status(house, "".join(PAYLOADS))
    monkeypatch.setattr(house.desk, "status", lambda: status)
    watched = await page_of(house.base_url)
    page = watched.page
    page.on("dialog", lambda dialog: watched.errors.append(dialog.message))
    await watched.enter(DOCTOR)
    rows = page.locator("table.inbox tbody tr")
    await expect(rows).to_have_count(30)
    for payload in PAYLOADS:
        await expect(rows.filter(has_text=payload).first).to_be_visible()
    await expect(page.locator("#rail > header")).to_contain_text(PAYLOADS[0])
    await page.get_by_role("link", name="Account").click()
    await expect(page.get_by_text(PAYLOADS[0]).first).to_be_visible()
    assert await page.evaluate("globalThis.ran") is None
    assert await page.locator("script, link, iframe, object, embed, base").count() == (
        await page.locator("head > script, head > link").count()
    )


async def test_no_text_of_an_event_or_a_refusal_runs(house: House, page_of: PageOf) -> None:
    watched = await page_of(house.base_url)
    page = watched.page
    watched.expect("status of 404")
    await watched.enter(DOCTOR)
    for number, payload in enumerate(PAYLOADS, 1):
        event = EventView(number, "proposal", 0, payload, {"type": payload})
        house.desk.log.append(event)
    for payload in PAYLOADS:
        await page.evaluate("(hash) => { location.hash = `#/case/${hash}`; }", payload)
    await page.get_by_role("link", name="Account").click()
    await expect(page.get_by_role("heading", name=DOCTOR)).to_be_visible()
    assert await page.evaluate("globalThis.ran") is None


async def test_attributes_take_no_script_and_no_foreign_address(
    house: House, page_of: PageOf
) -> None:
    watched = await page_of(house.base_url)
    await watched.page.goto(house.base_url)
    refused = await watched.page.evaluate(
        """async () => {
          const { el, svg, workerOf } = await import("/page/elements.js");
          const tries = [
            () => el("a", { href: "javascript:globalThis.ran = 1" }),
            () => el("a", { href: "//evil.example/" }),
            () => el("a", { href: "https://evil.example/" }),
            () => el("img", { src: "data:text/html,<script>ran = 1</script>" }),
            () => el("div", { onclick: "globalThis.ran = 1" }),
            () => el("div", { style: "background: url(//evil.example)" }),
            () => el("iframe", { srcdoc: "<script>ran = 1</script>" }),
            () => el("div", { innerHTML: "<b>x</b>" }),
            () => svg("a", { "xlink:href": "javascript:ran = 1" }),
            () => svg("g", { onload: "ran = 1" }),
            () => workerOf("//evil.example/worker.js"),
            () => workerOf("/v1/records/x"),
            () => { document.body.innerHTML = "<b>x</b>"; },
            () => { (0, eval)("globalThis.ran = 1"); },
          ];
          return tries.map((attempt) => {
            try { attempt(); return false; } catch { return true; }
          });
        }"""
    )
    assert refused == [True] * 14
    assert await watched.page.evaluate("globalThis.ran") is None
    blocked = [violation.split()[0] for violation in watched.violations]
    assert set(blocked) <= {"require-trusted-types-for", "script-src"}
    watched.violations.clear()
    watched.expect("TrustedHTML|TrustedScript|Content Security Policy|unsafe-eval")
