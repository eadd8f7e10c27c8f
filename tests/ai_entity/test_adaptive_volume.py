"""The adaptive threshold: closed forms, spheres past blur, refusals where nothing stands out."""

import numpy as np
import pytest
from scipy import ndimage

from medquorum.ai_entity.tumour.adaptive_volume import (
    FWHM_PER_SIGMA,
    RESOLUTION_MM,
    adaptive_volume_ml,
    blurred_sphere,
    core_mean,
)

SPACING = (4.0, 4.0, 4.0)


def sphere(diameter_mm: float, ratio: float, shift_mm: float = 0.0) -> np.ndarray:
    """A hot sphere made at 1 mm, blurred to the assumed resolution, sampled at 4 mm."""
    fine = np.ones((96, 96, 96))
    z, y, x = np.mgrid[0:96, 0:96, 0:96] + 0.5
    centre = 48.0 + shift_mm
    fine[np.sqrt((z - centre) ** 2 + (y - centre) ** 2 + (x - centre) ** 2) < diameter_mm / 2] = (
        ratio
    )
    blurred = ndimage.gaussian_filter(fine, RESOLUTION_MM / FWHM_PER_SIGMA)
    return np.asarray(blurred[2::4, 2::4, 2::4], dtype=np.float32)


def test_the_closed_form_is_the_convolution() -> None:
    fine = np.zeros((81, 81, 81))
    z, y, x = np.mgrid[-40:41, -40:41, -40:41] * 0.5
    fine[np.sqrt(z**2 + y**2 + x**2) < 10.0] = 1.0
    blurred = ndimage.gaussian_filter(fine, 3.0 / 0.5)
    radii = np.asarray([0.0, 5.0, 10.0, 14.0])
    found = blurred_sphere(radii, 10.0, 3.0)
    assert found == pytest.approx([blurred[40, 40, 40 + int(2 * r)] for r in radii], abs=0.01)
    assert blurred_sphere(np.asarray([40.0]), 40.0, 1.0)[0] == pytest.approx(0.5, abs=0.02)
    assert core_mean(40.0, 6.0, 2.0) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("ratio", [4.0, 8.0])
@pytest.mark.parametrize("diameter", [17.0, 22.0, 28.0, 37.0])
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_spheres_keep_their_volume_whatever_contrast_and_place(
    diameter: float, ratio: float, shift: float
) -> None:
    suv = sphere(diameter, ratio, shift)
    seed = (suv > 1.0 + 0.3 * (float(suv.max()) - 1.0)).astype(np.int32)
    truth = np.pi / 6.0 * diameter**3 / 1000.0
    assert adaptive_volume_ml(suv, seed, 1, SPACING) == pytest.approx(truth, rel=0.1)


def test_what_does_not_stand_out_has_no_volume() -> None:
    suv = np.ones((24, 24, 24), np.float32)
    seed = np.zeros(suv.shape, np.int32)
    seed[10:14, 10:14, 10:14] = 1
    assert adaptive_volume_ml(suv, seed, 1, SPACING) is None
    assert adaptive_volume_ml(np.zeros_like(suv), seed, 1, SPACING) is None
    assert adaptive_volume_ml(suv, np.zeros_like(seed), 1, SPACING) is None
    assert adaptive_volume_ml(suv, np.ones_like(seed), 1, SPACING) is None


def test_a_neighbour_is_never_counted() -> None:
    suv = sphere(22.0, 8.0)
    both = np.concatenate([suv, suv], axis=2)
    labels = np.zeros(both.shape, np.int32)
    labels[..., :24] = suv > 4.0
    labels[..., 24:][suv > 4.0] = 2
    alone = adaptive_volume_ml(suv, (suv > 4.0).astype(np.int32), 1, SPACING)
    assert adaptive_volume_ml(both, labels, 2, SPACING) == pytest.approx(alone, rel=0.02)
