"""Windows, intervals and shifts of an AI entity's reports, from verified blocks."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from medquorum.ai_entity.learning.drift import (
    Judged,
    histories,
    judged_reports,
    maturities,
    psi,
    stability,
)
from medquorum.ai_entity.learning.drift_picture import drift_svg
from medquorum.ai_entity.learning.verified_ledger import open_ledger
from medquorum.ledger.charter_rules import MaturityRule
from medquorum.ledger.contents import Conclusion
from medquorum.ledger.types import BlockType, Outcome
from tests.ai_entity.learning.ward import Ward, in_process

ISSUER, OLD, NEW = b"i" * 32, b"o" * 32, b"n" * 32


def reports(
    count: int, confidence: tuple[float, float], accepted: float = 0.9, model: bytes = OLD
) -> list[Judged]:
    rng = np.random.default_rng(count)
    return [
        Judged(
            ISSUER,
            model,
            1_000 * index,
            bool(rng.random() < accepted),
            round(float(rng.uniform(*confidence)) * 1_000_000),
        )
        for index in range(count)
    ]


def test_a_ledgers_reports_come_with_outcome_and_confidence(tmp_path: Path) -> None:
    ward = Ward()
    patient = ward.patient()
    image = ward.image(BlockType.XRAY, patient, b"film")
    ward.machine(patient, (image,), Conclusion.FRACTURE, outcome=Outcome.REJECTED)
    ward.machine(patient, (image,), Conclusion.INCONCLUSIVE, facts={"confidence_ppm": 0})
    found = judged_reports(open_ledger(*ward.files(tmp_path), in_process))
    assert [(one.accepted, one.confidence_ppm) for one in found] == [(False, 910_000), (True, 0)]
    ((history,)) = histories(found, 10)
    (window,) = history.windows
    assert (window.reports, window.accepted, window.abstained) == (2, 1, 1)
    assert window.mean_confidence_ppm == 910_000
    (maturity,) = maturities(found, MaturityRule()).values()
    assert (maturity["reports"], maturity["approved"]) == (2, 1)


def test_windows_are_per_model_in_order() -> None:
    told = reports(25, (0.7, 0.9)) + reports(10, (0.7, 0.9), model=NEW)
    first, second = histories(told, 10)
    assert [one.reports for one in first.windows] == [10, 10, 5]
    assert [one.first for one in first.windows] == [1, 11, 21]
    assert (second.model, len(second.windows)) == (NEW.hex(), 1)


def test_the_interval_is_wilsons() -> None:
    told = [Judged(ISSUER, OLD, 0, index < 8, 800_000) for index in range(10)]
    ((history,)) = histories(told, 10)
    low, high = history.windows[0].interval_ppm
    assert (low, high) == (pytest.approx(490_156, abs=5), pytest.approx(943_318, abs=5))


def test_a_shift_is_seen_and_chance_is_not() -> None:
    ((same,)) = histories(reports(100, (0.7, 0.95)), 50)
    assert not same.windows[1].shifted
    moved = reports(50, (0.85, 0.99)) + reports(50, (0.5, 0.7))
    ((history,)) = histories(moved, 50)
    assert history.windows[1].shifted
    assert history.windows[1].psi > 1.0


def test_small_windows_are_no_shift_by_chance() -> None:
    rng = np.random.default_rng(3)
    draws = [rng.integers(500_000, 990_000, 8) for _ in range(40)]
    found = [stability(draws[i], draws[i + 1]) for i in range(0, 40, 2)]
    assert sum(index > 0.25 for index, _ in found) > 10, "the index alone cries wolf"
    assert sum(index > 0.25 and chance < 0.01 for index, chance in found) <= 1


def test_the_index_by_hand() -> None:
    before, after = np.asarray([9.5, 0.0]), np.asarray([0.0, 9.5])
    p, q = 10.0 / 10.5, 0.5 / 10.5
    assert psi(before, after) == pytest.approx(2 * (p - q) * np.log(p / q))
    assert psi(before, before) == 0.0


def test_the_picture_is_plain_svg() -> None:
    told = histories(reports(40, (0.85, 0.99)) + reports(40, (0.5, 0.6)), 20)
    drawn = drift_svg(told, 900_000)
    root = ElementTree.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert OLD.hex()[:16] in drawn
    assert "▲</text>" in drawn
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
    assert ElementTree.fromstring(drift_svg([], 900_000)) is not None
