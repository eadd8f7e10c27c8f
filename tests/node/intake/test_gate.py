"""The child process: real images pass, hostile ones end it and not the node (R-BOD10)."""

import asyncio
import json
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import psutil
import pydicom
import pytest
from pydicom.data import get_testdata_file

from medquorum.ledger.types import PartName
from medquorum.node.image_archive import pack_images
from medquorum.node.intake import gate
from medquorum.node.intake.dicom_file import DEFLATED
from medquorum.node.intake.faults import FAULTS, Fault, IntakeRefused, IntakeRule
from medquorum.node.intake.gate import ChildBounds, ImageGate, desk_error, read_answer
from medquorum.node.intake.limits import CHILD_MEMORY_BYTES, FILES, MIB
from tests.node.intake.kit import CANARY, archive, encoded, image, series, written

BOMB_BYTES = 640 * MIB
TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"


def packed(folder: Path, *names: str) -> Path:
    """An archive of images that the installed packages hold."""
    source = folder / "series"
    source.mkdir()
    for name in names:
        found = get_testdata_file(name, download=False)
        assert found is not None
        (source / name).write_bytes(Path(str(found)).read_bytes())
    pack_images(source, folder / "images.tar")
    return folder / "images.tar"


def children() -> list[psutil.Process]:
    """The intake's child processes; other tests keep networks of nodes beside them."""
    module = "medquorum.node.intake"
    return [
        one for one in psutil.Process().children() if any(module in word for word in one.cmdline())
    ]


async def refusal(path: Path, part: PartName = PartName.IMG_CT, **bounds: float) -> IntakeRefused:
    with pytest.raises(IntakeRefused) as caught:
        await ImageGate(ChildBounds(**bounds)).check(part, path)  # type: ignore[arg-type]
    assert CANARY not in str(caught.value)
    assert children() == []
    return caught.value


def bomb() -> bytes:
    """A file of some 600 KiB whose pixels inflate to 640 MiB (DICOM PS3.5 A.5)."""
    small = encoded(image("CT"), DEFLATED)
    start = 144 + int.from_bytes(small[140:144], "little")
    plain = zlib.decompress(small[start:], -zlib.MAX_WBITS)
    header = plain[: plain.index(b"\xe0\x7f\x10\x00OW")]
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    pixels = b"\xe0\x7f\x10\x00OW\0\0" + struct.pack("<I", BOMB_BYTES)
    pieces = [squeeze.compress(header + pixels)]
    pieces += [squeeze.compress(bytes(MIB)) for _ in range(BOMB_BYTES // MIB)]
    return small[:start] + b"".join(pieces) + squeeze.flush()


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (PartName.IMG_CT, ("CT_small.dcm",)),
        (PartName.IMG_CT, ("693_UNCR.dcm",)),
        (PartName.IMG_CT, ("693_J2KR.dcm",)),
        (PartName.IMG_CT, ("explicit_VR-UN.dcm",)),
        (PartName.IMG_XRAY, ("RG3_UNCR.dcm",)),
        (PartName.IMG_XRAY, ("RG1_J2KR.dcm",)),
    ],
)
async def test_real_images_of_the_packages_are_taken(
    tmp_path: Path, part: PartName, names: tuple[str, ...]
) -> None:
    checked = await ImageGate().check(part, packed(tmp_path, *names))
    assert checked.files == len(names)


async def test_a_real_series_is_taken_and_real_series_do_not_mix(tmp_path: Path) -> None:
    pack_images(TEST_FILES / "dicomdirtests" / "98892001" / "CT5N", tmp_path / "one.tar")
    assert (await ImageGate().check(PartName.IMG_CT, tmp_path / "one.tar")).files == 5
    pack_images(TEST_FILES / "dicomdirtests" / "98892001", tmp_path / "several.tar")
    assert (await refusal(tmp_path / "several.tar")).rule in ("wrong_modality", "mixed_series")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("MR_small.dcm", "wrong_modality"),
        ("693_J2KI.dcm", "unsupported_compression"),
        ("eCT_Supplemental.dcm", "unsupported_image"),
    ],
)
async def test_real_images_of_another_kind_are_refused(
    tmp_path: Path, name: str, rule: str
) -> None:
    assert (await refusal(packed(tmp_path, name))).rule == rule


async def test_a_deflate_bomb_stays_within_the_childs_memory(tmp_path: Path) -> None:
    content = archive([bomb()])
    assert len(content) < 4 * MIB
    path = written(tmp_path, content)
    assert (await refusal(path)).fault is Fault.INFLATED_SIZE
    tight = await refusal(path, memory_bytes=CHILD_MEMORY_BYTES // 2)
    assert (tight.rule, tight.ordinal) == (IntakeRule.OVERSIZE, 1)


async def test_thousands_of_files_are_refused_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, archive([b""] * (FILES + 1)))
    refused = await refusal(path, cpu_seconds=5)
    assert (refused.rule, refused.fault) == (IntakeRule.OVERSIZE, Fault.TOO_MANY_FILES)


async def test_a_child_that_hangs_is_killed(tmp_path: Path) -> None:
    endless = tmp_path / "part"
    os.mkfifo(endless)
    assert (await refusal(endless, wall_seconds=0.3)).fault is Fault.OUT_OF_TIME


async def test_a_child_that_computes_too_long_is_killed(tmp_path: Path) -> None:
    dataset = image("CT")
    dataset.SOPInstanceUID = "2.25.1000000"
    one = encoded(dataset)
    many = [one.replace(b"2.25.1000000", b"2.25.1%06d" % number) for number in range(6_000)]
    path = written(tmp_path, archive(many))
    assert (await refusal(path, cpu_seconds=1)).fault is Fault.OUT_OF_TIME


async def test_a_child_without_memory_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, archive(series("CT")))
    assert (await refusal(path, memory_bytes=24 * MIB)).rule is IntakeRule.CHECK_FAILED


async def test_a_caller_that_goes_away_takes_the_child_with_it(tmp_path: Path) -> None:
    endless = tmp_path / "part"
    os.mkfifo(endless)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await ImageGate().check(PartName.IMG_CT, endless)
    assert children() == []


async def test_the_node_holds_nothing_of_what_is_looked_into(tmp_path: Path) -> None:
    large = [encoded(image("CT", number, side=2_048)) for number in range(1, 9)]
    path = written(tmp_path, archive(large))
    size = path.stat().st_size
    del large
    tracemalloc.start()
    checked = await ImageGate().check(PartName.IMG_CT, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 60 * MIB
    assert peak < 2 * MIB
    assert checked.peak_memory_bytes < size


async def test_without_pydicom_dicom_is_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "pydicom.py").write_text("raise ModuleNotFoundError('no', name='pydicom')")
    path = f"{hidden}{os.pathsep}{gate.ENVIRONMENT['PYTHONPATH']}"
    monkeypatch.setattr(gate, "ENVIRONMENT", {**gate.ENVIRONMENT, "PYTHONPATH": path})
    refused = await refusal(written(tmp_path, archive(series("CT"))))
    assert (refused.fault, "medquorum[dicom]" in refused.advice) == (Fault.NO_READER, True)
    assert desk_error(refused).status == 503


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'{"files": "many", "peak_memory_bytes": 0}',
        json.dumps({"fault": CANARY, "ordinal": 1, "tag": None}).encode(),
        b"[" * 4_000,
    ],
)
def test_an_answer_that_is_none_is_not_repeated(told: bytes) -> None:
    with pytest.raises(IntakeRefused) as caught:
        read_answer(told)
    assert (caught.value.fault, CANARY in str(caught.value)) == (Fault.DIED, False)


def test_a_child_that_was_taken_over_can_tell_nothing() -> None:
    lies = {"fault": "missing", "ordinal": CANARY, "tag": CANARY, "advice": CANARY}
    with pytest.raises(IntakeRefused) as caught:
        read_answer(json.dumps(lies).encode())
    assert str(caught.value) == "the file lacks an element, or it is empty or zero; export the " + (
        "series again"
    )


def test_every_fault_has_a_sentence_and_a_status() -> None:
    for fault in Fault:
        answer = desk_error(IntakeRefused(fault, 3, "Rows"))
        rule = FAULTS[fault][0]
        assert (answer.status, answer.rule) == (503 if rule == "no_dicom_reader" else 400, rule)
        assert "{" not in answer.advice
