"""The API as one aiohttp application, and the listener it is meant to run behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiohttp import web

from medquorum.node.accounts import Accounts
from medquorum.node.api import (
    about,
    chain,
    consents,
    contents,
    events,
    fhir,
    governance,
    images,
    overlays,
    projections,
    proposals,
    records,
    sessions,
    statistics,
    submissions,
    uploads,
)
from medquorum.node.api.bodies import empty_spool
from medquorum.node.api.client_address import TrustedProxies
from medquorum.node.api.gate import bounded_concurrency, harden
from medquorum.node.api.limits import (
    BODY_BYTES,
    HEADER_BYTES,
    IDLE_LOCK_MS,
    KEEPALIVE_SECONDS,
)
from medquorum.node.api.operation import SERVICES, Operation, Services
from medquorum.node.api.problems import answer_with_problems
from medquorum.node.api.reference import add_reference
from medquorum.node.desk import Desk
from medquorum.node.page.routes import add_page
from medquorum.node.uploads.memory import PassingMemory, SeriesMemory
from medquorum.node.uploads.service import add_uploading
from medquorum.node.viewing.service import add_viewing

OPERATIONS: Final[tuple[Operation, ...]] = (
    *sessions.OPERATIONS,
    *submissions.OPERATIONS,
    *uploads.OPERATIONS,
    *proposals.OPERATIONS,
    *chain.OPERATIONS,
    *records.OPERATIONS,
    *images.OPERATIONS,
    *overlays.OPERATIONS,
    *projections.OPERATIONS,
    *contents.OPERATIONS,
    *consents.OPERATIONS,
    *fhir.OPERATIONS,
    *statistics.OPERATIONS,
    *governance.OPERATIONS,
    *about.OPERATIONS,
    *events.OPERATIONS,
)
CLEANING_SECONDS: Final = 3_600.0
"""How often expired tokens and answers are forgotten."""


def create_app(
    desk: Desk,
    accounts: Accounts,
    *,
    spool: Path,
    public_origin: str | None = None,
    idle_lock_ms: int = IDLE_LOCK_MS,
    trusted_proxies: TrustedProxies = (),
    series: SeriesMemory | None = None,
) -> web.Application:
    """The application. `spool` is a folder of its own for uploads, emptied here.

    `series` remembers what was proposed of uploads; without it, until the node stops.

    `public_origin` is the origin browsers see when a proxy stands before the node, and
    `trusted_proxies` names the proxies that may say whose request they pass on.
    """
    empty_spool(spool)
    app = web.Application(
        client_max_size=BODY_BYTES, middlewares=[answer_with_problems, bounded_concurrency()]
    )
    app[SERVICES] = Services(desk, accounts, spool, public_origin, idle_lock_ms, trusted_proxies)
    for operation in OPERATIONS:
        app.router.add_route(operation.method, operation.path, operation.serve)
    add_reference(app, OPERATIONS)
    add_viewing(app, desk, spool)
    add_uploading(app, spool, series or PassingMemory())
    add_page(app)
    app.on_response_prepare.append(harden)
    app.on_shutdown.append(_end_streams)
    app.cleanup_ctx.append(_clean_accounts)
    app.on_cleanup.append(_end_writers)
    return app


async def start_listener(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen with the limits of this API; `runner.addresses` says where, `cleanup()` ends it."""
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=KEEPALIVE_SECONDS,
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
        shutdown_timeout=5.0,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


async def _end_streams(app: web.Application) -> None:
    """Event streams would outlast any shutdown."""
    for task in tuple(app[SERVICES].streams):
        task.cancel()


async def _end_writers(app: web.Application) -> None:
    app[SERVICES].writers.shutdown(wait=False)


async def _clean_accounts(app: web.Application) -> AsyncIterator[None]:
    accounts = app[SERVICES].accounts

    async def clean() -> None:
        while True:
            await accounts.store.delete_expired(accounts.now_ms())
            await asyncio.sleep(CLEANING_SECONDS)

    task = asyncio.create_task(clean())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
