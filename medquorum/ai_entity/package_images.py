"""Real images that a plain install already holds: the test files of pydicom and pydicom-data (MIT).

What is there, and what is not: two computed radiographs (an intact distal tibia with a benign
lesion, and a chest), some single CT slices, and a CT series of five neighbouring slices that was
shrunk to 16 x 16 pixels for a DICOMDIR example. There is no PET, so a demonstration takes a phantom
one, and says so, and no full CT volume: that comes from another package (``package_ct``).
"""

from pathlib import Path
from typing import Final

TIBIA: Final = "RG3_UNCR.dcm"
"""CR EXTREMITY, 1760 x 1760, MONOCHROME1, collimated; intact, with a non-ossifying fibroma."""

CHEST: Final = "RG1_UNCR.dcm"
"""CR CHEST, 1955 x 1841, MONOCHROME1."""

CT_SLICE: Final = "693_UNCR.dcm"
"""One CT slice of 512 x 512."""

TINY_CT_FOLDER: Final = ("dicomdirtests", "98892001", "CT5N")
"""Five real neighbouring CT slices, 2.5 mm apart, 16 x 16 pixels."""

GAPPY_CT_FOLDER: Final = ("dicomdirtests", "77654033", "CT2")
"""Four real CT slices of one series with a gap of 20 cm: what a reader must refuse."""


def package_file(name: str) -> Path:
    """Path of a test file of either package, never downloaded. Raises FileNotFoundError."""
    from pydicom.data import get_testdata_file

    found = get_testdata_file(name, download=False)
    if found is None:
        raise FileNotFoundError(f"{name}: install the pydicom-data package")
    return Path(str(found))


def package_folder(parts: tuple[str, ...]) -> Path:
    """A folder of pydicom's own test files. Raises FileNotFoundError."""
    import pydicom

    root = Path(pydicom.__file__).parent / "data" / "test_files"
    folder = root.joinpath(*parts)
    if not folder.is_dir():
        raise FileNotFoundError(f"{'/'.join(parts)}: this pydicom has no test files")
    return folder


def tibia_radiograph() -> Path:
    """The real intact bone X-ray."""
    return package_file(TIBIA)


def chest_radiograph() -> Path:
    """The real chest X-ray."""
    return package_file(CHEST)


def tiny_ct_series() -> Path:
    """The real five-slice CT series, 16 x 16 pixels."""
    return package_folder(TINY_CT_FOLDER)


def gappy_ct_series() -> Path:
    """The real CT series with missing slices."""
    return package_folder(GAPPY_CT_FOLDER)
