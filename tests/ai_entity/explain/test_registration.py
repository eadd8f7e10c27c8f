"""Where the earlier body lies: known shifts are found, and doubt is admitted."""

import numpy as np
import pytest

from medquorum.ai_entity.explain.landmarks import (
    Landmarks,
    landmarks_from_content,
    make_landmarks,
)
from medquorum.ai_entity.explain.registration import find_shift
from medquorum.ai_entity.phantom.torso import make_limb_ct
from medquorum.ai_entity.phantom.whole_body import TorsoPhantom, TorsoPlan, make_torso

Offset = tuple[float, float, float]


@pytest.fixture(scope="module")
def body() -> TorsoPhantom:
    return make_torso(1, TorsoPlan())


def placed(hu: np.ndarray, spacing: Offset, origin: Offset) -> Landmarks:
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = spacing
    affine[:3, 3] = origin
    affine[3, 3] = 1.0
    return make_landmarks(hu, affine)


def noisy(hu: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.asarray(hu + rng.normal(0.0, 40.0, hu.shape), dtype=np.float32)


@pytest.mark.parametrize(
    ("rolled", "kept"),
    [((0, 0, 0), slice(None)), ((5, -3, 2), slice(None)), ((5, -3, 2), slice(20, 100))],
)
def test_a_shift_is_found_to_a_few_millimetres(
    body: TorsoPhantom, rolled: tuple[int, int, int], kept: slice
) -> None:
    earlier = placed(body.hu, body.spacing_zyx_mm, (-200.0, 0.0, 50.0))
    moved = noisy(np.roll(body.hu, rolled, (0, 1, 2)))
    low = 4.0 * (kept.start or 0)
    later = placed(moved[kept], body.spacing_zyx_mm, (100.0, 20.0, -70.0 + low))
    shift = find_shift(earlier, later)
    z, y, x = (4.0 * step for step in rolled)
    assert shift.vector_mm == pytest.approx((300.0 + x, 20.0 + y, -120.0 + z), abs=4.0)
    assert shift.likeness > 0.85


def test_other_directions_of_the_rows_are_no_obstacle(body: TorsoPhantom) -> None:
    earlier = placed(body.hu, body.spacing_zyx_mm, (0.0, 0.0, 0.0))
    turned = np.zeros((4, 4))  # the same patient, stored from head to feet
    turned[[2, 1, 0], [0, 1, 2]] = (-4.0, 4.0, 4.0)
    turned[2, 3], turned[3, 3] = 4.0 * (len(body.hu) - 1) + 30.0, 1.0
    later = make_landmarks(np.ascontiguousarray(body.hu[::-1]), turned)
    assert find_shift(earlier, later).vector_mm == pytest.approx((0.0, 0.0, 30.0), abs=4.0)


def test_a_limb_fits_everywhere_and_is_therefore_placed_nowhere() -> None:
    ct, _ = make_limb_ct(3)
    earlier = placed(ct.voxels, ct.spacing_zyx_mm, ct.origin_mm)
    later = placed(np.roll(ct.voxels, 7, 0), ct.spacing_zyx_mm, ct.origin_mm)
    shift = find_shift(earlier, later)
    assert shift.vector_mm is None
    assert "several shifts" in shift.refusal


def test_what_is_no_body_fits_nowhere(body: TorsoPhantom) -> None:
    rng = np.random.default_rng(1)
    noise = rng.choice([-1000.0, -100.0, 40.0, 300.0], size=(80, 80, 80)).astype(np.float32)
    shift = find_shift(
        placed(body.hu, body.spacing_zyx_mm, (0.0, 0.0, 0.0)),
        placed(noise, (8.0, 8.0, 8.0), (0.0, 0.0, 0.0)),
    )
    assert shift.vector_mm is None
    assert "alike" in shift.refusal


def test_landmarks_go_through_their_content_and_stay_small(body: TorsoPhantom) -> None:
    made = placed(body.hu, body.spacing_zyx_mm, (0.0, 0.0, 0.0))
    assert landmarks_from_content(made.to_content()) == made
    assert len(made.compressed) < 20_000
    assert set(np.unique(made.classes())) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": [1, 1, 1]}, "do not match"),
        ({"shape": [4_000, 4_000, 4_000]}, "not read"),
        ({"shape": [0, 1, 1]}, "not read"),
        ({"affine_nm": [0] * 11}, "wrong length"),
        ({"frame": b"short"}, "wrong length"),
        ({"classes_zlib": [b"no zlib"]}, "not compressed"),
        ({"classes_zlib": 5}, "malformed"),
    ],
)
def test_hostile_landmarks_are_refused(
    body: TorsoPhantom, change: dict[str, object], words: str
) -> None:
    content = placed(body.hu, body.spacing_zyx_mm, (0.0, 0.0, 0.0)).to_content() | change
    with pytest.raises(ValueError, match=words):
        landmarks_from_content(content).classes()
