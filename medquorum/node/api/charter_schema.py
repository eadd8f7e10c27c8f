"""The charter as JSON: for reading; what is verified is the file's bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from medquorum.ledger.charter import Charter, Member
from medquorum.ledger.charter_members import keys_of
from medquorum.ledger.enrolment import Enrolment
from medquorum.ledger.fingerprint import fingerprint
from medquorum.ledger.keys import address_text
from medquorum.ledger.quorum import promise
from medquorum.ledger.types import ADDRESS_PREFIX, Role
from medquorum.node.api.governance_forms import model_form
from medquorum.node.governance_words import Naming, naming_of


class ModelAnswer(BaseModel):
    """A model an AI entity may report with (R-AI1); digests are SHA-256, hex."""

    kind: str
    digest: str
    """Of the model's file."""
    card_digest: str
    training_digest: str


class EnrolmentAnswer(BaseModel):
    """Where an authenticator's votes are taken from."""

    rp_id: str
    origins: tuple[str, ...]
    backup: bool
    """Whether a key that may be in a vendor's cloud may vote."""

    @classmethod
    def of(cls, enrolment: Enrolment | None) -> EnrolmentAnswer | None:
        """The public half of an enrolment, if there is one."""
        if enrolment is None:
            return None
        return cls(rp_id=enrolment.rp_id, origins=enrolment.origins, backup=enrolment.backup)


class MemberAnswer(BaseModel):
    """One member."""

    name: str
    role: str
    address: str
    """bech32m."""
    endpoint: str
    keys: dict[str, str]
    """Public keys by purpose, hex; that of the TLS leaf among them."""
    active: bool
    """False while suspended (R-GOV7)."""
    stand_in: str | None = None
    """Name of who stands in for a suspended doctor."""
    webauthn: EnrolmentAnswer | None = None
    """Of a doctor: the authenticator she may vote with (R-CHA9); its key stands among `keys`."""
    models: tuple[ModelAnswer, ...] = ()
    """Of an AI entity: the models it may report with; with none here, it is free (R-AI4)."""

    @classmethod
    def of(cls, member: Member, charter: Charter, naming: Naming) -> MemberAnswer:
        """The public half of a member of the charter."""
        stand_in = charter.suspended.get(member.address)
        return cls(
            name=member.name,
            role=member.role.value,
            address=member.address_text,
            endpoint=member.endpoint,
            keys={purpose: key.hex() for purpose, key in keys_of(member).items()},
            active=charter.is_active(member.address),
            stand_in=None if stand_in is None else naming(stand_in),
            webauthn=EnrolmentAnswer.of(member.webauthn),
            models=tuple(ModelAnswer.model_validate(model_form(one)) for one in member.models),
        )


class FormerMemberAnswer(BaseModel):
    """A doctor who has left for ever."""

    name: str
    address: str
    successor: str
    """Name of who took over the patients; she may have left since."""


class OrderingAnswer(BaseModel):
    """The ordering parameters of R-CHA2."""

    mode: str
    slot_timeout_ms: int
    slot_timeout_max_ms: int
    idle_status_ms: int
    retransmit_ms: int
    batch_blocks: int


class CharterAnswer(BaseModel):
    """One version of the charter."""

    name: str
    network: str
    """Network id, hex."""
    fingerprint: str
    """Eight words to be read aloud (R-CHA7)."""
    version: int
    in_force: bool
    created_at_ms: int
    doctors: int
    """Active ones."""
    quorum: int
    ordering: OrderingAnswer
    liars_for_safety: int
    absences_for_liveness: int
    promise: str
    """What the mode promises, in words."""
    warnings: tuple[str, ...]
    policies: dict[str, dict[str, Any]]
    absence: dict[str, int]
    maturity: dict[str, int]
    retention_days: int
    seal_difficulty_bits: int
    members: tuple[MemberAnswer, ...]
    former: tuple[FormerMemberAnswer, ...]

    @classmethod
    def of(cls, charter: Charter, charters: Sequence[Charter]) -> CharterAnswer:
        """A version of the charter for reading; `charters` are all of them."""
        naming = naming_of(charters)
        withstood = charter.tolerance
        return cls(
            name=charter.name,
            network=charter.network_id.hex(),
            fingerprint=fingerprint(charter.network_id),
            version=charter.version,
            in_force=charter.version == charters[-1].version,
            created_at_ms=charter.created_at_ms,
            doctors=withstood.n,
            quorum=withstood.q,
            ordering=OrderingAnswer.model_validate(charter.ordering.as_map()),
            liars_for_safety=withstood.liars_for_safety,
            absences_for_liveness=withstood.absences_for_liveness,
            promise=promise(charter.ordering.mode, withstood.n),
            warnings=charter.warnings,
            policies={kind.value: policy.as_map() for kind, policy in charter.policies.items()},
            absence=charter.absence.as_map(),
            maturity=charter.maturity.as_map(),
            retention_days=charter.retention_days,
            seal_difficulty_bits=charter.seal_difficulty_bits,
            members=tuple(MemberAnswer.of(member, charter, naming) for member in charter.members),
            former=tuple(
                FormerMemberAnswer(
                    name=naming(address),
                    address=address_text(address, ADDRESS_PREFIX[Role.DOCTOR]),
                    successor=naming(successor),
                )
                for address, successor in charter.successors.items()
            ),
        )
