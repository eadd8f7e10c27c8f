"""The fracture pipeline on phantoms and on the two real radiographs of pydicom-data."""

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pydicom
import pytest

from medquorum.ai_entity.analyse import analyse_fracture
from medquorum.ai_entity.contact_sheet import MAX_WORDS
from medquorum.ai_entity.dicom_pack import pack_series_bytes
from medquorum.ai_entity.dicom_slice import parse_header, stored_pixels
from medquorum.ai_entity.errors import RadiographError, Reason
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.fracture.edges import EdgeMaps, Suspicion, find_edges
from medquorum.ai_entity.fracture.pipeline import SCOPE, analyse_radiograph
from medquorum.ai_entity.fracture.radiograph import Radiograph, radiograph_of, read_radiograph
from medquorum.ai_entity.fracture.scoring import NOT_FOR_CARE, READ_NOW, care_for, measure
from medquorum.ai_entity.package_images import chest_radiograph, package_file, tibia_radiograph
from medquorum.ai_entity.phantom.dicom_writer import write_radiograph
from medquorum.ai_entity.phantom.long_bone import PIXEL_MM, make_long_bone
from medquorum.ai_entity.registry import Registry
from medquorum.ledger.canonical import decode, encode
from medquorum.ledger.contents import Conclusion, NextStep
from tests.ai_entity.slices import changed, having, small_ct

SEEDS = range(90_001, 90_009)
"""Used neither for fitting nor for the card's evaluation."""


@pytest.fixture(scope="module")
def shelf() -> Registry:
    return Registry()


def phantom(seed: int, fractured: bool) -> Radiograph:
    return radiograph_of(make_long_bone(seed, fractured).pixels.astype(np.float32), None)


def judge(image: Radiograph, shelf: Registry) -> Findings:
    return analyse_radiograph(image, shelf)


def test_phantoms_are_told_apart(shelf: Registry) -> None:
    found = {
        (seed, fractured): judge(phantom(seed, fractured), shelf).conclusion
        for seed in SEEDS
        for fractured in (False, True)
    }
    wrong_alarm = [key for key, c in found.items() if not key[1] and c is Conclusion.FRACTURE]
    hits = [key for key, c in found.items() if key[1] and c is Conclusion.FRACTURE]
    assert wrong_alarm == []
    assert len(hits) >= len(SEEDS) - 2


def test_a_fracture_is_shown_where_it_is_and_advised_on(shelf: Registry) -> None:
    bone = make_long_bone(1, True)
    findings = judge(radiograph_of(bone.pixels.astype(np.float32), None), shelf)
    assert findings.conclusion is Conclusion.FRACTURE
    assert findings.next_step is NextStep.TREATMENT
    assert findings.fracture is not None
    assert bone.cut is not None
    row = 320 + bone.cut.along_mm / PIXEL_MM
    assert any(abs(y + h / 2 - row) < 40 for _, y, _, h in findings.fracture.boxes)
    assert findings.fracture.healing_weeks_low in (2, 4, 8)
    assert findings.fracture.advice.startswith("As published, not validated: ")
    assert findings.fracture.referral == READ_NOW
    assert findings.lines[1] == f"Fracture suspected. {READ_NOW}"
    assert sum(NOT_FOR_CARE in line for line in findings.lines[:MAX_WORDS]) == 1
    assert any(line.startswith("Boxes on the limb: ") for line in findings.lines)
    assert not any("within a week" in line for line in findings.lines)
    assert findings.overlay is not None
    assert {0, 1, 2} <= set(np.unique(findings.overlay.labels()))


@pytest.mark.parametrize("turn", [None, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, "mirror", "shaft"])
def test_a_real_intact_tibia_is_not_called_fractured(
    shelf: Registry, turn: int | str | None
) -> None:
    """CR, MONOCHROME1, collimated, with a benign lesion that has sharp edges."""
    pixels = stored_pixels(parse_header(tibia_radiograph().read_bytes(), 1), 1)
    bright = -pixels.astype(np.float32)
    if turn == "mirror":
        bright = bright[:, ::-1]
    elif turn == "shaft":
        bright = bright[:1200]
    elif isinstance(turn, int):
        bright = np.asarray(cv2.rotate(bright, turn), dtype=np.float32)
    findings = judge(radiograph_of(np.ascontiguousarray(bright), "EXTREMITY"), shelf)
    assert findings.conclusion is not Conclusion.FRACTURE
    if turn is None:
        assert findings.conclusion is Conclusion.NEGATIVE
        assert {"No fracture found. Undisplaced fractures may be missed.", SCOPE} <= {
            *findings.lines
        }
        assert findings.fracture is not None
        assert findings.fracture.severity == "none"


def test_a_real_chest_is_outside_the_rule() -> None:
    findings = analyse_fracture(chest_radiograph())
    assert findings.conclusion is Conclusion.INCONCLUSIVE
    assert findings.abstained is not None
    assert "no long shaft" in findings.abstained


def test_the_chest_without_its_tag_is_recognised_by_its_edges(shelf: Registry) -> None:
    image = read_radiograph(chest_radiograph().read_bytes())
    nameless = Radiograph(image.grey, image.exposed, None)
    assert judge(nameless, shelf).abstained is not None


def test_noise_makes_it_abstain(shelf: Registry) -> None:
    noise = np.random.default_rng(1).integers(0, 4096, (700, 500)).astype(np.float32)
    findings = judge(radiograph_of(noise, None), shelf)
    assert findings.abstained is not None
    assert findings.confidence_ppm == 0


OTHER_IMAGES = (
    "693_UNCR.dcm",
    "CT_small.dcm",
    "MR_small.dcm",
    "MR2_UNCR.dcm",
    "explicit_VR-UN.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "eCT_Supplemental.dcm",
)
"""Real CT and MR slices of pydicom and pydicom-data: what someone may export as a picture."""


@pytest.mark.parametrize("name", OTHER_IMAGES)
def test_other_real_images_make_it_abstain(shelf: Registry, name: str) -> None:
    pixels = pydicom.dcmread(package_file(name)).pixel_array
    picture = np.asarray(pixels if pixels.ndim == 2 else pixels[0], dtype=np.float32)
    findings = judge(radiograph_of(picture, None), shelf)
    assert findings.conclusion is Conclusion.INCONCLUSIVE
    assert findings.abstained is not None


def bar() -> np.ndarray:
    """A drawn shaft with a drawn gap."""
    rows, columns = np.mgrid[0:600, 0:400]
    drawn = (np.abs(columns - 200) < 40) & (np.abs(rows - 300) > 6)
    return np.asarray(drawn, dtype=np.float32)


def tinted(share: float) -> Radiograph:
    pixels = make_long_bone(1, True).pixels / 4095.0 * 200.0
    colour = np.stack([pixels, pixels, pixels * (1.0 - share)], axis=-1)
    return read_radiograph(cv2.imencode(".png", np.round(colour).astype(np.uint8))[1].tobytes())


def test_drawings_and_colour_pictures_and_wrong_scales_make_it_abstain(shelf: Registry) -> None:
    film = phantom(1, True)
    wrong = {
        "few grey values": radiograph_of(bar(), None),
        "a colour picture": tinted(0.8),
        "6 mm long": replace(film, pixel_mm=0.01),
        "6400 mm long": replace(film, pixel_mm=10.0),
    }
    for words, image in wrong.items():
        findings = judge(image, shelf)
        assert words in (findings.abstained or ""), words
        assert findings.conclusion is Conclusion.INCONCLUSIVE
    assert judge(tinted(0.02), shelf).conclusion is Conclusion.FRACTURE
    assert judge(replace(film, pixel_mm=0.5), shelf).conclusion is Conclusion.FRACTURE


def test_monochrome1_and_collimation() -> None:
    image = read_radiograph(tibia_radiograph().read_bytes())
    assert 0.35 < image.exposed.mean() < 0.5
    assert image.grey[880, 880] > image.grey[880, 600]
    flat = phantom(3, False)
    assert flat.exposed.all()


@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_pictures_give_what_dicom_gives(shelf: Registry, extension: str) -> None:
    pixels = make_long_bone(1, True).pixels
    eight = np.round(pixels / 4095 * 255).astype(np.uint8)
    colour = cv2.cvtColor(eight, cv2.COLOR_GRAY2BGR)
    encoded = cv2.imencode(extension, colour, [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes()
    findings = judge(read_radiograph(encoded), shelf)
    assert findings.conclusion is Conclusion.FRACTURE


def test_grey_by_the_published_weights() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :20], picture[:, 20:40], picture[:, 40:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    grey = read_radiograph(cv2.imencode(".png", picture)[1].tobytes()).grey
    blue, green, red = grey[5, 5], grey[5, 30], grey[5, 60]
    assert (blue, green) == pytest.approx((0.0, 1.0), abs=1e-6)
    assert red == pytest.approx((0.299 - 0.114) / (0.587 - 0.114), abs=1e-3)


def test_published_numbers() -> None:
    edges = np.zeros((100, 100), np.bool_)
    edges[:5] = True
    everything = np.ones_like(edges)
    maps = EdgeMaps(edges.astype(np.uint8), edges, everything, everything, edges, 1.0)
    lines = (Suspicion((0, 0, 40, 5), 40.0, 150.0), Suspicion((50, 0, 30, 5), 30.0, 50.0))
    measures = measure(maps, lines)
    assert measures.edge_density == 0.05
    assert measures.contour_count == 2
    assert measures.fracture_area_percent == 2.0
    assert measures.score == pytest.approx(0.05 * 100 + 2 + 2.0)
    assert measures.severity == (2.0 + 2) / 2


@pytest.mark.parametrize(
    ("severity", "name", "weeks"),
    [(0.5, "mild", (2, 4)), (5.0, "moderate", (4, 8)), (15.0, "severe", (8, 12))],
)
def test_severity_and_healing(severity: float, name: str, weeks: tuple[int, int]) -> None:
    care = care_for(severity)
    assert (care.severity, care.healing_weeks) == (name, weeks)
    assert care.advice


def dicom() -> bytes:
    return write_radiograph(make_long_bone(2, False).pixels, "limb", PIXEL_MM)


def two_files() -> bytes:
    return pack_series_bytes(small_ct()[:2])


def giant_png() -> bytes:
    content = bytearray(cv2.imencode(".png", np.zeros((70, 70), np.uint8))[1].tobytes())
    content[16:24] = (100_000).to_bytes(4) * 2
    return bytes(content)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (two_files, Reason.BAD_ARCHIVE),
        (lambda: small_ct()[0], Reason.UNSUPPORTED_IMAGE),
        (giant_png, Reason.OVERSIZE),
        (lambda: b"\xff\xd8\xff" + bytes(100), Reason.TRUNCATED_PIXELS),
        (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), Reason.UNSUPPORTED_IMAGE),
        (lambda: changed(dicom(), having("PhotometricInterpretation", "RGB")), Reason.BAD_TAG),
    ],
)
def test_other_files_are_refused(make: Callable[[], bytes], reason: Reason) -> None:
    with pytest.raises(RadiographError) as caught:
        read_radiograph(make())
    assert caught.value.reason is reason


def test_r_bod10_an_archive_of_one_file_in_the_child() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("000001.dcm")
        content = write_radiograph(make_long_bone(1, True).pixels, "limb", PIXEL_MM)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    findings = analyse_fracture(target.getvalue())
    assert findings.conclusion is Conclusion.FRACTURE
    assert decode(encode(findings.to_report())) == findings.to_report()


def test_edges_lie_inside_the_exposed_field() -> None:
    image = read_radiograph(tibia_radiograph().read_bytes())
    maps = find_edges(image)
    small = cv2.resize(image.exposed.astype(np.uint8), maps.edges.shape[::-1])
    assert not (maps.edges & (small == 0)).any()
    assert not (maps.across & ~maps.shaft).any()
