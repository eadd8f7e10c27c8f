"""node.toml: everything wrong is told at once, by path and without values."""

from pathlib import Path

import pytest

from medquorum.node.auto_rules import Policy
from medquorum.node.body_store import open_body_store
from medquorum.node.config import (
    ConfigError,
    NodeConfig,
    load_config,
    write_default_config,
)
from medquorum.node.listen_address import ListenAddress


def _load(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> NodeConfig:
    (tmp_path / "node.toml").write_text(text)
    return load_config(tmp_path / "node.toml", environment or {})


def test_the_default_file_loads_to_the_documented_defaults(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    written = write_default_config(path, moniker="North hospital", api_listen="[::1]:9000")
    loaded = load_config(path, {})
    assert loaded == written
    assert loaded.home == tmp_path
    assert loaded.p2p.listen == ListenAddress(host="0.0.0.0", port=7443)
    assert str(loaded.api.listen) == "[::1]:9000"
    assert loaded.ops is None
    assert loaded.keys.keystore_file == tmp_path / "node-keystore.json"
    assert loaded.keys.passphrase_file is None
    assert loaded.storage_url == f"sqlite:///{tmp_path}/ledger.sqlite"
    assert loaded.bodies_url == f"file://{tmp_path}/bodies"
    assert path.read_text().count("#") > 10


async def test_the_default_bodies_url_opens(tmp_path: Path) -> None:
    loaded = write_default_config(tmp_path / "node.toml", moniker="a")
    await open_body_store(loaded.bodies_url).close()
    assert (tmp_path / "bodies").is_dir()


def test_an_existing_file_is_kept_and_a_bad_one_is_not_left(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    with pytest.raises(ConfigError, match="moniker"):
        write_default_config(path, moniker="<script>")
    assert not path.exists()
    write_default_config(path, moniker="first")
    with pytest.raises(ConfigError, match="cannot write"):
        write_default_config(path, moniker="second")
    assert load_config(path, {}).moniker == "first"


def test_every_problem_is_told_at_once_by_its_path(tmp_path: Path) -> None:
    text = """
    quorum = "majority"
    [p2p]
    listen = "nowhere"
    colour = "red"
    [api]
    listen = "127.0.0.1:70000"
    [logs]
    level = "chatty"
    """
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    message = str(caught.value)
    for place in ("quorum: unknown key", "moniker: missing", "p2p.listen: must be HOST:PORT"):
        assert place in message
    for place in ("p2p.colour: unknown key", "api.listen.port:", "logs.level:"):
        assert place in message
    assert "chatty" not in message
    assert "belong in the charter" in message


def test_the_environment_names_the_passphrase_file(tmp_path: Path) -> None:
    text = 'moniker = "a"\n[keys]\npassphrase_file = "in-file"\n'
    (tmp_path / "node.toml").write_text(text)
    assert load_config(tmp_path / "node.toml", {}).keys.passphrase_file == tmp_path / "in-file"
    environment = {"MEDQUORUM_PASSPHRASE_FILE": "/run/secrets/pass"}
    keys = load_config(tmp_path / "node.toml", environment).keys
    assert keys.passphrase_file == Path("/run/secrets/pass")


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ('url = "postgresql://node:hunter2@db/x"', "storage.url: must not hold a password"),
        ('url = "mysql://db/x"', "storage.url: storage url must be sqlite"),
        ('bodies_url = "s3://key:hunter2@bucket"', "storage.bodies_url:"),
    ],
)
def test_secrets_and_foreign_stores_are_refused(tmp_path: Path, storage: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, f'moniker = "a"\n[storage]\n{storage}\n')
    assert reason in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path / "absent.toml", {})
    with pytest.raises(ConfigError, match="not valid TOML"):
        _load(tmp_path, "moniker = ")
    with pytest.raises(ConfigError, match="exceeds"):
        _load(tmp_path, "#" * 70_000)


@pytest.mark.parametrize("listen", ["h:1:2", "[::1]", ":80", "host:", "a b:80", "h:-1", "::1:80"])
def test_other_forms_of_an_address_are_refused(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ConfigError, match=r"p2p\.listen"):
        _load(tmp_path, f'moniker = "a"\n[p2p]\nlisten = "{listen}"\n')


def test_only_policies_that_are_known_may_vote(tmp_path: Path) -> None:
    loaded = write_default_config(tmp_path / "default.toml", moniker="a")
    assert loaded.auto_votes.policies == ()
    wanted = 'moniker = "a"\n[auto_votes]\npolicies = ["complete-image-series"]\n'
    assert _load(tmp_path, wanted).auto_votes.policies == (Policy.COMPLETE_IMAGE_SERIES,)
    with pytest.raises(ConfigError, match=r"auto_votes\.policies"):
        _load(tmp_path, wanted.replace("complete-image-series", "approve-everything"))
