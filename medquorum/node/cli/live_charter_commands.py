"""The charter a running network lives by: as it is, how it became so, and whom it convicts."""

from __future__ import annotations

from typing import Any

import typer

from medquorum.node.cli.connection import (
    HERE,
    Connection,
    HomeOption,
    JsonOption,
    NodeOption,
    TokenOption,
    ask,
    asking,
)
from medquorum.node.cli.governance_view import (
    evidence_table,
    maturity_table,
    print_changes,
    print_halt,
    print_history,
    print_live_charter,
)
from medquorum.node.cli.show import as_plain, console, print_json, print_listed
from medquorum.node.client import NodeClient

evidence_app = typer.Typer(
    add_completion=False, help="Look at proven contradictions of members.", no_args_is_help=True
)


def show_live(connection: Connection, version: int | None, *, as_json: bool) -> None:
    """Print the charter in force, or an earlier version, as the node of a connection tells it."""

    async def told(client: NodeClient) -> tuple[Any, ...]:
        charter = await client.charter(version)
        history = await client.charter_history()
        return charter, await client.registry(), history, await client.halt()

    charter, entries, history, halt = ask(connection, told)
    if as_json:
        plain = as_plain(charter)
        print_json(
            plain
            | {
                name: as_plain(each)
                for name, each in (("registry", entries), ("history", history), ("halt", halt))
            }
        )
        return
    print_live_charter(charter, entries if charter.in_force else ())
    print_changes(one for one in history if one.version <= charter.version)
    print_halt(halt)


def history(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """Tell every version: what changed, who proposed it, who voted how."""
    with asking():
        found = ask(Connection(node, token_file, home), lambda client: client.charter_history())
        print_json(found) if as_json else print_history(found)


def maturity(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show what became of the AI entities' reports; it decides nothing (R-GOV10)."""
    with asking():
        found = ask(Connection(node, token_file, home), lambda client: client.maturity())
        print_json(found) if as_json else console().print(maturity_table(found))


@evidence_app.command("list")
def list_evidence(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """List contradictions that stand in the chain, with both signed statements in --json."""
    with asking():
        found = ask(Connection(node, token_file, home), lambda client: client.evidence())
        none = "No member is convicted of anything."
        print_listed(found, evidence_table, none, as_json=as_json)


@evidence_app.callback()
def evidence_group() -> None:
    """Look at proven contradictions of members."""
