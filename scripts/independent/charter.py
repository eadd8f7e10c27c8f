"""The charter: the file of the founding one, and what any version says of its network.

Carries out R-CHA1 to R-CHA3, R-CHA6, R-CHA8, R-HASH3 and R-GOV9. Versions after the founding one
are made by `amendments` and stand in no file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from .canonical import CHARTER, CHARTER_FILE, TIME_MAX_MS, Fault, Fields, Value, decode
from .crypto import Signatures, tagged
from .members import Member, check_address, check_keys, check_name, check_proofs, read_member

BLOCK_TYPES: Final = ("medical_form", "ct", "pet", "xray", "test_result", "report", "prescription")
MODES: Final = ("majority", "byzantine")
MEMBERS_MAX: Final = 10_000
DOCTORS_MAX: Final = 128
POLICY_NAME: Final = re.compile("[a-z0-9_.-]{1,64}")

CHARTER_FIELDS: Final = (
    "created_at_ms",
    "format",
    "ordering",
    "members",
    "name",
    "policies",
    "retention_days",
    "absence",
    "maturity",
    "seal_difficulty_bits",
    "version",
)
ORDERING_FIELDS: Final = (
    "mode",
    "slot_timeout_ms",
    "slot_timeout_max_ms",
    "idle_status_ms",
    "retransmit_ms",
    "batch_blocks",
)


@dataclass(frozen=True, slots=True)
class Policy:
    """How one block type is decided (R-CHA3)."""

    auto_policies: tuple[str, ...]
    panel: str
    strict: bool


# R-BLK4: no charter decides this.
ATTENDING_POLICY: Final = Policy((), "all_doctors", True)


@dataclass(frozen=True, slots=True)
class AbsenceRule:
    """How long an absence may be, and after how long a silence an opening begins."""

    max_days: int
    silence_hours: int


@dataclass(frozen=True, slots=True)
class Charter:
    """One version of a network's charter.

    `suspended` and `successors` name who stands in for a doctor who is suspended or gone;
    `doctors` are the active ones, in order of address.
    """

    network: bytes
    version: int
    members: dict[bytes, Member]
    mode: str
    batch_blocks: int
    policies: dict[str, Policy]
    absence: AbsenceRule
    seal_difficulty_bits: int
    suspended: dict[bytes, bytes | None] = field(default_factory=dict)
    successors: dict[bytes, bytes] = field(default_factory=dict)
    retired: frozenset[bytes] = frozenset()
    doctors: tuple[Member, ...] = field(init=False)
    panel: frozenset[bytes] = field(init=False)

    def __post_init__(self) -> None:
        members = sorted(self.members.values(), key=lambda member: member.address)
        active = (one for one in members if one.address not in self.suspended)
        doctors = tuple(one for one in active if one.role == "doctor")
        object.__setattr__(self, "doctors", doctors)
        object.__setattr__(self, "panel", frozenset(one.address for one in doctors))

    @property
    def quorum(self) -> int:
        """How many doctors certify (R-CHA8)."""
        return quorum(len(self.doctors), self.mode)

    def active(self, address: bytes) -> Member | None:
        """The member of this address, none where it is unknown or suspended."""
        return None if address in self.suspended else self.members.get(address)

    def doctor(self, address: bytes) -> Member | None:
        """The active doctor of this address."""
        return self.members[address] if address in self.panel else None

    def responsible(self, doctor: bytes) -> bytes | None:
        """The active doctor who now has the patients of `doctor` (R-GOV9)."""
        heir: bytes | None = doctor
        # No longer way is possible than one over every doctor who ever was.
        for _ in range(len(self.suspended) + len(self.successors) + 1):
            if heir is None or heir in self.panel:
                return heir
            heir = self.suspended.get(heir) or self.successors.get(heir)
        return None

    def policy(self, block_type: str) -> Policy:
        """How a type of the patient's chain is decided."""
        return ATTENDING_POLICY if block_type == "attending" else self.policies[block_type]


def read_charter(encoded_file: bytes, signatures: Signatures) -> Charter:
    """Return the charter of a complete charter file; raise `Fault` for any other."""
    names = ("charter", "signatures")
    charter_file = Fields(decode(encoded_file, CHARTER_FILE), "the charter file", names)
    encoded = charter_file.binary("charter")
    fields = Fields(decode(encoded, CHARTER), "the charter", CHARTER_FIELDS)
    network = tagged("charter", b"", encoded)
    _check_form(fields)
    ordering = Fields(fields.value("ordering"), "ordering", ORDERING_FIELDS)
    _check_times(ordering)
    members = _read_members(fields.entries("members"), signatures)
    absence = Fields(fields.value("absence"), "absence", ("max_days", "silence_hours"))
    charter = Charter(
        network=network,
        version=0,
        members=members,
        mode=ordering.choice("mode", MODES),
        batch_blocks=ordering.integer("batch_blocks", 1, 256),
        policies=_read_policies(fields.value("policies")),
        absence=read_absence_rule(absence),
        seal_difficulty_bits=fields.integer("seal_difficulty_bits", high=32),
    )
    check_size(charter)
    _check_signatures(charter_file.entries("signatures"), charter, encoded, signatures)
    return charter


def quorum(doctors: int, mode: str) -> int:
    """Return q (R-CHA8)."""
    return doctors // 2 + 1 if mode == "majority" else 2 * doctors // 3 + 1


def check_size(charter: Charter) -> None:
    """Raise `Fault` unless the charter has as many members and doctors as it may (R-CHA4)."""
    if len(charter.members) > MEMBERS_MAX:
        raise Fault("R-CHA4", f"the charter has more than {MEMBERS_MAX} members")
    doctors = sum(member.role == "doctor" for member in charter.members.values())
    if not 1 <= doctors <= DOCTORS_MAX:
        raise Fault("R-CHA4", f"the charter has {doctors} doctors, not 1 to {DOCTORS_MAX}")


def _check_form(fields: Fields) -> None:
    if fields.text("format") != "medquorum/charter/1":
        raise Fault("R-CHA1", "the charter is not of format medquorum/charter/1")
    if fields.integer("version") != 0:
        raise Fault("R-CHA1", "the charter is not a founding charter: its version is not 0")
    fields.integer("created_at_ms", high=TIME_MAX_MS)
    check_name(fields.text("name"), "R-CHA1")
    fields.integer("retention_days", high=73_000)
    maturity = Fields(fields.value("maturity"), "maturity", ("threshold_ppm", "window"))
    maturity.integer("threshold_ppm", high=1_000_000)
    maturity.integer("window", 1, 1_000_000)


def _check_times(ordering: Fields) -> None:
    for name in ("slot_timeout_ms", "slot_timeout_max_ms", "idle_status_ms", "retransmit_ms"):
        ordering.integer(name, 1, 86_400_000)
    if ordering.integer("slot_timeout_max_ms") < ordering.integer("slot_timeout_ms"):
        raise Fault("R-CHA2", "slot_timeout_max_ms is below slot_timeout_ms")


def read_absence_rule(fields: Fields) -> AbsenceRule:
    """Return the rule that `max_days` and `silence_hours` state (R-CHA2)."""
    max_days = fields.integer("max_days", high=3_660)
    return AbsenceRule(max_days, fields.integer("silence_hours", high=87_840))


def _read_policies(value: Value) -> dict[str, Policy]:
    by_type = Fields(value, "policies", BLOCK_TYPES)
    return {name: read_policy(by_type.value(name)) for name in BLOCK_TYPES}


def read_policy(value: Value) -> Policy:
    """Return the policy a map describes; raise `Fault` for any other (R-CHA3)."""
    fields = Fields(value, "a policy", ("auto_policies", "panel", "strict"))
    names = fields.texts("auto_policies")
    ascending = all(earlier < later for earlier, later in pairwise(names))
    if len(names) > 16 or not ascending or not all(map(POLICY_NAME.fullmatch, names)):
        raise Fault("R-CHA3", "auto_policies are not at most 16 ascending names")
    panel = fields.choice("panel", ("all_doctors", "care_team"))
    return Policy(names, panel, fields.boolean("strict"))


def _read_members(entries: list[Value], signatures: Signatures) -> dict[bytes, Member]:
    if len(entries) > MEMBERS_MAX:
        raise Fault("R-CHA4", f"the charter has more than {MEMBERS_MAX} members")
    members: dict[bytes, Member] = {}
    used: set[bytes] = set()
    previous = b""
    for entry in entries:
        member = read_member(entry)
        check_keys(member)
        check_address(member)
        keys = member.keys().values()
        if not used.isdisjoint(keys):
            raise Fault("R-KEY4", "a key serves two members")
        used.update(keys)
        check_proofs(member, signatures)
        if member.address <= previous:
            raise Fault("R-CHA4", "the members do not ascend by address")
        previous = member.address
        members[member.address] = member
    return members


def _check_signatures(
    entries: list[Value], charter: Charter, encoded: bytes, signatures: Signatures
) -> None:
    members = charter.members
    digest = tagged("charter-signature", charter.network, encoded)
    previous = b""
    for entry in entries:
        fields = Fields(entry, "a charter signature", ("address", "signature"))
        address = fields.binary("address", 32)
        if address <= previous:
            raise Fault("R-CHA6", "the charter's signatures do not ascend by address")
        previous = address
        member = members.get(address)
        if member is None:
            raise Fault("R-CHA6", "the charter is signed by somebody who is not a member")
        signature = fields.binary("signature", 64)
        what = "a charter signature"
        signatures.check(member.clinical, digest, signature, rule="R-CHA6", what=what)
    if len(entries) != len(members):
        missing = len(members) - len(entries)
        raise Fault("R-CHA6", f"the charter is incomplete: {missing} members have not signed")
