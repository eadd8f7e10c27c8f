"""FDG by any of its names passes, another tracer never, and silence is said to be silence."""

from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

from medquorum.ai_entity.dicom_series import read_series
from medquorum.ai_entity.tracer import Tracer, drug_in_words
from tests.ai_entity.slices import all_changed, small_pet

FDG = "C-B1031", "SRT", "Fluorodeoxyglucose F^18^"


def injected(
    text: str = "",
    drug: tuple[str, str, str] | None = None,
    nuclide: tuple[str, str, str] | None = None,
    half_life: str = "",
) -> Callable[[FileDataset], None]:
    """A header that says this of the tracer and nothing else."""

    def change(dataset: FileDataset) -> None:
        told = Dataset()
        told.Radiopharmaceutical, told.RadionuclideHalfLife = text, half_life
        for keyword, code in (
            ("RadiopharmaceuticalCodeSequence", drug),
            ("RadionuclideCodeSequence", nuclide),
        ):
            if code is not None:
                coded = Dataset()
                coded.CodeValue, coded.CodingSchemeDesignator, coded.CodeMeaning = code
                setattr(told, keyword, Sequence([coded]))
        dataset.RadiopharmaceuticalInformationSequence = Sequence([told])

    return change


def names_fdg(change: Callable[[FileDataset], None]) -> bool | None:
    volume = read_series(all_changed(small_pet(), change), "PT")
    assert volume.pet is not None
    return volume.pet.names_fdg


@pytest.mark.parametrize(
    "name",
    [
        "FDG -- fluorodeoxyglucose", "Fluorodeoxyglucose F^18^", "[18F]FDG", "F-18 FDG", "fdg",
        "^18^F-FDG", "FLUDEOXYGLUCOSE F-18", "2-[18F]fluoro-2-deoxy-D-glucose",
        "Fluordesoxyglukose", "Fluorodésoxyglucose", "fluorodeossiglucosio", "FDG 11 mCi",
        "Metatrace FDG",
    ],
)  # fmt: skip
def test_names_of_fdg(name: str) -> None:
    assert drug_in_words(name) is Tracer.FDG


@pytest.mark.parametrize(
    "name",
    [
        "68Ga-PSMA-11", "Ga-68 DOTATATE", "^68^Germanium Gallium", "[18F]PSMA-1007", "Fluciclovine",
        "F-18 NaF", "Sodium fluoride F^18^", "Choline C^11^", "11C-Methionine", "18F-FET",
        "FDOPA F18", "Flortaucipir F^18^", "64Cu-SARTATE", "Zr-89 trastuzumab", "FDGal", "O-15 H2O",
        "Rubidium chloride Rb^82^", "18F-FES",
    ],
)  # fmt: skip
def test_names_of_other_tracers(name: str) -> None:
    assert drug_in_words(name) is Tracer.OTHER


@pytest.mark.parametrize("name", ["", "F-18", "18F", "^18^Fluorine", "Unknown", "  "])
def test_words_that_name_no_drug(name: str) -> None:
    assert drug_in_words(name) is Tracer.UNSTATED


def test_words_that_nobody_knows_are_no_fdg() -> None:
    assert drug_in_words("Novum 7") is Tracer.FOREIGN


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (injected(), None),
        (injected(half_life="6588.0"), None),
        (injected(nuclide=("C-111A1", "SRT", "^18^Fluorine")), None),
        (injected("FDG -- fluorodeoxyglucose", ("Y-X1743", "99SDM", "FDG")), True),
        (injected(drug=FDG), True),
        (injected(drug=("35321007", "SCT", "Fluorodeoxyglucose (18-F)")), True),
        (injected("Routine protocol", FDG), True),
        (injected("Routine protocol"), False),
        (injected(drug=("C-B1036", "SRT", "")), False),
        (injected("68Ga-PSMA-11", FDG), False),
        (injected("FDG", half_life="4062.6"), False),
        (injected("FDG", nuclide=("C-131A3", "SRT", "^68^Gallium")), False),
        (injected("FDG", nuclide=("1", "99X", "C-11")), False),
        (injected("FDG", nuclide=("1", "99X", "18F"), half_life="6586.2"), True),
    ],
)  # fmt: skip
def test_what_a_header_says(change: Callable[[FileDataset], None], said: bool | None) -> None:
    assert names_fdg(change) is said


def test_a_phantom_says_that_it_is_fdg() -> None:
    volume = read_series(small_pet(), "PT")
    assert volume.pet is not None
    assert volume.pet.names_fdg is True
