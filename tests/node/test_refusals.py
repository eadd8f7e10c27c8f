"""What a caller is told of a judgement: every reason says what to do."""

from __future__ import annotations

import pytest

from medquorum.ledger.reasons import Ignore, Reason, Reject
from medquorum.node.refusals import ADVICE, lapsed, misplaced, refusal


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_an_advice_of_its_own(reason: Reason) -> None:
    told = refusal(Reject(reason))
    assert told.rule == reason.value
    assert told.advice == ADVICE[reason]
    assert len(told.advice.split()) >= 5, "a sentence"
    assert reason.value not in told.advice, "the rule's name says nothing more"


def test_no_two_reasons_share_their_advice() -> None:
    assert len(set(ADVICE.values())) == len(Reason)


def test_a_position_not_yet_known_is_about_the_history_not_the_clock() -> None:
    assert misplaced(Ignore(Reason.NOT_YET)).rule == "unknown_head"
    assert "clock" in refusal(Ignore(Reason.NOT_YET)).advice


@pytest.mark.parametrize("reason", Reason)
def test_what_lapsed_is_a_conflict_that_names_its_reason(reason: Reason) -> None:
    told = lapsed(reason)
    assert (told.status, told.rule) == (409, reason.value)
    assert "issue it again" in told.advice
