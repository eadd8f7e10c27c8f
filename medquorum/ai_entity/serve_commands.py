"""`medquorum ai serve` and `status`: the service that proposes reports, and what it is doing.

A stop (SIGTERM, SIGINT) ends a running analysis within a second and exits with 0; what was under
way is analysed again after the next start.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

import typer

NodeOption = Annotated[
    str, typer.Option("--node", envvar="MEDQUORUM_NODE", help="URL of the AI entity's own node.")
]
TokenOption = Annotated[
    Path,
    typer.Option(
        "--token-file", envvar="MEDQUORUM_TOKEN_FILE", help="File with a token of that node."
    ),
]
ModelsOption = Annotated[
    Path | None, typer.Option("--models", help="Folder with a registry.json; else those shipped.")
]
STATUS_VARIABLE: Final = "MEDQUORUM_AI_STATUS"
STOPS: Final = (signal.SIGTERM, signal.SIGINT)
HEALTHY: Final = frozenset({"starting", "watching", "analysing"})


def serve(
    node: NodeOption,
    token_file: TokenOption,
    models: ModelsOption = None,
    status_file: Annotated[
        Path | None,
        typer.Option(
            "--status-file",
            envvar=STATUS_VARIABLE,
            help="File that always says what the service is doing; read it with `ai status`.",
        ),
    ] = None,
) -> None:
    """Follow the node's images and propose a report for each, until stopped.

    Example: medquorum ai serve --node http://127.0.0.1:8080 --token-file ai.token
    """
    from medquorum.ai_entity.registry import MODELS_FOLDER
    from medquorum.ai_entity.service_status import ServiceStatus
    from medquorum.ai_entity.working_folder import sweep_abandoned

    try:
        token = token_file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        typer.echo(f"no token at {token_file}; make one with: medquorum token new", err=True)
        raise typer.Exit(4) from None
    if status_file is not None and not status_file.resolve().parent.is_dir():
        typer.echo(f"there is no folder {status_file.parent}; make it first", err=True)
        raise typer.Exit(4)
    sweep_abandoned()
    asyncio.run(_follow(node, token, models or MODELS_FOLDER, ServiceStatus(status_file)))


async def _follow(node: str, token: str, models: Path, status: Any) -> None:
    from medquorum.ai_entity.node_api import NodeApi
    from medquorum.ai_entity.service import AiService

    this = asyncio.current_task()
    assert this is not None  # noqa: S101 - asyncio.run made it
    for stop in STOPS:
        asyncio.get_running_loop().add_signal_handler(stop, this.cancel)
    with suppress(asyncio.CancelledError):
        async with NodeApi(node, token) as api:
            with AiService(api, models, status) as service:
                await service.run()


def show_status(
    status_file: Annotated[
        Path,
        typer.Option("--status-file", envvar=STATUS_VARIABLE, help="The file given to `ai serve`."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Say what the service is doing: block, per cent, since when. 0 when it works, else 1.

    Example: medquorum ai status --status-file /run/medquorum/ai.json
    """
    from medquorum.ai_entity.regular_file import read_regular

    try:
        told = json.loads(read_regular(status_file, 65_536))
        alive = _alive(int(told["pid"]))
        state = str(told["state"]) if alive else "stopped"
    except (OSError, ValueError, KeyError, TypeError):
        print(f"error: no status at {status_file}; is `ai serve` running with it?", file=sys.stderr)
        raise typer.Exit(4) from None
    told["state"] = state
    typer.echo(json.dumps(told, indent=1) if as_json else _sentence(told))
    raise typer.Exit(0 if state in HEALTHY else 1)


def _sentence(told: dict[str, Any]) -> str:
    words = [f"{told['state']} since {told['since_ms']} ms"]
    if told.get("block") is not None:
        words.append(f"block {told['block']}")
    if told.get("percent") is not None:
        words.append(f"{told['percent']} %")
    if told.get("reason") is not None:
        words.append(f"because of {told['reason']}")
    return f"{', '.join(words)}; height {told['height']}, {told['proposed']} proposed"


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
