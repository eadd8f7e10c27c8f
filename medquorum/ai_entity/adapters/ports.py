"""Does a graph have the ports that its plan promises?"""

from typing import Final

from medquorum.ai_entity.adapters.plan import AdaptedPlan
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.onnx_wire import ModelPorts, Port

FLOAT: Final = 1
"""TensorProto.DataType.FLOAT."""


def check_adapted_ports(ports: ModelPorts, plan: AdaptedPlan) -> None:
    """One float input [1 or n, channels, window], one output of as many classes; or ModelError."""
    if len(ports.inputs) != 1 or len(ports.outputs) != 1:
        raise ModelError(
            Reason.WRONG_SHAPE,
            f"the graph has {len(ports.inputs)} inputs and {len(ports.outputs)} outputs where one "
            "of each is due; export it without deep supervision",
        )
    _check(ports.inputs[0], len(plan.channels), plan, "input")
    _check(ports.outputs[0], len(plan.classes), plan, "output")


def _check(port: Port, channels: int, plan: AdaptedPlan, which: str) -> None:
    wanted = (1, channels, *plan.window)
    fits = len(port.shape) == len(wanted) and all(
        side in (None, due) for side, due in zip(port.shape, wanted, strict=True)
    )
    if port.element_type != FLOAT or not fits:
        shape = ["any" if side is None else side for side in port.shape]
        raise ModelError(
            Reason.WRONG_SHAPE,
            f"the {which} is {shape} where float32 of shape {list(wanted)} is due by the plan",
        )
