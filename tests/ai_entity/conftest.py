"""Series that the tests read: phantoms, package images, and real PET/CT where it is at hand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from medquorum.ai_entity.analyse import Analysed, Manner, Wanted, measure_tumour
from medquorum.ai_entity.dicom_pack import pack_series_bytes
from medquorum.ai_entity.isolated import ChildLimits
from medquorum.ai_entity.phantom.torso import PhantomPair, make_pair


@dataclass(frozen=True, slots=True)
class PairOnDisk:
    """A CT and PET that the pipeline can read, and what is known of the truth."""

    ct: Path
    pet: Path
    truth_ml: float
    tolerance: float
    """Relative; how far the baseline may be off here."""
    source: str


@pytest.fixture(scope="session")
def pair() -> PhantomPair:
    """The phantom limb with one tumour."""
    return make_pair(3)


@pytest.fixture(scope="session")
def healthy_pair() -> PhantomPair:
    """The phantom limb without a tumour."""
    return make_pair(4, with_tumour=False)


@pytest.fixture(scope="session")
def pair_on_disk(pair: PhantomPair, tmp_path_factory: pytest.TempPathFactory) -> PairOnDisk:
    """The phantom pair as two archives, as the ledger's body parts hold them."""
    folder = tmp_path_factory.mktemp("pair")
    ct, pet = folder / "ct.tar", folder / "pet.tar"
    ct.write_bytes(pack_series_bytes(pair.ct))
    pet.write_bytes(pack_series_bytes(pair.pet))
    return PairOnDisk(ct, pet, pair.lesions[0].volume_ml, 0.35, "phantom")


@pytest.fixture(scope="session")
def analysed_pair(pair_on_disk: PairOnDisk) -> Analysed:
    """What the models that ship make of the phantom pair in a child with two threads; once."""
    manner = Manner(ChildLimits(threads=2))
    return measure_tumour(
        pair_on_disk.ct, pair_on_disk.pet, wanted=Wanted(dicom=True), manner=manner
    )


def axial_affine(spacing_mm: float) -> np.ndarray:
    """(z,y,x,1) -> LPS of an axial isotropic grid at the origin."""
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = spacing_mm
    affine[3, 3] = 1.0
    return affine
