"""PET/CT cases with an expert contour from one ``.npz`` archive, checked before they are read.

Per case: ``<case>_suv`` SUVbw [z,y,x], ``<case>_ct`` HU on its grid, ``<case>_gtv`` the contour
(0 or 1) and ``<case>_spacing_zyx`` in mm. The headers of all arrays are judged first, without their
values: kinds, shapes and sizes; pickled objects are never unpacked. Then one case at a time is in
memory.
"""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.errors import CaseArchiveError, Reason
from medquorum.ai_entity.limits import MAX_ARCHIVE_CASES, MAX_CASE_VOXELS
from medquorum.ai_entity.tumour.grid import Affine, Placed

PARTS: Final = ("suv", "ct", "gtv", "spacing_zyx")
KINDS: Final = {"suv": "fiu", "ct": "fiu", "gtv": "biuf", "spacing_zyx": "fiu"}
"""numpy's letters of the number types each part may have."""

CASE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MAX_HEADER_BYTES: Final = 4_096
DAMAGE: Final = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile and numpy raise on a damaged, encrypted or foreign archive."""


@dataclass(frozen=True, slots=True)
class ReferenceCase:
    """One case on its own grid."""

    name: str
    pet: Placed
    ct: Placed
    contour: npt.NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]

    def __repr__(self) -> str:
        return f"ReferenceCase({self.contour.shape})"


@dataclass(frozen=True, slots=True)
class _Header:
    shape: tuple[int, ...]
    dtype: Any


class CaseArchive:
    """The cases of one archive, by name."""

    def __init__(self, path: Path) -> None:
        """Judge all headers. Raises CaseArchiveError; nothing is read but headers."""
        self._path = path
        headers = _headers(path)
        self.names = _case_names(headers)
        for name in self.names:
            _check_case(name, {part: headers[f"{name}_{part}"] for part in PARTS})

    def __iter__(self) -> Iterator[ReferenceCase]:
        """One case after the other, in the order of their names. Raises CaseArchiveError."""
        for name in self.names:
            yield self._read(name)

    def _read(self, name: str) -> ReferenceCase:
        try:
            with np.load(self._path, allow_pickle=False) as archive:
                suv, ct, gtv, spacing = (np.asarray(archive[f"{name}_{part}"]) for part in PARTS)
        except (*DAMAGE, KeyError) as error:
            raise _refused(f"the arrays of case {name} are damaged; write the archive again") from (
                error
            )
        for part, values in zip(PARTS, (suv, ct, gtv, spacing), strict=True):
            if not np.isfinite(values).all():
                raise _refused(f"{name}_{part} holds values that are no numbers (NaN or infinity)")
        if ((gtv != 0) & (gtv != 1)).any():
            raise _refused(f"{name}_gtv holds values other than 0 and 1")
        z, y, x = (float(step) for step in spacing)
        if min(z, y, x) <= 0.0 or max(z, y, x) > 100.0:
            raise _refused(f"{name}_spacing_zyx is not three spacings of 0 to 100 mm")
        affine = axial((z, y, x))
        pet, hu = (Placed(values.astype(np.float32), affine) for values in (suv, ct))
        return ReferenceCase(name, pet, hu, gtv.astype(np.bool_), (z, y, x))


def case_digest(case: ReferenceCase) -> str:
    """SHA-256 over shape, spacing, HU, SUVbw and contour, in hex: a case whatever its name.

    Shape int64, spacing float64, images float32, contour one byte a voxel; little-endian, C order.
    """
    content = hashlib.sha256()
    content.update(np.asarray(case.contour.shape, dtype="<i8").tobytes())
    content.update(np.asarray(case.spacing_mm, dtype="<f8").tobytes())
    for part in (case.ct.voxels, case.pet.voxels):
        content.update(part.astype("<f4").tobytes())
    content.update(case.contour.astype(np.uint8).tobytes())
    return content.hexdigest()


def axial(spacing_mm: tuple[float, float, float]) -> Affine:
    """(z,y,x,1) -> LPS of an axial grid at the origin."""
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = spacing_mm
    affine[3, 3] = 1.0
    return affine


def _headers(path: Path) -> dict[str, _Header]:
    try:
        with zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
            if len(entries) > MAX_ARCHIVE_CASES * len(PARTS):
                raise _oversize(f"more than {MAX_ARCHIVE_CASES} cases in one archive; split it")
            found = [
                (entry.filename.removesuffix(".npy"), _header(packed, entry)) for entry in entries
            ]
    except DAMAGE as error:
        raise _refused("the file is not a readable .npz archive of numpy arrays") from error
    headers = dict(found)
    if len(headers) != len(found):
        raise _refused("two arrays of the archive have one name; write the archive again")
    return headers


def _header(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> _Header:
    name = entry.filename.removesuffix(".npy")
    if not CASE_NAME.fullmatch(name):
        raise _refused("an array has a name of other than letters, digits, _ . and -")
    with packed.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(stream, max_header_size=MAX_HEADER_BYTES)
    if dtype.hasobject:
        raise _refused(
            f"{name} holds pickled objects, which are never unpacked; save plain numbers"
        )
    return _Header(shape, dtype)


def _case_names(headers: dict[str, _Header]) -> tuple[str, ...]:
    names = set()
    for key in headers:
        part = next((part for part in PARTS if key.endswith(f"_{part}")), None)
        if part is None:
            raise _refused(f"{key} is none of <case>_suv, _ct, _gtv, _spacing_zyx")
        names.add(key.removesuffix(f"_{part}"))
    if not names:
        raise _refused("the archive holds no case; it needs <case>_suv, _ct, _gtv, _spacing_zyx")
    for name in sorted(names):
        lacking = [part for part in PARTS if f"{name}_{part}" not in headers]
        if lacking:
            raise _refused(f"case {name} lacks the array {name}_{lacking[0]}")
    return tuple(sorted(names))


def _check_case(name: str, headers: dict[str, _Header]) -> None:
    for part, header in headers.items():
        if header.dtype.kind not in KINDS[part]:
            raise _refused(f"{name}_{part} has values of type {header.dtype}, not plain numbers")
    if headers["spacing_zyx"].shape != (3,):
        raise _refused(f"{name}_spacing_zyx is not three numbers")
    shape = headers["suv"].shape
    if len(shape) != 3 or min(shape) < 1:
        raise _refused(f"{name}_suv is not an array [z,y,x]")
    for part in ("ct", "gtv"):
        if headers[part].shape != shape:
            raise _refused(
                f"{name}_{part} has the shape {headers[part].shape}, {name}_suv has {shape}"
            )
    if int(np.prod([int(side) for side in shape], dtype=object)) > MAX_CASE_VOXELS:
        raise _oversize(f"case {name} has more than {MAX_CASE_VOXELS} voxels")


def _refused(sentence: str) -> CaseArchiveError:
    return CaseArchiveError(Reason.BAD_ARCHIVE, sentence)


def _oversize(sentence: str) -> CaseArchiveError:
    return CaseArchiveError(Reason.OVERSIZE, sentence)
