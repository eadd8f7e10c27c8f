"""Registered forms: the ports of a multitask model, its card, and what becomes current."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from medquorum.ai_entity import registry as registry_module
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.model_card import ModelCard, read_card
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry, register_model
from medquorum.ai_entity.registry_file import pin_cards
from tests.ai_entity.small_network import small_network, write_network

Change = Callable[[onnx.ModelProto], None]


def second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("t0", TensorProto.FLOAT, ["n", 1]))


def renamed_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = model.graph.node[-2].output[0] = "tumour"


def one_organ_less(model: onnx.ModelProto) -> None:
    model.graph.output[1].type.tensor_type.shape.dim[1].dim_value = 14


def fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def no_organs(model: onnx.ModelProto) -> None:
    del model.graph.output[1]


def outputs_swapped(model: onnx.ModelProto) -> None:
    model.graph.output.reverse()


@pytest.mark.parametrize(
    "change",
    [renamed_output, one_organ_less, fixed_batch, no_organs, outputs_swapped, second_output],
)
def test_a_multitask_model_of_other_ports_is_refused(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "open_session", lambda *_: pytest.fail("a session"))
    model = small_network("petct", members=2)
    change(model)
    digest = write_network(tmp_path, model, "petct", members=2)
    with pytest.raises(ModelError) as caught:
        Registry(tmp_path).load(digest)
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_members_on_the_card_and_in_the_graph_agree(tmp_path: Path) -> None:
    digest = write_network(tmp_path, small_network("ct", members=2), "ct", members=3)
    with pytest.raises(ModelError) as caught:
        Registry(tmp_path).load(digest)
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_a_multitask_model_loads_with_its_card(tmp_path: Path) -> None:
    digest = write_network(tmp_path, small_network("petct", members=2), "petct", members=2)
    model = Registry(tmp_path).load(digest, threads=2)
    assert model.card.multitask is not None
    assert (model.card.multitask.window, model.card.multitask.members) == ((16, 16, 16), 2)
    lesion, organs = model.run_all(np.zeros((3, 2, 16, 8, 16), np.float32))
    assert (lesion.shape, organs.shape) == ((3, 2, 16, 8, 16), (3, 15, 16, 8, 16))


def test_an_attached_file_is_held_to_the_card_s_digest(tmp_path: Path) -> None:
    digest = write_network(
        tmp_path, small_network("ct", members=1), "ct", members=1, levels=b'{"a": 1}'
    )
    assert Registry(tmp_path).load(digest).levels == b'{"a": 1}'
    (tmp_path / "levels.json").write_bytes(b'{"a": 2}')
    with pytest.raises(ModelError) as caught:
        Registry(tmp_path).load(digest)
    assert caught.value.reason is Reason.DIGEST_MISMATCH


@pytest.mark.parametrize(
    "change",
    [
        {"window": [40, 40, 41]},
        {"window": [40, 40]},
        {"window": [1_000, 40, 40]},
        {"overlap": 0.9},
        {"overlap": None},
        {"members": 0},
        {"temperature_ppm": 0},
        {"folds": "../folds.json"},
        {"levels": {"file": "a/b", "sha256": "00" * 32}},
        {"threshold_ppm": -1},
        {"sha256": 5},
        {"limits": None},
    ],
)
def test_a_malformed_card_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    digest = write_network(tmp_path, small_network("petct", members=1), "petct", members=1)
    card = json.loads((tmp_path / "network.json").read_text())
    assert isinstance(read_card(json.dumps(card).encode(), digest), ModelCard)
    with pytest.raises(ModelError) as caught:
        read_card(json.dumps(card | change).encode(), digest)
    assert caught.value.reason is Reason.MALFORMED_MODEL


@pytest.mark.parametrize(
    "change",
    [
        {"name": "network\nconclusion: negative"},
        {"name": "net\0work"},
        {"version": "1\u2028conclusion: negative"},
        {"limits": ["none\r"]},
        {"limits": ["\u202eevitagen"]},
        {"trained_on": {"text": ["\x1b[2J"]}},
        {"training\n": "x"},
    ],
)
def test_a_card_with_characters_nobody_sees_is_refused(
    change: dict[str, object], tmp_path: Path
) -> None:
    digest = write_network(tmp_path, small_network("ct", members=1), "ct", members=1)
    card = json.loads((tmp_path / "network.json").read_text())
    seen = read_card(json.dumps(card | {"name": "Réseau, 40 µm²"}).encode(), digest)
    assert seen.name == "Réseau, 40 µm²"
    with pytest.raises(ModelError, match="control characters") as caught:
        read_card(json.dumps(card | change).encode(), digest)
    assert caught.value.reason is Reason.MALFORMED_MODEL


@pytest.mark.parametrize("name", ["", "n" * 201, {"a": [[[[]]]]}])
def test_a_name_that_no_report_can_carry_is_refused(name: object, tmp_path: Path) -> None:
    digest = write_network(tmp_path, small_network("ct", members=1), "ct", members=1)
    card = json.loads((tmp_path / "network.json").read_text()) | {"name": name}
    with pytest.raises(ModelError, match="malformed"):
        read_card(json.dumps(card).encode(), digest)


def test_an_unknown_form_is_refused(tmp_path: Path) -> None:
    digest = write_network(tmp_path, small_network("petct", members=1), "petct", members=1)
    card = json.loads((tmp_path / "network.json").read_text())
    (tmp_path / "network.json").write_text(json.dumps(card | {"form": "quantum"}))
    pin_cards(tmp_path)
    with pytest.raises(ModelError) as caught:
        Registry(tmp_path).load(digest)
    assert caught.value.reason is Reason.UNKNOWN_MODEL


def test_registering_makes_one_current_and_keeps_the_others(tmp_path: Path) -> None:
    shutil.copytree(MODELS_FOLDER, tmp_path / "models")
    folder = tmp_path / "models"
    before = Registry(folder).digest_of("petct")
    digest = write_network(folder, small_network("petct", members=1), "petct", members=1)
    assert Registry(folder).digest_of("petct") == digest
    register_model(folder, "tumour_petct", current=True)
    assert register_model(folder, "network", current=False) == digest.hex()
    assert Registry(folder).digest_of("petct") == before
    register_model(folder, "network", current=True)
    assert Registry(folder).digest_of("petct") == digest
    assert Registry(folder).load(before).card.kind == "petct"
    assert Registry(folder).digest_of("ct") == Registry().digest_of("ct")
