"""The members of a cross-validation as one ONNX file, half the size, and back again.

The graph takes raw images [n, channels, z, y, x] and gives ``lesion`` logits, one channel per
member, and ``organs`` logits, their mean. Weights are stored as float16 with a Cast behind each:
onnxruntime folds the casts when it loads and computes in float32. Initialisers keep the names that
torch gives them, so that ``read_members`` finds the weights again: a shipped model can be trained
further without any pickle.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.training.network import Inputs, TumourNetwork

OPSET: Final = 17
MEMBER: Final = "members"
EXAMPLE_SIDES: Final = (16, 24, 32)
WIDE: Final = "_float32"
"""Ending of a weight's name after its Cast."""


class Ensemble(nn.Module):
    """Members side by side."""

    def __init__(self, members: Sequence[TumourNetwork]) -> None:
        super().__init__()
        if len({(member.inputs, member.widths) for member in members}) != 1:
            raise ValueError("an ensemble needs members of one kind and width")
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(lesion logits [n,m,...], mean organ logits [n,15,...])."""
        answers = [member(images) for member in self.members]
        lesion = torch.cat([lesion for lesion, _ in answers], dim=1)
        organs = torch.stack([organs for _, organs in answers]).mean(dim=0)
        return lesion, organs


def export_members(members: Sequence[TumourNetwork], path: Path) -> bytes:
    """Write the ONNX file of these members and give its content, inspected as at every load."""
    ensemble = Ensemble(members).eval()
    example = torch.zeros(1, members[0].inputs.channels, *EXAMPLE_SIDES)
    free = {0: "n", 2: "z", 3: "y", 4: "x"}
    raw = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ensemble,
            (example,),
            raw,
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["lesion", "organs"],
            dynamic_axes=dict.fromkeys(("images", "lesion", "organs"), free),
        )
    model = onnx.load_model_from_string(raw.getvalue())
    _write_out_equals(model.graph)
    _halve_weights(model.graph)
    _name_ports(model.graph, len(members))
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    inspect_model(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return content


def read_members(path: Path) -> list[TumourNetwork]:
    """The members of an exported file as torch networks. Raises ValueError for other files."""
    content = path.read_bytes()
    inspect_model(content)
    stored = {
        one.name: numpy_helper.to_array(one).astype(np.float32)
        for one in onnx.load_model_from_string(content).graph.initializer
        if one.name.startswith(f"{MEMBER}.")
    }
    return [_member(weights) for weights in _by_member(stored)]


def _by_member(stored: dict[str, Any]) -> Iterator[dict[str, Any]]:
    count = len({name.split(".")[1] for name in stored})
    if count == 0:
        raise ValueError("this file was not exported from a tumour network of this project")
    for member in range(count):
        start = f"{MEMBER}.{member}."
        yield {
            name.removeprefix(start): part
            for name, part in stored.items()
            if name.startswith(start)
        }


def _member(weights: dict[str, Any]) -> TumourNetwork:
    depth = len({name.split(".")[1] for name in weights if name.startswith("down.")})
    widths = [int(weights[f"down.{level}.0.weight"].shape[0]) for level in range(depth)]
    inputs = Inputs.PETCT if weights["down.0.0.weight"].shape[1] == 4 else Inputs.CT
    network = TumourNetwork(inputs, widths)
    network.load_state_dict({name: torch.tensor(part) for name, part in weights.items()})
    return network.eval()


def _write_out_equals(graph: Any) -> None:
    """Give every weight its own tensor again: the exporter keeps one of equal ones."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in stored:
            graph.initializer.append(
                numpy_helper.from_array(
                    numpy_helper.to_array(stored[node.input[0]]), node.output[0]
                )
            )
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def _halve_weights(graph: Any) -> None:
    """float32 weights to float16 with a Cast to the type that the graph computes in."""
    casts = []
    renamed = {}
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or not tensor.name.startswith(f"{MEMBER}."):
            continue
        half = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError("a weight is too large for float16; train again with weight decay")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, name))
        renamed[name] = name + WIDE
        casts.append(helper.make_node("Cast", [name], [name + WIDE], to=TensorProto.FLOAT))
    for node in graph.node:
        for index, source in enumerate(node.input):
            node.input[index] = renamed.get(source, source)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _name_ports(graph: Any, members: int) -> None:
    """Every free size by name, every known one as a number."""
    for port, channels in ((graph.output[0], members), (graph.output[1], None)):
        sides = port.type.tensor_type.shape.dim
        if channels is not None:
            sides[1].dim_value = channels
        for place, name in ((0, "n"), (2, "z"), (3, "y"), (4, "x")):
            sides[place].dim_param = name
