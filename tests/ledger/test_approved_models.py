"""Models of AI entities in the charter: their form, and how amendments change them (R-AI1 to 3)."""

from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger import canonical, ceremony
from medquorum.ledger.amendment import verify_amendment
from medquorum.ledger.approved_model import MODEL_FIELDS, may_report
from medquorum.ledger.ceremony import Candidate, RequestSigners
from medquorum.ledger.change import (
    Admit,
    ApproveModel,
    Change,
    Reinstate,
    RotateKey,
    Suspend,
    WithdrawModel,
    change_as_map,
    parse_change,
)
from medquorum.ledger.charter import Charter, parse_charter
from medquorum.ledger.errors import CharterError, CodecError
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Purpose
from medquorum.ledger.limits import CHARTER, MODELS
from medquorum.ledger.member import Member, parse_member
from medquorum.ledger.provenance import FindingKind
from medquorum.ledger.types import Role
from tests.ledger.charter_kit import address_of_name, make_charter, make_member, signer_of
from tests.ledger.governance_kit import amended, member_of, refusal, rekeyed
from tests.ledger.model_kit import AI_ENTITY, bound, bound_charter, model, models
from tests.ledger.record_kit import digest, report_core

FREE = make_charter()
OLD, NEW = model(), model("new")
BOUND = bound_charter(OLD)
AI = address_of_name(AI_ENTITY)
DOCTOR = FREE.doctors[0].address


def listed(charter: Charter) -> tuple[object, ...]:
    """The AI entity's models."""
    return member_of(charter, AI_ENTITY).models


def test_a_charter_without_models_has_no_field_for_them() -> None:
    """R-AI2: charters that never decided on models keep their bytes, and so their network."""
    members = canonical.decode(FREE.encoded(), CHARTER)["members"]
    assert all("models" not in member for member in members)
    assert BOUND.network_id != FREE.network_id


def test_a_founding_charter_with_models_is_read_back_alike() -> None:
    """R-AI1, R-AI2: in order of the digests, proofs untouched, in every later version too."""
    charter = bound_charter(NEW, OLD, model("third", FindingKind.FRACTURE))
    again = parse_charter(charter.encoded())
    again.verify_proofs()
    assert again == charter
    digests = [one.digest for one in member_of(again, AI_ENTITY).models]
    assert digests == sorted(digests)
    assert len(digests) == 3


def test_the_proofs_of_a_member_do_not_cover_its_models() -> None:
    """R-CHA5, R-AI2: what the doctors approve later leaves the proofs of the keys good."""
    member = member_of(FREE, AI_ENTITY)
    assert bound(member, OLD).statement() == member.statement()
    assert bound(member, OLD).as_map().keys() - member.as_map().keys() == {"models"}


SPOILED: dict[str, tuple[str, object]] = {
    "an empty list": ("R-AI2: a member without models", []),
    "none": ("R-CAN5: member.models is not a list", None),
    "too many": (
        "R-CAN5: member.models is not a list of at most 16",
        [one.as_map() for one in models(MODELS + 1)],
    ),
    "descending": (
        "R-AI2: the models of AI entity Aurora ascend",
        [one.as_map() for one in reversed(models(2))],
    ),
    "twice": ("R-AI2: the models of AI entity Aurora ascend", [OLD.as_map()] * 2),
    "a short digest": (
        "R-CAN5: model.digest is not 32 bytes",
        [{**OLD.as_map(), "digest": bytes(31)}],
    ),
    "another kind": ("R-CAN5: model.kind is not one of", [{**OLD.as_map(), "kind": "ct"}]),
    "a field more": ("R-CAN5: model has not exactly", [{**OLD.as_map(), "name": "x"}]),
    "no map": ("R-CAN5: model has not exactly", [b"model"]),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_member_with_other_models_is_refused(case: str) -> None:
    """R-AI1, R-AI2: each other form, by its rule."""
    words, value = SPOILED[case]
    spoiled = {**member_of(FREE, AI_ENTITY).as_map(), "models": value}
    with pytest.raises((CodecError, CharterError), match=words):
        parse_member(spoiled)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AI_ENTITY])
def test_only_ai_entities_have_models(role: Role) -> None:
    """R-AI2: a doctor is bound by no list."""
    with pytest.raises(CharterError, match=r"R-AI2: .* is no AI entity"):
        bound(make_member("Dr. New", role), OLD)


def test_a_request_may_ask_for_models() -> None:
    """R-AI2: of the AI entity alone, and in whatever order it names them."""
    member = make_member(AI_ENTITY, Role.AI_ENTITY)
    signers = RequestSigners(
        signer_of(AI_ENTITY, Purpose.CLINICAL), signer_of(AI_ENTITY, Purpose.CONSENSUS)
    )
    asked = Candidate(
        member.name, member.role, member.endpoint, member.keys, member.tls_certificate
    )
    both = models(2)
    request = ceremony.make_request(replace(asked, models=both[::-1]), signers)
    assert request.models == both
    assert ceremony.parse_request(ceremony.encode_request(request)) == request
    assert ceremony.make_request(asked, signers) == member


CHANGES: tuple[Change, ...] = (
    ApproveModel(AI, OLD),
    WithdrawModel(AI, OLD.digest),
    Admit(bound(make_member("AI entity Boreal", Role.AI_ENTITY), OLD, NEW)),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_a_change_of_models_is_read_back_alike(change: Change) -> None:
    """R-GOV6, R-AI3: through canonical bytes."""
    assert parse_change(canonical.decode(canonical.encode(change_as_map(change)))) == change


@pytest.mark.parametrize("name", MODEL_FIELDS)
def test_a_change_lacks_nothing(name: str) -> None:
    """R-AI1: of a model nothing is left out."""
    form: dict[str, Any] = change_as_map(ApproveModel(AI, OLD))
    del form["model"][name]
    with pytest.raises(CodecError, match="R-CAN5: model has not exactly"):
        parse_change(form)


def test_models_are_approved_and_withdrawn() -> None:
    """R-AI3: in order; proofs need no renewal; the version before keeps its list."""
    first = amended(FREE, ApproveModel(AI, OLD))
    second = amended(first, ApproveModel(AI, NEW))
    third = amended(second, WithdrawModel(AI, OLD.digest))
    assert listed(FREE) == ()
    assert listed(first) == (OLD,)
    assert set(listed(second)) == {OLD, NEW}
    assert listed(third) == (NEW,)
    assert third.version == 3
    assert third.retired == FREE.retired
    assert listed(amended(third, ApproveModel(AI, OLD))) == listed(second)
    assert verify_amendment(Amendment(0, (ApproveModel(AI, OLD),)))


def test_a_model_takes_another_ones_place_in_one_amendment() -> None:
    """R-AI3: approve first, withdraw then; the other way round the list would be empty between."""
    swap = (ApproveModel(AI, NEW), WithdrawModel(AI, OLD.digest))
    assert listed(amended(BOUND, *swap)) == (NEW,)
    assert "approve another first" in refusal(BOUND, *swap[::-1])


def test_an_admitted_ai_entity_brings_its_models() -> None:
    """R-AI2: what its request asks for and the doctors approve."""
    newcomer = bound(make_member("AI entity Boreal", Role.AI_ENTITY), OLD, NEW)
    after = amended(FREE, Admit(newcomer))
    assert member_of(after, "AI entity Boreal").models == newcomer.models
    assert listed(after) == ()


def test_a_suspended_ai_entity_may_get_models() -> None:
    """R-AI3: it comes back with the list the doctors made meanwhile."""
    after = amended(BOUND, Suspend(AI), ApproveModel(AI, NEW), Reinstate(AI))
    assert set(listed(after)) == {OLD, NEW}


def test_new_keys_leave_the_models() -> None:
    """R-AI3: a rotation that comes without them, or with others, is refused."""
    rotated = rekeyed(member_of(BOUND, AI_ENTITY), "next", Purpose.CONSENSUS)
    assert listed(amended(BOUND, RotateKey(rotated), issuer=AI)) == (OLD,)
    for others in ((), (NEW,), (OLD, NEW)):
        words = refusal(BOUND, RotateKey(bound(rotated, *others)), issuer=AI)
        assert words.startswith("R-AI3: new keys change no models")


FULL = bound_charter(*models(MODELS))
REFUSED: dict[str, tuple[Charter, str, Change]] = {
    "approve twice": (BOUND, "has that model approved already", ApproveModel(AI, OLD)),
    "approve again with another card": (
        BOUND,
        "has that model approved already",
        ApproveModel(AI, replace(OLD, card_digest=digest("another card"))),
    ),
    "approve for a doctor": (FREE, "is no AI entity", ApproveModel(DOCTOR, OLD)),
    "approve for a stranger": (
        FREE,
        "who is no member",
        ApproveModel(address_of_name("Nobody"), OLD),
    ),
    "approve one too many": (FULL, "at most 16 models", ApproveModel(AI, OLD)),
    "withdraw what is not there": (BOUND, "has no such model", WithdrawModel(AI, NEW.digest)),
    "withdraw from the free": (FREE, "has no such model", WithdrawModel(AI, OLD.digest)),
    "withdraw the last": (BOUND, "or suspend it", WithdrawModel(AI, OLD.digest)),
    "withdraw of a stranger": (
        BOUND,
        "who is no member",
        WithdrawModel(address_of_name("Nobody"), OLD.digest),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_change_that_does_not_apply_says_why(case: str) -> None:
    """R-AI2, R-AI3, R-GOV7: each by its words."""
    charter, words, change = REFUSED[case]
    assert words in refusal(charter, change)


def test_a_report_is_by_an_approved_model_of_its_kind() -> None:
    """R-AI4: kind, digest and training list together; the card may be another's affair."""
    ai = report_core().ai
    assert ai is not None
    assert may_report((), ai)
    assert may_report((NEW, OLD), ai)
    for other in (
        NEW,
        replace(OLD, kind=FindingKind.FRACTURE),
        replace(OLD, digest=digest("another")),
        replace(OLD, training_digest=digest("another")),
    ):
        assert not may_report((other,), ai)
    halves = (replace(NEW, digest=OLD.digest), replace(NEW, training_digest=OLD.training_digest))
    assert not may_report(halves, ai)


def test_two_versions_of_a_member_differ_by_their_models() -> None:
    """R-AI2: nobody takes one for the other."""
    free: Member = member_of(FREE, AI_ENTITY)
    assert len({free, bound(free, OLD), bound(free, NEW)}) == 3
