"""The agreed rules inside a charter: ordering, policies, absence, maturity (R-CHA2, R-CHA3).

Each is valid once it exists: the constructor refuses a value out of its bounds. The bounds stand
here once, for the canonical form and for the TOML source alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from medquorum.ledger.errors import CharterError
from medquorum.ledger.limits import BATCH_BLOCKS
from medquorum.ledger.schema import Reader
from medquorum.ledger.types import CLINICAL_TYPES, BlockType, Panel, QuorumMode

Bounds = Mapping[str, tuple[int, int]]

DAY_MS: Final = 86_400_000
ORDERING_BOUNDS: Final[Bounds] = {
    "slot_timeout_ms": (1, DAY_MS),
    "slot_timeout_max_ms": (1, DAY_MS),
    "idle_status_ms": (1, DAY_MS),
    "retransmit_ms": (1, DAY_MS),
    "batch_blocks": (1, BATCH_BLOCKS),
}
ABSENCE_BOUNDS: Final[Bounds] = {"max_days": (0, 3_660), "silence_hours": (0, 87_840)}
MATURITY_BOUNDS: Final[Bounds] = {"threshold_ppm": (0, 1_000_000), "window": (1, 1_000_000)}

AUTO_POLICIES: Final = 16
"""Automatic policies of one type; a doctor can still read that many."""
POLICY_ID_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
POLICY_ID_LENGTH: Final = 64
ADDITIVE_TYPES: Final = frozenset(
    {BlockType.CT, BlockType.PET, BlockType.XRAY, BlockType.TEST_RESULT}
)
"""Strict is the default for all the others (R-BLK4)."""


@dataclass(frozen=True, slots=True)
class OrderingPolicy:
    """How the doctors' nodes order (R-CHA2); times in ms."""

    mode: QuorumMode
    slot_timeout_ms: int = 1_000
    """Wait for a slot's leader; grows by half per slot without a final batch (R-SIM7)."""
    slot_timeout_max_ms: int = 20_000
    idle_status_ms: int = 10_000
    """Between STATUS messages while there is no work (R-SIM9)."""
    retransmit_ms: int = 2_500
    """Between STATUS messages while there is work (R-SIM9)."""
    batch_blocks: int = BATCH_BLOCKS

    def __post_init__(self) -> None:
        _check_bounds("ordering", ORDERING_BOUNDS, self.as_map())
        if self.slot_timeout_max_ms < self.slot_timeout_ms:
            raise CharterError(
                "R-CHA2: ordering.slot_timeout_max_ms is below slot_timeout_ms; raise it"
            )

    def as_map(self) -> dict[str, str | int]:
        """The map of R-CHA2."""
        return {
            "mode": self.mode.value,
            "slot_timeout_ms": self.slot_timeout_ms,
            "slot_timeout_max_ms": self.slot_timeout_max_ms,
            "idle_status_ms": self.idle_status_ms,
            "retransmit_ms": self.retransmit_ms,
            "batch_blocks": self.batch_blocks,
        }


@dataclass(frozen=True, slots=True)
class AbsenceRule:
    """Absences of attending physicians (R-CHA2)."""

    max_days: int = 30
    """Longest declared absence, days."""
    silence_hours: int = 72
    """Silence after which an opened absence may be filled, hours."""

    def __post_init__(self) -> None:
        _check_bounds("absence", ABSENCE_BOUNDS, self.as_map())

    def as_map(self) -> dict[str, int]:
        """The map of R-CHA2."""
        return {"max_days": self.max_days, "silence_hours": self.silence_hours}


@dataclass(frozen=True, slots=True)
class MaturityRule:
    """When an AI entity counts as mature (R-CHA2): Wilson lower bound over its last proposals."""

    threshold_ppm: int = 900_000
    """Least lower bound of the approved share, parts per million."""
    window: int = 100
    """Proposals looked back on."""

    def __post_init__(self) -> None:
        _check_bounds("maturity", MATURITY_BOUNDS, self.as_map())

    def as_map(self) -> dict[str, int]:
        """The map of R-CHA2."""
        return {"threshold_ppm": self.threshold_ppm, "window": self.window}


@dataclass(frozen=True, slots=True)
class TypePolicy:
    """Who decides on one block type, and how its position binds (R-CHA3, R-BLK4)."""

    panel: Panel
    strict: bool
    auto_policies: tuple[str, ...] = ()
    """Ids of policies whose automatic votes count (R-VER4), ascending."""

    def __post_init__(self) -> None:
        if len(self.auto_policies) > AUTO_POLICIES:
            raise CharterError(f"R-CHA3: at most {AUTO_POLICIES} auto_policies of a type")
        if list(self.auto_policies) != sorted(set(self.auto_policies)):
            raise CharterError("R-CHA3: auto_policies ascend, each once")
        if not all(valid_policy_id(name) for name in self.auto_policies):
            raise CharterError(
                f"R-CHA3: an auto policy id has 1 to {POLICY_ID_LENGTH} of a-z 0-9 - _ ."
            )

    def as_map(self) -> dict[str, object]:
        """The map of R-CHA3."""
        return {
            "auto_policies": self.auto_policies,
            "panel": self.panel.value,
            "strict": self.strict,
        }


def valid_policy_id(name: str) -> bool:
    """Whether a text can name an automatic policy (R-CHA3)."""
    return 1 <= len(name) <= POLICY_ID_LENGTH and set(name) <= POLICY_ID_LETTERS


def default_policy(block_type: BlockType) -> TypePolicy:
    """All doctors decide; forms, reports and prescriptions are strict (R-BLK4)."""
    return TypePolicy(Panel.ALL_DOCTORS, strict=block_type not in ADDITIVE_TYPES)


def default_policies() -> dict[BlockType, TypePolicy]:
    """The default policy of every clinical type."""
    return {block_type: default_policy(block_type) for block_type in CLINICAL_TYPES}


def parse_ordering(value: object) -> OrderingPolicy:
    """Read the ordering map; CodecError or CharterError when it breaks R-CHA2."""
    reader = Reader(value, ("mode", *ORDERING_BOUNDS), "charter.ordering")
    numbers = {name: reader.integer(name, *ORDERING_BOUNDS[name]) for name in ORDERING_BOUNDS}
    return OrderingPolicy(reader.closed("mode", QuorumMode), **numbers)


def parse_absence(value: object) -> AbsenceRule:
    """Read the absence map; CodecError when it breaks R-CHA2."""
    reader = Reader(value, tuple(ABSENCE_BOUNDS), "charter.absence")
    return AbsenceRule(
        **{name: reader.integer(name, *ABSENCE_BOUNDS[name]) for name in ABSENCE_BOUNDS}
    )


def parse_maturity(value: object) -> MaturityRule:
    """Read the maturity map; CodecError when it breaks R-CHA2."""
    reader = Reader(value, tuple(MATURITY_BOUNDS), "charter.maturity")
    return MaturityRule(
        **{name: reader.integer(name, *MATURITY_BOUNDS[name]) for name in MATURITY_BOUNDS}
    )


def parse_policies(value: object) -> dict[BlockType, TypePolicy]:
    """Read the policies map; CodecError or CharterError when it breaks R-CHA3."""
    names = tuple(block_type.value for block_type in CLINICAL_TYPES)
    reader = Reader(value, names, "charter.policies")
    return {
        block_type: reader.nested(block_type.value, parse_policy) for block_type in CLINICAL_TYPES
    }


def parse_policy(value: object) -> TypePolicy:
    """Read the policy of one type; CodecError or CharterError when it breaks R-CHA3."""
    reader = Reader(value, ("auto_policies", "panel", "strict"), "charter.policies entry")

    def policy_id(entry: object) -> str:
        if not isinstance(entry, str):
            raise CharterError("R-CHA3: an auto policy id is text")
        return entry

    return TypePolicy(
        reader.closed("panel", Panel),
        reader.flag("strict"),
        reader.listed("auto_policies", AUTO_POLICIES, policy_id),
    )


def _check_bounds(what: str, bounds: Bounds, fields: Mapping[str, object]) -> None:
    for name, (low, high) in bounds.items():
        value = fields[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise CharterError(f"R-CHA2: {what}.{name} is not a whole number from {low} to {high}")
