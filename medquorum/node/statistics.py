"""Figures computed from the chain and from when things arrived here; kept until the next block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from medquorum.ledger.charter import Charter
from medquorum.ledger.maturity import maturity
from medquorum.node.governance_records import GovernanceRecords
from medquorum.node.queries import MOST, Queries
from medquorum.node.statistics_views import (
    LatencyView,
    MaturityCurve,
    MaturityPoint,
    ParticipationView,
    StatisticsView,
)
from medquorum.node.store.engine import Store
from medquorum.node.store.latency_rows import LatencyRow, load_latencies
from medquorum.node.views import BlockView

POINTS: Final = 500
"""Of one maturity curve: as many as a chart can show."""


class Statistics:
    """Figures of one node."""

    def __init__(self, store: Store, queries: Queries, records: GovernanceRecords) -> None:
        self._store = store
        self._queries = queries
        self._records = records
        self._kept: StatisticsView | None = None

    async def read(self) -> StatisticsView:
        """Latencies, participation and maturity over the latest blocks."""
        tip = self._queries.tip
        if self._kept is None or self._kept.last_n_bc != tip:
            self._kept = await self._counted(tip)
        return self._kept

    async def _counted(self, tip: int) -> StatisticsView:
        after = max(0, tip - MOST)
        blocks = await self._queries.blocks(after, MOST, None)
        rows = await self._store.read(lambda connection: load_latencies(connection, after))
        return StatisticsView(
            first_n_bc=after + 1,
            last_n_bc=tip,
            latencies=tuple(_latency(row) for row in rows),
            participation=participation(blocks),
            maturity=await self._curves(),
        )

    async def _curves(self) -> tuple[MaturityCurve, ...]:
        charter, naming = self._queries.charter, self._queries.naming
        return tuple(
            curve(naming(entity), kind.value, outcomes, charter)
            for (entity, kind), outcomes in sorted((await self._records.outcomes()).items())
        )


def curve(
    entity_name: str, kind: str, outcomes: Sequence[tuple[int, bool]], charter: Charter
) -> MaturityCurve:
    """The maturity after each report; `outcomes` are (N BC, accepted), ascending."""
    rule = charter.maturity
    points = []
    for last in range(max(1, len(outcomes) - POINTS + 1), len(outcomes) + 1):
        seen = outcomes[max(0, last - rule.window) : last]
        counted = maturity([accepted for _, accepted in seen], rule)
        points.append(
            MaturityPoint(seen[-1][0], counted.reports, counted.approved, counted.lower_ppm)
        )
    return MaturityCurve(entity_name, kind, rule.threshold_ppm, rule.window, tuple(points))


def participation(blocks: Iterable[BlockView]) -> tuple[ParticipationView, ...]:
    """What each doctor did, by name."""
    counted: dict[str, dict[str, int]] = {}
    for block in blocks:
        for name in block.verdict.missing:
            _count(counted, name, "missing")
        for vote in block.votes:
            _count(counted, vote.voter_name, vote.decision)
            if vote.automatic:
                _count(counted, vote.voter_name, "automatic")
    return tuple(_taken(name, counts) for name, counts in sorted(counted.items()))


def _count(counted: dict[str, dict[str, int]], name: str, what: str) -> None:
    counts = counted.setdefault(name, {})
    counts[what] = counts.get(what, 0) + 1


def _taken(name: str, counts: dict[str, int]) -> ParticipationView:
    done = {what: counts.get(what, 0) for what in ("approve", "reject", "abstain", "missing")}
    return ParticipationView(
        name=name,
        asked=sum(done.values()),
        approved=done["approve"],
        rejected=done["reject"],
        abstained=done["abstain"],
        automatic=counts.get("automatic", 0),
        missing=done["missing"],
    )


def _latency(row: LatencyRow) -> LatencyView:
    last = row.last_vote_us
    return LatencyView(
        n_bc=row.n_bc,
        type=row.type,
        outcome=row.outcome,
        batch_time_ms=row.batch_time_ms,
        votes_ms=None if last is None else max(0, last - row.received_at_us) // 1_000,
        total_ms=(row.finalised_at_us - row.received_at_us) // 1_000,
    )
