"""The images of the demonstration: anybody's DICOM by option, else what packages hold.

By default the CT and the X-ray are real. No package holds a PET, so that one is a phantom drawn
into the real CT, and called so. Where the package with the CT is absent, the CT is a phantom too.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from medquorum.ai_entity.errors import AnalysisError
from medquorum.ai_entity.package_ct import make_package_ct, package_ct_file
from medquorum.ai_entity.package_images import tibia_radiograph
from medquorum.ai_entity.phantom.torso import make_pair, make_pet_for
from medquorum.node.image_archive import ImagesUnusable, is_picture, pack_images

SEED = 20_261


@dataclass(frozen=True, slots=True)
class Images:
    """Files ready to submit, and where each comes from."""

    ct: Path
    ct_origin: str
    pet: Path
    pet_origin: str
    xray: Path
    xray_origin: str
    contour_ml: float | None
    """Volume of the expert's contour beside the PET, if there is an RTSTRUCT."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the viewer asked for on the command line."""

    ct: Path | None
    pet: Path | None
    xray: Path | None


def gather_images(chosen: Chosen, folder: Path) -> Images:
    """Pack the images into `folder`; ImagesUnusable or AnalysisError says what is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    ct_series, ct_origin = _ct(chosen, folder)
    pet_series, pet_origin = _pet(chosen, ct_series, folder)
    xray, xray_origin = _xray(chosen, folder)
    pack_images(ct_series, folder / "ct.tar")
    pack_images(pet_series, folder / "pet.tar")
    return Images(
        ct=folder / "ct.tar",
        ct_origin=ct_origin,
        pet=folder / "pet.tar",
        pet_origin=pet_origin,
        xray=xray,
        xray_origin=xray_origin,
        contour_ml=None if chosen.pet is None else expert_volume_ml(chosen.pet),
    )


def _ct(chosen: Chosen, folder: Path) -> tuple[Path, str]:
    if chosen.ct is not None:
        return _existing(chosen.ct), f"{chosen.ct.name} as given"
    packaged = package_ct_file()
    if packaged is not None:
        made = make_package_ct(packaged)
        _write_all(folder / "ct", made.files)
        return folder / "ct", made.origin
    _write_all(folder / "ct", make_pair(SEED).ct)
    return folder / "ct", "phantom (made-up limb CT: the package with a real one is not installed)"


def _pet(chosen: Chosen, ct: Path, folder: Path) -> tuple[Path, str]:
    if chosen.pet is not None:
        return _existing(chosen.pet), f"{chosen.pet.name} as given"
    files, lesions = make_pet_for(ct, SEED)
    _write_all(folder / "pet", files)
    truth = " + ".join(f"{lesion.volume_ml:.1f} mL" for lesion in lesions)
    return folder / "pet", f"phantom (made-up PET for this CT with a made-up lesion of {truth})"


def _xray(chosen: Chosen, folder: Path) -> tuple[Path, str]:
    source = chosen.xray or tibia_radiograph()
    if not source.is_file():
        raise ImagesUnusable(f"{source} is no file; name one DICOM, PNG or JPEG radiograph")
    origin = "as given" if chosen.xray else "real radiograph of a distal tibia from pydicom-data"
    if is_picture(source):
        target = folder / "xray.image"
        shutil.copyfile(source, target)
        return target, origin
    single = folder / "xray"
    single.mkdir()
    shutil.copyfile(source, single / "xray.dcm")
    pack_images(single, folder / "xray.tar")
    return folder / "xray.tar", origin


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise ImagesUnusable(f"{folder} is no folder; name the folder of one DICOM series")
    return folder


def _write_all(folder: Path, files: list[bytes]) -> None:
    folder.mkdir()
    for place, content in enumerate(files, start=1):
        (folder / f"{place:06d}.dcm").write_bytes(content)


def expert_volume_ml(pet: Path) -> float | None:
    """Volume of the RTSTRUCT contour beside a PET folder (`../mask`), point in polygon, mL."""
    from medquorum.ai_entity.dicom_series import read_series
    from medquorum.ai_entity.rtstruct import read_regions, region_mask

    structures = sorted((pet.parent / "mask").glob("*.dcm"))
    if not structures:
        return None
    try:
        image = read_series(pet, "PT")
        regions = read_regions(structures[0].read_bytes())
        voxels = int(region_mask(regions[0], image).sum())
    except (AnalysisError, IndexError):
        return None
    z, y, x = image.spacing_zyx_mm
    return voxels * z * y * x / 1_000
