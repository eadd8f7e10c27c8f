"""Flower's side: the mod around a hospital's courier, and what the coordinator counts.

Flower lives in an environment of its own, so that the checks run there, as a process.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.ai_entity.federated.agreements import small_agreement

pytestmark = pytest.mark.train

EXPECTED = {
    "in: agreed": "passed",
    "in: another agreement": "wrong_agreement",
    "in: a wish beside it": "foreign_record",
    "in: another record": "foreign_record",
    "in: other arrays": "wrong_names",
    "in: NaN": "not_finite",
    "out: agreed": "passed",
    "out: an image": "wrong_names",
    "out: an image for a weight": "wrong_shape",
    "out: bytes behind an array": "wrong_shape",
    "out: a record of text": "foreign_record",
    "out: text for numbers": "foreign_record",
    "out: one number more": "foreign_number",
    "out: a list": "wrong_type",
    "out: NaN": "not_finite",
    "out: a huge step": "update_too_large",
    "out: more patients": "number_out_of_range",
    "gate: trained": "passed",
    "gate: refused": "round_repeated",
    "gate: a trainer gone astray": "update_too_large",
}


@pytest.fixture(scope="module")
def told(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("courier")
    small_agreement().write(folder / "agreement.json")
    run = subprocess.run(
        [
            str(repository / ".venv-federated" / "bin" / "python"),
            str(Path(__file__).with_name("courier_probe.py")),
            str(folder / "agreement.json"),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(repository),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_HOME": str(folder / "flwr"),
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr
    answers: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answers


@pytest.mark.parametrize("case", sorted(EXPECTED))
def test_only_what_was_agreed_passes(case: str, told: dict[str, Any]) -> None:
    assert told[case] == EXPECTED[case]


def test_the_coordinator_counts_good_replies_and_lists_the_others(told: dict[str, Any]) -> None:
    assert told["coordinator: replies"] == [
        "passed",
        "passed",
        "wrong_hospital",
        "update_too_large",
        "round_repeated",
    ]


def test_the_mean_is_weighted_by_patients(told: dict[str, Any]) -> None:
    assert told["coordinator: mean"] == pytest.approx((4 * 0.6 + 6 * 0.9) / 10)
