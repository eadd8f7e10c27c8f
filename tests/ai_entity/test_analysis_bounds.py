"""What one analysis may take: memory of a large grid, threads that change nothing, same bytes."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from medquorum.ai_entity.analyse import Analysed, Manner, measure_fracture, measure_tumour
from medquorum.ai_entity.dicom_pack import pack_series_bytes
from medquorum.ai_entity.dicom_writer import AxialSeries
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.isolated import ChildLimits, Watch
from medquorum.ai_entity.limits import CHILD_RESIDENT_BYTES, MAX_GRID_VOXELS
from medquorum.ai_entity.package_images import tibia_radiograph
from medquorum.ai_entity.phantom.dicom_writer import write_ct, write_pet
from medquorum.ai_entity.tumour.grid import Placed, common_grid
from medquorum.ledger.canonical import encode
from medquorum.ledger.limits import FRAME
from tests.ai_entity.conftest import PairOnDisk, axial_affine

SIDE = 128
STEP_MM = 4.0


def trunk_files(folder: Path) -> tuple[Path, Path]:
    """A trunk with lungs and one hot place in a field of 512 mm on every side."""
    z, y, x = np.meshgrid(*[(np.arange(SIDE) - SIDE / 2) * STEP_MM] * 3, indexing="ij")
    body = (y / 110.0) ** 2 + (x / 170.0) ** 2 < 1.0
    lungs = ((np.abs(x) - 75.0) / 55.0) ** 2 + (y / 75.0) ** 2 + ((z + 60.0) / 130.0) ** 2 < 1.0
    hot = (x - 60.0) ** 2 + (y - 20.0) ** 2 + (z - 130.0) ** 2 < 22.0**2
    hu = np.where(body, 40.0, -1000.0)
    hu[body & ((y / 100.0) ** 2 + (x / 158.0) ** 2 > 1.0)] = -95.0
    hu[lungs & body] = -820.0
    hu[((y - 70.0) ** 2 + x**2 < 18.0**2) & body] = 450.0
    rng = np.random.default_rng(11)
    hu += rng.normal(0.0, 10.0, hu.shape)
    suv = np.where(body, 0.8, 0.01) + np.where(hot, 8.0, 0.0)
    suv = np.maximum(ndimage.gaussian_filter(suv, 0.7) + rng.normal(0.0, 0.03, hu.shape), 0.0)
    spacing, origin = (STEP_MM,) * 3, (0.0, 0.0, 0.0)
    ct, pet = folder / "ct.tar", folder / "pet.tar"
    series = AxialSeries(hu.astype(np.float32), spacing, origin, "CT", "study")
    ct.write_bytes(pack_series_bytes(write_ct(series)))
    series = AxialSeries(suv.astype(np.float32), spacing, origin, "PET", "study")
    pet.write_bytes(pack_series_bytes(write_pet(series)))
    return ct, pet


@pytest.mark.timeout(600)
def test_a_grid_of_128_voxels_on_every_side_stays_within_three_gibibytes(tmp_path: Path) -> None:
    heard: list[float] = []
    ct, pet = trunk_files(tmp_path)
    analysed = measure_tumour(ct, pet, manner=Manner(watch=Watch(heard.append)))
    print(f"peak {analysed.peak_memory_bytes / 2**20:.0f} MiB, {analysed.findings.model.name}")
    assert analysed.findings.abstained is None
    assert analysed.findings.tumour is not None
    assert analysed.peak_memory_bytes <= CHILD_RESIDENT_BYTES == 3 * 2**30
    assert heard[-1] == 1.0
    assert len(heard) > 3, "progress is told between the beginning and the end"


def test_a_larger_grid_than_any_scanner_makes_is_refused_by_its_size() -> None:
    image = Placed(np.zeros((260, 250, 250), np.float32), axial_affine(4.0))
    assert image.voxels.size > MAX_GRID_VOXELS
    with pytest.raises(SeriesError) as caught:
        common_grid(image, None)
    assert caught.value.reason is Reason.OVERSIZE


def bytes_of(analysed: Analysed) -> str:
    """Digest of the report's body as the ledger carries it: M_REPORT and the overlay."""
    findings = analysed.findings
    overlay = b"" if findings.overlay is None else encode(findings.overlay.to_content(), FRAME)
    return hashlib.sha256(encode(findings.to_report()) + overlay).hexdigest()


def with_threads(threads: int) -> Manner:
    return Manner(ChildLimits(threads=threads))


@pytest.mark.timeout(600)
def test_same_input_same_bytes_in_every_process_and_with_any_threads(
    pair_on_disk: PairOnDisk, analysed_pair: Analysed
) -> None:
    one_thread = measure_tumour(pair_on_disk.ct, pair_on_disk.pet, manner=with_threads(1))
    assert bytes_of(one_thread) == bytes_of(analysed_pair)
    film = tibia_radiograph()
    shot = {bytes_of(measure_fracture(film, manner=with_threads(one))) for one in (1, 2)}
    assert len(shot) == 1
