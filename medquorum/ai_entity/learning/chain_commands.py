"""`medquorum ai promote|withdraw|drift`: a candidate to the charter, and reports through time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from medquorum.ai_entity.learning.commands import Exit, JsonOption, end, one_sentence

if TYPE_CHECKING:
    from medquorum.ai_entity.learning.drift import ModelHistory
    from medquorum.ai_entity.learning.verified_ledger import VerifiedLedger
    from medquorum.ai_entity.node_api import NodeApi

T = TypeVar("T")
NodeOption = Annotated[
    str, typer.Option("--node", envvar="MEDQUORUM_NODE", help="URL of the AI entity's own node.")
]
OperatorOption = Annotated[
    Path,
    typer.Option(
        "--token-file", envvar="MEDQUORUM_TOKEN_FILE", help="File with an operator's token of it."
    ),
]


def promote(
    candidate: Annotated[Path, typer.Argument(metavar="CANDIDATE", help="Of `ai train`.")],
    node: NodeOption,
    token_file: OperatorOption,
    models: Annotated[
        Path,
        typer.Option("--models", help="The member's own folder of models; made if it is new."),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Register a candidate that passed its gate and ask the doctors to approve it.

    The service (`ai serve --models`, the same folder) uses it once the charter names it. While no
    list binds the AI entity, the models in use are put on it by the same amendment.
    """
    from medquorum.ai_entity.learning import promotion

    found = _asked(node, token_file, lambda api: promotion.promote(api, candidate, models))
    told = {
        "proposal": found.proposal,
        "models": [{"kind": one.kind.value, "digest": one.digest.hex()} for one in found.models],
    }
    if as_json:
        typer.echo(json.dumps(told, indent=1))
        return
    for one in found.models:
        typer.echo(f"asked for: {one.kind.value} model {one.digest.hex()}")
    typer.echo(f"proposal {found.proposal}")
    typer.echo("The doctors decide; until then the model before goes on.")


def withdraw(
    digest: Annotated[str, typer.Argument(metavar="DIGEST", help="SHA-256 of the model, hex.")],
    node: NodeOption,
    token_file: OperatorOption,
    *,
    as_json: JsonOption = False,
) -> None:
    """Ask the doctors to take a model off the list; the one before is used again."""
    from medquorum.ai_entity.learning import promotion

    try:
        wanted = bytes.fromhex(digest)
    except ValueError:
        end(Exit.USAGE, "a digest is 64 hexadecimal digits")
    proposal = _asked(node, token_file, lambda api: promotion.withdraw(api, wanted))
    typer.echo(json.dumps({"proposal": proposal}) if as_json else f"proposal {proposal}")


def _asked(node: str, token_file: Path, ask: Callable[[NodeApi], Awaitable[T]]) -> T:
    from medquorum.ai_entity.learning.sources import read_token
    from medquorum.ai_entity.node_api import NodeApi

    async def once() -> T:
        async with NodeApi(node, read_token(token_file)) as api:
            return await ask(api)

    with one_sentence():
        return asyncio.run(once())


def drift(
    charter: Annotated[Path, typer.Option("--charter", help="The signed founding charter.")],
    ledger: Annotated[Path, typer.Option("--ledger", help="An export of the chain.")],
    *,
    window: Annotated[
        int | None, typer.Option(help="Reports per window; else the charter's.", min=2)
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Write the same as an SVG.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """How the AI entities' reports fared over time: approval, no conclusions, confidence.

    From a verified ledger, per model digest and window. Nothing is asked of any node.
    """
    with one_sentence():
        from medquorum.ai_entity.learning.drift import histories, judged_reports, maturities
        from medquorum.ai_entity.learning.verified_ledger import open_ledger

        verified = open_ledger(ledger, charter)
        reports = judged_reports(verified)
        rule = verified.charter.maturity
        told = histories(reports, window or rule.window)
        if picture is not None:
            from medquorum.ai_entity.learning.drift_picture import drift_svg

            picture.write_text(drift_svg(told, rule.threshold_ppm), encoding="utf-8")
        mature = maturities(reports, rule)
        if as_json:
            models = [one.document() for one in told]
            typer.echo(json.dumps({"models": models, "maturity": mature}, indent=1))
            return
        _show_drift(verified, told, mature)


def _show_drift(
    verified: VerifiedLedger, told: list[ModelHistory], mature: dict[str, dict[str, Any]]
) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Reports of AI entities in {len(verified.entries)} verified blocks")
    for name in ("model", "reports", "accepted", "95 %", "no conclusion", "confidence", "PSI"):
        table.add_column(name)
    for history in told:
        for one in history.windows:
            low, high = one.interval_ppm
            shift = " moved" if one.shifted else ""
            table.add_row(
                history.model[:12],
                f"{one.first}-{one.first + one.reports - 1}",
                f"{100 * one.accepted / one.reports:.0f} %",
                f"{low / 10_000:.0f}-{high / 10_000:.0f} %",
                f"{100 * one.abstained / one.reports:.0f} %",
                f"{one.mean_confidence_ppm / 10_000:.0f} %",
                f"{one.psi:.2f} (p {one.chance:.3f}){shift}",
            )
    Console(width=110).print(table)
    for address, found in mature.items():
        word = "mature" if found["mature"] else "not mature"
        typer.echo(
            f"{address[:20]}…: {word}: {found['approved']} of {found['reports']} approved, lower "
            f"bound {found['lower_ppm'] / 10_000:.1f} %, threshold "
            f"{found['threshold_ppm'] / 10_000:.1f} %"
        )
