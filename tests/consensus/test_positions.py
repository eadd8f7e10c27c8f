"""Votes, positions and witnesses are refused by name (R-VOT, R-ORD4 to R-ORD6, R-PRO7)."""

from dataclasses import replace
from typing import Any

import pytest

from medquorum.consensus.admission import (
    judge_position,
    judge_vote,
    judge_witness,
)
from medquorum.ledger.block import Witness
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason, Reject
from medquorum.ledger.signature import verify
from medquorum.ledger.types import (
    CLINICAL_TYPES,
    Algorithm,
    BlockHash,
    BlockType,
    Decision,
    Outcome,
)
from medquorum.ledger.vote import Ballot, Vote, cast
from tests.ledger.charter_kit import signer_of
from tests.support.chains import Chain
from tests.support.network import (
    AI_ENTITY,
    HOSPITAL,
    START_MS,
    address,
    digest,
    make_network,
    propose,
    registration,
    vote,
    votes,
    witness,
)


def ruled(chain: Chain, one: Vote, kind: BlockType = BlockType.CT) -> Judgement:
    """What admission says of a vote on a proposal of a type."""
    core = propose(chain.network, chain.view, kind, issuer=HOSPITAL).core
    return judge_vote(one, core, chain.network.charter, chain.network.id, verify)


@pytest.mark.parametrize("name", [AI_ENTITY, HOSPITAL, "a stranger"])
def test_only_doctors_vote(chain: Chain, name: str) -> None:
    """R-VOT3, R-VER5."""
    proposal = propose(chain.network, chain.view, BlockType.CT)
    one = vote(chain.network, proposal, name)
    assert ruled(chain, one) == Reject(Reason.NOT_A_DOCTOR)


def test_votes_are_refused_by_name(chain: Chain) -> None:
    """R-VOT1, R-VOT2, R-VOT4, R-VER4."""
    network = chain.network
    doctor = network.doctors[0]
    proposal = propose(network, chain.view, BlockType.CT)
    good = vote(network, proposal, doctor)
    assert ruled(chain, good) == ACCEPT
    assert ruled(chain, replace(good, bundle=b"x")) == Reject(Reason.WRONG_ALGORITHM)
    reserved = vote(network, proposal, doctor, algorithm=Algorithm.WEBAUTHN_ES256)
    assert ruled(chain, reserved) == Reject(Reason.WRONG_ALGORITHM)
    graded = vote(network, proposal, doctor, grade=2)
    assert ruled(chain, graded) == Reject(Reason.GRADE_NOT_ALLOWED)
    assert ruled(chain, graded, BlockType.REPORT) == ACCEPT
    policy = vote(network, proposal, doctor, mode="policy:quality")
    assert ruled(chain, policy) == Reject(Reason.POLICY_NOT_ALLOWED)
    assert ruled(chain, policy, BlockType.XRAY) == ACCEPT
    unnamed = vote(network, proposal, doctor, mode="policy:other")
    assert ruled(chain, unnamed, BlockType.XRAY) == Reject(Reason.POLICY_NOT_ALLOWED)


def test_a_vote_is_signed_by_the_key_of_its_mode_in_its_network(chain: Chain) -> None:
    """R-VOT1, R-HASH3: clinical for a person, policy for a policy; a replay is worth nothing."""
    network = chain.network
    doctor = network.doctors[0]
    proposal = propose(network, chain.view, BlockType.XRAY)
    human = Ballot(proposal.id, address(doctor), Decision.APPROVE)
    machine = replace(human, mode="policy:quality")
    clinical, policy = (
        signer_of(doctor, purpose) for purpose in (Purpose.CLINICAL, Purpose.POLICY)
    )
    elsewhere = make_network(3).id
    for forged in (
        cast(human, network.id, policy),
        cast(machine, network.id, clinical),
        cast(human, network.id, signer_of(network.doctors[1], Purpose.CLINICAL)),
        cast(human, elsewhere, clinical),
        replace(cast(human, network.id, clinical), ballot=replace(human, comment=digest("note"))),
    ):
        assert ruled(chain, forged, BlockType.XRAY) == Reject(Reason.BAD_SIGNATURE)
    assert ruled(chain, cast(machine, network.id, policy), BlockType.XRAY) == ACCEPT


def placed(chain: Chain, proposal: Proposal, outcome: Outcome = Outcome.ACCEPTED) -> Judgement:
    """What the chain says of a position."""
    return judge_position(proposal.core, outcome, chain.view)


@pytest.mark.parametrize("kind", CLINICAL_TYPES)
def test_strict_types_bind_the_head_additive_ones_an_ancestor(
    chain: Chain, kind: BlockType
) -> None:
    """R-PRO7, R-BLK4."""
    strict = kind in (BlockType.MEDICAL_FORM, BlockType.REPORT, BlockType.PRESCRIPTION)
    at_head = propose(chain.network, chain.view, kind)
    older = propose(chain.network, chain.view, kind, seen_head=chain.blocks[2].hash)
    assert placed(chain, at_head) == ACCEPT
    assert placed(chain, older) == (Ignore(Reason.STALE_POSITION) if strict else ACCEPT)
    assert placed(chain, older, Outcome.REJECTED) == ACCEPT


def test_positions_are_refused_by_name(chain: Chain) -> None:
    """R-ORD4, R-PRO5, R-PRO7, R-PRO8."""
    network, view = chain.network, chain.view
    kind, foreign = BlockType.CT, chain.blocks[1].hash
    unknown = BlockHash(digest("no block"))
    other = view.patient(2)
    assert other is not None

    def at(**changes: Any) -> Judgement:
        return placed(chain, propose(network, view, kind, **changes))

    assert placed(chain, propose(network, view, kind, 9)) == Ignore(Reason.UNKNOWN_PATIENT)
    assert at(patient_key=other.key) == Reject(Reason.PATIENT_MISMATCH)
    assert at(patient_name=other.name) == Reject(Reason.PATIENT_MISMATCH)
    assert at(seen_head=unknown) == Ignore(Reason.NOT_YET)
    assert at(seen_head=foreign) == Ignore(Reason.STALE_POSITION)
    for block in (foreign, unknown):
        assert at(references=(block,)) == Ignore(Reason.UNKNOWN_REFERENCE)
        assert at(replaces=block) == Ignore(Reason.UNKNOWN_REFERENCE)
    assert at(references=(chain.blocks[0].hash,), replaces=chain.blocks[2].hash) == ACCEPT


def test_a_rejected_block_still_names_the_patient_rightly(chain: Chain) -> None:
    """R-ORD5: the same except position, references, replaces and registration state."""
    spoiled = propose(chain.network, chain.view, BlockType.CT, patient_name=digest("another"))
    assert placed(chain, spoiled, Outcome.REJECTED) == Reject(Reason.PATIENT_MISMATCH)
    no_key = propose(chain.network, chain.view, BlockType.CT, 9, patient_key=bytes(33))
    assert placed(chain, no_key, Outcome.REJECTED) == Reject(Reason.PATIENT_MISMATCH)
    nobody = propose(chain.network, chain.view, BlockType.CT, 9)
    assert placed(chain, nobody, Outcome.REJECTED) == ACCEPT


def test_a_key_registers_once_and_names_no_block(chain: Chain) -> None:
    """R-PRO4, R-PRO8, R-ORD5: accepted once; rejected as often as asked."""
    again = registration(chain.network)
    assert placed(chain, again) == Reject(Reason.BAD_REGISTRATION)
    assert placed(chain, again, Outcome.REJECTED) == ACCEPT
    block = chain.blocks[0].hash
    for changes in ({"references": (block,)}, {"replaces": block}):
        spoiled = registration(chain.network, "patient 3", **changes)
        assert placed(chain, spoiled) == Reject(Reason.UNKNOWN_REFERENCE)


def decided(
    chain: Chain, proposal: Proposal, shown: Witness, outcome: Outcome = Outcome.ACCEPTED
) -> Judgement:
    """What the votes shown decide."""
    return judge_witness(proposal, outcome, shown, chain.view, START_MS)


def test_a_witness_decides_as_the_block_says(chain: Chain) -> None:
    """R-ORD4, R-ORD5, R-ORD6, R-VER2, R-VER3."""
    network, view = chain.network, chain.view
    proposal = propose(network, view, BlockType.CT)
    everybody = witness(votes(network, proposal, view))
    assert decided(chain, proposal, everybody) == ACCEPT
    undecided = Reject(Reason.VERDICT_NOT_REACHED)
    assert decided(chain, proposal, everybody, Outcome.REJECTED) == undecided
    assert decided(chain, proposal, Witness(())) == undecided
    assert decided(chain, proposal, Witness(()), Outcome.REJECTED) == undecided
    two = dict.fromkeys(network.doctors[:2], Decision.APPROVE)
    assert decided(chain, proposal, witness(votes(network, proposal, view, two))) == undecided
    against = {network.doctors[0]: Decision.REJECT}
    rejected = witness(votes(network, proposal, view, against))
    assert decided(chain, proposal, rejected, Outcome.REJECTED) == ACCEPT
    assert decided(chain, proposal, rejected) == undecided


def test_a_witness_is_in_order_without_doubles_and_of_this_proposal(chain: Chain) -> None:
    """R-ORD6, R-VOT3."""
    network, view = chain.network, chain.view
    proposal = propose(network, view, BlockType.CT)
    good = witness(votes(network, proposal, view)).votes
    elsewhere = vote(network, registration(network), network.doctors[3])
    for spoiled in ((*reversed(good),), (good[0], *good), (*good[:3], elsewhere)):
        assert decided(chain, proposal, Witness(spoiled)) == Reject(Reason.BAD_WITNESS)
