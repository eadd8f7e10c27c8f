"""Which node a command talks to, with which token, and how its refusals end the command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from medquorum.ledger.charter import Charter
from medquorum.node.account_records import OPERATOR_TOKEN
from medquorum.node.cli.outcome import CommandError, Exit, one_sentence
from medquorum.node.client import ApiProblem, NodeClient, NodeUnreachable
from medquorum.node.config import ConfigError, NodeConfig, load_config
from medquorum.node.private_files import read_private_file

T = TypeVar("T")

CONFIG: Final = "node.toml"
TOKEN_LIMIT_BYTES: Final = 256

ROLE_ADVICE: Final = (
    ". The operator makes one: medquorum user add NAME ROLE --tokens-only, then medquorum token "
    "new NAME --out FILE; use it with --token-file FILE"
)
"""What follows the refusal of a role: without other options a command is the operator's."""

NodeOption = Annotated[
    str | None,
    typer.Option("--node", envvar="MEDQUORUM_NODE", help="The node's URL, else from --home."),
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="MEDQUORUM_TOKEN_FILE",
        help="File (mode 0600) with a token; else the operator's of --home.",
    ),
]
HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="MEDQUORUM_HOME", help="The node's or member's folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
HERE: Final = Path(".")


@dataclass(frozen=True, slots=True)
class Connection:
    """The options that say where to go."""

    node: str | None
    token_file: Path | None
    home: Path

    def config(self) -> NodeConfig:
        """The home's configuration; CommandError when there is none."""
        path = self.home / CONFIG
        if not path.exists():
            raise CommandError(
                Exit.USAGE,
                f"there is no {path}; give --home, or --node and --token-file, or run: "
                f"medquorum init --home {self.home}",
            )
        try:
            return load_config(path)
        except ConfigError as error:
            raise CommandError(Exit.FAILED, str(error)) from None

    def url(self) -> str:
        """The node's URL."""
        if self.node is not None:
            return self.node
        return self.config().api.listen.local_url

    def token(self) -> str:
        """The token; CommandError or PrivateFileError when it cannot be read."""
        path = self.token_file or self.home / OPERATOR_TOKEN
        if not path.exists():
            raise CommandError(
                Exit.USAGE, f"there is no {path}; give --token-file, or --home of a node"
            )
        content = read_private_file(path, limit_bytes=TOKEN_LIMIT_BYTES)
        return content.decode("ascii", "replace").strip()

    def client(self) -> NodeClient:
        """A client, not connected yet."""
        try:
            return NodeClient(self.url(), self.token())
        except ValueError as error:
            raise CommandError(Exit.USAGE, str(error)) from None

    async def charter(self, client: NodeClient, path: Path | None) -> Charter:
        """The charter a signer rests on: a file named or at home, else the node's, verified."""
        from medquorum.ledger.ceremony import open_charter
        from medquorum.node.clinical import node_charter

        file = path
        if file is None and (self.home / CONFIG).exists():
            file = self.config().charter.file
        if file is not None and file.exists():
            return open_charter(file.read_bytes())
        if path is not None:
            raise CommandError(Exit.NOT_FOUND, f"there is no {path}; name the charter file")
        return await node_charter(client)


@contextmanager
def asking() -> Iterator[None]:
    """End the command with a sentence and an exit code, whatever goes wrong with a node."""
    from medquorum.node.clinical import ClinicalError
    from medquorum.node.image_archive import ImagesUnusable

    with one_sentence():
        try:
            yield
        except NodeUnreachable as error:
            raise CommandError(Exit.NOT_READY, str(error)) from None
        except ApiProblem as problem:
            advice = f"{problem}{ROLE_ADVICE}" if problem.rule == "role" else str(problem)
            raise CommandError(_code(problem.status), advice) from None
        except ClinicalError as error:
            raise CommandError(Exit.VERIFICATION, str(error)) from None
        except ImagesUnusable as error:
            raise CommandError(Exit.USAGE, str(error)) from None


def _code(status: int) -> Exit:
    match status:
        case 404:
            return Exit.NOT_FOUND
        case 408 | 429 | 502 | 503:
            return Exit.NOT_READY
        case _:
            return Exit.FAILED


def ask(connection: Connection, work: Callable[[NodeClient], Awaitable[T]]) -> T:
    """Do `work` with a client; to be used within `asking`."""

    async def session() -> T:
        async with connection.client() as client:
            return await work(client)

    return asyncio.run(session())
