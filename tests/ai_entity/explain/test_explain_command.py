"""`medquorum ai analyze --explain` and the explanation inside `--json`."""

import json
from pathlib import Path

from typer.testing import CliRunner

from medquorum.ai_entity.commands import app
from medquorum.ai_entity.explain.bundle import FORMAT
from tests.ai_entity.conftest import PairOnDisk


def test_one_page_and_the_same_in_json(pair_on_disk: PairOnDisk, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ["analyze", "--ct", str(pair_on_disk.ct), "--pet", str(pair_on_disk.pet)]
    ended = CliRunner().invoke(app, [*words, "--json", "--explain", str(page)])
    assert ended.exit_code == 0, ended.stderr
    told = json.loads(ended.stdout)
    explained = told["explanation"]
    assert explained["format"] == FORMAT
    assert explained["model"]["digest"] == told["model"]["digest"]
    assert len(explained["lesions"]["rows"]) == len(told["tumour"]["lesions"])
    assert "not for clinical use" in explained["model"]["paragraph"]
    text = page.read_text()
    assert explained["model"]["digest"] in text
    assert "data:image/png;base64,iVBOR" in text


def test_a_page_needs_a_place(tmp_path: Path) -> None:
    (tmp_path / "film.png").write_bytes(b"no picture")
    words = ["analyze", "--xray", str(tmp_path / "film.png"), "--explain", "absent/page.html"]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 4
    assert "there is no folder absent" in ended.stderr
