"""The page's own files: their form, their texts, what they never contain."""

import json
import re
from pathlib import Path

import pytest

from medquorum.node.page import bundle as bundle_module
from medquorum.node.page.bundle import PageError, load_bundle, read_texts

PAGE = Path(bundle_module.__file__).parent
OWN = sorted(path for path in (PAGE / "static").rglob("*.js") if "vendor" not in path.parts)
STYLES = sorted(path for path in (PAGE / "static").rglob("*.css") if "vendor" not in path.parts)
TEXT = re.compile(r"""\b(?:t|known)\(\s*["']([a-z_]+\.[a-z0-9_]+)["']""")
"""A literal key of the catalogue; keys made of parts are checked by the tests of their views."""
SINKS = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|eval\()"
    r"|new Function\b|\.setAttribute\(\s*[\"'](style|on\w+)[\"']|javascript:"
)
LONGEST_FILE = 300
LONGEST_LINE = 100


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(PAGE / "static")))
def test_a_module_keeps_the_form(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST_FILE
    assert [number for number, line in enumerate(lines, 1) if len(line) > LONGEST_LINE] == []


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(PAGE / "static")))
def test_a_module_has_no_door_for_script(path: Path) -> None:
    assert SINKS.findall(path.read_text(encoding="utf-8")) == []


def test_every_text_that_is_asked_for_is_there() -> None:
    catalogue = read_texts()
    asked = {key for path in OWN for key in TEXT.findall(path.read_text(encoding="utf-8"))}
    assert asked - catalogue.keys() == set()
    assert len(asked) > 50


def test_no_file_of_the_page_names_another_origin() -> None:
    foreign = re.compile(r"(?:https?:)?//(?!www\.w3\.org/)[a-z0-9-]+\.[a-z]{2,}", re.IGNORECASE)
    for path in (*OWN, *STYLES, *(PAGE / "templates").rglob("*.html")):
        assert foreign.findall(path.read_text(encoding="utf-8")) == [], path.name


def test_documents_hold_no_inline_script_or_style() -> None:
    for path in (PAGE / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text) == []


def test_a_text_outside_its_room_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_module, "_ROOM", tmp_path)
    folder = tmp_path / "texts" / "en"
    folder.mkdir(parents=True)
    for content in ({"other.key": "text"}, {"shell.key": 1}):
        (folder / "shell.json").write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(PageError, match=r"shell\.json"):
            read_texts()


def test_the_bundles_hash_moves_with_every_file() -> None:
    bundle = load_bundle()
    assert "app.js" in bundle.files and "texts/en.json" in bundle.files
    assert not any(name.endswith((".py", ".html")) for name in bundle.files)
    assert load_bundle().sha256 == bundle.sha256
