"""`node.toml`: where one node keeps things and listens; consensus parameters are the charter's.

Unknown keys are errors, and all errors of a file are told at once, by their path and without
their values. Secrets enter as files only: `keys.passphrase_file`, or the environment variable
MEDQUORUM_PASSPHRASE_FILE, which wins. Relative paths are relative to the file's folder.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from medquorum.node.api.client_address import TrustedProxies
from medquorum.node.api.limits import IDLE_LOCK_MS
from medquorum.node.auto_rules import Policy
from medquorum.node.listen_address import Listen, listen_address
from medquorum.node.store.errors import StoreError

CONFIG_LIMIT_BYTES: Final = 65_536
UNLOCK_FILE_VARIABLE: Final = "MEDQUORUM_PASSPHRASE_FILE"

P2P_LISTEN: Final = "0.0.0.0:7443"
"""Peers come from outside; the handshake lets in charter members only."""

API_LISTEN: Final = "127.0.0.1:8443"
"""Local, until the operator decides otherwise."""


class ConfigError(Exception):
    """The configuration cannot be used; the message lists every problem with its path."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _storage_url_without_password(url: str) -> str:
    # Imported only here: most commands read this file and no database.
    from medquorum.node.store.dialects import ArgumentError, parse_storage_url

    try:
        password = parse_storage_url(url).password
    except (StoreError, ArgumentError) as error:
        raise ValueError(str(error)) from None
    if password is not None:
        raise ValueError("must not hold a password; use a PGPASSFILE")
    return url


StorageUrl = Annotated[str, BeforeValidator(_storage_url_without_password)]


class PeerSection(_Section):
    """`[p2p]`: the mutual-TLS listener for other nodes."""

    listen: Listen = listen_address(P2P_LISTEN)


class ApiSection(_Section):
    """`[api]`: the listener for the page and programs."""

    listen: Listen = listen_address(API_LISTEN)
    origin: Annotated[str, Field(pattern=r"^https?://[0-9A-Za-z.:\[\]-]{1,253}$")] | None = None
    """Origin browsers see, such as https://node.example.org; None: derived from `listen`."""
    idle_lock_minutes: Annotated[int, Field(ge=1, le=60)] = IDLE_LOCK_MS // 60_000
    """A page left alone this long hides its desk and drops the doctor's key."""
    trusted_proxies: TrustedProxies = ()
    """Peers whose X-Forwarded-For names the client: where a TLS proxy stands before the node."""

    @property
    def page(self) -> str:
        """Where a browser on this machine, or behind the proxy of `origin`, opens the page."""
        return f"{self.origin or self.listen.local_url}/"


class OpsSection(_Section):
    """`[ops]`: health and metrics; absent means no such listener."""

    listen: Listen


class CharterSection(_Section):
    """`[charter]`: the signed founding charter."""

    file: Path = Path("charter.bin")


class KeysSection(_Section):
    """`[keys]`: the encrypted keystore and the file with its passphrase."""

    keystore_file: Path = Path("node-keystore.json")
    passphrase_file: Path | None = None


class StorageSection(_Section):
    """`[storage]`: the database and the sealed bodies; None means inside `home`."""

    url: StorageUrl | None = None
    bodies_url: Annotated[str, Field(pattern=r"^[a-z0-9]+://[^@?\s]*$")] | None = None


class LogSection(_Section):
    """`[logs]`."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class AutoVotesSection(_Section):
    """`[auto_votes]`: policies by which a doctor's node votes by itself; none by default."""

    policies: tuple[Policy, ...] = ()


class NodeConfig(_Section):
    """A node's whole configuration. After `load_config` every path is absolute."""

    home: Path = Path(".")
    moniker: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z ._-]{0,63}$")]
    """The operator's name for this node, shown to operators only."""
    p2p: PeerSection = PeerSection()
    api: ApiSection = ApiSection()
    ops: OpsSection | None = None
    charter: CharterSection = CharterSection()
    keys: KeysSection = KeysSection()
    storage: StorageSection = StorageSection()
    logs: LogSection = LogSection()
    auto_votes: AutoVotesSection = AutoVotesSection()

    @property
    def storage_url(self) -> str:
        """Database URL; by default a SQLite file in `home`."""
        from medquorum.node.store.engine import default_storage_url

        return self.storage.url or default_storage_url(self.home)

    @property
    def bodies_url(self) -> str:
        """Body store URL; by default a folder in `home`."""
        return self.storage.bodies_url or (self.home / "bodies").as_uri()


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> NodeConfig:
    """Read and check `node.toml`; ConfigError lists everything that is wrong with it."""
    try:
        with path.open("rb") as stream:
            content = stream.read(CONFIG_LIMIT_BYTES + 1)
        if len(content) > CONFIG_LIMIT_BYTES:
            raise ConfigError(f"{path} exceeds {CONFIG_LIMIT_BYTES} bytes")
        written = NodeConfig.model_validate(tomllib.loads(content.decode("utf-8")))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        problems = "\n".join(f"  {_phrase(each)}" for each in error.errors(include_input=False))
        raise ConfigError(f"{path} cannot be used:\n{problems}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    return _with_absolute_paths(written, path.absolute().parent, environment)


def _phrase(problem: ErrorDetails) -> str:
    place = ".".join(str(step) for step in problem["loc"])
    match problem["type"]:
        case "extra_forbidden":
            return f"{place}: unknown key (consensus parameters belong in the charter)"
        case "missing":
            return f"{place}: missing"
        case "value_error":
            return f"{place}: {problem['msg'].removeprefix('Value error, ')}"
        case _:
            return f"{place}: {problem['msg']}"


def _with_absolute_paths(
    written: NodeConfig, folder: Path, environment: Mapping[str, str]
) -> NodeConfig:
    home = folder / written.home
    named = environment.get(UNLOCK_FILE_VARIABLE)
    passphrase_file = Path(named).absolute() if named else written.keys.passphrase_file
    keys = written.keys.model_copy(
        update={
            "keystore_file": folder / written.keys.keystore_file,
            "passphrase_file": None if passphrase_file is None else folder / passphrase_file,
        }
    )
    charter = written.charter.model_copy(update={"file": folder / written.charter.file})
    return written.model_copy(update={"home": home, "keys": keys, "charter": charter})


_DEFAULT_TEXT: Final = """\
# One node of the network. Nothing here can change what the network decides: consensus
# parameters live in the charter only. Relative paths are relative to this file's folder.

# Folder of the database and bodies; one process at a time.
home = "."

# Your name for this node; operators see it, peers do not.
moniker = {moniker}

[p2p]
# Mutual TLS for charter members. The address peers dial stands in the charter.
listen = {p2p_listen}

[api]
# The page and the API for programs. Keep it local or put a TLS proxy in front.
listen = {api_listen}
# origin = "https://node.example.org"
# idle_lock_minutes = 10
# trusted_proxies = ["127.0.0.1"]    # that proxy: wrong passwords count by its X-Forwarded-For

# [ops]
# Health and metrics, without authentication: never on a public address.
# listen = "127.0.0.1:9443"

[charter]
file = "charter.bin"

[keys]
keystore_file = "node-keystore.json"
# One line, mode 0600; the environment variable MEDQUORUM_PASSPHRASE_FILE wins over it.
# passphrase_file = "passphrase"

[storage]
# url = "postgresql://node@db.example.org/medquorum"     # default: SQLite in home
# bodies_url = "s3://bucket/prefix"                      # default: a folder in home

[logs]
# debug, info, warning or error
level = "info"

# [auto_votes]
# A doctor's node only: policies of the charter by which it approves by itself, with the doctor's
# policy key and marked as automatic, never in place of an attending physician.
# policies = ["plausible-test-result", "complete-image-series"]
"""


def write_default_config(
    path: Path,
    *,
    moniker: str,
    p2p_listen: str = P2P_LISTEN,
    api_listen: str = API_LISTEN,
) -> NodeConfig:
    """Write a commented `node.toml` and return what it says.

    Raises ConfigError when the file exists or a value would not load again (then no file stays).
    """
    text = _DEFAULT_TEXT.format(
        moniker=json.dumps(moniker),
        p2p_listen=json.dumps(p2p_listen),
        api_listen=json.dumps(api_listen),
    )
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    try:
        return load_config(path, {})
    except ConfigError:
        path.unlink()
        raise
