"""Whether slices are one gapless stack: asked for by policies that vote by themselves (R-VER4)."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from medquorum.ledger.types import PartName
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.gate import ImageGate
from medquorum.node.intake.series import check_series
from medquorum.node.intake.stack import check_stack
from tests.node.intake.kit import archive, changed, check, series, written

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
TILTED = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)


def along(
    *places: float, normal: tuple[float, float, float] = (0, 0, 1)
) -> list[tuple[float, ...]]:
    return [tuple(place * each for each in normal) for place in places]


@pytest.mark.parametrize(
    ("positions", "cosines"),
    [
        (along(0, 2, 4, 6), AXIAL),
        (along(6, 4, 2, 0), AXIAL),
        (along(0, 4, 2), AXIAL),
        (along(0, 3.27, 6.62, 9.81), AXIAL),
        (along(0, 2, 4, normal=(0.0, -0.6, 0.8)), TILTED),
    ],
)
def test_an_even_stack_is_complete(
    positions: list[tuple[float, ...]], cosines: tuple[float, ...]
) -> None:
    check_stack(positions, cosines)


@pytest.mark.parametrize(
    ("places", "ordinal"),
    [
        ((0, 2, 6, 8), 3),
        ((0, 2, 4, 4), 4),
        ((0, 0, 0), 2),
        ((0, 2), 2),
        ((0,), 1),
        ((0, 8, 2, 4), 2),
    ],
)
def test_a_gap_is_told_by_its_file(places: tuple[float, ...], ordinal: int) -> None:
    with pytest.raises(IntakeRefused) as refused:
        check_stack(along(*places), AXIAL)
    told = refused.value
    assert (told.fault, told.ordinal, told.tag) == (Fault.GAP, ordinal, "ImagePositionPatient")
    assert told.rule.value == "incomplete_series"


def missing_slice() -> list[bytes]:
    return [changed("CT", lambda _: None, number) for number in (1, 2, 4, 5)]


def test_only_who_asks_is_told_of_a_gap() -> None:
    """A doctor can read a series with a gap."""
    assert check(missing_slice(), "IMG_CT") == 4
    content = archive(missing_slice())
    with pytest.raises(IntakeRefused, match="even distance"):
        check_series(io.BytesIO(content), len(content), "IMG_CT", complete=True)


@pytest.mark.parametrize(
    ("part", "files", "fault"),
    [
        (PartName.IMG_CT, lambda: series("CT", 4), None),
        (PartName.IMM_PET, lambda: series("PT", 4), None),
        (PartName.IMG_CT, missing_slice, Fault.GAP),
    ],
)
async def test_the_child_is_asked_for_every_slice(
    tmp_path: Path, part: PartName, files: Callable[[], list[bytes]], fault: Fault | None
) -> None:
    path = written(tmp_path, archive(files()))
    if fault is None:
        assert (await ImageGate().check(part, path, complete=True)).files == 4
        return
    with pytest.raises(IntakeRefused) as refused:
        await ImageGate().check(part, path, complete=True)
    assert refused.value.fault is fault
