"""Models by made-up digests, and AI entities that are bound to some of them."""

from dataclasses import replace

from medquorum.ledger.approved_model import ApprovedModel, in_order
from medquorum.ledger.charter import Charter
from medquorum.ledger.member import Member
from medquorum.ledger.provenance import FindingKind
from tests.ledger.charter_kit import make_charter
from tests.ledger.record_kit import digest

AI_ENTITY = "AI entity Aurora"
"""As in the kit's cast and in the support network."""


def model(label: str = "model", kind: FindingKind = FindingKind.TUMOUR) -> ApprovedModel:
    """A model of a label; that of `model` is the one the kits' reports name."""
    training = "training" if label == "model" else f"{label} training"
    return ApprovedModel(kind, digest(label), digest(f"{label} card"), digest(training))


def models(count: int) -> tuple[ApprovedModel, ...]:
    """So many models in their order."""
    return in_order(model(f"model {number}") for number in range(count))


def bound(member: Member, *listed: ApprovedModel) -> Member:
    """The member with these models; its proofs stay good."""
    return replace(member, models=in_order(listed))


def bound_charter(*listed: ApprovedModel) -> Charter:
    """The cast's founding charter in which the AI entity has these models."""
    charter = make_charter()
    members = tuple(
        bound(each, *listed) if each.name == AI_ENTITY else each for each in charter.members
    )
    return replace(charter, members=members)
