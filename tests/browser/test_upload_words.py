"""Words beside an upload: one file is a file, and no foreign name turns the words around it."""

from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import expect

from tests.browser.kit import PageOf
from tests.browser.test_upload import at_uploads, choose
from tests.node.api.conftest import House
from tests.node.viewing.kit import picture

GREY = np.arange(24 * 16, dtype=np.uint8).reshape(24, 16)
TURNED, SHOWN = "hand\u202egnp.\u2066x\u200f.png", "hand⟨U+202E⟩gnp.⟨U+2066⟩x⟨U+200F⟩.png"
UNSEEN = "\u202e\u2066\u200f"


def films(folder: Path, number: int) -> list[Path]:
    """Pictures of names that are not what they seem."""
    folder.mkdir()
    paths = [folder / f"{index}{TURNED}" for index in range(number)]
    for index, path in enumerate(paths):
        path.write_bytes(picture(GREY + np.uint8(index)))
    return paths


@pytest.mark.parametrize(
    ("number", "chosen", "there"),
    [
        (1, "1 file, ", "Complete: 1 file is at the node"),
        (2, "2 files, ", "Complete: 2 files are at the node"),
    ],
)
async def test_words_go_with_their_number_and_names_show_every_character(
    house: House, page_of: PageOf, tmp_path: Path, number: int, chosen: str, there: str
) -> None:
    watched = await at_uploads(house, page_of)
    page = watched.page
    await choose(page, *films(tmp_path / "films", number))
    await expect(page.locator(".chosen h2")).to_contain_text(chosen)
    await expect(page.locator(".chosen figcaption").first).to_have_text(f"0{SHOWN}")
    await page.keyboard.press("Enter")
    await expect(page.locator(".progress-words")).to_contain_text(there)
    card = page.locator(".series-card").first
    await expect(card).to_contain_text("· 1 image ·")
    await expect(card.locator(".series-name bdi")).to_have_text(f"0{SHOWN}")
    await page.locator(".upload-progress summary").click()
    await expect(page.get_by_role("button", name=f"Remove 0{SHOWN}")).to_be_visible()
    document = await page.locator("body").evaluate("(body) => body.outerHTML")
    assert not set(UNSEEN) & set(document)


async def test_letters_of_every_script_stay(house: House, page_of: PageOf) -> None:
    watched = await page_of(house.base_url)
    await watched.page.goto(house.base_url)
    told = await watched.page.evaluate(
        """async (texts) => {
          const { visible } = await import("/page/format.js");
          return texts.map(visible);
        }""",
        ["צילום יד.png", "می\u200cخواهم", "a\u0000b\u0085", "\ufeff\u2028"],
    )
    kept = ["צילום יד.png", "می\u200cخواهم"]
    assert told == [*kept, "a⟨U+0000⟩b⟨U+0085⟩", "⟨U+FEFF⟩⟨U+2028⟩"]
