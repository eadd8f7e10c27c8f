"""Uploads are looked into in this process: for tests that are not about the child."""

import asyncio
from typing import Any

import pytest

from medquorum.node.uploads.child import answer_to
from medquorum.node.uploads.looking import Looker
from medquorum.node.uploads.told import Told


@pytest.fixture
def looking_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the child's own function, without a second interpreter."""

    async def asked(_: Looker, request: dict[str, Any], answer: type[Told], **__: Any) -> Told:
        return answer.model_validate(await asyncio.to_thread(answer_to, request))

    monkeypatch.setattr(Looker, "_asked", asked)
