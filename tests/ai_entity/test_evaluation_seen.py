"""A case is called new only where nothing speaks against it; an altered training case is not."""

import json
from pathlib import Path

import numpy as np
import pytest

from medquorum.ai_entity.case_archive import CaseArchive, ReferenceCase, axial, case_digest
from medquorum.ai_entity.evaluation import CaseResult, Seen, evaluated_model, summary
from medquorum.ai_entity.evaluation_commands import _table
from medquorum.ai_entity.registry import Registry
from medquorum.ai_entity.tumour.grid import Placed
from tests.ai_entity.test_evaluation import made_case, run, two_members, write

__all__ = ["two_members"]


def case(name: str) -> ReferenceCase:
    image = Placed(np.zeros((2, 2, 2), np.float32), axial((4.0, 4.0, 4.0)))
    return ReferenceCase(name, image, image, np.zeros((2, 2, 2), np.bool_), (4.0, 4.0, 4.0))


def result(name: str, dice: float, seen: bool | None) -> CaseResult:
    return CaseResult(name, dice, 1.0, 1.0, 1.0, 1.0, (), None, seen)


FOLDS = Seen(unseen_member={"00" * 32: 0}, names=frozenset({"STS_005", "P_7"}))


@pytest.mark.parametrize("name", ["STS_005", "sts-005", "STS_005_copy", "my.STS005"])
def test_a_training_case_s_name_with_other_bytes_is_unknown(name: str) -> None:
    seen, reason = FOLDS.judge(case(name), None)
    assert seen is None
    assert "name of a training case" in str(reason)
    assert FOLDS.judge(case(name), 0) == (False, None)


@pytest.mark.parametrize("name", ["STS_0051", "STS_015", "P_77", "hospital_3"])
def test_a_name_like_none_of_them_is_new(name: str) -> None:
    assert FOLDS.judge(case(name), None) == (False, None)


def test_without_folds_the_training_card_decides_or_nothing_does() -> None:
    fitted = Seen(fitted_on=frozenset({"a"}))
    assert fitted.judge(case("a"), None) == (True, None)
    assert fitted.judge(case("b"), None) == (False, None)
    seen, reason = Seen().judge(case("a"), None)
    assert seen is None
    assert "training card" in str(reason)


def test_what_is_unknown_is_not_counted_as_new() -> None:
    model = evaluated_model(Registry(), None)
    results = [result("a", 0.9, None), result("b", 0.5, False), result("c", 0.8, True)]
    document = summary(results, model)
    assert document["mean_dice_not_seen_in_training"] == 0.5
    assert document["not_known_whether_seen"] == 1
    table = "\n".join(_table(document))
    assert "mean Dice of cases not fitted on: 0.5" in table
    assert table.count("perhaps fitted on") == 1
    alone = summary(results[:1], model)
    assert alone["mean_dice_not_seen_in_training"] is None
    assert "no judged case is known not to have been fitted on" in "\n".join(_table(alone))


def test_one_changed_voxel_makes_no_new_patient(two_members: Path, tmp_path: Path) -> None:
    arrays = made_case("P_007")
    arrays["P_007_ct"][3, 3, 3] += 1
    path = write(tmp_path / "changed.npz", arrays)
    stated = json.loads((two_members / "folds.json").read_text())["cases"]
    assert case_digest(next(iter(CaseArchive(path)))) not in stated.values()
    ended = run("--petct", path, "--models", two_members, "--json")
    assert ended.exit_code == 0, ended.stderr
    document = json.loads(ended.stdout)
    (changed,) = document["cases"]
    assert (changed["seen_in_training"], changed["member"]) == (None, None)
    assert "name of a training case" in changed["seen_in_training_unknown_because"]
    assert document["mean_dice_not_seen_in_training"] is None
    assert "warning: not known whether the model has seen P_007" in ended.stderr
