"""`medquorum ai analyze` as a person or a program meets it: documents, pictures, refusals."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from medquorum.ai_entity.commands import app
from medquorum.ai_entity.contact_sheet import chosen_slices, fracture_sheet
from medquorum.ai_entity.fracture.pipeline import analyse_radiograph
from medquorum.ai_entity.fracture.radiograph import radiograph_of
from medquorum.ai_entity.overlay import overlay_from_content
from medquorum.ai_entity.package_images import chest_radiograph
from medquorum.ai_entity.phantom.long_bone import make_long_bone
from medquorum.ai_entity.phantom.torso import PhantomPair
from medquorum.ai_entity.published import published
from medquorum.ai_entity.registry import Registry
from medquorum.ai_entity.telling import with_file_names
from medquorum.ledger.canonical import decode
from medquorum.ledger.limits import FRAME
from tests.ai_entity.slices import all_changed, changed, without


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def folder_of(path: Path, files: list[bytes]) -> Path:
    """The files as a hospital's export."""
    path.mkdir()
    for number, content in enumerate(files, start=1):
        (path / f"IM{number:04d}.dcm").write_bytes(content)
    return path


@pytest.fixture(scope="module")
def folders(pair: PhantomPair, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("export")
    return folder_of(root / "ct", pair.ct), folder_of(root / "pet", pair.pet)


def test_a_pair_gives_a_document_and_a_picture(
    folders: tuple[Path, Path], pair: PhantomPair, tmp_path: Path
) -> None:
    picture = tmp_path / "sheet.png"
    ended = run("analyze", "--ct", folders[0], "--pet", folders[1], "--json", "--overlay", picture)
    assert ended.exit_code == 0
    document = json.loads(ended.stdout)
    assert "reading and analysing CT and PET" in ended.stderr
    assert document["not_for_clinical_use"] is True
    assert document["machine_generated"] is True
    assert document["model"]["digest"] == Registry().digest_of("petct").hex()
    assert (document["conclusion"], document["abstained"]) == ("tumour", None)
    tumour: dict[str, Any] = document["tumour"]
    volumes = {one["by"]: one for one in tumour["total_tumour_volume"]}
    assert list(volumes)[:4] == ["network", "suv_2_5", "suv_4", "suv_41pct"]
    assert all(one["method"] and one["volume_ml"] > 0.0 for one in volumes.values())
    for method in ("suv_2_5", "suv_4"):  # the network over-draws limbs, as its page says
        assert volumes[method]["volume_ml"] == pytest.approx(pair.lesions[0].volume_ml, rel=0.4)
    lesion = max(tumour["lesions"], key=lambda one: float(one["suv_max"]))
    assert (tumour["suv_max"], tumour["suv_peak"]) == (lesion["suv_max"], lesion["suv_peak"])
    assert lesion["suv_max"] > lesion["suv_peak"] > 0.85 * pair.lesions[0].suv
    for region in tumour["regions"]:
        assert sum(region["probabilities"].values()) == pytest.approx(1.0)
    seen = cv2.imread(str(picture))
    assert seen is not None
    red = (seen[..., 2] > 200) & (seen[..., 0] < 100)
    assert red.sum() > 200


def test_ct_alone_and_the_label_maps(folders: tuple[Path, Path], tmp_path: Path) -> None:
    ended = run("analyze", "--ct", folders[0], "--overlay", tmp_path / "map.npz")
    assert ended.exit_code == 0
    assert "Not for clinical use." in ended.stdout
    with np.load(tmp_path / "map.npz", allow_pickle=False) as archive:
        labels, affine = archive["labels"], archive["affine_mm"]
    assert labels.ndim == 3
    assert affine.shape == (4, 4)
    assert run("analyze", "--ct", folders[0], "--overlay", tmp_path / "map").exit_code == 0
    carried = overlay_from_content(decode((tmp_path / "map").read_bytes(), FRAME))
    assert (carried.labels() == labels).all()


def test_an_xray_of_the_package_abstains_in_words_and_numbers(tmp_path: Path) -> None:
    ended = run("analyze", "--xray", chest_radiograph(), "--json", "--overlay", tmp_path / "x.png")
    document = json.loads(ended.stdout)
    assert document["conclusion"] == "inconclusive"
    assert "no long shaft" in document["abstained"]
    assert document["fracture"]["probability"] is None
    assert document["fracture"]["severity"] is None
    assert cv2.imread(str(tmp_path / "x.png")) is not None


def test_a_fracture_is_boxed_and_published() -> None:
    film = radiograph_of(make_long_bone(1, True).pixels.astype(np.float32), None)
    findings = analyse_radiograph(film, Registry())
    document = published(findings)
    assert json.loads(json.dumps(document)) == document
    assert document["fracture"]["healing_weeks"][0] > 0
    assert document["fracture"]["probability"] > 0.65
    sheet = cv2.imdecode(np.frombuffer(fracture_sheet(film, findings), np.uint8), cv2.IMREAD_COLOR)
    assert sheet is not None
    assert ((sheet[..., 2] > 200) & (sheet[..., 0] < 100)).sum() > 50


def test_slices_are_chosen_through_the_lesions() -> None:
    labels = np.zeros((40, 3, 3), np.uint8)
    assert chosen_slices(labels) == (2, 7, 12, 17, 22, 27, 32, 37)
    labels[20:23, 1, 1] = 1
    assert chosen_slices(labels) == (20, 21, 22)
    labels[20:40, 1, 1] = 1
    assert chosen_slices(labels)[0] == 20
    assert chosen_slices(labels)[-1] == 39
    assert chosen_slices(labels[:1]) == (0,)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((), 2, "either --ct FOLDER"),
        (("--ct", "{ct}", "--xray", "{ct}"), 2, "either --ct FOLDER"),
        (("--xray", "{ct}", "--pet", "{pet}"), 2, "together with its CT"),
        (("--ct", "absent"), 4, "there is no absent"),
        (("--ct", "{ct}", "--overlay", "absent/a.png"), 4, "there is no folder absent"),
        (("--ct", "{pet}"), 1, "CT: file 1 (IM0001.dcm) is not of modality CT"),
        (("--xray", "{ct}/IM0001.dcm"), 1, "not a CR or DX X-ray"),
    ],
)
def test_refusals_are_one_sentence(
    folders: tuple[Path, Path], words: tuple[str, ...], code: int, sentence: str
) -> None:
    ct, pet = folders
    ended = run("analyze", *(word.format(ct=ct, pet=pet) for word in words))
    assert ended.exit_code == code
    assert sentence in ended.stderr
    assert ended.stdout == ""


def test_refusals_name_series_file_and_tag(
    folders: tuple[Path, Path], pair: PhantomPair, tmp_path: Path
) -> None:
    second = changed(pair.ct[1], without("RescaleSlope"))
    ct = folder_of(tmp_path / "ct", [pair.ct[0], second, *pair.ct[2:]])
    ended = run("analyze", "--ct", ct, "--pet", folders[1])
    assert "CT: file 2 (IM0002.dcm) lacks RescaleSlope (0028,1053)" in ended.stderr
    pet = folder_of(tmp_path / "pet", all_changed(pair.pet, without("PatientWeight")))
    ended = run("analyze", "--ct", folders[0], "--pet", pet)
    assert "PET: no SUV without PatientWeight (0010,1030)" in ended.stderr
    assert ended.exit_code == 1


def test_file_names_are_made_printable_and_bounds_kept(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"")
    assert with_file_names("files 1 and 2 differ", tmp_path) == "files 1 (a?[31m) and 2 (b) differ"
    assert with_file_names("file 3 and file 0", tmp_path) == "file 3 and file 0"
    assert with_file_names("file 1", None) == "file 1"
