"""What no committed file may contain, and that every lock is complete."""

import re

import pytest

from tests.architecture.repository import ROOT, committed_texts
from tests.architecture.text_checkers import leaks

LOCKS = ("requirements/lock.txt", "requirements/dev-lock.txt")


def locked_packages(lock: str) -> dict[str, str]:
    """Each locked requirement (name==version and its marker) with the text of its hashes."""
    entries = re.split(r"^(?=[a-z0-9])", (ROOT / lock).read_text(encoding="utf-8"), flags=re.M)
    return {
        entry.split("\\", 1)[0].strip(): entry for entry in entries if not entry.startswith("#")
    }


def test_no_committed_file_tells_of_a_machine_a_registry_or_a_key() -> None:
    found = [f"{path}: {leak}" for path, text in committed_texts() for leak in leaks(text)]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_one_version_and_a_hash(lock: str) -> None:
    packages = locked_packages(lock)
    assert len(packages) > 40
    assert [name for name in packages if "==" not in name] == []
    assert [name for name, entry in packages.items() if "--hash=sha256:" not in entry] == []


def test_the_development_lock_contains_the_runtime_lock() -> None:
    runtime, development = (locked_packages(lock) for lock in LOCKS)
    assert set(runtime) - set(development) == set()


def test_the_package_of_images_is_locked_alone_and_in_no_environment() -> None:
    images = locked_packages("requirements/images-lock.txt")
    assert len(images) == 1
    for requirement, entry in images.items():
        assert re.fullmatch(r"[a-z]+==[0-9.]+", requirement)
        assert "--hash=sha256:" in entry
        assert not any(requirement in locked_packages(lock) for lock in LOCKS)


def test_what_training_adds_is_locked_and_in_no_other_lock() -> None:
    added = locked_packages("requirements/training-lock.txt")
    assert "monai" in {requirement.split("==")[0] for requirement in added}
    for requirement, entry in added.items():
        assert "--hash=sha256:" in entry, requirement
        assert not any(requirement in locked_packages(lock) for lock in LOCKS)


def test_torch_is_pinned_exactly_and_in_no_lock() -> None:
    lines = (ROOT / "requirements/torch.txt").read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if line and not line.startswith("#")]
    assert len(asked) == 1
    assert re.fullmatch(r"torch==[0-9]+\.[0-9]+\.[0-9]+", asked[0])
    for lock in (ROOT / "requirements").glob("*lock.txt"):
        named = {requirement.split("==")[0] for requirement in locked_packages(str(lock))}
        assert named & {"torch", "torchvision"} == set()


def test_flower_has_an_environment_of_its_own_with_every_hash() -> None:
    flower = locked_packages("requirements/federated-lock.txt")
    assert "flwr" in {requirement.split("==")[0] for requirement in flower}
    assert [name for name, entry in flower.items() if "--hash=sha256:" not in entry] == []
    for lock in LOCKS:
        named = {requirement.split("==")[0] for requirement in locked_packages(lock)}
        assert "flwr" not in named
