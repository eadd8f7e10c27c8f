"""Closed sets of block types, issuers and parts as the page states them (R-BLK1 to R-BLK3)."""

import re

from medquorum.ledger.types import (
    CLINICAL_TYPES,
    GOVERNANCE_TYPES,
    ISSUERS,
    REQUIRED_PART,
    BlockType,
    Role,
)
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "PROTOCOL.md").read_text(encoding="utf-8")


def rule(number: str) -> str:
    """The line that states a rule."""
    return next(line for line in PAGE.splitlines() if f"**{number}**" in line)


def test_types_are_those_of_the_rule() -> None:
    """R-BLK1: seven clinical types, six reserved."""
    clinical, reserved = rule("R-BLK1").split("Reserved", 1)
    assert re.findall(r"`(\w+)`", clinical) == sorted(
        (kind.value for kind in CLINICAL_TYPES), key=clinical.index
    )
    assert {*re.findall(r"`(\w+)`", reserved)} - {"rejected"} == {
        kind.value for kind in GOVERNANCE_TYPES
    }
    assert set(BlockType) == {*CLINICAL_TYPES, *GOVERNANCE_TYPES}


def test_issuers_are_those_of_the_rule() -> None:
    """R-BLK2: who may issue what."""
    stated = {}
    for clause in rule("R-BLK2").split("Issuers:")[1].rstrip(".").split(";"):
        roles = re.sub(r"`\w+`,?", "", clause)
        for kind in re.findall(r"`(\w+)`", clause):
            stated[BlockType(kind)] = {Role(role) for role in re.findall(r"\w+", roles)}
    assert stated == ISSUERS


def test_required_parts_are_those_of_the_rule() -> None:
    """R-BLK3: the part each type must carry."""
    stated = re.findall(r"`(\w+)` ([A-Z][A-Z_]+)", rule("R-BLK3"))
    assert dict(stated) == {kind.value: part.value for kind, part in REQUIRED_PART.items()}
