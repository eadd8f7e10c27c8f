"""One page has one version, with the works of others in it or without them."""

import shutil
from hashlib import sha256
from pathlib import Path

import pytest

import hatch_build
from medquorum.node.page import bundle as page
from medquorum.node.page.bundle import load_bundle

WORK = b"export default 0;"
WORK_NAME = "vendor/charts.js"


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the page's own files, of which one work of others is said to be part."""
    monkeypatch.setattr(page, "vendored_hashes", lambda: {WORK_NAME: sha256(WORK).hexdigest()})
    copy = tmp_path / "static"
    shutil.copytree(hatch_build.VENDOR.parent, copy, ignore=shutil.ignore_patterns("vendor"))
    return copy


def test_the_page_with_and_without_the_works_of_others_has_one_version(static: Path) -> None:
    without = load_bundle(static)
    (static / "vendor").mkdir()
    (static / WORK_NAME).write_bytes(WORK)
    (static / "vendor/stamp").write_bytes(b"when it was copied")
    whole = load_bundle(static)
    assert (whole.sha256, dict(whole.hashes)) == (without.sha256, dict(without.hashes))
    assert (whole.absent, without.absent) == ((), (WORK_NAME,))
    assert whole.files[WORK_NAME].body == WORK
    assert WORK_NAME not in without.files


def test_another_file_of_ours_is_another_version(static: Path) -> None:
    before = load_bundle(static).sha256
    (static / "app.js").write_bytes((static / "app.js").read_bytes() + b"\n")
    assert load_bundle(static).sha256 != before


def test_another_work_of_others_is_another_version(
    static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_bundle(static).sha256
    monkeypatch.setattr(page, "vendored_hashes", lambda: {WORK_NAME: sha256(b"").hexdigest()})
    assert load_bundle(static).sha256 != before


def test_a_changed_copy_of_a_work_of_others_is_not_served(static: Path) -> None:
    """Else it would run in the page of a node that shows the version of a release."""
    (static / "vendor").mkdir()
    (static / WORK_NAME).write_bytes(WORK + b"\n")
    (static / "vendor/more.js").write_bytes(WORK)
    found = load_bundle(static)
    assert found.absent == (WORK_NAME,)
    assert not any(name.startswith("vendor/") for name in found.files)
