"""The guards the exploration asks of the real code, against the rules written down naively."""

from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger.types import OrderingKind
from medquorum.simulation.explore.guards import Guards, pen_signs, rules_allow
from medquorum.simulation.explore.model import FIELD_BITS, Ballot, Flaw, Model

MODEL = Model(3, 2, 0, slots=3, rivals=2)
NOTAR, SKIP, FINAL = OrderingKind.NOTAR, OrderingKind.SKIP, OrderingKind.FINAL
SOME = st.frozensets(st.sampled_from(MODEL.ballots), max_size=8)


def naive_pen(signed: frozenset[Ballot], ballot: Ballot) -> bool:
    """R-SIM6 to R-SIM8 as sentences about what one has signed."""
    in_slot = {(one.kind, one.batch) for one in signed if one.slot == ballot.slot}
    kinds = {kind for kind, _ in in_slot}
    if ballot.kind is NOTAR:
        return NOTAR not in kinds
    if ballot.kind is SKIP:
        return SKIP not in kinds and FINAL not in kinds
    return kinds.isdisjoint({SKIP, FINAL}) and (NOTAR, ballot.batch) in in_slot


def naive_rules(certified: frozenset[Ballot], ballot: Ballot) -> bool:
    """R-SIM6 to R-SIM8 as sentences about which certificates there are."""
    if ballot.kind is FINAL:
        return Ballot(NOTAR, ballot.slot, ballot.batch) in certified
    if ballot.batch is None:
        return ballot.slot == 1 or any(one.slot == ballot.slot - 1 for one in certified)
    parent = MODEL.batches[ballot.batch].parent
    below = 0 if parent is None else MODEL.batches[parent].slot
    return (parent is None or Ballot(NOTAR, below, parent) in certified) and all(
        Ballot(SKIP, slot, None) in certified for slot in range(below + 1, ballot.slot)
    )


def consistent(signed: frozenset[Ballot]) -> frozenset[Ballot]:
    """What of these votes one node may have signed: the pen's own choice, in a fixed order."""
    kept: frozenset[Ballot] = frozenset()
    for ballot in sorted(signed, key=MODEL.ballots.index):
        if pen_signs(kept, ballot):
            kept |= {ballot}
    return kept


@given(SOME)
def test_the_pen_signs_what_the_rules_say(signed: frozenset[Ballot]) -> None:
    """R-SIM6, R-SIM7, R-SIM8, R-SIM10: on any journal a node may have."""
    journal = consistent(signed)
    for ballot in MODEL.ballots:
        assert pen_signs(journal, ballot) == naive_pen(journal, ballot)


@given(SOME)
def test_certificates_allow_what_the_rules_say(certified: frozenset[Ballot]) -> None:
    """R-SIM6, R-ORD12: the parent's certificate and one skip for every slot between."""
    one_notar_per_slot = {
        one.slot: one for one in sorted(certified, key=MODEL.ballots.index) if one.kind is NOTAR
    }
    certified = frozenset(
        one for one in certified if one.kind is not NOTAR or one_notar_per_slot[one.slot] == one
    )
    for ballot in MODEL.ballots:
        assert rules_allow(MODEL, ballot, certified) == naive_rules(certified, ballot)


@given(SOME, SOME)
def test_masks_say_what_the_guards_say(
    signed: frozenset[Ballot], certified: frozenset[Ballot]
) -> None:
    guards, journal = Guards(MODEL), consistent(signed)

    def mask(ballots: frozenset[Ballot]) -> int:
        return sum(1 << MODEL.ballots.index(one) * FIELD_BITS for one in ballots)

    assert MODEL.certified(guards.open_to(mask(journal))) == {
        one for one in MODEL.ballots if one not in journal and naive_pen(journal, one)
    }
    assert MODEL.certified(guards.enabled_by(mask(certified))) == {
        one for one in MODEL.ballots if rules_allow(MODEL, one, certified)
    }


def test_a_flawed_pen_lacks_exactly_its_rule() -> None:
    """R-SIM6, R-SIM8."""
    notar, rival = Ballot(NOTAR, 1, 0), Ballot(NOTAR, 1, 1)
    skip, final = Ballot(SKIP, 1, None), Ballot(FINAL, 1, 0)
    cases = {
        Flaw.FINAL_AFTER_SKIP: (frozenset({notar, skip}), final),
        Flaw.SKIP_AFTER_FINAL: (frozenset({notar, final}), skip),
        Flaw.NOTAR_TWICE: (frozenset({notar}), rival),
    }
    for flaw, (signed, ballot) in cases.items():
        for other in Flaw:
            assert pen_signs(signed, ballot, other) == (other is flaw)


def test_a_gap_needs_its_skips_unless_that_rule_is_left_out() -> None:
    """R-SIM6, R-ORD12."""
    over_the_gap = Ballot(
        NOTAR, 2, next(at for at, one in enumerate(MODEL.batches) if one.slot == 2)
    )
    careless = Model(3, 2, 0, 3, 2, Flaw.GAP_WITHOUT_SKIPS)
    assert not rules_allow(MODEL, over_the_gap, frozenset())
    assert rules_allow(MODEL, over_the_gap, frozenset({Ballot(SKIP, 1, None)}))
    assert rules_allow(careless, over_the_gap, frozenset())
