"""What every refusal of a submission must leave as it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from medquorum.node.desk import DeskError
from tests.node.kit import Node

Act = Callable[[], Awaitable[object]]


@dataclass
class Before:
    """What a refusal must leave as it was."""

    files: set[Path]
    rows: dict[str, int]


async def look(node: Node) -> Before:
    tables = ("proposals", "votes", "wraps", "bodies", "evidence")
    return Before(node.stored_files(), {table: await node.rows(table) for table in tables})


async def refusal(node: Node, act: Act) -> tuple[int, str]:
    before = await look(node)
    with pytest.raises(DeskError) as refused:
        await act()
    assert await look(node) == before
    assert node.mouth.said == []
    return refused.value.status, refused.value.rule
