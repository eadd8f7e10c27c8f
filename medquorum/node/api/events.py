"""Live changes as server-sent events: resumable, with heartbeats, never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from medquorum.node.api.answers import encoded_json
from medquorum.node.api.blind import blinded_events
from medquorum.node.api.limits import EVENT_STREAM_SECONDS, EVENT_STREAMS, HEARTBEAT_SECONDS
from medquorum.node.api.operation import EVENT_STREAM, Call, Content, operation
from medquorum.node.api.permissions import Right
from medquorum.node.api.problems import Problem
from medquorum.node.api.schemas import EventQuery
from medquorum.node.views import EventView

FROM_NOW: Final = -1
"""Handed to the desk for `live`: nothing that happened before."""


def _resume_after(call: Call[EventQuery]) -> int:
    header = call.request.headers.get("Last-Event-ID")
    if header is None:
        return FROM_NOW if call.parameters.live else call.parameters.after
    if not (header.isascii() and header.isdigit() and len(header) <= 16):
        raise Problem(400, "last_event_id", "Last-Event-ID is the id of an event of this node")
    return int(header)


@operation(
    "GET",
    "/v1/events",
    right=Right.EVENTS,
    tag="Node",
    parameters=EventQuery,
    answers=Content(EVENT_STREAM, EventView, note="One event per change; comments keep it alive."),
)
async def stream_events(call: Call[EventQuery]) -> web.StreamResponse:
    """Live changes

    Resume with Last-Event-ID. The stream ends after a quarter of an hour and is to be taken up
    again, which a browser does by itself.
    """
    after = _resume_after(call)
    streams = call.services.streams
    if len(streams) >= EVENT_STREAMS:
        raise Problem(503, "streams", "too many event streams; close one", {"Retry-After": "5"})
    response = EventSourceResponse(ping_interval=HEARTBEAT_SECONDS)
    task = asyncio.current_task()
    if task is not None:
        streams.add(task)
    try:
        await response.prepare(call.request)
        async with response:
            await _relay(blinded_events(call, call.desk.events(after)), response)
    finally:
        if task is not None:
            streams.discard(task)
    return response


async def _relay(events: AsyncIterator[EventView], response: EventSourceResponse) -> None:
    """Send events until the reader leaves or the stream has lasted long enough."""
    loop = asyncio.get_running_loop()
    end = loop.time() + EVENT_STREAM_SECONDS
    gone = asyncio.ensure_future(response.wait())
    following: asyncio.Future[EventView] | None = None
    try:
        while not gone.done() and (left := end - loop.time()) > 0:
            following = following or asyncio.ensure_future(_next(events))
            waiting: list[asyncio.Future[Any]] = [gone, following]
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                event, following = following.result(), None
                text = encoded_json(EventView, event).decode()
                await response.send(text, id=str(event.sequence), event=event.kind)
    except (StopAsyncIteration, ConnectionResetError):
        return
    finally:
        await _end(gone, following)
        if close := getattr(events, "aclose", None):
            await close()


async def _next(events: AsyncIterator[EventView]) -> EventView:
    return await anext(events)


async def _end(*tasks: asyncio.Future[Any] | None) -> None:
    open_tasks = [task for task in tasks if task is not None and not task.done()]
    for task in open_tasks:
        task.cancel()
    if open_tasks:
        await asyncio.gather(*open_tasks, return_exceptions=True)


OPERATIONS = (stream_events,)
