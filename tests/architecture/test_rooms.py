"""Which room may import what, and what the pure rooms may not touch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.checkers import (
    ALLOWED_ROOMS,
    PURE_ROOMS,
    banned_imports,
    impurities,
    smuggled_product,
    upward_imports,
)
from tests.architecture.repository import ROOT, findings, python_sources

# Extras outside the lock: a module that needs one may refuse to be imported without it.
UNLOCKED_PACKAGES = frozenset({"fhir", "flwr", "monai", "psycopg", "torch", "torchvision"})

IMPORT_EVERYTHING = """
import importlib, json, pathlib, sys
missing = {}
for path in sorted(pathlib.Path("medquorum").rglob("*.py")):
    parts = path.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    if parts[-1] == "__main__" or "versions" in parts or parts[-1] == "env":
        continue  # programs, and Alembic's scripts, which only Alembic can run
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as absent:
        missing[name] = (absent.name or "").split(".")[0]
print(json.dumps({"missing": missing, "loaded": sorted(sys.modules)}))
"""


@pytest.mark.parametrize("room", sorted(PURE_ROOMS))
def test_pure_rooms_reach_no_clock_randomness_network_log_or_store(room: str) -> None:
    sources = python_sources(f"medquorum/{room}")
    assert findings(sources, lambda source: impurities(source.tree, source.package)) == []


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """What each rule about the package's imports finds; every module is parsed once for all."""
    by_rule: dict[str, list[str]] = {"downward": [], "ecdsa": [], "training": []}
    for source in python_sources("medquorum"):
        tree, package = source.tree, source.package
        told = {
            "downward": upward_imports(tree, package, source.room),
            "ecdsa": banned_imports(tree, package, {"ecdsa"}),
            "training": banned_imports(tree, package, _not_for(source.path.as_posix())),
        }
        for rule, sentences in told.items():
            by_rule[rule] += [f"{source.path}: {sentence}" for sentence in sentences]
    return by_rule


def _not_for(place: str) -> set[str]:
    """The packages of training that a module may not name."""
    banned = {"monai", "torchvision"}
    if not place.startswith(("medquorum/ai_entity/training", "medquorum/ai_entity/federated")):
        banned |= {"torch"}
    if not place.startswith("medquorum/ai_entity/federated"):
        banned |= {"flwr"}
    return banned


def test_imports_run_downward_only(found: dict[str, list[str]]) -> None:
    assert found["downward"] == []


def test_every_room_has_a_place_in_the_import_order() -> None:
    rooms = {source.room for source in python_sources("medquorum")} - {""}
    assert rooms - set(ALLOWED_ROOMS) == set()


def test_nothing_in_the_package_names_ecdsa(found: dict[str, list[str]]) -> None:
    assert found["ecdsa"] == []


def test_only_training_names_torch_and_only_its_federation_names_flower(
    found: dict[str, list[str]],
) -> None:
    assert found["training"] == []


def test_importing_every_module_loads_no_ecdsa() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    unexpected = {
        module: package
        for module, package in report["missing"].items()
        if package not in UNLOCKED_PACKAGES
    }
    assert unexpected == {}
    assert "medquorum" in report["loaded"]
    assert "ecdsa" not in report["loaded"]


def test_the_independent_verifier_shares_no_code_with_the_product() -> None:
    sources = [
        source
        for source in python_sources("scripts")
        if any(Path(part).stem.startswith("audit") for part in source.path.parts)
    ]
    assert sources, "scripts/audit, the independent verifier, is missing"
    found = findings(
        iter(sources),
        lambda source: [
            *banned_imports(source.tree, source.package, {"medquorum"}),
            *smuggled_product(source.tree),
        ],
    )
    assert found == []
