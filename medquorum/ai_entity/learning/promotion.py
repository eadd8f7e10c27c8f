"""From a candidate that passed its gate to the model in use, by way of the charter.

*Announce*: the candidate is registered beside the shipped models, not current, and the AI entity's
own institution proposes an amendment that approves it by its digests (R-AI1, R-AI3). An AI entity
without a list is free; with the first model on it the list binds, so the models in use are put on
it by the same amendment. *Heed*: the service makes current what the charter in force names, and
nothing sooner (R-AI4). *Withdraw*: another amendment takes a model off; the one before is current
again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from medquorum.ai_entity.approval import Approval, approve_change, withdraw_change
from medquorum.ai_entity.errors import ModelError
from medquorum.ai_entity.learning.gate import MARGIN, MIN_CASES, PPM
from medquorum.ai_entity.learning.lessons import StudyKind
from medquorum.ai_entity.learning.member_models import (
    CARD_FILE,
    add_candidate,
    announced,
    current_digests,
    has_candidates,
    own_folder,
    settle,
)
from medquorum.ledger.approved_model import ApprovedModel


class PromotionRefused(Exception):
    """This model is not promoted; the message says why and what to do."""


class Charter(Protocol):
    """What is asked of the AI entity's node."""

    async def own_address(self) -> str:
        """The member's address."""
        ...

    async def approval(self, address: str) -> Approval:
        """The models the charter in force lists for it."""
        ...

    async def propose_amendment(self, changes: list[dict[str, object]]) -> str:
        """Propose; the proposal's id."""
        ...


@dataclass(frozen=True, slots=True)
class Promotion:
    """What was proposed to the doctors."""

    proposal: str
    models: tuple[ApprovedModel, ...]
    """All that the amendment approves; the candidate is the last."""


def require_passed(candidate: Path) -> None:
    """PromotionRefused unless the candidate's card says, in figures too, that it passed the gate.

    The gate ran where the candidate was trained, and the card can be edited there: this keeps its
    institution from a mistake, it proves nothing to the doctors. They approve the card's bytes,
    figures included, and with those the candidate is held to what they read.
    """
    try:
        card = json.loads((candidate / CARD_FILE).read_bytes())
        gate = card["gate"]
        passed, reason = gate["passed"] is True, str(gate["reason"])
        borne_out = _borne_out(gate, MARGIN[StudyKind(card["kind"])])
    except OSError:
        raise PromotionRefused(f"no {CARD_FILE} in {candidate}; train a model: ai train") from None
    except (ValueError, KeyError, TypeError):
        raise PromotionRefused(f"{CARD_FILE} tells of no gate; train the model again") from None
    if not passed:
        raise PromotionRefused(f"the candidate did not pass its gate: {reason}")
    if not borne_out:
        raise PromotionRefused(
            f"the figures of the gate on {CARD_FILE} are not those of one that was passed; train "
            "the model again"
        )


def _borne_out(gate: Mapping[str, Any], margin: float) -> bool:
    """Whether the figures on the card pass by the rule of ``gate.judge``."""
    parts = [part for part in (gate["phantoms"], gate["ledger_patients"]) if part is not None]
    judged = [part for part in (gate["all"], *parts) if part["cases"] >= MIN_CASES]
    return (
        gate["margin_ppm"] == round(margin * PPM)
        and gate["all"]["cases"] == sum(part["cases"] for part in parts)
        and gate["all"] in judged
        and all(part["lower_bound_ppm"] > -gate["margin_ppm"] for part in judged)
    )


async def promote(api: Charter, candidate: Path, models: Path) -> Promotion:
    """Register a candidate and ask the doctors for it. Raises PromotionRefused, ModelError."""
    require_passed(candidate)
    own_folder(models)
    wanted = add_candidate(models, candidate)
    address = await api.own_address()
    listed = (await api.approval(address)).digests or frozenset()
    if wanted.digest in listed:
        raise PromotionRefused("the charter approves this model already; the service uses it")
    asked = tuple(one for one in (*_in_use(models, listed), wanted) if one.digest not in listed)
    proposal = await api.propose_amendment([approve_change(address, one) for one in asked])
    return Promotion(proposal, asked)


def _in_use(models: Path, listed: frozenset[bytes]) -> list[ApprovedModel]:
    """What is current, where no list binds yet."""
    if listed:
        return []
    return [announced(models, digest) for digest in sorted(current_digests(models).values())]


async def withdraw(api: Charter, digest: bytes) -> str:
    """Ask the doctors to take a model off the list; the proposal. Raises PromotionRefused."""
    address = await api.own_address()
    listed = (await api.approval(address)).digests or frozenset()
    if digest not in listed:
        raise PromotionRefused("the charter does not approve this model; nothing to withdraw")
    if len(listed) == 1:
        raise PromotionRefused(
            "it is the last model of the list, which never becomes empty; approve another first, "
            "or let the AI entity be suspended"
        )
    return await api.propose_amendment([withdraw_change(address, digest)])


def heed_charter(models: Path, approval: Approval) -> bool:
    """Make current what the charter in force lists; whether that changed anything.

    A model counts as listed only with the very card and training list that the charter names. In a
    folder without candidates nothing else can become current. This looks when the charter changes;
    the card is looked at again whenever a model is loaded (``registry``). Raises ModelError.
    """
    if not has_candidates(models):
        return False
    listed = (one for one in approval.models if _is_here(models, one))
    return settle(models, frozenset(one.digest.hex() for one in listed))


def _is_here(models: Path, listed: ApprovedModel) -> bool:
    try:
        return announced(models, listed.digest.hex()) == listed
    except ModelError:
        return False
