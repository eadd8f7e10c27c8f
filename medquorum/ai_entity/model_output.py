"""A model's run, held to what it promised: it ends, gives numbers, and as many as asked for.

What a session cannot do with an image, or gives that is no number, is the model's failure and not
the patient's: a ModelError, never a finding and never a crash.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import IsolationError, ModelError, Reason

Array = npt.NDArray[np.float32]
ROUNDING: Final = np.float32(1e-6)
"""By which a sigmoid in float32 may miss 0 or 1."""


def open_session(content: bytes, threads: int = 1, *, arena: bool = False) -> Any:
    """A CPU session of checked bytes: as many threads as told, and none between operators.

    ``arena`` keeps memory between operators: faster, for graphs whose memory is small anyway.
    """
    import onnxruntime  # only where a model runs: the parent of the child never needs it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(Reason.MALFORMED_MODEL, "onnxruntime cannot build this model") from error


def run_session(session: Any, values: Array) -> tuple[Array, ...]:
    """All outputs of an onnxruntime session for its one input.

    Raises ModelError, and IsolationError where the model asks for more memory than there is.
    """
    name = session.get_inputs()[0].name
    try:
        found = session.run(None, {name: values})
    except MemoryError as error:
        raise _too_much(values) from error
    except Exception as error:
        if "bad_alloc" in str(error) or "Failed to allocate" in str(error):
            raise _too_much(values) from error
        raise ModelError(
            Reason.WRONG_OUTPUT, "the model failed on this image; use another version of it"
        ) from error
    outputs = tuple(_numbers(output) for output in found)
    _hold_to_ports(session, values, outputs)
    return outputs


def _too_much(values: Array) -> IsolationError:
    """Whether model or image is to blame shows in what the model was given."""
    return IsolationError(
        Reason.OUT_OF_MEMORY,
        f"the model asks for more memory than the limit, on an input of {values.nbytes / 2**20:.1f}"
        " MiB; if that is little, look at the model and use another, else send a smaller part of "
        "the body",
    )


def _hold_to_ports(session: Any, values: Array, outputs: tuple[Array, ...]) -> None:
    """Fixed sides as declared, and named ones as long as the input's side of that name."""
    sides = dict(zip(session.get_inputs()[0].shape, values.shape, strict=False))
    for port, output in zip(session.get_outputs(), outputs, strict=True):
        if not port.shape:
            continue
        wanted = tuple(
            side if isinstance(side, int) else sides.get(side) if isinstance(side, str) else None
            for side in port.shape
        )
        if len(wanted) != output.ndim or any(
            side is not None and side != found
            for side, found in zip(wanted, output.shape, strict=True)
        ):
            raise ModelError(
                Reason.WRONG_OUTPUT,
                f"the model gives an output of shape {list(output.shape)}, not as its ports say",
            )


def _numbers(output: Any) -> Array:
    if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiu":
        raise ModelError(Reason.WRONG_OUTPUT, "the model gives something other than numbers")
    values = np.asarray(output, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ModelError(
            Reason.WRONG_OUTPUT,
            "the model gives values that are no numbers (NaN or infinity) on this image",
        )
    return values


def expect_shares(outputs: tuple[Array, ...]) -> None:
    """ModelError unless every value is a probability, 0..1: 1.7 is a mistake and not certainty."""
    for output in outputs:
        if output.size and not -ROUNDING <= output.min() <= output.max() <= 1 + ROUNDING:
            raise ModelError(
                Reason.WRONG_OUTPUT,
                "the model gives values below 0 or above 1 where probabilities are due",
            )


def expect_shape(output: Array, shape: tuple[int, ...]) -> Array:
    """``output`` when it has this shape, else ModelError."""
    if output.shape != shape:
        raise ModelError(
            Reason.WRONG_OUTPUT,
            f"the model gives an output of shape {list(output.shape)} where {list(shape)} is due",
        )
    return output
