"""The split is by patient: nobody is trained on what judges it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ai_entity.training.folds import Folds

pytestmark = pytest.mark.train

PATIENTS = st.dictionaries(
    st.text("ABCDEF0123456789", min_size=1, max_size=6),
    st.sampled_from([f"{number:064x}" for number in range(60)]),
    min_size=12,
    max_size=40,
)


@given(PATIENTS, st.integers(2, 5), st.integers(0, 2**31))
def test_every_patient_is_held_out_once_and_never_leaks(
    cases: dict[str, str], count: int, seed: int
) -> None:
    if len(set(cases.values())) < count:
        with pytest.raises(ValueError, match="cannot be dealt"):
            Folds.split(cases, count, seed)
        return
    folds = Folds.split(cases, count, seed)
    assert sorted(name for held in folds.held_out for name in held) == sorted(cases)
    for member, held in enumerate(folds.held_out):
        seen = {cases[name] for name in folds.trained_on(member)}
        assert not seen & {cases[name] for name in held}
        assert {folds.member_for(cases[name]) for name in held} <= {member}


def test_the_split_is_the_seeds_and_survives_its_file(tmp_path: Path) -> None:
    cases = {f"P{number:02d}": f"{number:064x}" for number in range(20)}
    folds = Folds.split(cases, 5, 4)
    folds.write(tmp_path / "folds.json")
    assert Folds.read(tmp_path / "folds.json") == folds == Folds.split(cases, 5, 4)
    assert folds != Folds.split(cases, 5, 5)
    assert {len(held) for held in folds.held_out} == {4}
    assert folds.member_for("f" * 64) is None


def test_a_file_that_holds_a_patient_out_twice_is_refused(tmp_path: Path) -> None:
    cases = {f"P{number:02d}": f"{number:064x}" for number in range(6)}
    folds = Folds.split(cases, 2, 4)
    twice = Folds(4, (folds.held_out[0], (*folds.held_out[1], folds.held_out[0][0])), cases)
    twice.write(tmp_path / "folds.json")
    with pytest.raises(ValueError, match="exactly once"):
        Folds.read(tmp_path / "folds.json")
