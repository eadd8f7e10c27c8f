"""Which models the charter lets this AI entity report with (R-AI4).

The service asks its node for the charter in force before it proposes: a promoted model is run once
the doctors have approved it, and one that is not approved is not reported with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medquorum.ledger.approved_model import ApprovedModel
from medquorum.ledger.provenance import FindingKind


@dataclass(frozen=True, slots=True)
class Approval:
    """The models listed for one AI entity; none listed: it is free."""

    models: tuple[ApprovedModel, ...] = ()

    @property
    def digests(self) -> frozenset[bytes] | None:
        """What a registry may run; None where it is free."""
        return frozenset(model.digest for model in self.models) if self.models else None

    @property
    def cards(self) -> Mapping[bytes, bytes]:
        """Digest of a model -> that of the card it was approved with (R-AI1)."""
        return {model.digest: model.card_digest for model in self.models}

    def allows(self, kind: str, digest: bytes, card_digest: bytes, training_digest: bytes) -> bool:
        """Whether a report by that model, run as that card says and trained on that, is approved.

        The ledger holds a report to kind, model and training list (R-AI4); the card, which says
        how the model is run, only the AI entity itself can hold to what was approved.
        """
        said = (kind, digest, card_digest, training_digest)
        return not self.models or any(
            said == (model.kind.value, model.digest, model.card_digest, model.training_digest)
            for model in self.models
        )


def approval_of(charter: Mapping[str, Any], address: str) -> Approval:
    """What ``GET /v1/charter`` says of the member with this address.

    ValueError or KeyError for an answer that is none.
    """
    members = {member["address"]: member for member in charter["members"]}
    listed = members[address].get("models", ()) if address in members else ()
    return Approval(
        tuple(
            ApprovedModel(
                FindingKind(model["kind"]),
                bytes.fromhex(model["digest"]),
                bytes.fromhex(model["card_digest"]),
                bytes.fromhex(model["training_digest"]),
            )
            for model in listed
        )
    )


def approve_change(address: str, model: ApprovedModel) -> dict[str, object]:
    """The change that asks for one more model, as ``POST /v1/governance/acts`` takes it."""
    return {
        "kind": "approve_model",
        "member": address,
        "model": {
            "kind": model.kind.value,
            "digest": model.digest.hex(),
            "card_digest": model.card_digest.hex(),
            "training_digest": model.training_digest.hex(),
        },
    }


def withdraw_change(address: str, digest: bytes) -> dict[str, object]:
    """The change that ends a model, as ``POST /v1/governance/acts`` takes it."""
    return {"kind": "withdraw_model", "member": address, "digest": digest.hex()}
