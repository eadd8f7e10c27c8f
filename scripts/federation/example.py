"""Three hospitals train one network together, and each alone for comparison, on this machine.

Real processes: per hospital a trainer with the images and a courier with the network, and one
coordinator. This program plays everybody's administrator: it deals patients, writes the agreement,
starts and stops, and at the end compares on a hold-out that was nobody's.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from medquorum.ai_entity.case_archive import CaseArchive, case_digest
from medquorum.ai_entity.federated.agreement import Agreement, Hospital, training_set_digest
from medquorum.ai_entity.federated.confinement import landlock_version
from medquorum.ai_entity.federated.hospital import AGREEMENT_FILE, IMAGES_FOLDER
from medquorum.ai_entity.federated.trainer import (
    network_of,
    shapes_of,
    weights_of,
)
from medquorum.ai_entity.training.network import Inputs, TumourNetwork
from scripts.federation.arguments import ROUNDS, STEPS
from scripts.federation.comparison import Outcome, Places, compared
from scripts.federation.deal import Deal, deal_patients
from scripts.federation.flower import (
    Courier,
    FederationFailed,
    Flower,
    Processes,
    admit_couriers,
    free_port,
    run_app,
    start_coordinator,
    start_courier,
)
from scripts.federation.identities import write_coordinator_certificate, write_courier_key

HOSPITAL_MODULE: Final = "medquorum.ai_entity.federated.hospital"
READING_SECONDS: Final = 300.0
"""Until a trainer has read its images and made its gate."""
THREAD_VARIABLES: Final = ("OPENBLAS_", "MKL_", "ONEDNN_", "LD_LIBRARY_PATH")
"""Passed on: without some of them numpy computes wrongly on some processors."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What to run. The defaults take two to three minutes on two free cores."""

    archive: Path
    source: str
    """What the archive holds, in words for the table."""
    hospitals: int = 3
    rounds: int = ROUNDS
    steps: int = STEPS
    widths: tuple[int, ...] = (16, 32, 64, 64)
    side: int = 40
    seed: int = 11
    update_limit: float = 20.0
    weight_limit: float = 100.0
    seconds: float = 3_000.0
    """For the federated part."""


def run_example(root: Path, flower_environment: Path, settings: Settings, tell: Tell) -> Outcome:
    """All of it in the empty folder ``root``. Raises FederationFailed."""
    started = time.monotonic()
    places = Places(root)
    agreement = prepare(places, settings)
    tell(told_agreement(agreement, settings))
    federate(places, flower_environment, settings, agreement)
    tell(f"federated training finished after {time.monotonic() - started:.0f} s")
    train_alone(places, agreement)
    tell(f"every hospital trained alone as long, after {time.monotonic() - started:.0f} s")
    return compared(places, agreement, started)


def told_agreement(agreement: Agreement, settings: Settings) -> str:
    """One paragraph."""
    patients = ", ".join(f"{h.name} {h.patients}" for h in agreement.hospitals)
    held = "the kernel confines every process" if landlock_version() else "NOT enforced here"
    return (
        f"{settings.source}; training patients: {patients}; {agreement.rounds} rounds of "
        f"{agreement.steps} steps; {agreement.numbers} weights; own folders: {held}; "
        f"agreement {agreement.digest[:16]}"
    )


def prepare(places: Places, settings: Settings) -> Agreement:
    """Folders, images, identities, and the agreement in everybody's hands."""
    places.coordinator.mkdir(parents=True)
    places.code.mkdir()
    package = Path(__file__).resolve().parents[2] / "medquorum"
    (places.code / "medquorum").symlink_to(package)
    count = len(CaseArchive(settings.archive).names)
    images = [places.trainer(i) / IMAGES_FOLDER for i in range(settings.hospitals)]
    deal = Deal.of(count, settings.hospitals, settings.seed)
    deal_patients(settings.archive, deal, images, places.hold_out)
    agreement = _agreement(settings, [_hospital(i, folder) for i, folder in enumerate(images)])
    write_coordinator_certificate(places.coordinator)
    agreement.write(places.coordinator / AGREEMENT_FILE)
    first: dict[str, Any] = dict(weights_of(network_of(agreement)))
    np.savez(places.coordinator / "first.npz", **first)
    authority = (places.coordinator / "authority.pem").read_bytes()
    for index in range(settings.hospitals):
        courier = places.courier(index)
        courier.mkdir(parents=True)
        places.gate(index).parent.mkdir(mode=0o700)
        agreement.write(courier / AGREEMENT_FILE)
        agreement.write(places.trainer(index) / AGREEMENT_FILE)
        (courier / "authority.pem").write_bytes(authority)
        write_courier_key(courier)
    return agreement


def _hospital(index: int, images: Path) -> Hospital:
    split = json.loads((images / "split.json").read_text(encoding="utf-8"))
    digests = {case.name: case_digest(case) for case in CaseArchive(images / "cases.npz")}
    return Hospital(
        name=f"hospital-{index + 1}",
        patients=len(split["train"]),
        training_set_sha256=training_set_digest([digests[name] for name in split["train"]]),
    )


def _agreement(settings: Settings, hospitals: Sequence[Hospital]) -> Agreement:
    inputs = Inputs.PETCT
    return Agreement(
        inputs=inputs.value,
        widths=settings.widths,
        weights=shapes_of(TumourNetwork(inputs, settings.widths)),
        hospitals=tuple(hospitals),
        rounds=settings.rounds,
        steps=settings.steps,
        side=settings.side,
        seed=settings.seed,
        update_limit=settings.update_limit,
        weight_limit=settings.weight_limit,
    )


def federate(
    places: Places, flower_environment: Path, settings: Settings, agreement: Agreement
) -> None:
    """The run with all processes; leaves federated.npz and history.json with the coordinator."""
    flower = Flower(flower_environment, places.code, free_port())
    count = len(agreement.hospitals)
    with Processes() as processes:
        for index in range(count):
            start_trainer(processes, places, index, str(places.gate(index)))
        start_coordinator(processes, flower, places.coordinator)
        wait_for_gates(processes, [places.gate(index) for index in range(count)])
        keys = [places.courier(index) / "courier.pub" for index in range(count)]
        admit_couriers(flower, places.coordinator, keys)
        for index in range(count):
            start_courier(processes, flower, Courier(places.courier(index), places.gate(index)))
        run_app(flower, places.coordinator, processes, settings.seconds)
    if not (places.coordinator / "history.json").exists():
        log = (places.coordinator / "flwr.log").read_text(encoding="utf-8", errors="replace")
        raise FederationFailed(f"the run ended without a result: {log[-2_000:]}")


def start_trainer(
    processes: Processes, places: Places, index: int, gate: str
) -> subprocess.Popen[bytes]:
    """A hospital's trainer with its gate, or ``alone``."""
    folder = places.trainer(index)
    command = [sys.executable, "-m", HOSPITAL_MODULE, str(folder), str(index + 1), gate]
    kept = {k: v for k, v in os.environ.items() if k.startswith(THREAD_VARIABLES)}
    environment = {
        **kept,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(places.code),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "LANG": "C.UTF-8",
    }
    return processes.start(command, environment, folder / "trainer.log")


def wait_for_gates(processes: Processes, gates: Sequence[Path]) -> None:
    """Until every trainer has read its images. Raises FederationFailed."""
    deadline = time.monotonic() + READING_SECONDS
    while not all(gate.exists() for gate in gates):
        processes.check()
        if time.monotonic() > deadline:
            raise FederationFailed(f"a trainer made no gate within {READING_SECONDS:.0f} s")
        time.sleep(0.2)


def train_alone(places: Places, agreement: Agreement) -> None:
    """Every hospital by itself, as many steps as in the federation, two at a time."""
    for pair in _pairs(range(len(agreement.hospitals))):
        with Processes() as processes:
            for index in pair:
                process = start_trainer(processes, places, index, "alone")
            for index, process in zip(pair, processes.running, strict=True):
                if process.wait() != 0:
                    raise FederationFailed(f"see {places.trainer(index) / 'trainer.log'}")


def _pairs(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(indices), 2):
        yield indices[start : start + 2]
