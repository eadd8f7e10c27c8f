"""A small network with the ports of the multitask form, made in the test: no training behind it.

Lesion logit: how far the first channels lie above fixed values (of PET: SUV above 3; of CT alone:
HU above 20 and below 45 as a tent), the same for every member but shifted by the member's number.
Organ logits: 1x1x1 convolution of the CT such that air, fat, muscle and bone win by density.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.registry import register_model

MEMBER_SHIFT = 0.25
CENTRES_HU = {Organ.AIR: -1000.0, Organ.LUNGS: -800.0, Organ.FAT: -100.0, Organ.MUSCLE: 50.0,
              Organ.BONE: 500.0}  # fmt: skip


def small_network(kind: str, members: int) -> onnx.ModelProto:
    """An ONNX model; ``images`` [n, 2 or 1, z, y, x] to ``lesion`` and ``organs``."""
    channels = 2 if kind == "petct" else 1
    lesion = np.zeros((members, channels, 1, 1, 1), np.float32)
    bias = np.arange(members, dtype=np.float32) * MEMBER_SHIFT
    if kind == "petct":
        lesion[:, 1] = 1.0
        bias -= 3.0
    else:
        lesion[:, 0] = 0.1
        bias -= 4.0
    organs = np.zeros((15, channels, 1, 1, 1), np.float32)
    shifts = np.full(15, -1e4, np.float32)
    for organ, centre in CENTRES_HU.items():  # -(x - c)^2 without the x^2 all share
        organs[organ, 0] = 2.0 * centre / 1e4
        shifts[organ] = -(centre**2) / 1e4
    return _model(channels, members, [lesion, bias, organs, shifts])


def _model(channels: int, members: int, weights: list[np.ndarray]) -> onnx.ModelProto:
    sides: list[Any] = ["z", "y", "x"]
    names = ["lesion_weight", "lesion_bias", "organ_weight", "organ_bias"]
    nodes = [
        helper.make_node("Conv", ["images", names[0], names[1]], ["lesion"]),
        helper.make_node("Conv", ["images", names[2], names[3]], ["organs"]),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", count, *sides])
        for name, count in (("images", channels), ("lesion", members), ("organs", 15))
    ]
    tensors = [
        numpy_helper.from_array(values.astype(np.float32), name)
        for name, values in zip(names, weights, strict=True)
    ]
    graph = helper.make_graph(nodes, "small", ports[:1], ports[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_network(
    folder: Path,
    model: onnx.ModelProto,
    kind: str,
    members: int,
    *,
    levels: bytes | None = None,
    **more: object,
) -> bytes:
    """Write and register it as ``network.onnx`` of this kind in ``folder``; its digest.

    ``more`` stands on its card too.
    """
    content = model.SerializeToString()
    digest = hashlib.sha256(content)
    card: dict[str, Any] = {
        "name": "small network",
        "version": "0.0.1",
        "kind": kind,
        "form": "multitask",
        "sha256": digest.hexdigest(),
        "training_sha256": "00" * 32,
        "threshold_ppm": 500_000,
        "temperature_ppm": 1_000_000,
        "window": [16, 16, 16],
        "overlap": 0.25,
        "members": members,
        "limits": ["Not for clinical use: made in a test."],
        **more,
    }
    if levels is not None:
        (folder / "levels.json").write_bytes(levels)
        card["levels"] = {"file": "levels.json", "sha256": hashlib.sha256(levels).hexdigest()}
    (folder / "network.onnx").write_bytes(content)
    (folder / "network.json").write_text(json.dumps(card))
    register_model(folder, "network", current=True)
    return digest.digest()


def rewrite_unpinned(card_file: Path, card: object) -> None:
    """Another card, in a folder whose registry says nothing about cards."""
    card_file.write_text(json.dumps(card))
    unpinned(card_file.parent)


def unpinned(folder: Path) -> None:
    """A registry as earlier versions wrote it: nothing about cards."""
    path = folder / "registry.json"
    listed = json.loads(path.read_text())["models"]
    for entry in listed.values():
        entry.pop("card_sha256", None)
    path.write_text(json.dumps({"models": listed}))
