"""A whole PET/CT end to end beside the bare network: the same case, the same windows.

*Whole case* is what a warm worker does: read 300 slices of 512 x 512 and the PET from DICOM,
resample both, guard, network, lesions, organs, volumes by every method, words. *Bare* is
onnxruntime alone on the very windows that the whole case read, prepared beforehand, asked for what
it was asked for. Both take turns in one process with the same threads. A limb is read by all
members, a torso by the network for whole bodies alone. What a grid of 128^3 voxels takes is
measured on air-free noise, where no window can be left out, in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from scripts.benchmarks.report import Figure, Floor, Outcome, Sense, Target

ROUNDS = 3
QUICK_ROUNDS = 1
THREADS = 2
LIMIT = 1.5
"""Times the bare run."""
SLICES, SIDE = 300, 512
MEMORY_LIMIT_MIB = 3_072.0
GRID = 128
BODIES = ("limb", "torso")
MIB = 1_048_576


async def measure(*, quick: bool) -> Outcome:
    """Write a limb and a torso, run the pair on each, then the full grid, in processes apart."""
    found = {}
    for body in BODIES:
        with tempfile.TemporaryDirectory(prefix="medquorum-bench-tumour-") as folder:
            await _told("write", folder, body)
            found[body] = await _told("case", folder, QUICK_ROUNDS if quick else ROUNDS)
    full = await _told("grid")
    windows = " and ".join(
        f"a drawn {body}'s PET, {one['windows']} windows on a grid of {one['grid']}"
        for body, one in found.items()
    )
    return Outcome(
        "tumour",
        f"{SLICES} slices of {SIDE} x {SIDE}; {windows}; {THREADS} threads, "
        f"{found['limb']['rounds']} paired round(s)",
        (
            *_figures("limb", found["limb"]),
            *_figures("torso", found["torso"]),
            Figure(
                f"peak memory, {GRID}^3 voxels",
                full["peak_mib"],
                "MiB",
                Target(Sense.AT_MOST, MEMORY_LIMIT_MIB),
            ),
            Figure(f"network on {GRID}^3 voxels", full["network_s"], "s"),
        ),
        ("not in the ratio: starting a child and opening the model, once per worker",),
    )


def _figures(body: str, found: dict[str, Any]) -> tuple[Figure, ...]:
    bare = Floor(found["bare_s"], "bare onnxruntime on the same windows")
    within = Target(Sense.AT_MOST, LIMIT * found["bare_s"])
    return (
        Figure(f"{body}: DICOM files to findings", found["whole_s"], "s", within, bare),
        Figure(
            f"{body}: ratio, median of pairs",
            found["ratio"],
            "x bare",
            Target(Sense.AT_MOST, LIMIT),
        ),
        Figure(f"{body}: of it reading and resampling", found["reading_s"], "s"),
        Figure(f"{body}: peak memory, whole case", found["peak_mib"], "MiB"),
    )


async def _told(*words: object) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, *map(str, words), stdout=subprocess.PIPE
    )
    told, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the tumour benchmark's process failed")
    found: dict[str, Any] = json.loads(told)
    return found


def _drawn(body: str) -> Any:
    from medquorum.ai_entity.phantom.growths import Story
    from medquorum.ai_entity.phantom.limb_body import draw_limb, limb_growths
    from medquorum.ai_entity.phantom.scanner import STANDARD
    from medquorum.ai_entity.phantom.whole_body import TorsoPlan, make_torso, scan_with

    if body == "torso":
        return make_torso(1, TorsoPlan(Story.SPREAD))
    limb = draw_limb(1)
    return scan_with(limb, limb_growths(limb, 1), 1, STANDARD)


def _write_case(folder: Path, body: str) -> dict[str, Any]:
    """A body's CT, read between its voxels, and its PET, as DICOM files."""
    from medquorum.ai_entity.dicom_writer import AxialSeries
    from medquorum.ai_entity.phantom.dicom_writer import write_ct, write_pet

    torso = _drawn(body)
    shape = np.asarray(torso.hu.shape)
    places = [
        np.minimum((np.arange(count) + 0.5) * size / count, size - 1).astype(int)
        for count, size in zip((SLICES, SIDE, SIDE), shape, strict=True)
    ]
    fine = torso.hu[np.ix_(*places)]
    spacing = shape * np.asarray(torso.spacing_zyx_mm) / (SLICES, SIDE, SIDE)
    z, y, x = (float(step) for step in spacing)
    ct = AxialSeries(fine, (z, y, x), torso.origin_mm, "bench CT", "bench")
    pet = AxialSeries(torso.suv, torso.spacing_zyx_mm, torso.origin_mm, "bench PET", "bench")
    for name, files in (("ct", write_ct(ct)), ("pet", write_pet(pet))):
        (folder / name).mkdir()
        for number, content in enumerate(files):
            (folder / name / f"{number:04d}.dcm").write_bytes(content)
    return {}


def _case(folder: Path, rounds: int) -> dict[str, Any]:
    from dataclasses import replace

    from medquorum.ai_entity.registry import Registry
    from medquorum.ai_entity.tumour.inference import members_asked
    from medquorum.ai_entity.tumour.pipeline import analyse_with, read_images

    registry = Registry()
    model = registry.load(registry.digest_of("petct"), THREADS)
    images = read_images(folder / "ct", folder / "pet")
    plan = model.card.multitask
    alone = plan is not None and members_asked(plan, images) == (plan.whole_body,)
    session, batches = model.whole_body if alone else model.session, list[Any]()
    name = session.get_inputs()[0].name

    class Remembering:
        """The session, keeping what it is asked."""

        def run(self, outputs: Any, inputs: dict[str, Any]) -> Any:
            batches.append(inputs[name])
            return session.run(outputs, inputs)

        def __getattr__(self, other: str) -> Any:
            return getattr(session, other)

    watched = Remembering()
    analyse_with(
        replace(model, whole_body=watched) if alone else replace(model, session=watched), images
    )
    whole, bare, reading = [], [], []
    for _ in range(rounds):
        started = time.perf_counter()
        images = read_images(folder / "ct", folder / "pet")
        reading.append(time.perf_counter() - started)
        analyse_with(model, images)
        whole.append(time.perf_counter() - started)
        started = time.perf_counter()
        for batch in batches:
            session.run(None, {name: batch})
        bare.append(time.perf_counter() - started)
    return {
        "rounds": rounds,
        "windows": sum(len(batch) for batch in batches),
        "grid": " x ".join(str(side) for side in images.hu.shape),
        "whole_s": median(whole),
        "bare_s": median(bare),
        "ratio": median(left / right for left, right in zip(whole, bare, strict=True)),
        "reading_s": median(reading),
        "peak_mib": _peak_mib(),
    }


def _grid() -> dict[str, Any]:
    from medquorum.ai_entity.registry import Registry
    from medquorum.ai_entity.tumour.grid import GridImages
    from medquorum.ai_entity.tumour.inference import predict

    registry = Registry()
    model = registry.load(registry.digest_of("petct"), THREADS)
    rng = np.random.default_rng(1)
    shape = (GRID, GRID, GRID)
    hu = rng.uniform(-100.0, 100.0, shape).astype(np.float32)
    suv = rng.uniform(0.0, 3.0, shape).astype(np.float32)
    started = time.perf_counter()
    predict(model, GridImages(hu, suv, np.diag([4.0, 4.0, 4.0, 1.0])))
    return {"network_s": time.perf_counter() - started, "peak_mib": _peak_mib()}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def main(what: str, *words: str) -> None:
    """One process' work, told as JSON."""
    if what == "write":
        print(json.dumps(_write_case(Path(words[0]), words[1])))
    elif what == "case":
        print(json.dumps(_case(Path(words[0]), int(words[1]))))
    else:
        print(json.dumps(_grid()))


if __name__ == "__main__":
    main(*sys.argv[1:])
