"""Votes and panels that two readers of the page could have read differently (R-VOT, R-VER)."""

from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import (
    BlockType,
)
from medquorum.ledger.types import VoterRole as Role
from tests.audit.both import (
    ACCEPTED,
    AGAINST,
    CONSENT,
    PEER,
    REJECT,
    REJECTED,
    TEAM,
    Said,
    begun,
    decided,
    voted,
)
from tests.support.chains import Chain
from tests.support.network import (
    LABORATORY,
    address,
    candidate,
    propose,
    registration,
    witness,
)


@pytest.mark.parametrize(
    ("said", "valid"),
    [
        ([CONSENT, PEER, {"mode": "policy:quality"}], True),
        ([CONSENT, PEER, {"mode": "policy:other"}], False),
        ([CONSENT, PEER, PEER, {"mode": "policy:other"}], False),
        ([CONSENT, PEER, PEER, {"mode": "policy:quality", "decision": REJECT}], True),
        ([CONSENT, PEER, PEER, {"mode": "policy:" + 73 * "q"}], False),
        ([CONSENT, PEER, PEER, {"mode": "policy:" + 74 * "q"}], False),
        ([{**CONSENT, "mode": "policy:quality"}, PEER, PEER, PEER], False),
        ([None, {"role": Role.DELEGATE, "mode": "policy:quality"}, PEER, PEER], False),
    ],
)
def test_a_policys_vote_is_one_the_charter_names(said: list[Said | None], valid: bool) -> None:
    """R-VOT1, R-VER4: needed or not, the witness is refused with any other."""
    chain = begun()
    assert voted(chain, propose(chain.network, chain.state, BlockType.XRAY), said) is valid


@pytest.mark.parametrize("size", [1, 4_096, 4_097])
def test_a_bundle_is_refused_at_any_length(size: int) -> None:
    """R-VOT1, R-VOT2."""
    chain = begun()
    good = candidate(
        chain.network, propose(chain.network, chain.state, BlockType.XRAY), chain.state
    )
    first, *others = good.witness.votes
    spoiled = replace(first, bundle=bytes(size))
    assert decided(chain, good)
    assert not decided(chain, replace(good, witness=witness([spoiled, *others])))


def result(chain: Chain, patient: int = 1, **changes: Any) -> Proposal:
    """A laboratory's result, decided on by the care team."""
    kind = BlockType.TEST_RESULT
    return propose(chain.network, chain.state, kind, patient, issuer=LABORATORY, **changes)


def test_the_care_team_is_of_accepted_blocks_before_this_one() -> None:
    """R-VER1: neither of rejected ones, nor the doctor this block names."""
    alone, joined = begun(REJECTED), begun(ACCEPTED)
    assert voted(alone, result(alone), [CONSENT])
    assert not voted(joined, result(joined), [CONSENT])
    assert voted(joined, result(joined), [CONSENT, PEER])
    other = address(alone.network.doctors[1])
    assert voted(alone, result(alone, doctor=other), [CONSENT])
    assert not voted(alone, result(alone), [None, AGAINST, AGAINST, AGAINST], REJECTED)


def test_at_a_registration_the_care_team_is_the_doctor_it_names() -> None:
    """R-VER1: not the doctor who issues it."""
    chain = begun(medical_form=replace(TEAM, strict=True))
    issuer = chain.network.doctors[1]
    form = registration(chain.network, "patient 3", issuer=issuer)
    assert voted(chain, form, [CONSENT])
    assert not voted(chain, form, [None, PEER, PEER, PEER])
    assert voted(chain, form, [{**CONSENT, "decision": REJECT}], REJECTED)
    assert not voted(chain, form, [None, AGAINST, AGAINST, AGAINST], REJECTED)


@pytest.mark.parametrize("said", [[], [AGAINST] * 4, [PEER] * 4])
def test_a_panel_of_nobody_decides_nothing(said: list[Said | None]) -> None:
    """R-VER3: the care team of a patient who does not exist."""
    chain = begun()
    assert not voted(chain, result(chain, 9), said, REJECTED)
