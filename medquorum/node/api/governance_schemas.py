"""Requests and answers of governance: acts as JSON, charters, registry (R-GOV2, R-GOV6).

An act as JSON names members by their address and brings new members as their request files; what
is signed is made of it by the node, in canonical form.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from medquorum.ledger.limits import CHANGES, PROPOSAL_LIFETIME_MS
from medquorum.ledger.provenance import FindingKind
from medquorum.ledger.types import BlockType, Panel, QuorumMode
from medquorum.node.api.parameters import Parameters
from medquorum.node.api.schemas import AddressText, Base64Octets, Hex32, Number
from medquorum.node.desk_governance import ACT_LIFETIME_MS
from medquorum.node.governance_views import (
    CharterChangeView,
    EvidenceView,
    MaturityView,
    RegistryEntryView,
)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AdmitForm(_Form):
    """A new member."""

    kind: Literal["admit"]
    request: Base64Octets
    """The bytes of its request file (`medquorum charter request`)."""


class RevokeForm(_Form):
    """A member leaves for ever."""

    kind: Literal["revoke"]
    member: AddressText
    successor: AddressText | None = None
    """Who takes over a doctor's patients; exactly for doctors."""


class SuspendForm(_Form):
    """A member keeps its place and does nothing."""

    kind: Literal["suspend"]
    member: AddressText
    stand_in: AddressText | None = None
    """Exactly for doctors."""


class ReinstateForm(_Form):
    """A suspended member acts again."""

    kind: Literal["reinstate"]
    member: AddressText


class RotateKeyForm(_Form):
    """The issuer's own new keys."""

    kind: Literal["rotate_key"]
    request: Base64Octets
    """The member's map with its new keys and proofs (R-CHA4, R-CHA5)."""


class SetModeForm(_Form):
    """Another quorum rule of ordering."""

    kind: Literal["set_mode"]
    mode: QuorumMode


class SetPolicyForm(_Form):
    """Who decides on one clinical type."""

    kind: Literal["set_policy"]
    type: BlockType
    panel: Panel
    strict: bool
    auto_policies: tuple[Annotated[str, Field(max_length=64)], ...] = ()


class SetAbsenceRuleForm(_Form):
    """Other limits of absences."""

    kind: Literal["set_absence_rule"]
    max_days: Annotated[int, Field(ge=0, le=3_660)]
    silence_hours: Annotated[int, Field(ge=0, le=87_840)]


class ModelForm(_Form):
    """A model an AI entity may report with (R-AI1); every digest is SHA-256 of a file, hex."""

    kind: FindingKind
    digest: Hex32
    """Of the model's file."""
    card_digest: Hex32
    """Of the model's card."""
    training_digest: Hex32
    """Of the list of what it was trained on, as its reports name it."""


class ApproveModelForm(_Form):
    """An AI entity may report with one more model."""

    kind: Literal["approve_model"]
    member: AddressText
    model: ModelForm


class WithdrawModelForm(_Form):
    """An AI entity reports with a model no more."""

    kind: Literal["withdraw_model"]
    member: AddressText
    digest: Hex32


ChangeForm = Annotated[
    AdmitForm
    | RevokeForm
    | SuspendForm
    | ReinstateForm
    | RotateKeyForm
    | SetModeForm
    | SetPolicyForm
    | SetAbsenceRuleForm
    | ApproveModelForm
    | WithdrawModelForm,
    Field(discriminator="kind"),
]


class AmendmentForm(_Form):
    """Changes of the charter, taken in order."""

    type: Literal["amendment"]
    base_version: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """The version they were made for; null: the one in force."""
    changes: Annotated[tuple[ChangeForm, ...], Field(min_length=1, max_length=CHANGES)]


class OpeningForm(_Form):
    """A proposal whose attending is silent gets a delegate."""

    type: Literal["opening"]
    attending: AddressText
    delegate: AddressText
    proposal: Hex32


class AttendingForm(_Form):
    """A patient gets another attending physician."""

    type: Literal["attending"]
    patient: Number
    doctor: AddressText


ActForm = Annotated[AmendmentForm | OpeningForm | AttendingForm, Field(discriminator="type")]
"""What an institution may issue (R-GOV3); absences and delegations are signed by doctors."""


class ActSubmission(_Form):
    """An act that this institution's node is to sign."""

    act: ActForm
    lifetime_ms: Annotated[int, Field(ge=1_000, le=PROPOSAL_LIFETIME_MS)] = ACT_LIFETIME_MS


FORM_FIELDS: Final = frozenset(
    name
    for form in (
        ActSubmission,
        AmendmentForm,
        OpeningForm,
        AttendingForm,
        AdmitForm,
        RevokeForm,
        SuspendForm,
        ReinstateForm,
        RotateKeyForm,
        SetModeForm,
        SetPolicyForm,
        SetAbsenceRuleForm,
        ApproveModelForm,
        WithdrawModelForm,
        ModelForm,
    )
    for name in form.model_fields
)
"""What a fault in an act may name."""


class SignedAct(_Form):
    """An act signed elsewhere."""

    proposal: Base64Octets
    """Canonical bytes of R-PRO2, of a governance type or `attending`."""


class CharterQuery(Parameters):
    """Which version."""

    version: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """Absent: the one in force."""


class CharterHistory(BaseModel):
    """Every version of the charter, oldest first."""

    versions: tuple[CharterChangeView, ...]


class RegistryAnswer(BaseModel):
    """Who stands in for whom."""

    entries: tuple[RegistryEntryView, ...]


class MaturityList(BaseModel):
    """What became of the AI entities' reports."""

    entities: tuple[MaturityView, ...]


class EvidenceList(BaseModel):
    """Contradictions that stand in the chain, oldest first."""

    evidence: tuple[EvidenceView, ...]
