"""The exported file answers like torch, is closed, and can be read back and trained further."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.registry import open_session
from medquorum.ai_entity.training.export import Ensemble, export_members, read_members
from medquorum.ai_entity.training.network import Inputs
from medquorum.ai_entity.training.tumour_fine_tune import fine_tune
from medquorum.ai_entity.training.tumour_run import rounded
from tests.ai_entity.training.small_cases import SIDE, ball_case, small_network

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "tumour_petct.onnx"
    export_members([rounded(small_network(seed=seed)) for seed in (1, 2)], path)
    return path


@pytest.mark.parametrize("shape", [(1, 16, 8, 24), (3, 8, 16, 8)])
def test_the_graph_answers_like_torch_for_any_size(
    exported: Path, shape: tuple[int, int, int, int]
) -> None:
    n, *sides = shape
    images = np.random.default_rng(1).normal(0.0, 100.0, (n, 2, *sides)).astype(np.float32)
    lesion, organs = open_session(exported.read_bytes()).run(None, {"images": images})
    with torch.no_grad():
        wanted = Ensemble(read_members(exported))(torch.from_numpy(images))
    assert lesion.shape == (n, 2, *sides)
    assert np.abs(lesion - wanted[0].numpy()).max() < 1e-4
    assert np.abs(organs - wanted[1].numpy()).max() < 1e-4


def test_the_file_is_closed_and_its_ports_are_the_documented_ones(exported: Path) -> None:
    ports = inspect_model(exported.read_bytes())
    free = (None, None, None)
    assert [(port.name, port.shape) for port in ports.inputs] == [("images", (None, 2, *free))]
    assert [(port.name, port.shape) for port in ports.outputs] == [
        ("lesion", (None, 2, *free)),
        ("organs", (None, 15, *free)),
    ]


def test_weights_are_stored_in_half_precision(exported: Path) -> None:
    weights = [
        one for one in onnx.load(exported).graph.initializer if one.name.startswith("members.")
    ]
    assert len(weights) == 2 * len(small_network().state_dict())
    assert {one.data_type for one in weights} == {TensorProto.FLOAT16}


def test_reading_back_gives_the_same_weights(exported: Path) -> None:
    for seed, member in zip((1, 2), read_members(exported), strict=True):
        wanted = rounded(small_network(seed=seed)).state_dict()
        assert all(torch.equal(wanted[name], part) for name, part in member.state_dict().items())


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    graph = onnx.helper.make_graph([], "empty", [], [])
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    with pytest.raises(ValueError, match="not exported from a tumour network"):
        read_members(path)


def test_fine_tuning_continues_every_member_and_repeats(exported: Path, tmp_path: Path) -> None:
    case = ball_case("corrected", 1)
    hu, suv, lesion = case.stacked
    triples = [(hu, suv, lesion > 0.5)]
    first = fine_tune(exported, triples, 2, 7, tmp_path / "one.onnx")
    again = fine_tune(exported, triples, 2, 7, tmp_path / "two.onnx")
    assert first.read_bytes() == again.read_bytes() != exported.read_bytes()
    assert len(read_members(first)) == 2
    for before, after in zip(read_members(exported), read_members(first), strict=True):
        assert not torch.equal(before.lesion.weight, after.lesion.weight)


def test_fine_tuning_names_what_is_wrong(exported: Path, tmp_path: Path) -> None:
    hu = np.zeros((SIDE,) * 3, dtype=np.float32)
    empty = np.zeros(hu.shape, dtype=np.bool_)
    with pytest.raises(ValueError, match="with a PET"):
        fine_tune(exported, [(hu, None, empty)], 1, 1, tmp_path / "none.onnx")
    with pytest.raises(ValueError, match="one shape"):
        fine_tune(exported, [(hu, hu, empty[:5])], 1, 1, tmp_path / "none.onnx")


def test_members_of_two_kinds_are_no_ensemble() -> None:
    with pytest.raises(ValueError, match="one kind"):
        Ensemble([small_network(Inputs.CT), small_network(Inputs.PETCT)])
