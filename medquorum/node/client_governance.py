"""The governance part of the client: acts, the charter through time, registry, evidence."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from medquorum.node.api.charter_schema import CharterAnswer
from medquorum.node.api.governance_schemas import (
    CharterHistory,
    EvidenceList,
    MaturityList,
    RegistryAnswer,
)
from medquorum.node.client_transport import Transport
from medquorum.node.governance_views import (
    ActReceipt,
    CharterChangeView,
    EvidenceView,
    HaltView,
    MaturityView,
    RegistryEntryView,
)


def once(key: str | None) -> dict[str, str]:
    """The header of an idempotency key, if there is one."""
    return {} if key is None else {"Idempotency-Key": key}


def given(**parameters: Any) -> dict[str, str]:
    """Query parameters without those that are None."""
    return {name: str(value) for name, value in parameters.items() if value is not None}


class GovernanceClient(Transport):
    """What a node's API offers about governance; methods mirror the `GovernanceDesk`."""

    async def propose_act(
        self, proposal: bytes, *, idempotency_key: str | None = None
    ) -> ActReceipt:
        """Propose an act signed here, or the assignment of an attending."""
        body = {"proposal": base64.b64encode(proposal).decode()}
        headers = once(idempotency_key)
        return await self.typed(ActReceipt, "POST", "/v1/governance", json=body, headers=headers)

    async def issue_act(
        self,
        act: Mapping[str, Any],
        *,
        lifetime_ms: int | None = None,
        idempotency_key: str | None = None,
    ) -> ActReceipt:
        """Let an institution's node sign an act; `act` as `governance_forms.form_of` makes it."""
        body = {"act": act} | ({} if lifetime_ms is None else {"lifetime_ms": lifetime_ms})
        headers = once(idempotency_key)
        path = "/v1/governance/acts"
        return await self.typed(ActReceipt, "POST", path, json=body, headers=headers)

    async def charter(self, version: int | None = None) -> CharterAnswer:
        """The charter in force, or an earlier version, for reading."""
        asked = given(version=version)
        return await self.typed(CharterAnswer, "GET", "/v1/charter", params=asked)

    async def charter_history(self) -> tuple[CharterChangeView, ...]:
        """How each version of the charter came about, oldest first."""
        answer = await self.typed(CharterHistory, "GET", "/v1/charter/history")
        return answer.versions

    async def registry(self) -> tuple[RegistryEntryView, ...]:
        """Who stands in for whom."""
        return (await self.typed(RegistryAnswer, "GET", "/v1/registry")).entries

    async def maturity(self) -> tuple[MaturityView, ...]:
        """What became of the AI entities' reports."""
        return (await self.typed(MaturityList, "GET", "/v1/ai/maturity")).entities

    async def evidence(self) -> tuple[EvidenceView, ...]:
        """Contradictions that stand in the chain."""
        return (await self.typed(EvidenceList, "GET", "/v1/evidence")).evidence

    async def halt(self) -> HaltView:
        """Whether ordering stopped for good, and what shows why."""
        return await self.typed(HaltView, "GET", "/v1/halt")
