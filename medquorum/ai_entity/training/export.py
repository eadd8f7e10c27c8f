"""The members of a cross-validation as one ONNX file, a quarter of the size, and back again.

The graph takes raw images [n, channels, z, y, x] and gives ``lesion`` logits, one channel per
member, and ``organs`` logits, their mean. A member for PET and CT may have a *companion* of the
same fold that reads the CT alone, since uptake misleads where a tumour is cold: in a window in
which the member finds anything, the channel is the mean of both, each held within ``SUREST``, so
that neither outvotes the other by being sure. Where the member finds nothing its companion, which
has seen no healthy limb, has no say.
A network for *whole bodies*, which saw phantoms only, may be the last
channel: where the lungs are in view it speaks instead of the members, and the organs are then its
own everywhere. It has the third port ``whole_body`` to itself, so that nobody else need be run.

Kernels are stored as 8-bit numbers with a scale per channel, the rest as float16, and widened by
the graph (``rounding``): onnxruntime folds that when it loads and computes in float32. Initialisers
keep the names that torch gives them, so that ``read_ensemble`` finds the weights again: a shipped
model can be trained further without any pickle. Organ heads that nobody asks are not stored and
come back as zeros.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from medquorum.ai_entity.onnx_wire import inspect_model
from medquorum.ai_entity.training.network import Inputs, TumourNetwork
from medquorum.ai_entity.training.rounding import shortened, widened

OPSET: Final = 17
MEMBER: Final = "members"
COMPANION: Final = "companions"
SUREST: Final = 4.0
"""Logit, 98 %: as sure as a member and its companion may be in their mean."""
WHOLE_BODY: Final = "whole_body"
STORED: Final = (f"{MEMBER}.", f"{COMPANION}.", f"{WHOLE_BODY}.")
EXAMPLE_SIDES: Final = (16, 24, 32)
WIDE: Final = "_float32"
UNSCALED: Final = "_unscaled"
SCALE: Final = "_scale"
"""Endings of a weight's name in float32, before its scale, and of its scale."""


class Ensemble(nn.Module):
    """Members side by side, their companions, and the network for whole bodies, where there are."""

    def __init__(
        self,
        members: Sequence[TumourNetwork],
        whole_body: TumourNetwork | None = None,
        companions: Sequence[TumourNetwork] = (),
    ) -> None:
        super().__init__()
        everyone = [*members, *([] if whole_body is None else [whole_body])]
        if len({(one.inputs, one.widths) for one in everyone}) != 1:
            raise ValueError("an ensemble needs members of one kind and width")
        if companions and len(companions) != len(members):
            raise ValueError("every member needs a companion, or none")
        if any(one.inputs is not Inputs.CT for one in companions):
            raise ValueError("a companion reads the CT alone")
        self.members = nn.ModuleList(members)
        self.companions = nn.ModuleList(companions)
        self.whole_body = whole_body

    @property
    def inputs(self) -> Inputs:
        """Of the members."""
        return members_of(self)[0].inputs

    def member(self, number: int) -> "Ensemble":
        """One member with its companion, alone."""
        beside = [self.companions[number]] if len(self.companions) else []
        return Ensemble([self.members[number]], None, beside).eval()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(lesion logits [n,m,...], organ logits [n,15,...]), and those of whole bodies [n,1,...].

        The last where the ensemble has such a network.
        """
        answers = [member(images) for member in self.members]
        lesions = [lesion for lesion, _ in answers]
        for place, companion in enumerate(self.companions):
            other, _ = companion(images[:, :1])
            lesions[place] = _together(lesions[place], other)
        if self.whole_body is None:
            organs = torch.stack([organs for _, organs in answers]).mean(dim=0)
            return torch.cat(lesions, dim=1), organs
        whole, organs = self.whole_body(images)
        return torch.cat([*lesions, whole], dim=1), organs, whole


def _together(member: Tensor, companion: Tensor) -> Tensor:
    """What a member and its companion say of windows [n,1,...]."""
    own, other = (logits.clamp(-SUREST, SUREST) for logits in (member, companion))
    finds = own.amax(dim=(2, 3, 4), keepdim=True) > 0.0
    return torch.where(finds, (own + other) / 2.0, own)


def export_members(members: Sequence[TumourNetwork], path: Path) -> bytes:
    """``export_ensemble`` of members alone."""
    return export_ensemble(Ensemble(members), path)


def export_ensemble(ensemble: Ensemble, path: Path) -> bytes:
    """Write the ONNX file of these members and give its content, inspected as at every load."""
    ensemble = ensemble.eval()
    inputs = members_of(ensemble)[0].inputs
    channels = len(ensemble.members) + (ensemble.whole_body is not None)
    example = torch.zeros(1, inputs.channels, *EXAMPLE_SIDES)
    free = {0: "n", 2: "z", 3: "y", 4: "x"}
    ports = ["images", "lesion", "organs", *([] if ensemble.whole_body is None else [WHOLE_BODY])]
    raw = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ensemble,
            (example,),
            raw,
            dynamo=False,
            opset_version=OPSET,
            input_names=ports[:1],
            output_names=ports[1:],
            dynamic_axes=dict.fromkeys(ports, free),
        )
    model = onnx.load_model_from_string(raw.getvalue())
    _write_out_equals(model.graph)
    _shrink_weights(model.graph)
    _name_ports(model.graph, channels)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    inspect_model(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return content


def read_members(path: Path) -> list[TumourNetwork]:
    """The members of an exported file as torch networks. Raises ValueError for other files."""
    return members_of(read_ensemble(path))


def read_ensemble(path: Path) -> Ensemble:
    """Everything in an exported file. Raises ValueError for other files."""
    content = path.read_bytes()
    inspect_model(content)
    arrays = {
        one.name: numpy_helper.to_array(one)
        for one in onnx.load_model_from_string(content).graph.initializer
    }
    stored = {
        name: widened(part, arrays.get(name + SCALE))
        for name, part in arrays.items()
        if name.startswith(STORED) and not name.endswith(SCALE)
    }
    members = [_member(weights) for weights in _numbered(stored, MEMBER)]
    if not members:
        raise ValueError("this file was not exported from a tumour network of this project")
    companions = [_member(weights) for weights in _numbered(stored, COMPANION)]
    whole = {
        name.removeprefix(f"{WHOLE_BODY}."): part
        for name, part in stored.items()
        if name.startswith(f"{WHOLE_BODY}.")
    }
    return Ensemble(members, _member(whole) if whole else None, companions).eval()


def members_of(ensemble: Ensemble) -> list[TumourNetwork]:
    """The members in their order."""
    return [one for one in ensemble.members if isinstance(one, TumourNetwork)]


def _numbered(stored: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    count = len({name.split(".")[1] for name in stored if name.startswith(f"{kind}.")})
    for number in range(count):
        start = f"{kind}.{number}."
        yield {
            name.removeprefix(start): weight
            for name, weight in stored.items()
            if name.startswith(start)
        }


def _member(weights: dict[str, Any]) -> TumourNetwork:
    depth = len({name.split(".")[1] for name in weights if name.startswith("down.")})
    widths = [int(weights[f"down.{level}.0.weight"].shape[0]) for level in range(depth)]
    inputs = Inputs.PETCT if weights["down.0.0.weight"].shape[1] == 4 else Inputs.CT
    network = TumourNetwork(inputs, widths)
    for part in network.organs.parameters():
        nn.init.zeros_(part)
    found = network.load_state_dict(
        {name: torch.tensor(part) for name, part in weights.items()}, strict=False
    )
    if found.unexpected_keys or any(not key.startswith("organs.") for key in found.missing_keys):
        raise ValueError("this file lacks weights of a tumour network; restore it")
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


def _shrink_weights(graph: Any) -> None:
    """Every float32 weight to its short form, with the nodes that widen it again."""
    added: list[Any] = []
    scales: list[Any] = []
    renamed = {}
    for tensor in graph.initializer:
        name = tensor.name
        if tensor.data_type != TensorProto.FLOAT or not name.startswith(STORED):
            continue
        short, scale = shortened(numpy_helper.to_array(tensor))
        tensor.CopyFrom(numpy_helper.from_array(short, name))
        renamed[name] = name + WIDE
        wide = name + WIDE if scale is None else name + UNSCALED
        added.append(helper.make_node("Cast", [name], [wide], to=TensorProto.FLOAT))
        if scale is not None:
            scales.append(numpy_helper.from_array(scale, name + SCALE))
            added.append(helper.make_node("Mul", [wide, name + SCALE], [name + WIDE]))
    graph.initializer.extend(scales)
    for node in graph.node:
        for index, source in enumerate(node.input):
            node.input[index] = renamed.get(source, source)
    nodes = [*added, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _name_ports(graph: Any, members: int) -> None:
    """Every free size by name, every known one as a number."""
    for port in graph.output:
        sides = port.type.tensor_type.shape.dim
        if port.name == "lesion":
            sides[1].dim_value = members
        for place, name in ((0, "n"), (2, "z"), (3, "y"), (4, "x")):
            sides[place].dim_param = name
