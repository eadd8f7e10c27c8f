"""Refused images at the node: nothing stays in body store or tables, nothing is said (R-BOD10)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from medquorum.ledger.types import BlockType, PartName
from medquorum.node.desk import DeskError, Submission
from medquorum.node.intake import gate
from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.intake.gate import ImageGate
from medquorum.node.sealing import new_record
from tests.node.intake.kit import CANARY, archive, changed, encoded, image, series, written
from tests.node.kit import Node, node_of
from tests.node.refusing import refusal
from tests.support.chains import grow
from tests.support.network import HOSPITAL

CHAIN = grow()
NETWORK = CHAIN.network


def weightless() -> bytes:
    def change(dataset: object) -> None:
        del dataset.PatientWeight  # type: ignore[attr-defined]

    return changed("PT", change, 2)


REFUSED = {
    "no archive": (BlockType.CT, PartName.IMG_CT, b"pixels" * 1_000, "malformed_archive"),
    "a link": (
        BlockType.CT,
        PartName.IMG_CT,
        archive([b""], type=b"2", linkname="/etc/shadow"),
        "malformed_archive",
    ),
    "no DICOM": (BlockType.CT, PartName.IMG_CT, archive([b"x" * 900]), "malformed_dicom"),
    "a PET as CT": (BlockType.CT, PartName.IMG_CT, archive(series("PT")), "wrong_modality"),
    "cut pixels": (
        BlockType.CT,
        PartName.IMG_CT,
        archive([changed("CT", lambda _: None)[:-2]]),
        "truncated_pixels",
    ),
    "no weight": (
        BlockType.PET,
        PartName.IMM_PET,
        archive([*series("PT", 1), weightless()]),
        "missing_tag",
    ),
    "a cut picture": (
        BlockType.XRAY,
        PartName.IMG_XRAY,
        b"\x89PNG\r\n\x1a\n" + bytes(9),
        "malformed_picture",
    ),
}


@pytest.fixture
async def hospital(tmp_path: Path) -> AsyncIterator[Node]:
    async with node_of(NETWORK, HOSPITAL, tmp_path / "home", CHAIN) as node:
        yield node


def submission(folder: Path, kind: BlockType, part: PartName, content: bytes) -> Submission:
    return Submission(type=kind, patient=1, doctor=None, parts={part: written(folder, content)})


@pytest.mark.parametrize("case", sorted(REFUSED))
async def test_a_refused_image_leaves_nothing(
    hospital: Node, tmp_path: Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kind, part, content, rule = REFUSED[case]
    act = partial(hospital.submissions.submit, submission(tmp_path, kind, part, content))
    assert await refusal(hospital, act) == (400, rule)
    told = capfd.readouterr()
    assert CANARY not in told.out + told.err


async def test_the_advice_names_file_and_tag_and_no_patient(hospital: Node, tmp_path: Path) -> None:
    kind, part, content, _ = REFUSED["no weight"]
    with pytest.raises(DeskError) as refused:
        await hospital.submissions.submit(submission(tmp_path, kind, part, content))
    assert refused.value.advice.startswith("file 2 lacks PatientWeight (0010,1030)")
    assert CANARY not in str(refused.value)


async def test_chunks_that_were_sealed_meanwhile_are_deleted(
    hospital: Node, tmp_path: Path
) -> None:
    large = [encoded(image("CT", number, side=2_048)) for number in range(1, 4)]
    content = archive([*large, large[0]])
    act = submission(tmp_path, BlockType.CT, PartName.IMG_CT, content)
    answer = await refusal(hospital, partial(hospital.submissions.submit, act))
    assert answer == (400, "mixed_series")


async def test_sealing_stops_at_the_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: ImageGate, part: PartName, path: Path) -> None:
        raise IntakeRefused(Fault.NOT_AN_IMAGE)

    monkeypatch.setattr(ImageGate, "check", refuse)
    kept: list[int] = []

    async def sink(record: bytes, part: PartName, index: int, sealed: bytes) -> None:
        kept.append(index)

    path = tmp_path / "part"
    with path.open("wb") as sparse:
        sparse.truncate(100_000_000)
    with pytest.raises(DeskError):
        await ImageGate().seal(NETWORK.id, new_record(), {PartName.IMG_CT: path}, sink)
    assert len(kept) < 20


async def test_a_good_series_follows_a_refused_one(hospital: Node, tmp_path: Path) -> None:
    kind, part, content, _ = REFUSED["cut pixels"]
    submissions = hospital.submissions
    with pytest.raises(DeskError):
        await submissions.submit(submission(tmp_path, kind, part, content))
    good = submission(tmp_path, kind, part, archive(series("CT")))
    receipt = await submissions.submit(good)
    assert (await hospital.queries.proposal(receipt.proposal)).body == "opened"


async def test_parts_without_images_start_no_child(
    hospital: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_CHILD", "medquorum.no_such_module")
    plain = {PartName.V_IND: written(tmp_path, b"signs")}
    await ImageGate().check_all(plain)
    with pytest.raises(IntakeRefused) as caught:
        await ImageGate().check_all({PartName.IMG_CT: plain[PartName.V_IND]})
    assert caught.value.fault is Fault.DIED
