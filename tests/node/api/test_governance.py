"""Governance over HTTP: acts in both forms, the charter through time, registry, evidence."""

import base64

import pytest

from medquorum.ledger.ceremony import encode_request
from medquorum.ledger.change import (
    Admit,
    ApproveModel,
    Change,
    Reinstate,
    Revoke,
    RotateKey,
    SetAbsenceRule,
    SetMode,
    SetPolicy,
    Suspend,
    WithdrawModel,
)
from medquorum.ledger.charter import AbsenceRule, TypePolicy
from medquorum.ledger.errors import CharterError
from medquorum.ledger.governance import AbsenceAct, Amendment, OpeningAct
from medquorum.ledger.types import BlockType, Panel, ProposalId, QuorumMode, Role
from medquorum.node.account_records import UserRole
from medquorum.node.api.governance_forms import form_of
from medquorum.node.client import ApiProblem
from medquorum.node.desk import DeskError
from medquorum.node.desk_governance import ACT_LIFETIME_MS, Assignment, Request
from medquorum.node.governance_views import RegistryEntryView
from tests.ledger.charter_kit import make_charter, make_member
from tests.ledger.governance_kit import member_of
from tests.ledger.model_kit import AI_ENTITY, bound_charter, model
from tests.node.api.conftest import House
from tests.node.api.fake_governance import RECEIPT

CHARTER = make_charter()
FIRST, SECOND = CHARTER.doctors[:2]
NEW = make_member("Dr. Elm", Role.DOCTOR)

CHANGES: list[Change] = [
    Admit(NEW),
    Revoke(FIRST.address, SECOND.address),
    Revoke(CHARTER.members[0].address),
    Suspend(FIRST.address, SECOND.address),
    Reinstate(FIRST.address),
    RotateKey(FIRST),
    SetMode(QuorumMode.MAJORITY),
    SetPolicy(BlockType.CT, TypePolicy(Panel.CARE_TEAM, strict=True, auto_policies=("a", "b"))),
    SetAbsenceRule(AbsenceRule(10, 24)),
    ApproveModel(member_of(CHARTER, AI_ENTITY).address, model()),
    WithdrawModel(member_of(CHARTER, AI_ENTITY).address, model().digest),
]
REQUESTS: list[Request] = [
    Amendment(0, tuple(CHANGES)),
    OpeningAct(FIRST.address, SECOND.address, ProposalId(bytes(32))),
    Assignment(3, SECOND.address),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
async def test_an_act_arrives_as_it_was_meant(house: House, request_: Request) -> None:
    async with house.client(UserRole.OPERATOR) as client:
        receipt = await client.issue_act(form_of(request_, CHARTER), lifetime_ms=60_000)
    assert receipt == RECEIPT
    assert house.desk.governance.issued == [(request_, 60_000)]


async def test_an_amendment_without_a_version_is_of_the_one_in_force(house: House) -> None:
    form = {"type": "amendment", "changes": [{"kind": "set_mode", "mode": "majority"}]}
    async with house.client(UserRole.OPERATOR) as client:
        await client.issue_act(form)
    expected = Amendment(0, (SetMode(QuorumMode.MAJORITY),))
    assert house.desk.governance.issued == [(expected, ACT_LIFETIME_MS)]


def test_what_only_doctors_issue_has_no_form() -> None:
    with pytest.raises(CharterError, match="R-GOV3"):
        form_of(AbsenceAct(FIRST.address, None), CHARTER)


async def test_a_signed_act_is_carried_once_for_each_key(house: House) -> None:
    async with house.client(UserRole.DOCTOR) as client:
        first = await client.propose_act(b"an act", idempotency_key="once")
        again = await client.propose_act(b"an act", idempotency_key="once")
        with pytest.raises(ApiProblem) as other:
            await client.propose_act(b"another", idempotency_key="once")
    assert first == again == RECEIPT
    assert house.desk.governance.carried == [b"an act"]
    assert (other.value.status, other.value.rule) == (422, "idempotency_mismatch")


async def test_an_issued_act_is_issued_once_for_each_key(house: House) -> None:
    form = form_of(REQUESTS[2], CHARTER)
    async with house.client(UserRole.OPERATOR) as client:
        await client.issue_act(form, idempotency_key="once")
        await client.issue_act(form, idempotency_key="once")
        with pytest.raises(ApiProblem) as other:
            await client.issue_act({**form, "patient": 4}, idempotency_key="once")
    assert len(house.desk.governance.issued) == 1
    assert other.value.rule == "idempotency_mismatch"


async def test_a_refusal_says_which_condition_bars_it(house: House) -> None:
    house.desk.governance.refusal = DeskError(400, "bad_amendment", "R-GOV6: split the amendment")
    async with house.client(UserRole.OPERATOR) as client:
        with pytest.raises(ApiProblem) as refused:
            await client.issue_act(form_of(REQUESTS[0], CHARTER))
    assert (refused.value.status, refused.value.rule) == (400, "bad_amendment")
    assert refused.value.detail == "R-GOV6: split the amendment"


@pytest.mark.parametrize(
    ("act", "rule", "says"),
    [
        ({"type": "amendment", "changes": []}, "body", "changes"),
        ({"type": "amendment", "changes": [{"kind": "dissolve"}]}, "body", "changes"),
        ({"type": "absence"}, "body", "act"),
        ({"type": "attending", "patient": 0, "doctor": FIRST.address_text}, "body", "patient"),
        ({"type": "attending", "patient": 1, "doctor": FIRST.address_text + "x"}, "body", "doctor"),
        (
            {"type": "attending", "patient": 1, "doctor": FIRST.address_text[:-1] + "b"},
            "act",
            "R-KEY3",
        ),
        (
            {
                "type": "amendment",
                "changes": [
                    {"kind": "set_policy", "type": "absence", "panel": "care_team", "strict": True}
                ],
            },
            "act",
            "R-CHA3",
        ),
        (
            {
                "type": "amendment",
                "changes": [
                    {
                        "kind": "withdraw_model",
                        "member": FIRST.address_text,
                        "digest": "11" * 31,
                    }
                ],
            },
            "body",
            "digest",
        ),
        (
            {
                "type": "amendment",
                "changes": [{"kind": "admit", "request": base64.b64encode(b"x").decode()}],
            },
            "act",
            "R-CAN",
        ),
    ],
)
async def test_a_malformed_act_is_refused_with_its_place(
    house: House, act: dict[str, object], rule: str, says: str
) -> None:
    async with house.client(UserRole.OPERATOR) as client:
        with pytest.raises(ApiProblem) as refused:
            await client.issue_act(act)
    assert (refused.value.status, refused.value.rule) == (400, rule)
    assert says in refused.value.detail
    assert house.desk.governance.issued == []


async def test_doctors_do_not_speak_for_an_institution(house: House) -> None:
    async with house.client(UserRole.DOCTOR) as client:
        with pytest.raises(ApiProblem) as refused:
            await client.issue_act(form_of(REQUESTS[0], CHARTER))
    assert (refused.value.status, refused.value.rule) == (403, "role")


async def test_governance_is_read_as_the_desk_gave_it(house: House) -> None:
    desk = house.desk.governance
    desk.entries.append(
        RegistryEntryView("absence", "mqdoc1x", "A", "mqdoc1y", "B", 1, 2, None, None, True)
    )
    async with house.client(UserRole.AUDITOR) as client:
        assert await client.charter_history() == await desk.history()
        assert await client.registry() == desk.registry()
        assert await client.maturity() == await desk.maturity()
        assert await client.evidence() == await desk.evidence()
        assert await client.halt() == await desk.halt()


async def test_a_patient_is_not_shown_whose_decisions_are_delegated(house: House) -> None:
    async with house.client(UserRole.PATIENT) as client:
        assert (await client.charter()).in_force
        with pytest.raises(ApiProblem) as refused:
            await client.registry()
    assert refused.value.rule == "role"


async def test_every_version_of_the_charter_can_be_asked_for(house: House) -> None:
    async with house.client(UserRole.PATIENT) as client:
        founding = await client.charter(0)
        with pytest.raises(ApiProblem) as unknown:
            await client.charter(1)
    assert founding.version == 0
    assert {member.active for member in founding.members} == {True}
    assert "tls" in founding.members[0].keys
    assert (unknown.value.status, unknown.value.rule) == (404, "unknown_version")


async def test_the_charter_tells_which_models_may_report(house: House) -> None:
    """R-AI2: of each member; the list of one that is free is empty."""
    listed = model()
    house.desk.governance.versions = [bound_charter(listed)]
    async with house.client(UserRole.AI_ENTITY) as client:
        members = {member.name: member for member in (await client.charter()).members}
    (told,) = members[AI_ENTITY].models
    assert (told.kind, told.digest) == ("tumour", listed.digest.hex())
    assert told.card_digest == listed.card_digest.hex()
    assert told.training_digest == listed.training_digest.hex()
    assert members[FIRST.name].models == ()


def test_a_request_file_is_what_an_admission_carries() -> None:
    (change,) = form_of(Amendment(0, (Admit(NEW),)), CHARTER)["changes"]
    assert base64.b64decode(change["request"]) == encode_request(NEW)
