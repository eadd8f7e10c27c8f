"""The TOML source of a charter, `network.toml` (R-CHA1 to R-CHA4).

People agree on this text; keys come later, from the members' requests. Everything but the name,
the moment, the ordering mode and the members has a default. A `[demo]` table is ignored on purpose:
it belongs to the programs that start a demonstration, and what it says is not agreed by anybody.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from medquorum.ledger.charter import RETENTION_DAYS, SEAL_BITS
from medquorum.ledger.charter_rules import (
    ABSENCE_BOUNDS,
    MATURITY_BOUNDS,
    ORDERING_BOUNDS,
    AbsenceRule,
    MaturityRule,
    OrderingPolicy,
    TypePolicy,
    default_policy,
)
from medquorum.ledger.errors import CharterError
from medquorum.ledger.limits import DOCTORS, MEMBERS
from medquorum.ledger.member import check_endpoint, check_name
from medquorum.ledger.source_table import SourceTable
from medquorum.ledger.types import CLINICAL_TYPES, BlockType, Panel, QuorumMode, Role

SOURCE_BYTES: Final = 4_194_304
"""Ten thousand members of 400 bytes."""
DEMO_TABLE: Final = "demo"
_DEFAULT_RETENTION_DAYS: Final = 3_650

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class MemberSource:
    """A member as the founders agreed on it, before its request brings the keys."""

    name: str
    role: Role
    endpoint: str


@dataclass(frozen=True, slots=True)
class CharterSource:
    """Everything in a charter but keys, certificates and proofs."""

    name: str
    created_at_ms: int
    ordering: OrderingPolicy
    policies: Mapping[BlockType, TypePolicy]
    absence: AbsenceRule
    maturity: MaturityRule
    retention_days: int
    seal_difficulty_bits: int
    members: tuple[MemberSource, ...]
    """In the order of the file."""


def parse_charter_source(text: str) -> CharterSource:
    """Read a charter's TOML source; CharterError lists every fault with its path."""
    if len(text.encode("utf-8", "replace")) > SOURCE_BYTES:
        raise CharterError(f"the charter source is longer than {SOURCE_BYTES} bytes; shorten it")
    try:
        root = SourceTable(tomllib.loads(text), "", [])
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CharterError(f"the charter source is not TOML: {error}; correct that line") from None
    network = root.table("network")
    name = _named(network, "name")
    source = CharterSource(
        name=name,
        created_at_ms=network.moment_ms("created_at"),
        ordering=_read_ordering(root.table("ordering")),
        policies=_read_policies(root.table("policy")),
        absence=_read_absence(root.table("absence")),
        maturity=_read_maturity(root.table("maturity")),
        retention_days=network.whole_number(
            "retention_days", (0, RETENTION_DAYS), _DEFAULT_RETENTION_DAYS
        ),
        seal_difficulty_bits=network.whole_number("seal_difficulty_bits", (0, SEAL_BITS), 0),
        members=_read_members(root),
    )
    network.finish()
    root.ignore(DEMO_TABLE)
    root.finish()
    if root.faults:
        raise CharterError(
            f"the charter source has {len(root.faults)} faults:\n  " + "\n  ".join(root.faults)
        )
    return source


def _attempt(table: SourceTable, make: Callable[[], Made], fallback: Made) -> Made:
    """What `make` makes; its refusal becomes a fault of the table."""
    try:
        return make()
    except CharterError as error:
        table.faults.append(f"{table.at('')[:-1]}: {error}")
        return fallback


def _named(table: SourceTable, key: str) -> str:
    """A name in normal form C, so that two editors make the same charter."""
    name = unicodedata.normalize("NFC", table.text(key))
    if name:
        _attempt(table, lambda: check_name(name, key), None)
    return name


def _read_ordering(table: SourceTable) -> OrderingPolicy:
    mode = table.choice("mode", QuorumMode)
    fallback = OrderingPolicy(mode)
    numbers = {
        name: table.whole_number(name, bounds, int(getattr(fallback, name)))
        for name, bounds in ORDERING_BOUNDS.items()
    }
    table.finish()
    return _attempt(table, lambda: OrderingPolicy(mode, **numbers), fallback)


def _read_absence(table: SourceTable) -> AbsenceRule:
    fallback = AbsenceRule()
    rule = AbsenceRule(
        table.whole_number("max_days", ABSENCE_BOUNDS["max_days"], fallback.max_days),
        table.whole_number(
            "silence_hours", ABSENCE_BOUNDS["silence_hours"], fallback.silence_hours
        ),
    )
    table.finish()
    return rule


def _read_maturity(table: SourceTable) -> MaturityRule:
    fallback = MaturityRule()
    rule = MaturityRule(
        table.whole_number(
            "threshold_ppm", MATURITY_BOUNDS["threshold_ppm"], fallback.threshold_ppm
        ),
        table.whole_number("window", MATURITY_BOUNDS["window"], fallback.window),
    )
    table.finish()
    return rule


def _read_policies(table: SourceTable) -> dict[BlockType, TypePolicy]:
    policies = {
        block_type: _read_policy(table.table(block_type.value), block_type)
        for block_type in CLINICAL_TYPES
    }
    table.finish()
    return policies


def _read_policy(table: SourceTable, block_type: BlockType) -> TypePolicy:
    fallback = default_policy(block_type)
    panel = table.choice("panel", Panel, fallback.panel)
    strict = table.flag("strict", fallback.strict)
    auto_policies = tuple(sorted(table.texts("auto_policies")))
    table.finish()
    return _attempt(table, lambda: TypePolicy(panel, strict, auto_policies), fallback)


def _read_members(root: SourceTable) -> tuple[MemberSource, ...]:
    tables = root.tables("member", MEMBERS)
    members = tuple(_read_member(table) for table in tables)
    _refuse_repeated(tables, "name", [member.name for member in members])
    _refuse_repeated(tables, "endpoint", [member.endpoint for member in members])
    doctors = sum(member.role is Role.DOCTOR for member in members)
    if members and not 1 <= doctors <= DOCTORS:
        root.refuse("member", f"{doctors} doctors, must be 1 to {DOCTORS}")
    return members


def _read_member(table: SourceTable) -> MemberSource:
    name = _named(table, "name")
    role = table.choice("role", Role)
    endpoint = table.text("endpoint")
    if endpoint:
        _attempt(table, lambda: check_endpoint(endpoint), None)
    table.finish()
    return MemberSource(name, role, endpoint)


def _refuse_repeated(tables: tuple[SourceTable, ...], key: str, values: list[str]) -> None:
    seen: set[str] = set()
    for table, value in zip(tables, values, strict=True):
        if value and value in seen:
            table.refuse(key, "is already another member's")
        seen.add(value)
