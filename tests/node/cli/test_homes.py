"""A node's home: made, started, found by the other commands."""

import json
import stat
from pathlib import Path

import pytest

from medquorum.node import service
from medquorum.node.account_records import UserRole
from medquorum.node.cli.outcome import Exit
from medquorum.node.config import NodeConfig, load_config
from medquorum.node.private_files import write_private_file
from tests.node.api.conftest import House
from tests.node.cli.conftest import Command


async def test_a_home_says_where_its_node_is(
    house: House, command: Command, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    port = house.base_url.rpartition(":")[2]
    made = await command(
        "init", "--home", str(home), "--moniker", "St. Mary", "--api-listen", f"127.0.0.1:{port}"
    )
    assert made.exit_code == 0, made.output
    assert stat.S_IMODE((home / "operator.token").stat().st_mode) == 0o600
    assert load_config(home / "node.toml").moniker == "St. Mary"
    write_private_file(
        home / "operator.token", house.tokens[UserRole.OPERATOR].encode(), replace=True
    )
    unset = {"MEDQUORUM_NODE": "", "MEDQUORUM_TOKEN_FILE": ""}
    shown = await command("status", "--home", str(home), "--json", environment=unset)
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["n_bc"] == 8
    again = await command("init", "--home", str(home), "--moniker", "X")
    assert (again.exit_code, "another home" in again.stderr) == (Exit.FAILED, True)
    nowhere = await command("status", "--home", str(tmp_path), environment=unset)
    assert (nowhere.exit_code, "medquorum init" in nowhere.stderr) == (Exit.USAGE, True)
    unmade = await command("start", "--home", str(tmp_path))
    assert (unmade.exit_code, "medquorum init" in unmade.stderr) == (Exit.NOT_FOUND, True)


async def test_a_home_without_a_name_for_its_node_takes_the_folders(
    command: Command, tmp_path: Path
) -> None:
    names = {
        "st-mary": "st-mary",
        "_St. Mary (é)": "St. Mary -",
        "---": "node",
        "x" * 90: "x" * 64,
    }
    for folder, moniker in names.items():
        made = await command("init", "--home", str(tmp_path / folder))
        assert made.exit_code == 0, made.output
        assert load_config(tmp_path / folder / "node.toml").moniker == moniker


async def test_init_names_the_next_step_of_this_home(command: Command, tmp_path: Path) -> None:
    steps = {
        (): "medquorum keys new --home {} --role ROLE",
        ("clinical-keystore.json",): "medquorum keys new --home {} --role doctor",
        ("node-keystore.json",): "copy the signed charter to {}/charter.bin",
        ("node-keystore.json", "charter.bin"): "medquorum start --home {}",
    }
    for number, (files, step) in enumerate(steps.items()):
        home = tmp_path / f"home{number}"
        home.mkdir()
        for name in files:
            (home / name).touch()
        made = await command("init", "--home", str(home))
        assert f"Next: {step.format(home)}" in made.stdout


async def test_start_takes_its_passphrase_from_the_file_named(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[NodeConfig] = []
    monkeypatch.setattr(service, "run", started.append)
    home, named = tmp_path / "home", tmp_path / "passphrase"
    await command("init", "--home", str(home))
    other = {"MEDQUORUM_PASSPHRASE_FILE": str(tmp_path / "other")}
    words = ("start", "--home", str(home))
    await command(*words, environment=other)
    await command(*words, "--passphrase-file", str(named), environment=other)
    assert [config.keys.passphrase_file for config in started] == [tmp_path / "other", named]
