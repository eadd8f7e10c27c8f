"""The exported file answers like torch, is closed, and can be read back and trained further."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.registry import open_session
from medquorum.ai_entity.training.export import (
    Ensemble,
    export_ensemble,
    export_members,
    read_ensemble,
    read_members,
)
from medquorum.ai_entity.training.network import Inputs
from medquorum.ai_entity.training.rounding import rounded, shortened, widened
from medquorum.ai_entity.training.tumour_fine_tune import fine_tune
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


def test_kernels_are_stored_in_8_bits_and_the_rest_in_half_precision(exported: Path) -> None:
    weights = [
        one
        for one in onnx.load(exported).graph.initializer
        if one.name.startswith("members.") and not one.name.endswith("_scale")
    ]
    assert len(weights) == 2 * len(small_network().state_dict())
    for one in weights:
        wanted = TensorProto.INT8 if len(one.dims) == 5 else TensorProto.FLOAT16
        assert one.data_type == wanted, one.name


def test_rounding_what_is_rounded_changes_nothing_and_costs_half_a_step() -> None:
    rng = np.random.default_rng(5)
    kernel = rng.normal(0.0, 1.0, (6, 3, 3, 3, 3)) * 10.0 ** rng.uniform(-6, 3, (6, 1, 1, 1, 1))
    kernel = kernel.astype(np.float32)
    kernel[4] = 0.0
    once = widened(*shortened(kernel))
    assert np.array_equal(widened(*shortened(once)), once)
    largest = np.abs(kernel).max(axis=(1, 2, 3, 4), keepdims=True)
    assert (np.abs(once - kernel) <= largest / 127.0 * 0.57).all()


@pytest.mark.parametrize("value", [np.nan, 1e6])
def test_a_weight_that_no_file_can_hold_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="train again"):
        shortened(np.full(3, value, dtype=np.float32))


def test_the_network_for_whole_bodies_is_the_last_channel(tmp_path: Path) -> None:
    members = [rounded(small_network(seed=seed)) for seed in (1, 2)]
    whole = rounded(small_network(seed=3))
    path = tmp_path / "joined.onnx"
    content = export_ensemble(Ensemble(members, whole), path)
    images = np.random.default_rng(2).normal(0.0, 100.0, (1, 2, 16, 16, 16)).astype(np.float32)
    lesion, organs, alone = open_session(content).run(None, {"images": images})
    assert np.array_equal(lesion[:, 2:], alone)
    given = torch.from_numpy(images)
    with torch.no_grad():
        own, other = Ensemble(members)(given), whole(given)
    assert np.abs(lesion - torch.cat([own[0], other[0]], dim=1).numpy()).max() < 1e-4
    assert np.abs(organs - other[1].numpy()).max() < 1e-4
    again = read_ensemble(path)
    assert len(again.members) == 2 and again.whole_body is not None
    assert torch.equal(again.whole_body.lesion.weight, whole.lesion.weight)


def test_a_member_and_its_companion_of_the_ct_are_averaged_and_neither_too_sure(
    tmp_path: Path,
) -> None:
    members = [small_network(seed=seed) for seed in (1, 2)]
    for one in members:
        one.lesion.weight.data *= 20.0
        rounded(one)
    companions = [rounded(small_network(Inputs.CT, seed=seed)) for seed in (4, 5)]
    path = tmp_path / "with_companions.onnx"
    content = export_ensemble(Ensemble(members, None, companions), path)
    images = np.random.default_rng(3).normal(0.0, 100.0, (1, 2, 16, 16, 16)).astype(np.float32)
    lesion, organs = open_session(content).run(None, {"images": images})
    given = torch.from_numpy(images)
    with torch.no_grad():
        own, other = Ensemble(members)(given), Ensemble(companions)(given[:, :1])
    assert own[0].abs().max() > 4.0 > own[0].abs().min(), "some are held, some are not"
    held = own[0].clamp(-4.0, 4.0)
    both = (held + other[0].clamp(-4.0, 4.0)) / 2.0
    assert np.abs(lesion - both.numpy()).max() < 1e-4
    with torch.no_grad():
        for one in members:
            one.lesion.bias.data -= own[0].max() + 1.0
        silent = Ensemble(members, None, companions)(given)[0]
        assert torch.equal(silent, Ensemble(members)(given)[0].clamp(-4.0, 4.0)), "it finds nothing"
    assert np.abs(organs - own[1].numpy()).max() < 1e-4
    again = read_ensemble(path)
    assert [one.inputs for one in again.companions] == [Inputs.CT, Inputs.CT]
    with torch.no_grad():
        assert np.abs(again(given)[0].numpy() - lesion).max() < 1e-4
    case = ball_case("corrected", 1)
    hu, suv, share = case.stacked
    tuned = read_ensemble(fine_tune(path, [(hu, suv, share > 0.5)], 2, 7, tmp_path / "tuned.onnx"))
    for before, after in zip(again.companions, tuned.companions, strict=True):
        assert not torch.equal(before.lesion.weight, after.lesion.weight)


@pytest.mark.parametrize("count", [1, 3])
def test_every_member_has_a_companion_or_none(count: int) -> None:
    members = [small_network(seed=seed) for seed in (1, 2)]
    with pytest.raises(ValueError, match="every member"):
        Ensemble(members, None, [small_network(Inputs.CT)] * count)


def test_a_companion_with_pet_is_refused() -> None:
    with pytest.raises(ValueError, match="CT alone"):
        Ensemble([small_network()], None, [small_network()])


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
