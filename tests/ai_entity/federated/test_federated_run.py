"""The whole example with real processes: hospitals of balls, a tiny network, two rounds.

What must hold: the hospitals' weights meet, the numbers are the agreed ones, and no image's bytes
stand in anything that a courier or the coordinator has, or in what they said.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from medquorum.ai_entity.federated.confinement import Confined, landlock_version
from medquorum.ai_entity.federated.exchange import Weights, check_numbers, training_numbers
from scripts.federation.comparison import Outcome, Places
from scripts.federation.example import Settings, run_example
from tests.ai_entity.federated.blobs import write_blob_archive

pytestmark = [pytest.mark.train, pytest.mark.interop, pytest.mark.timeout(600)]

SETTINGS = {"hospitals": 2, "rounds": 2, "steps": 4, "widths": (4, 4, 4, 4), "side": 16}


@dataclass(frozen=True, slots=True)
class Finished:
    """One run and its folders."""

    outcome: Outcome
    places: Places


@pytest.fixture(scope="module")
def finished(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("mq")
    write_blob_archive(folder / "balls.npz", 6)
    settings = Settings(folder / "balls.npz", "balls", **SETTINGS)  # type: ignore[arg-type]
    told: list[str] = []
    places = Places(folder / "run")
    outcome = run_example(places.root, repository / ".venv-federated", settings, told.append)
    return Finished(outcome, places)


def test_every_round_counts_every_hospital_and_tells_only_agreed_numbers(
    finished: Finished,
) -> None:
    outcome = finished.outcome
    rounds = [line for line in outcome.history if "loss" in line]
    assert sorted((line["round"], line["hospital"]) for line in rounds) == [
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
    ]
    allowed = training_numbers(outcome.agreement)
    for line in rounds:
        check_numbers(allowed, {name: line[name] for name in line if name != "round"})
        assert "refused" not in line


def test_the_federated_network_is_nobodys_own(finished: Finished) -> None:
    outcome = finished.outcome
    assert set(outcome.federated) == set(outcome.alone[0])
    for alone in outcome.alone:
        assert distance(outcome.federated, alone) > 1e-3
    assert distance(outcome.federated, load(finished.places.coordinator / "first.npz")) > 1e-3


def test_both_are_compared_on_patients_of_nobody(finished: Finished) -> None:
    dice = finished.outcome.hold_out_dice
    assert set(dice) == {"hospital-1", "hospital-2", "federated"}
    assert all(0.0 <= value <= 1.0 for values in dice.values() for value in values)
    names = [
        name
        for folder in sorted(finished.places.root.rglob("split.json"))
        for part in json.loads(folder.read_text()).values()
        for name in part
    ]
    assert sorted(names) == sorted(set(names))
    assert len(names) == 6


def test_no_voxel_left_its_hospital(finished: Finished) -> None:
    places = finished.places
    needles = [needle for index in range(2) for needle in voxels(places.trainer(index))]
    assert needles
    searched = [*files(places.coordinator), *files(places.courier(0)), *files(places.courier(1))]
    assert any(path.name == "history.json" for path in searched)
    for path in searched:
        octets = path.read_bytes()
        assert not any(needle in octets for needle in needles), path.name
    own = (places.trainer(0) / "images" / "cases.npz").read_bytes()
    assert any(needle in own for needle in needles), "the search itself must be able to find one"


def test_a_neighbours_images_are_in_no_other_hospitals_folder(finished: Finished) -> None:
    places = finished.places
    for own, other in ((0, 1), (1, 0)):
        needles = voxels(places.trainer(own))
        for path in files(places.trainer(other).parent):
            octets = path.read_bytes()
            assert not any(needle in octets for needle in needles), path.name


def test_every_process_says_what_the_kernel_holds_it_to(finished: Finished) -> None:
    version = landlock_version()
    trainer, courier = (
        (Confined.NOTHING, Confined.NOTHING)
        if version == 0
        else (Confined.FILES if version < 4 else Confined.FILES_AND_TCP, Confined.FILES)
    )
    for index in range(2):
        log = (finished.places.trainer(index) / "trainer.log").read_text()
        assert f"confined: {trainer}\n" in log
        log = (finished.places.courier(index) / "supernode.log").read_text()
        assert f"confined: {courier}\n" in log
    assert f"confined: {courier}\n" in (finished.places.coordinator / "superlink.log").read_text()


def test_the_wire_was_encrypted_and_the_couriers_known_by_key(finished: Finished) -> None:
    log = (finished.places.coordinator / "superlink.log").read_text()
    assert "running on https://127.0.0.1" in log
    assert "insecure" not in log
    assert "SuperNode authentication is disabled" not in log


def voxels(trainer: Path) -> list[bytes]:
    """Rows of a hospital's images as they lie in memory, in the types they may travel in."""
    found = []
    with np.load(trainer / "images" / "cases.npz", allow_pickle=False) as stored:
        for name in stored.files:
            if name.endswith(("_suv", "_ct")):
                row = stored[name][12, 12]
                found += [row.tobytes(), row.astype(np.float32).tobytes()]
    return found


def files(folder: Path) -> Iterator[Path]:
    """Plain files; not what a link leads to."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def load(path: Path) -> Weights:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def distance(one: Weights, other: Weights) -> float:
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)
