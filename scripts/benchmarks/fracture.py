"""One X-ray end to end beside the bare libraries: the same file, the same graph, the same tiles.

*End to end* is what a warm worker does between the file's bytes and finished findings: reading,
guard, published features, network, fusion, heat, boxes, overlay. *Bare* is a straight line through
the libraries: decode, the published OpenCV steps, cut the same tiles, run the same graph with
onnxruntime's defaults. Both take turns in one process with the same threads. Starting a child and
opening the models is shown apart.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from scripts.benchmarks.report import Figure, Floor, Outcome, Sense, Target

ROUNDS = 15
QUICK_ROUNDS = 5
LIMIT = 1.2
"""Times the bare run."""


async def measure(*, quick: bool) -> Outcome:
    """Run the pair in a process of its own, so that its peak memory is its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        str(QUICK_ROUNDS if quick else ROUNDS),
        stdout=subprocess.PIPE,
    )
    told, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the fracture benchmark's process failed")
    found = json.loads(told)
    bare = Floor(found["bare_ms"], "bare onnxruntime and OpenCV on the same file, tiles and graph")
    return Outcome(
        "fracture",
        f"{found['picture']}, {found['tiles']} tiles, one thread, {found['rounds']} paired rounds",
        (
            Figure(
                "X-ray file to findings",
                found["whole_ms"],
                "ms",
                Target(Sense.AT_MOST, LIMIT * found["bare_ms"]),
                bare,
            ),
            Figure(
                "ratio, median of pairs", found["ratio"], "x bare", Target(Sense.AT_MOST, LIMIT)
            ),
            Figure("opening the models once", found["open_ms"], "ms"),
            Figure("peak memory of the process", found["peak_mib"], "MiB"),
        ),
        ("not in the ratio: starting a child and opening models, once per worker",),
    )


def _film() -> tuple[bytes, str]:
    """The real tibia where its package is installed, else a drawn film of its size."""
    from medquorum.ai_entity.package_images import tibia_radiograph
    from medquorum.ai_entity.phantom.dicom_writer import write_radiograph
    from medquorum.ai_entity.phantom.long_bone import PIXEL_MM, make_long_bone

    try:
        return tibia_radiograph().read_bytes(), "real tibia, 1760 x 1760"
    except (ImportError, FileNotFoundError, RuntimeError):
        return write_radiograph(
            make_long_bone(1, True).pixels, "limb", PIXEL_MM
        ), "drawn, 640 x 640"


def _bare(content: bytes, centres: list[tuple[float, float]], side: int) -> Callable[[], Any]:
    """The straight line."""
    import cv2
    import numpy as np
    import onnxruntime
    import pydicom

    from medquorum.ai_entity.fracture.fused import NETWORK
    from medquorum.ai_entity.registry import MODELS_FOLDER, Registry

    fusion = Registry().load(Registry().digest_of("fracture"))
    wanted = fusion.facts()[NETWORK]
    graph = next(
        path.read_bytes()
        for path in sorted(MODELS_FOLDER.glob("*.onnx"))
        if hashlib.sha256(path.read_bytes()).hexdigest() == wanted
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    half = side // 2

    def run() -> Any:
        pixels = pydicom.dcmread(io.BytesIO(content)).pixel_array
        grey = _stretched(pixels.astype(np.float32), 1.0)
        scale = 640 / max(grey.shape)
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        eight = (small * 255.0).astype(np.uint8)
        blurred = cv2.GaussianBlur(eight, (7, 7), 0)
        even = cv2.createCLAHE(2.0, (8, 8)).apply(_stretched(blurred, 255.0))
        edges = cv2.Canny(even, 40, 80, L2gradient=True)
        cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        tiles = np.empty((len(centres), 1, 64, 64), np.float32)
        for index, (x, y) in enumerate(centres):
            left, top = max(int(x) - half, 0), max(int(y) - half, 0)
            piece = grey[top : top + side, left : left + side]
            tiles[index, 0] = cv2.resize(piece, (64, 64), interpolation=cv2.INTER_AREA)
        return session.run(None, {"tiles": tiles})

    return run


def _stretched(picture: Any, top: float) -> Any:
    """``picture`` from 0 to ``top``, in its own type, as OpenCV does it."""
    import cv2
    import numpy as np

    return cv2.normalize(picture, np.empty_like(picture), 0, top, cv2.NORM_MINMAX)


def _pair(rounds: int) -> dict[str, Any]:
    import cv2

    from medquorum.ai_entity.fracture.fused import load_models
    from medquorum.ai_entity.fracture.pipeline import describe, judge
    from medquorum.ai_entity.fracture.radiograph import read_radiograph
    from medquorum.ai_entity.fracture.tiles import place_tiles
    from medquorum.ai_entity.registry import Registry

    cv2.setNumThreads(1)
    content, picture = _film()
    start = time.perf_counter()
    models = load_models(Registry())
    open_ms = (time.perf_counter() - start) * 1e3
    image = read_radiograph(content)
    grid = place_tiles(image.grey, image.exposed)
    bare = _bare(content, list(grid.centres), round(grid.side))

    def whole() -> Any:
        return describe(judge(read_radiograph(content), models))

    bare(), whole()
    pairs = [(_ms(bare), _ms(whole)) for _ in range(rounds)]
    return {
        "picture": picture,
        "tiles": len(grid.centres),
        "rounds": rounds,
        "bare_ms": median(one for one, _ in pairs),
        "whole_ms": median(two for _, two in pairs),
        "ratio": median(two / one for one, two in pairs),
        "open_ms": open_ms,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }


def _ms(work: Callable[[], Any]) -> float:
    """CPU time of this process: other work on the machine blurs the clock."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_pair(int(sys.argv[1]))))
