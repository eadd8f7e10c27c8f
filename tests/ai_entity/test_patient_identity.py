"""Images of two people are never read as one; what an anonymiser leaves tells nobody apart."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset

from medquorum.ai_entity.dicom_pack import pack_series_bytes
from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.patient_identity import Identity
from medquorum.ai_entity.tumour.pipeline import read_images
from tests.ai_entity.slices import all_changed, changed, having, small_ct, small_pet

Said = dict[str, str]
BORN = "19500101"
SECRETS = ("7001", "7002", "Abel", "Kain", BORN)


def saying(said: Said) -> Callable[[FileDataset], None]:
    """Name the patient so, and by nothing else."""

    def change(dataset: FileDataset) -> None:
        for keyword in ("PatientID", "PatientName", "PatientBirthDate"):
            setattr(dataset, keyword, said.get(keyword, ""))

    return change


def patient(number: str = "", name: str = "", born: str = "") -> Said:
    return {"PatientID": number, "PatientName": name, "PatientBirthDate": born}


DIFFERENT: list[tuple[Said, Said]] = [
    (patient("7001"), patient("7002")),
    (patient("7001", "Abel", BORN), patient("7002", "Abel", BORN)),
    (patient("", "Abel"), patient("7002", "Kain")),
    (patient("ANON", "Abel"), patient("7002", "Kain")),
    (patient("", "Abel", BORN), patient("", "Abel", "19500102")),
]
POSSIBLE: list[tuple[Said, Said]] = [
    (patient("7001", "Abel", BORN), patient("7001 ", "Kain", "")),
    (patient("7001", "Abel", BORN), patient()),
    (patient(), patient()),
    (patient("ANONYMOUS", "ANON"), patient("0000", "DEIDENTIFIED^^")),
    (patient("", "Abel^Adam"), patient("7002", "ABEL^ADAM^^")),
    (patient("", "Abel^Adam"), patient("7002", "Anonymized")),
]


def written(folder: Path, ct: Said, pet: Said) -> tuple[Path, Path]:
    paths = folder / "ct.tar", folder / "pet.tar"
    series = all_changed(small_ct(), saying(ct)), all_changed(small_pet(), saying(pet))
    for path, files in zip(paths, series, strict=True):
        path.write_bytes(pack_series_bytes(files))
    return paths


@pytest.mark.parametrize(("ct", "pet"), DIFFERENT)
def test_a_ct_and_a_pet_of_two_patients_are_refused(ct: Said, pet: Said, tmp_path: Path) -> None:
    with pytest.raises(SeriesError) as caught:
        read_images(*written(tmp_path, ct, pet))
    assert caught.value.reason is Reason.DIFFERENT_PATIENTS
    assert "belong to different patients" in caught.value.message
    assert not any(secret in caught.value.message for secret in SECRETS)


@pytest.mark.parametrize(("ct", "pet"), POSSIBLE)
def test_a_pair_that_can_be_of_one_patient_is_read(ct: Said, pet: Said, tmp_path: Path) -> None:
    assert read_images(*written(tmp_path, ct, pet)).suv is not None
    assert read_images(*written(tmp_path, pet, ct)).suv is not None


@pytest.mark.parametrize(("first", "other"), DIFFERENT)
def test_a_slice_of_another_patient_is_refused(first: Said, other: Said) -> None:
    files = all_changed(small_ct(), saying(first))
    files[3] = changed(files[3], saying(other))
    with pytest.raises(SeriesError) as caught:
        read_series(files, "CT")
    assert caught.value.reason is Reason.DIFFERENT_PATIENTS
    assert "file 4 " in caught.value.message
    assert not any(secret in caught.value.message for secret in SECRETS)


def test_a_first_slice_without_a_number_hides_no_second_patient() -> None:
    files = all_changed(small_ct(), saying(patient("7001")))
    files[0] = changed(files[0], saying(patient()))
    assert read_series(files, "CT").patient.number == "7001"
    files[4] = changed(files[4], saying(patient("7002")))
    with pytest.raises(SeriesError) as caught:
        read_series(files, "CT")
    assert caught.value.reason is Reason.DIFFERENT_PATIENTS


def test_another_frame_asks_first_whether_it_is_one_patient(tmp_path: Path) -> None:
    ct, pet = written(tmp_path, patient(), patient())
    moved = all_changed(small_pet(), having("FrameOfReferenceUID", "1.2.3"))
    pet.write_bytes(pack_series_bytes(all_changed(moved, saying(patient()))))
    with pytest.raises(SeriesError) as caught:
        read_images(ct, pet)
    assert caught.value.reason is Reason.NOT_OVERLAPPING
    assert "check first that both are of one patient" in caught.value.message


def test_an_identity_is_never_shown() -> None:
    identity = Identity("7001", "Abel", BORN)
    assert not any(secret in repr(identity) for secret in SECRETS)
    volume = read_series(all_changed(small_ct(), saying(patient("7001", "Abel"))), "CT")
    assert not any(secret in repr((volume, volume.facts)) for secret in SECRETS)
