"""Acts and changes in canonical form: read back alike, and refused in every other form."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger import canonical, merkle
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
    change_as_map,
    parse_change,
)
from medquorum.ledger.charter import AbsenceRule, TypePolicy
from medquorum.ledger.errors import CharterError, CodecError
from medquorum.ledger.governance import (
    ACT_TYPES,
    AbsenceAct,
    Act,
    Amendment,
    DelegationAct,
    EvidenceAct,
    EvidenceKind,
    OpeningAct,
    parse_act,
)
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import PublicKey, Purpose
from medquorum.ledger.proposal import issue, parse_core, parse_proposal
from medquorum.ledger.types import BlockType, Panel, ProposalId, QuorumMode, Role
from tests.ledger.charter_kit import address_of_name, make_member, signer_of
from tests.ledger.governance_kit import (
    DOCTORS,
    core_of,
    doctor,
    member_of,
    newcomer,
    rekeyed,
    small_charter,
)
from tests.ledger.model_kit import AI_ENTITY, bound, model
from tests.ledger.mutations import mutations

CHARTER = small_charter()
NETWORK = CHARTER.network_id
CHANGES: tuple[Change, ...] = (
    Admit(newcomer()),
    Revoke(doctor(0), doctor(1)),
    Revoke(doctor(0)),
    Suspend(doctor(0), doctor(1)),
    Suspend(doctor(0)),
    Reinstate(doctor(0)),
    RotateKey(rekeyed(member_of(CHARTER, DOCTORS[0]), "next", Purpose.CONSENSUS)),
    SetMode(QuorumMode.BYZANTINE),
    SetPolicy(BlockType.CT, TypePolicy(Panel.CARE_TEAM, strict=True, auto_policies=("a", "b"))),
    SetAbsenceRule(AbsenceRule(7, 12)),
    ApproveModel(address_of_name(AI_ENTITY), model()),
    WithdrawModel(address_of_name(AI_ENTITY), model().digest),
    Admit(bound(make_member(AI_ENTITY, Role.AI_ENTITY), model(), model("other"))),
)
ACTS: tuple[Act, ...] = (
    Amendment(0, CHANGES),
    AbsenceAct(doctor(0), doctor(1), 10, 20),
    AbsenceAct(doctor(0), None),
    DelegationAct(doctor(0), doctor(1), 7),
    DelegationAct(doctor(0), None, 2**53),
    OpeningAct(doctor(0), doctor(1), ProposalId(bytes(range(32)))),
    EvidenceAct(doctor(0), EvidenceKind.TWO_VOTES, b"one", b"two"),
)


def type_of(act: Act) -> BlockType:
    """The type whose blocks hold such an act."""
    return next(kind for kind, form in ACT_TYPES.items() if isinstance(act, form))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_a_change_is_read_back_alike(change: Change) -> None:
    """R-GOV6: every kind, and through canonical bytes."""
    encoded = canonical.encode(change_as_map(change))
    assert parse_change(canonical.decode(encoded)) == change


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_an_act_and_its_core_are_read_back_alike(act: Act) -> None:
    """R-GOV1, R-GOV2: the eight fields, and the type the act's."""
    core = core_of(act, doctor(0), NETWORK)
    assert parse_core(core.encoded()) == core
    fields = canonical.decode(core.encoded())
    assert " ".join(fields) == ("act expires_at_ms issued_at_ms issuer network record type version")
    assert (fields["type"], fields["version"]) == (type_of(act).value, 1)
    proposal = issue(core, signer_of(DOCTORS[0], Purpose.CLINICAL))
    assert parse_proposal(proposal.encoded()) == proposal


def test_a_governance_core_names_no_patient_and_no_body() -> None:
    """R-GOV1: what a clinical core says is neutral, so that no reader takes it for something."""
    core = core_of(ACTS[1], doctor(0), NETWORK)
    assert (core.patient, core.patient_key, core.patient_name) == (None, b"", ZERO)
    assert (core.parts, core.body_root, core.seen_head) == ((), merkle.root([]), ZERO)
    assert (core.references, core.replaces, core.registration, core.ai) == ((), None, None, None)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_every_change_of_a_core_is_refused_or_another_core(act: Act) -> None:
    """R-GOV1, R-GOV2, R-CAN5: nothing is read as what it is not, and nothing but CodecError."""
    core = core_of(act, doctor(0), NETWORK)
    accepted = 0
    for where, changed in mutations(canonical.decode(core.encoded())):
        try:
            encoded = canonical.encode(changed)
            other = parse_core(encoded)
        except CodecError:
            continue
        accepted += 1
        assert other != core, where
        assert other.encoded() == encoded, where
    assert accepted > 0


@pytest.mark.parametrize("kind", BlockType)
def test_each_type_takes_its_own_act_only(kind: BlockType) -> None:
    """R-GOV2: an act of another type is malformed, in clinical and reserved types any."""
    for act in ACTS:
        value = canonical.decode(canonical.encode(act.as_map()))
        if kind is type_of(act):
            assert parse_act(kind, value) == act
        else:
            with pytest.raises(CodecError, match=r"R-CAN5|R-GOV2"):
                parse_act(kind, value)


def test_a_governance_type_is_said_by_an_act() -> None:
    """R-GOV1: a clinical core of a governance type is malformed."""
    clinical = replace(
        core_of(ACTS[1], doctor(0), NETWORK), act=None, patient_key=PublicKey(bytes(33))
    )
    with pytest.raises(CodecError, match="R-GOV1: absence is said by an act"):
        parse_core(clinical.encoded())


REFUSALS: tuple[tuple[BlockType, Callable[[dict[str, Any]], None], str], ...] = (
    (BlockType.AMENDMENT, lambda act: act.update(changes=[]), "R-GOV2: an amendment changes"),
    (
        BlockType.AMENDMENT,
        lambda act: act.update(changes=act["changes"][:1] * 17),
        "R-CAN5: amendment.changes is not a list of at most 16",
    ),
    (
        BlockType.AMENDMENT,
        lambda act: act.update(changes=[{"kind": "dissolve"}]),
        "R-GOV6: a change is a map of one of the kinds",
    ),
    (
        BlockType.AMENDMENT,
        lambda act: act.update(changes=["admit"]),
        "R-GOV6: a change is a map of one of the kinds",
    ),
    (
        BlockType.AMENDMENT,
        lambda act: act.update(changes=[{"kind": ["admit"], "member": {}}]),
        "R-GOV6: a change is a map of one of the kinds",
    ),
    (
        BlockType.AMENDMENT,
        lambda act: act["changes"][0]["member"].update(endpoint="nowhere"),
        "R-CHA4: an endpoint is host:port",
    ),
    (
        BlockType.AMENDMENT,
        lambda act: act["changes"][8].update(type="amendment"),
        "R-CHA3: only the clinical types",
    ),
    (
        BlockType.AMENDMENT,
        lambda act: act["changes"][8]["policy"].update(auto_policies=["b", "a"]),
        "R-CHA3: auto_policies ascend",
    ),
    (
        BlockType.AMENDMENT,
        lambda act: act["changes"][9].update(max_days=3_661),
        "R-CAN5: charter.absence.max_days",
    ),
    (BlockType.ABSENCE, lambda act: act.update(to_ms=2**53 + 1), "R-CAN5: absence.to_ms"),
    (BlockType.ABSENCE, lambda act: act.update(from_ms=-1), "R-CAN5: absence.from_ms"),
    (BlockType.DELEGATION, lambda act: act.update(patient=0), "R-CAN5: delegation.patient"),
    (BlockType.OPENING, lambda act: act.update(delegate=None), "R-CAN5: opening.delegate"),
    (BlockType.EVIDENCE, lambda act: act.update(kind="gossip"), "R-CAN5: evidence.kind"),
    (BlockType.EVIDENCE, lambda act: act.update(first=bytes(65_537)), "R-CAN5: evidence.first"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "spoil", "reason"), REFUSALS, ids=[f"{kind}-{why}" for kind, _, why in REFUSALS]
)
def test_each_broken_rule_is_named(
    kind: BlockType, spoil: Callable[[dict[str, Any]], None], reason: str
) -> None:
    """R-GOV2, R-GOV6: always a CodecError, whatever a charter would have raised."""
    act = next(act for act in ACTS if type_of(act) is kind)
    value = canonical.decode(canonical.encode(act.as_map()))
    spoil(value)
    with pytest.raises(CodecError) as refusal:
        parse_act(kind, value)
    assert str(refusal.value).startswith(reason)


def test_a_change_alone_names_the_charters_rule() -> None:
    """R-CHA4: who reads an amendment's file is told as with a request."""
    value = canonical.decode(canonical.encode(change_as_map(CHANGES[0])))
    value["member"]["name"] = "two\nlines"
    with pytest.raises(CharterError, match=r"R-CHA4: member\.name"):
        parse_change(value)
