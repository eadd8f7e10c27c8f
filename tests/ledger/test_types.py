"""Closed sets of block types, issuers and parts as the page states them (R-BLK1 to R-BLK3)."""

import re

from medquorum.ledger.governance import ACT_TYPES
from medquorum.ledger.types import (
    CLINICAL_TYPES,
    GOVERNANCE_TYPES,
    ISSUERS,
    PATIENT_TYPES,
    REQUIRED_PART,
    RESERVED_TYPES,
    BlockType,
    Role,
)
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "PROTOCOL.md").read_text(encoding="utf-8")


def rule(number: str) -> str:
    """The line that states a rule."""
    return next(line for line in PAGE.splitlines() if f"**{number}**" in line)


def test_types_are_those_of_the_rule() -> None:
    """R-BLK1: seven clinical types and `attending`, five of governance, two reserved."""
    clinical, rest = rule("R-BLK1").split("Governance types", 1)
    governance, reserved = rest.split("Reserved and refused:", 1)
    named = {
        part: re.findall(r"`(\w+)`", text)
        for part, text in (("patient", clinical), ("governance", governance))
    }
    assert named["patient"] == [kind.value for kind in PATIENT_TYPES]
    assert PATIENT_TYPES[:-1] == CLINICAL_TYPES
    assert set(named["governance"]) == {kind.value for kind in GOVERNANCE_TYPES}
    assert {*re.findall(r"`(\w+)`", reserved)} - {"rejected"} == {
        kind.value for kind in RESERVED_TYPES
    }
    assert len(BlockType) == len(PATIENT_TYPES) + len(GOVERNANCE_TYPES) + len(RESERVED_TYPES)
    assert set(ACT_TYPES) == GOVERNANCE_TYPES


def stated_issuers(clauses: str) -> dict[BlockType, set[Role]]:
    """Who may issue what, read off clauses of the page."""
    stated = {}
    for clause in clauses.split(";"):
        roles = re.sub(r"`\w+`,?", "", clause)
        for kind in re.findall(r"`(\w+)`", clause):
            found = {Role(role) for role in re.findall(r"\w+", roles) if role in set(Role)}
            stated[BlockType(kind)] = found
    return stated


def test_issuers_are_those_of_the_rules() -> None:
    """R-BLK2, R-GOV3: who may issue what."""
    clinical = stated_issuers(rule("R-BLK2").split("Issuers:")[1])
    stated = rule("R-GOV3").split("active member:")[1].split(" A laboratory")[0]
    governance = stated_issuers(stated)
    assert {**clinical, **governance} == ISSUERS
    assert set(governance) == GOVERNANCE_TYPES


def test_required_parts_are_those_of_the_rule() -> None:
    """R-BLK3: the part each type must carry."""
    stated = re.findall(r"`(\w+)` ([A-Z][A-Z_]+)", rule("R-BLK3"))
    assert dict(stated) == {kind.value: part.value for kind, part in REQUIRED_PART.items()}
