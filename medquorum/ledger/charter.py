"""The charter: who is a member and by which rules they decide (R-CHA1 to R-CHA5, R-CHA8).

The founding charter is encoded and names the network; each later version follows from the one
before by an amendment and is never encoded (R-GOV6). A `Charter` exists only if it is valid; the
dear checks, possession of keys and TLS leaves, are `verify_proofs`, which everything that takes a
charter from a file goes through once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.certificate import Electorate
from medquorum.ledger.charter_members import (
    active_doctors,
    certificate_key,
    check_absentees,
    check_members,
    in_charge,
)
from medquorum.ledger.charter_rules import (
    AbsenceRule,
    MaturityRule,
    OrderingPolicy,
    TypePolicy,
    default_policies,
    parse_absence,
    parse_maturity,
    parse_ordering,
    parse_policies,
)
from medquorum.ledger.errors import CharterError
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.limits import CHARTER, MEMBERS, NAME_BYTES
from medquorum.ledger.member import (
    Member,
    MemberKeys,
    MemberProofs,
    check_address,
    check_name,
    parse_member,
)
from medquorum.ledger.quorum import SMALLEST_BYZANTINE, Tolerance, quorum_size, tolerance
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import Verifier, verify
from medquorum.ledger.types import (
    CLINICAL_TYPES,
    BlockType,
    NetworkId,
    Panel,
    QuorumMode,
)

__all__ = [
    "AbsenceRule",
    "Charter",
    "MaturityRule",
    "Member",
    "MemberKeys",
    "MemberProofs",
    "OrderingPolicy",
    "TypePolicy",
    "default_policies",
    "parse_charter",
]

FORMAT: Final = "medquorum/charter/1"
CHARTER_FIELDS: Final = (
    "absence",
    "created_at_ms",
    "format",
    "maturity",
    "members",
    "name",
    "ordering",
    "policies",
    "retention_days",
    "seal_difficulty_bits",
    "version",
)
TIME_LIMIT_MS: Final = 2**53
"""Larger integers are not exact in a browser."""
RETENTION_DAYS: Final = 73_000
"""Two hundred years."""
SEAL_BITS: Final = 32
"""Four thousand million tries: beyond it no leader would find a nonce in its slot."""
ATTENDING_POLICY: Final = TypePolicy(Panel.ALL_DOCTORS, strict=True)
"""How `attending` blocks are decided in every charter (R-BLK4)."""


@dataclass(frozen=True, slots=True)
class Charter:
    """A valid charter; CharterError from the constructor names the broken rule."""

    name: str
    created_at_ms: int
    ordering: OrderingPolicy
    members: tuple[Member, ...] = field(repr=False)
    """Ascending by address."""
    policies: Mapping[BlockType, TypePolicy] = field(
        default_factory=default_policies, repr=False, hash=False
    )
    absence: AbsenceRule = AbsenceRule()  # noqa: RUF009  (frozen)
    maturity: MaturityRule = MaturityRule()  # noqa: RUF009  (frozen)
    retention_days: int = 3_650
    """How long bodies are kept at least, days."""
    seal_difficulty_bits: int = 0
    """Zero bits a batch hash begins with (R-ORD16)."""
    version: int = 0
    founding: NetworkId | None = None
    """The network a later version belongs to; None for the founding charter."""
    suspended: Mapping[Address, Address | None] = field(
        default_factory=dict, repr=False, hash=False
    )
    """Members that do nothing for now, a doctor's stand-in beside her (R-GOV7)."""
    successors: Mapping[Address, Address] = field(default_factory=dict, repr=False, hash=False)
    """Who took over from each doctor that left (R-GOV7)."""
    retired: frozenset[PublicKey] = field(default=frozenset(), repr=False)
    """Keys that are never used again, those of TLS leaves among them (R-GOV7)."""
    doctors: tuple[Member, ...] = field(init=False, repr=False, compare=False)
    """The active doctors in order of address: their numbers are their places (R-CHA8)."""
    doctor_addresses: frozenset[Address] = field(init=False, repr=False, compare=False)
    """The same as a set: the widest panel (R-VER1)."""
    _by_address: dict[Address, Member] = field(init=False, repr=False, compare=False)
    _numbers: dict[Address, int] = field(init=False, repr=False, compare=False)
    _encoded: bytes | None = field(init=False, repr=False, compare=False)
    _network: NetworkId = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_scalars()
        check_members(self.members)
        if set(self.policies) != set(CLINICAL_TYPES):
            raise CharterError("R-CHA3: policies name each clinical block type once, no other")
        by_address = {member.address: member for member in self.members}
        check_absentees(by_address, self.suspended, self.successors)
        doctors = active_doctors(self.members, self.suspended)
        encoded = self._founding_bytes() if self.founding is None else None
        remembered = {
            "doctors": doctors,
            "_by_address": by_address,
            "doctor_addresses": frozenset(doctor.address for doctor in doctors),
            "_numbers": {doctor.address: number for number, doctor in enumerate(doctors)},
            "_encoded": encoded,
            "_network": self.founding if encoded is None else tagged(Kind.CHARTER, b"", encoded),
        }
        for name, value in remembered.items():
            object.__setattr__(self, name, value)

    def _founding_bytes(self) -> bytes:
        if self.suspended or self.successors or self.retired:
            raise CharterError("R-CHA1: nobody has left or is suspended in a founding charter")
        for member in self.members:
            check_address(member)
        return canonical.encode(self._as_map(), CHARTER)

    def _check_scalars(self) -> None:
        check_name(self.name, "charter.name")
        bounds = {
            "created_at_ms": (self.created_at_ms, TIME_LIMIT_MS),
            "retention_days": (self.retention_days, RETENTION_DAYS),
            "seal_difficulty_bits": (self.seal_difficulty_bits, SEAL_BITS),
            "version": (self.version, TIME_LIMIT_MS),
        }
        for name, (value, high) in bounds.items():
            if not 0 <= value <= high:
                raise CharterError(f"R-CHA1: {name} is not a whole number from 0 to {high}")
        if (self.version == 0) != (self.founding is None):
            raise CharterError(
                "R-CHA1: the founding charter's version is 0; later versions name its network"
            )

    def _as_map(self) -> dict[str, object]:
        return {
            "absence": self.absence.as_map(),
            "created_at_ms": self.created_at_ms,
            "format": FORMAT,
            "maturity": self.maturity.as_map(),
            "members": [member.as_map() for member in self.members],
            "name": self.name,
            "ordering": self.ordering.as_map(),
            "policies": {kind.value: policy.as_map() for kind, policy in self.policies.items()},
            "retention_days": self.retention_days,
            "seal_difficulty_bits": self.seal_difficulty_bits,
            "version": self.version,
        }

    def encoded(self) -> bytes:
        """`enc` of R-CHA1; CharterError for a later version, which has no encoding."""
        if self._encoded is None:
            raise CharterError("R-CHA1: later versions are never encoded; use the founding charter")
        return self._encoded

    @property
    def network_id(self) -> NetworkId:
        """The network that the founding charter founds, in every version (R-HASH3)."""
        return self._network

    def member(self, address: Address) -> Member | None:
        """The member of this address, suspended or not."""
        return self._by_address.get(address)

    def is_active(self, address: Address) -> bool:
        """Whether this is a member, and not suspended (R-GOV7)."""
        return address in self._by_address and address not in self.suspended

    def responsible(self, doctor: Address) -> Address | None:
        """Who attends in a doctor's place, herself if active; None for a stranger (R-GOV9)."""
        return in_charge(doctor, self.doctor_addresses, self.suspended, self.successors)

    def doctor_number(self, address: Address) -> int | None:
        """The number of an active doctor in ordering; None for everybody else (R-CHA8)."""
        return self._numbers.get(address)

    @property
    def quorum(self) -> int:
        """q of R-CHA8."""
        return quorum_size(self.ordering.mode, len(self.doctors))

    @property
    def tolerance(self) -> Tolerance:
        """What the doctors' nodes withstand."""
        return tolerance(self.ordering.mode, len(self.doctors))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed and should be known before anyone signs."""
        doctors = len(self.doctors)
        mode = self.ordering.mode
        if mode is QuorumMode.BYZANTINE and doctors < SMALLEST_BYZANTINE:
            return (
                f"byzantine mode with {doctors} of at least {SMALLEST_BYZANTINE} doctors "
                "tolerates no fault",
            )
        if mode is QuorumMode.MAJORITY and self.tolerance.liars_for_safety == 0:
            return ("majority mode with an odd number of doctors tolerates no lying node",)
        return ()

    def electorate(self, epoch: int | None = None) -> Electorate:
        """The consensus keys of the active doctors by number, and q; the epoch is the version."""
        keys = tuple(doctor.keys.consensus for doctor in self.doctors)
        number = self.version if epoch is None else epoch
        return Electorate(self.network_id, number, keys, self.quorum)

    def policy(self, block_type: BlockType) -> TypePolicy:
        """How a type of the patient's chain is decided; CharterError for any other (R-BLK1)."""
        if block_type is BlockType.ATTENDING:
            return ATTENDING_POLICY
        policy = self.policies.get(block_type)
        if policy is None:
            raise CharterError(f"R-BLK1: no policy decides on {block_type.value}")
        return policy

    def verify_proofs(self, verify: Verifier = verify) -> None:
        """CharterError for the first unproved key or unfit TLS leaf (R-CHA5, R-KEY4)."""
        seen = {key for member in self.members for key in member.named_keys().values()}
        for member in self.members:
            key = certificate_key(member)
            if key in seen:
                raise CharterError(
                    f"R-KEY4: the TLS key of {member.name} serves twice; ask for a new request"
                )
            seen.add(key)
            member.verify_proofs(verify)


def parse_charter(encoded: bytes) -> Charter:
    """Read a charter from canonical bytes.

    CodecError for bytes that are not canonical or not of the schema, CharterError naming the
    broken rule. Proofs are not verified here: see `Charter.verify_proofs`.
    """
    reader = Reader(decoded(encoded, CHARTER), CHARTER_FIELDS, "charter")
    if reader.text("format") != FORMAT:
        raise CharterError(f"R-CHA1: format is not {FORMAT}; use a program of that version")
    return Charter(
        name=reader.text("name", NAME_BYTES, 1),
        created_at_ms=reader.integer("created_at_ms", 0, TIME_LIMIT_MS),
        ordering=reader.nested("ordering", parse_ordering),
        members=reader.listed("members", MEMBERS, parse_member),
        policies=reader.nested("policies", parse_policies),
        absence=reader.nested("absence", parse_absence),
        maturity=reader.nested("maturity", parse_maturity),
        retention_days=reader.integer("retention_days", 0, RETENTION_DAYS),
        seal_difficulty_bits=reader.integer("seal_difficulty_bits", 0, SEAL_BITS),
        version=reader.integer("version", 0, TIME_LIMIT_MS),
    )
