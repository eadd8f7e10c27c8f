"""What every test may use: bounded property tests and the optional image series."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# The suite keeps every core busy by its workers: threads of a matrix library would only
# compete with them. Read when numpy and torch are imported.
for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

LONG_RUNS = "MEDQUORUM_LONG_TESTS"
"""Set to 1, the suite also plays thirty live consultations, which takes minutes."""

collect_ignore = [] if os.environ.get(LONG_RUNS) == "1" else ["interop/test_learning_loop.py"]

# A shared or slow machine must not turn a right answer into a failure; continuous integration draws
# the same examples on every run, so that a red run can be repeated.
settings.register_profile("developer", deadline=None)
settings.register_profile("continuous_integration", deadline=None, derandomize=True)
settings.load_profile("continuous_integration" if os.environ.get("CI") else "developer")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data_folder() -> Path | None:
    """The optional image series beside the repository; None: use package images or phantoms.

    `MEDQUORUM_SHARED_DATA` names another folder.
    """
    folder = Path(os.environ.get("MEDQUORUM_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite-vectors` writes the golden files anew, after a deliberate change."""
    parser.addoption("--rewrite-vectors", action="store_true", help="write golden vectors anew")


LAST = (
    "tests/simulation/test_twins_crashes.py",
    "tests/mutants/test_hunt.py",
    "tests/simulation/test_mutants.py",
    "tests/simulation/test_sweep.py",
)
"""Files that divide their own work among two processes: at the end both cores are theirs.

Earlier they would compete with pages and nodes on a clock, and whichever file comes last of the
others leaves one core with nothing to do.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with many tests first, as xdist would have it; `LAST` at the end, in its order."""
    counts = Counter(item.nodeid.split("::")[0] for item in items)

    def place(item: pytest.Item) -> tuple[int, int]:
        path = item.nodeid.split("::")[0]
        return (1 + LAST.index(path), 0) if path in LAST else (0, -counts[path])

    items.sort(key=place)
