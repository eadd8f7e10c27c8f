"""What inputs and outputs a model must have for its kind and the form of its card."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from medquorum.ai_entity.adapters.ports import check_adapted_ports
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.model_card import EDGES, FUSION, MULTITASK, TILES, VOXELS, ModelCard
from medquorum.ai_entity.onnx_wire import ModelPorts, Port

FLOAT: Final = 1
"""TensorProto.DataType.FLOAT."""

Shape = tuple[int | str | None, ...]
"""A number is exact, None any size, MEMBERS what the card says."""
MEMBERS: Final = "members"
WHOLE_BODY: Final = "whole_body"
"""A third output of multitask models, if they like: that member's channel alone."""
ORGAN_LABELS: Final = 15
"""Channels of organ logits: ``phantom.organs.Organ``."""
TILE_FEATURES: Final = 2_048
"""Last channels of a ResNet-50."""


@dataclass(frozen=True, slots=True)
class FormPorts:
    """Shapes of inputs and outputs in their order; names where the caller needs to know them."""

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    names: tuple[str, ...] | None = None
    """Of inputs, then outputs."""


def _multitask_ports(channels: int) -> FormPorts:
    sides = (None, None, None)
    return FormPorts(
        ((None, channels, *sides),),
        ((None, MEMBERS, *sides), (None, ORGAN_LABELS, *sides)),
        ("images", "lesion", "organs"),
    )


PORTS: Final[Mapping[tuple[str, str], FormPorts]] = {
    ("petct", VOXELS): FormPorts(((1, 2, None, None, None),), ((1, 1, None, None, None),)),
    ("ct", VOXELS): FormPorts(((1, 1, None, None, None),), ((1, 1, None, None, None),)),
    ("petct", MULTITASK): _multitask_ports(2),
    ("ct", MULTITASK): _multitask_ports(1),
    ("fracture", EDGES): FormPorts(((None, 6),), ((None, 1),)),
    ("fracture", TILES): FormPorts(
        ((None, 1, None, None),),
        ((None, 1), (None, 1, None, None), (None, TILE_FEATURES)),
        ("tiles", "logit", "activation", "features"),
    ),
    ("fracture", FUSION): FormPorts(((None, 2),), ((None, 1),), ("evidence", "probability")),
}
"""(kind, form of the card) -> ports that a model of it must have."""


def check_ports(ports: ModelPorts, card: ModelCard) -> None:
    """Float inputs and outputs of the shapes that the card's form requires, or ModelError."""
    if card.adapted is not None:
        return check_adapted_ports(ports, card.adapted)
    wanted = PORTS.get((card.kind, card.form))
    if wanted is None:
        raise ModelError(
            Reason.UNKNOWN_MODEL, "the card names a kind or form that is not known here"
        )
    if card.multitask is not None and card.multitask.whole_body is not None:
        wanted = _whole_body_too(wanted, len(ports.outputs))
    found = (*ports.inputs, *ports.outputs)
    if (len(ports.inputs), len(ports.outputs)) != (len(wanted.inputs), len(wanted.outputs)):
        raise ModelError(
            Reason.WRONG_SHAPE,
            f"a model of this form has {len(wanted.inputs)} input and {len(wanted.outputs)} "
            "output ports",
        )
    members = 1 if card.multitask is None else card.multitask.members
    for port, shape in zip(found, (*wanted.inputs, *wanted.outputs), strict=True):
        _check_port(port, tuple(members if side == MEMBERS else side for side in shape))
    if wanted.names is not None and tuple(port.name for port in found) != wanted.names:
        raise ModelError(
            Reason.WRONG_SHAPE, f"the ports must be named {', '.join(wanted.names)}, in this order"
        )


def _whole_body_too(wanted: FormPorts, outputs: int) -> FormPorts:
    """The same with the third output, where there is one."""
    if outputs <= len(wanted.outputs) or wanted.names is None:
        return wanted
    alone: Shape = (None, 1, None, None, None)
    return replace(wanted, outputs=(*wanted.outputs, alone), names=(*wanted.names, WHOLE_BODY))


def _check_port(port: Port, wanted: Shape) -> None:
    if port.element_type != FLOAT or port.shape != wanted:
        raise ModelError(
            Reason.WRONG_SHAPE, f"a port must be float32 of shape {list(wanted)} (None: any size)"
        )
