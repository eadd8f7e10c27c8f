"""Films whose file does not say, or says wrongly, whether bone is bright."""

from functools import cache

import cv2
import numpy as np
import pytest

from medquorum.ai_entity.dicom_slice import parse_header, stored_pixels
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.fracture.edges import Suspicion, find_edges
from medquorum.ai_entity.fracture.evidence import SUSPICION_LABEL, Evidence
from medquorum.ai_entity.fracture.guard import SWAPPED, reason_to_abstain
from medquorum.ai_entity.fracture.pipeline import TURNED, analyse_radiograph
from medquorum.ai_entity.fracture.polarity import SURE, Polarity
from medquorum.ai_entity.fracture.radiograph import (
    Radiograph,
    bone_score,
    radiograph_of,
    read_radiograph,
)
from medquorum.ai_entity.package_images import chest_radiograph, tibia_radiograph
from medquorum.ai_entity.phantom.limb_film import Family, make_limb_film
from medquorum.ai_entity.registry import Registry
from medquorum.ledger.contents import Conclusion
from tests.ai_entity.slices import changed, having

FILMS = tuple((family, number) for family in Family for number in (40, 41))


@cache
def bright_tibia() -> np.ndarray:
    stored = stored_pixels(parse_header(tibia_radiograph().read_bytes(), 1), 1)
    return np.asarray(stored.max() - stored, dtype=np.float32)


@cache
def drawn(family: Family, number: int) -> np.ndarray:
    film = make_limb_film(family, number, bool(number % 2))
    stored = film.stored.astype(np.float32)
    return stored.max() - stored if film.inverted else stored


def as_png(bright: np.ndarray, swapped: bool) -> bytes:
    shown = bright.max() - bright if swapped else bright
    return cv2.imencode(".png", np.round(shown / shown.max() * 65_535.0).astype(np.uint16))[
        1
    ].tobytes()


def findings_of(content: bytes) -> Findings:
    return analyse_radiograph(read_radiograph(content), Registry())


@pytest.mark.parametrize("swapped", [False, True])
def test_the_real_tibia_as_a_picture_is_negative_either_way(swapped: bool) -> None:
    findings = findings_of(as_png(bright_tibia(), swapped))
    assert findings.conclusion is Conclusion.NEGATIVE
    assert (TURNED in findings.lines) is swapped


def test_a_film_whose_tag_is_wrong_is_not_judged() -> None:
    wrong = changed(
        tibia_radiograph().read_bytes(), having("PhotometricInterpretation", "MONOCHROME2")
    )
    findings = findings_of(wrong)
    assert findings.conclusion is Conclusion.INCONCLUSIVE
    assert findings.abstained == SWAPPED
    right = read_radiograph(tibia_radiograph().read_bytes())
    assert right.polarity is Polarity.BONE_BRIGHT


@pytest.mark.parametrize(
    "part", [np.s_[:], np.s_[:1200], np.s_[:, 630:1210], np.s_[::-1], np.s_[:, ::-1]]
)
def test_parts_and_mirrors_of_the_real_tibia_are_certain(
    part: slice | tuple[slice, slice],
) -> None:
    bright = np.ascontiguousarray(bright_tibia()[part])
    assert bone_score(bright) > SURE
    assert bone_score(-bright) < -SURE


@pytest.mark.parametrize(("family", "number"), FILMS)
def test_drawn_films_turn_with_their_polarity(family: Family, number: int) -> None:
    bright = drawn(family, number)
    assert bone_score(bright) > SURE
    assert bone_score(-bright) == pytest.approx(-bone_score(bright), abs=1e-3)
    turned = read_radiograph(as_png(bright, swapped=True))
    assert turned.polarity is Polarity.TURNED
    shown = read_radiograph(as_png(bright, swapped=False))
    assert shown.polarity is Polarity.BONE_BRIGHT
    assert np.abs(turned.grey - shown.grey).max() < 1e-3


def test_a_chest_has_no_long_bone_however_it_is_turned() -> None:
    stored = stored_pixels(parse_header(chest_radiograph().read_bytes(), 1), 1).astype(np.float32)
    for swapped in (False, True):
        image = read_radiograph(as_png(stored.max() - stored, swapped))
        assert reason_to_abstain(image, find_edges(image)) is not None


def test_a_strip_too_narrow_to_look_at_is_left_as_it_is() -> None:
    strip = np.tile(np.arange(4_000, dtype=np.float32) % 97, (64, 1))
    assert bone_score(strip) == 0.0
    assert read_radiograph(as_png(strip, swapped=False)).polarity is Polarity.BONE_BRIGHT


def lettered() -> Radiograph:
    """A limb with a letter beside it that is brighter than bone."""
    bright = np.full((640, 480), 40.0, dtype=np.float32)
    bright += np.random.default_rng(1).normal(0.0, 1.0, bright.shape).astype(np.float32)
    bright[:, 180:300] += 60.0
    bright[:, 215:265] += 60.0
    bright[270:320, 385:395] = bright[270:280, 385:415] = bright[270:320, 405:415] = 220.0
    return radiograph_of(bright, None)


def test_nothing_is_marked_beside_the_limb() -> None:
    maps = find_edges(lettered())
    heat = np.full(maps.edges.shape, -1.0, dtype=np.float32)
    heat[280:310, 390:410] = 5.0
    on_letter = Evidence(maps, (), heat)
    assert on_letter.boxes() == ()
    assert on_letter.places() == (0, 0)
    assert not (on_letter.overlay().labels() >= 16).any()
    heat[200:240, 220:260] = 4.0
    on_limb = Evidence(maps, (), heat)
    assert on_limb.boxes() == ((220, 200, 40, 40),)
    assert on_limb.places() == (1, 0)
    contour = Suspicion((230, 400, 20, 6), 20.0, 30.0)
    both = Evidence(maps, (contour,), heat)
    assert both.boxes() == ((220, 200, 40, 40), contour.box)
    assert both.places() == (1, 1)
    assert (on_limb.overlay().labels() >= 16).any()


def test_contours_are_marked_only_where_they_are_counted() -> None:
    maps = find_edges(lettered())
    maps.across[100:103, 230:250] = True
    assert not (Evidence(maps, (), None).overlay().labels() == SUSPICION_LABEL).any()
