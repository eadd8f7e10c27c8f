"""Phantoms are deterministic, valid DICOM, named as what they are, and as hot as they say."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from medquorum.ai_entity.dicom_pack import pack_series_bytes
from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.dicom_writer import uid_of
from medquorum.ai_entity.phantom.dicom_writer import write_radiograph
from medquorum.ai_entity.phantom.long_bone import PIXEL_MM, make_long_bone
from medquorum.ai_entity.phantom.torso import PhantomPair, make_pair, make_pet_for
from medquorum.ai_entity.suv import suv_factor
from tests.ai_entity.conftest import PairOnDisk


def test_the_same_seed_gives_the_same_files(pair: PhantomPair) -> None:
    again = make_pair(3)
    assert again.ct == pair.ct
    assert again.pet == pair.pet
    assert make_pair(4).ct != pair.ct
    assert np.array_equal(make_long_bone(5, True).pixels, make_long_bone(5, True).pixels)


def test_files_say_that_they_are_phantoms(pair: PhantomPair) -> None:
    bone = write_radiograph(make_long_bone(5, False).pixels, "limb", PIXEL_MM)
    for content in (pair.ct[0], pair.pet[0], bone):
        dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content))
        assert "phantom" in dataset.SeriesDescription
        assert content[:128] == bytes(128)
        assert len(dataset.SOPInstanceUID) <= 64
    assert uid_of("a", 1) == uid_of("a", 1) != uid_of("a", 2)


def test_pet_slopes_differ_and_suv_is_what_was_put_in(
    pair: PhantomPair, pair_on_disk: PairOnDisk
) -> None:
    slopes = {
        float(pydicom.dcmread(pydicom.filebase.DicomBytesIO(content)).RescaleSlope)
        for content in pair.pet
    }
    assert len(slopes) > 10
    volume = read_series(pair_on_disk.pet, "PT")
    assert volume.pet is not None
    suv = volume.voxels * suv_factor(volume.pet)
    centre = np.append(pair.lesions[0].centre_mm, 1.0)
    z, y, x = np.round((np.linalg.inv(volume.affine) @ centre)[:3]).astype(int)
    around = suv[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2]
    assert around.mean() == pytest.approx(pair.lesions[0].suv * 0.7, rel=0.25)


def test_a_pet_for_a_given_ct_lies_in_its_frame(
    pair_on_disk: PairOnDisk, tmp_path: Path, pair: PhantomPair
) -> None:
    files, lesions = make_pet_for(pair_on_disk.ct, 11)
    assert files == make_pet_for(pair_on_disk.ct, 11)[0]
    path = tmp_path / "pet.tar"
    path.write_bytes(pack_series_bytes(files))
    pet, ct = read_series(path, "PT"), read_series(pair_on_disk.ct, "CT")
    assert pet.facts.frame_of_reference_digest == ct.facts.frame_of_reference_digest
    index = np.linalg.inv(ct.affine) @ np.append(lesions[0].centre_mm, 1.0)
    z, y, x = np.round(index[:3]).astype(int)
    assert ct.voxels[z, y, x] > -200.0
    assert len(pair.ct) == len(files)
