"""Figures of the network: latency, participation, maturity. Nothing about patients."""

from __future__ import annotations

from aiohttp import web

from medquorum.node.api.answers import encoded_json, tagged_answer
from medquorum.node.api.operation import JSON, Call, Content, operation
from medquorum.node.api.parameters import NoParameters
from medquorum.node.api.permissions import Right
from medquorum.node.statistics_views import StatisticsView


@operation(
    "GET",
    "/v1/statistics",
    right=Right.PROPOSALS,
    tag="Node",
    answers=Content(JSON, StatisticsView),
)
async def get_statistics(call: Call[NoParameters]) -> web.StreamResponse:
    """How long decisions take, who takes part, how AI entities fared

    Over the latest 500 blocks, by this node's clock. Names no patient. Carries an entity tag.
    """
    found = await call.desk.statistics.read()
    return tagged_answer(call.request, encoded_json(StatisticsView, found), JSON)


OPERATIONS = (get_statistics,)
