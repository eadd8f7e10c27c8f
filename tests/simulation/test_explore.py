"""All orders of votes within a small scope: agreement holds, and every broken rule is found."""

import os

import pytest

from medquorum.ledger.errors import CharterError
from medquorum.ledger.types import OrderingKind, QuorumMode
from medquorum.simulation.explore.model import Flaw, Model, model_of
from medquorum.simulation.explore.search import Exploration, explore

MAJORITY, BYZANTINE = QuorumMode.MAJORITY, QuorumMode.BYZANTINE
EXHAUSTIVE = bool(os.environ.get("MEDQUORUM_EXPLORE_ALL"))
"""Also what takes minutes: 6,603,745 and 5,195,326 states."""

SOUND = [
    (model_of(MAJORITY, 3, 0, slots=2, rivals=2), 39_030),
    (model_of(MAJORITY, 3, 0, slots=3, rivals=1), 688_597),
    (model_of(BYZANTINE, 5, 1, slots=2, rivals=2), 211_984),
    (model_of(MAJORITY, 5, 0, slots=2, rivals=1), 170_561),
]
LONG = [
    (model_of(BYZANTINE, 5, 1, slots=3, rivals=1), 6_603_745),
    (model_of(MAJORITY, 7, 0, slots=2, rivals=1), 5_195_326),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("model, states", SOUND + LONG * EXHAUSTIVE, ids=str)
def test_the_rules_admit_no_fork(model: Model, states: int) -> None:
    """R-SIM6 to R-SIM8, R-ORD17: agreement, and the two facts its proof rests on."""
    assert explore(model) == Exploration(states, None, False, False)


@pytest.mark.parametrize(
    "same, as_this",
    [
        (model_of(BYZANTINE, 4, 1, slots=3, rivals=1), model_of(MAJORITY, 3, 0, slots=3, rivals=1)),
        (model_of(MAJORITY, 4, 1, slots=2, rivals=2), model_of(MAJORITY, 3, 0, slots=2, rivals=2)),
        (model_of(BYZANTINE, 7, 2, slots=2, rivals=1), model_of(MAJORITY, 5, 0, slots=2, rivals=1)),
    ],
    ids=str,
)
def test_networks_that_one_exploration_covers(same: Model, as_this: Model) -> None:
    """R-CHA8: as many honest nodes, and as many of them to a certificate: the same states."""
    assert (same.honest, same.threshold) == (as_this.honest, as_this.threshold)
    assert same.ballots == as_this.ballots


@pytest.mark.parametrize("flaw", [flaw for flaw in Flaw if flaw is not Flaw.NONE])
@pytest.mark.parametrize("slots, rivals", [(2, 2), (3, 1)])
def test_every_rule_left_out_is_found(flaw: Flaw, slots: int, rivals: int) -> None:
    """R-SIM6, R-SIM8: a checker that cannot find a fork proves nothing by finding none."""
    found = explore(Model(3, 2, 0, slots, rivals, flaw))
    assert found.violation is not None
    assert found.notarised_twice == (flaw is Flaw.NOTAR_TWICE)
    assert found.skipped_and_final == (flaw in {Flaw.FINAL_AFTER_SKIP, Flaw.SKIP_AFTER_FINAL})


@pytest.mark.parametrize(
    "model",
    [
        model_of(MAJORITY, 3, 1, slots=2, rivals=2),
        model_of(MAJORITY, 3, 1, slots=2, rivals=1),
        model_of(MAJORITY, 5, 1, slots=2, rivals=1),
        model_of(BYZANTINE, 4, 2, slots=2, rivals=1),
        model_of(BYZANTINE, 7, 3, slots=2, rivals=1),
        Model(4, 2, 0, slots=2, rivals=2),
        Model(4, 2, 0, slots=2, rivals=1),
    ],
    ids=str,
)
def test_too_many_liars_or_too_small_a_quorum_is_found(model: Model) -> None:
    """R-CHA8: 2q-n-1 liars and no more."""
    assert 2 * model.quorum - model.doctors - 1 < max(model.liars, 1)
    assert explore(model).violation is not None


def test_the_fork_that_is_shown_is_one() -> None:
    """R-ORD17: the votes of the violation certify two final batches on two branches."""
    model = Model(3, 2, 0, 2, 2, Flaw.FINAL_AFTER_SKIP)
    violation = explore(model).violation
    assert violation is not None
    first, second = violation.batches
    for batch in violation.batches:
        signers = [
            votes
            for votes in violation.votes
            if any(one.kind is OrderingKind.FINAL and one.batch == batch for one in votes)
        ]
        assert len(signers) >= model.threshold
    assert first not in model.ancestors(second) and second not in model.ancestors(first)


@pytest.mark.parametrize(
    "doctors, quorum, liars", [(3, 2, 2), (8, 5, 0), (3, 4, 0)], ids=["liars", "many", "quorum"]
)
def test_a_model_that_cannot_be_counted_is_refused(doctors: int, quorum: int, liars: int) -> None:
    with pytest.raises(CharterError, match="1 to 7 honest nodes"):
        Model(doctors, quorum, liars, 2, 1)
