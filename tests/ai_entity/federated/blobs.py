"""Small cases with a hot ball of tissue, fast enough to train on in a test."""

from pathlib import Path

import numpy as np

SIDE = 24


def write_blob_archive(path: Path, cases: int) -> None:
    """A case archive [z,y,x] 24 x 24 x 24 at 4 mm: tissue of SUV 0.8 with a ball of SUV 7."""
    rng = np.random.default_rng(20)
    arrays = {}
    z, y, x = np.mgrid[:SIDE, :SIDE, :SIDE]
    for index in range(cases):
        name = f"BALL_{index:03d}"
        centre = SIDE / 2 + rng.uniform(-2.0, 2.0, 3)
        distance = np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
        ball = distance < rng.uniform(4.0, 6.0)
        suv = 0.8 + 6.2 * ball + rng.normal(0.0, 0.2, ball.shape)
        hu = 40.0 + 10.0 * ball + rng.normal(0.0, 10.0, ball.shape)
        arrays[f"{name}_suv"] = suv.clip(0.0).astype(np.float16)
        arrays[f"{name}_ct"] = hu.astype(np.int16)
        arrays[f"{name}_gtv"] = ball
        arrays[f"{name}_spacing_zyx"] = np.full(3, 4.0, dtype=np.float32)
    np.savez(path, **arrays)
