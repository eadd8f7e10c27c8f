"""SUVbw by the QIBA formula; every missing field is refused by name."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.errors import Reason, SeriesError, SuvError
from medquorum.ai_entity.phantom.dicom_writer import suv_to_bqml
from medquorum.ai_entity.rtstruct import read_regions, region_mask
from medquorum.ai_entity.suv import MS_PER_DAY, PetFacts, suv_factor
from tests.ai_entity.slices import changed, having, small_pet

NOON_MS = 12 * 3_600_000

FACTS = PetFacts(
    units="BQML",
    corrected_image=("DECY", "ATTN"),
    decay_correction="START",
    series_ms=20_000 * MS_PER_DAY + NOON_MS,
    acquisition_ms=20_000 * MS_PER_DAY + NOON_MS,
    ge_scan_ms=None,
    injection_ms=None,
    injection_time_of_day_ms=NOON_MS - 6_586_200,
    dose_bq=370e6,
    half_life_s=6_586.2,
    weight_kg=74.0,
    philips_suv_factor=None,
    philips_activity_factor=None,
)


def test_formula_by_hand() -> None:
    """One half-life after injection half of 370 MBq is left: 74000 g / 185 MBq."""
    assert suv_factor(FACTS) == pytest.approx(74_000 / 185e6)


def test_administration_time_needs_no_decay_and_gml_no_formula() -> None:
    assert suv_factor(replace(FACTS, decay_correction="ADMIN")) == pytest.approx(74_000 / 370e6)
    assert suv_factor(replace(FACTS, units="GML", dose_bq=None, weight_kg=None)) == 1.0


def test_injection_before_midnight() -> None:
    late = replace(
        FACTS,
        series_ms=20_000 * MS_PER_DAY + 1_000,
        acquisition_ms=20_000 * MS_PER_DAY + 1_000,
        injection_time_of_day_ms=MS_PER_DAY + 1_000 - 6_586_200,
    )
    assert suv_factor(late) == pytest.approx(suv_factor(FACTS))


def test_derived_series_uses_the_private_scan_time_or_is_refused() -> None:
    derived = replace(FACTS, series_ms=20_000 * MS_PER_DAY + NOON_MS + 9_999)
    with pytest.raises(SuvError) as caught:
        suv_factor(derived)
    assert caught.value.reason is Reason.IMPLAUSIBLE_TIME
    assert suv_factor(replace(derived, ge_scan_ms=FACTS.series_ms)) == suv_factor(FACTS)


def test_philips_counts() -> None:
    counts = replace(FACTS, units="CNTS")
    assert suv_factor(replace(counts, philips_suv_factor=0.002)) == 0.002
    by_activity = suv_factor(replace(counts, philips_activity_factor=3.0))
    assert by_activity == pytest.approx(3.0 * suv_factor(FACTS))


@pytest.mark.parametrize(
    ("field", "value", "reason", "words"),
    [
        ("units", None, Reason.MISSING_TAG, "0054,1001"),
        ("units", "PROPCPS", Reason.BAD_TAG, "0054,1001"),
        ("units", "CNTS", Reason.MISSING_TAG, "7053,1000"),
        ("corrected_image", ("DECY",), Reason.DECAY_UNKNOWN, "ATTN"),
        ("corrected_image", ("ATTN",), Reason.DECAY_UNKNOWN, "DECY"),
        ("decay_correction", None, Reason.MISSING_TAG, "0054,1102"),
        ("decay_correction", "NONE", Reason.DECAY_UNKNOWN, "0054,1102"),
        ("weight_kg", None, Reason.MISSING_TAG, "0010,1030"),
        ("dose_bq", None, Reason.MISSING_TAG, "0018,1074"),
        ("half_life_s", None, Reason.MISSING_TAG, "0018,1075"),
        ("series_ms", None, Reason.MISSING_TAG, "0008,0021"),
        ("acquisition_ms", None, Reason.MISSING_TAG, "0008,0022"),
        ("injection_time_of_day_ms", None, Reason.MISSING_TAG, "0018,1078"),
        ("injection_ms", 0, Reason.IMPLAUSIBLE_TIME, "12 h"),
    ],
)
def test_a_missing_or_impossible_field_is_named(
    field: str, value: Any, reason: Reason, words: str
) -> None:
    change: Callable[..., PetFacts] = replace
    with pytest.raises(SuvError) as caught:
        suv_factor(change(FACTS, **{field: value}))
    assert caught.value.reason is reason
    assert words in caught.value.message


def test_every_slice_has_its_own_slope() -> None:
    volume = read_series(small_pet(), "PT")
    assert volume.pet is not None
    suv = volume.voxels * suv_factor(volume.pet)
    expected = np.arange(240, dtype=np.float64).reshape(5, 8, 6)
    assert np.abs(suv - expected).max() < 240 / 32_000 * 0.6
    assert suv_factor(volume.pet) == pytest.approx(1.0 / suv_to_bqml(), rel=1e-6)


def test_slices_that_disagree_on_the_dose_are_refused() -> None:
    files = small_pet()
    files[1] = changed(files[1], having("PatientWeight", "71"))
    with pytest.raises(SeriesError) as caught:
        read_series(files, "PT")
    assert caught.value.reason is Reason.MIXED_SERIES


@pytest.mark.shared_data
def test_suv_of_a_whole_body_pet(shared_data_folder: Path | None) -> None:
    """Real: SUVmax 25.4123 in the published crop (contour plus 5 cm), 7.91 inside the contour."""
    if shared_data_folder is None:
        volume = read_series(small_pet(), "PT")
        assert volume.pet is not None
        print("optional data absent: judged on a phantom")
        assert float(volume.voxels.max()) * suv_factor(volume.pet) == pytest.approx(239, rel=1e-4)
        return
    case = shared_data_folder / "dicom" / "STS_001_whole_body" / "FDG_PET"
    volume = read_series(case / "image", "PT")
    assert volume.pet is not None
    suv = volume.voxels * suv_factor(volume.pet)
    region = read_regions((case / "mask" / "1-1.dcm").read_bytes())[0]
    mask = region_mask(region, volume)
    assert float(mask.sum()) * volume.voxel_volume_ml == pytest.approx(366.0787, abs=1e-3)
    places = np.argwhere(mask)
    margin = np.ceil(50.0 / np.asarray(volume.spacing_zyx_mm)).astype(int)
    low, high = places.min(axis=0) - margin, places.max(axis=0) + margin + 1
    crop = suv[tuple(slice(max(a, 0), b) for a, b in zip(low, high, strict=True))]
    assert float(crop.max()) == pytest.approx(25.4123, abs=1e-3)
    assert float(suv[mask].max()) == pytest.approx(7.911, abs=1e-2)
