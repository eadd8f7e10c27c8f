"""What a model gives is held to what it promised; whose fault a lack of memory is, is said."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from medquorum.ai_entity.errors import IsolationError, ModelError, Reason
from medquorum.ai_entity.model_output import open_session, run_session
from medquorum.ai_entity.registry import MODELS_FOLDER, LoadedModel, Registry, register_model
from tests.ai_entity.small_models import model_of


def edges_model(folder: Path, weight: float) -> LoadedModel:
    """A fracture model whose answer is the sum of six measures times ``weight``."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    content = model_of(nodes, {"w": np.full((6, 1), weight, np.float32)}).SerializeToString()
    digest = hashlib.sha256(content)
    card = json.loads((MODELS_FOLDER / "fracture_rule_based.json").read_text())
    (folder / "m.onnx").write_bytes(content)
    (folder / "m.json").write_text(json.dumps(card | {"sha256": digest.hexdigest()}))
    register_model(folder, "m", current=True)
    return Registry(folder).load(digest.digest())


@pytest.mark.parametrize("weight", [0.17, -0.001])
def test_a_probability_beyond_its_bounds_is_no_certainty(weight: float, tmp_path: Path) -> None:
    model = edges_model(tmp_path, weight)
    with pytest.raises(ModelError, match="below 0 or above 1") as caught:
        model.run(np.ones((1, 6), np.float32))
    assert caught.value.reason is Reason.WRONG_OUTPUT


@pytest.mark.parametrize("weight", [0.0, 1 / 6])
def test_none_and_all_are_probabilities(weight: float, tmp_path: Path) -> None:
    found = edges_model(tmp_path, weight).run(np.ones((1, 6), np.float32))
    assert found[0, 0] == pytest.approx(6 * weight, abs=1e-6)


def test_a_model_that_fills_the_memory_by_itself_is_named_as_the_one_to_look_at() -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["large"]),
        helper.make_node("ReduceSum", ["large"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ]
    bomb = model_of(nodes, {"size": np.asarray([2**46], np.int64)}, (["n", 6], ["n", 6]))
    session = open_session(bomb.SerializeToString())
    with pytest.raises(
        IsolationError, match=r"on an input of 0\.0 MiB; .* look at the model"
    ) as one:
        run_session(session, np.ones((1, 6), np.float32))
    assert one.value.reason is Reason.OUT_OF_MEMORY
