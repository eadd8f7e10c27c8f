"""Arrays of a ResNet small enough for a test, without torch."""

import numpy as np
import numpy.typing as npt

STRIDES = (1, 2)


def small_arrays(seed: int = 0, channels: int = 16) -> dict[str, npt.NDArray[np.float32]]:
    """Two bottlenecks, the last one ``channels`` wide."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, npt.NDArray[np.float32]] = {}

    def add(name: str, outputs: int, inputs: int, kernel: int) -> None:
        size = np.sqrt(2.0 / (inputs * kernel * kernel))
        shape = (outputs, inputs, kernel, kernel)
        arrays[f"{name}.weight"] = rng.normal(0.0, size, shape).astype(np.float32)
        arrays[f"{name}.bias"] = rng.normal(0.0, 0.1, outputs).astype(np.float32)

    add("stem", 4, 1, 7)
    for block, (inputs, outputs) in enumerate(((4, 8), (8, channels))):
        add(f"{block}.1", 4, inputs, 1)
        add(f"{block}.2", 4, 4, 3)
        add(f"{block}.3", outputs, 4, 1)
        add(f"{block}.short", outputs, inputs, 1)
    arrays["head.weight"] = rng.normal(0.0, 0.5, (1, channels)).astype(np.float32)
    arrays["head.bias"] = np.asarray([-0.3], dtype=np.float32)
    return arrays
