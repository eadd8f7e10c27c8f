"""An RTSTRUCT region to a mask on an image's grid.

Each closed planar contour is rasterised by the even-odd rule at voxel centres: a voxel belongs to
the region when its centre does. An outline-inclusive polygon fill over-estimates a soft-tissue
sarcoma by 17.6 % at 4.7 mm voxels, so no drawing library is used. Contours of one slice are
combined by exclusive-or, which makes an inner contour a hole (DICOM PS3.3 C.8.8.6.3).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.dicom_series import ImageVolume
from medquorum.ai_entity.dicom_slice import bad_tag, optional, parse_header, required
from medquorum.ai_entity.errors import Reason, StructureError
from medquorum.ai_entity.limits import MAX_CONTOUR_POINTS, MAX_CONTOURS, MAX_FILE_BYTES

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Region:
    """One region's contours, each [n,3] in LPS millimetres."""

    name: str
    contours_mm: tuple[Points, ...]

    def __repr__(self) -> str:
        return f"Region({len(self.contours_mm)} contours)"


def points_in_polygon(points: Points, polygon: Points) -> Mask:
    """Even-odd rule: which of ``points`` [n,2] lie in ``polygon`` [m,2] (closed implicitly).

    Half-open in the second coordinate, so that a vertex on the ray is counted once.
    """
    inside = np.zeros(len(points), dtype=np.bool_)
    first, second = points[:, 0], points[:, 1]
    for (a0, a1), (b0, b1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if a1 == b1:
            continue
        crossing = (second >= min(a1, b1)) & (second < max(a1, b1))
        at = a0 + (second[crossing] - a1) * (b0 - a0) / (b1 - a1)
        inside[crossing] ^= first[crossing] < at
    return inside


def polygon_mask(shape: tuple[int, int], polygon: Points) -> Mask:
    """Mask [rows, columns] of ``polygon`` [m,2] given in (row, column) index units."""
    low = np.maximum(np.floor(polygon.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(polygon.max(axis=0)).astype(int) + 1, shape)
    mask = np.zeros(shape, dtype=np.bool_)
    if (high <= low).any():
        return mask
    rows, columns = np.mgrid[low[0] : high[0], low[1] : high[1]]
    centres = np.column_stack([rows.ravel(), columns.ravel()]).astype(np.float64)
    mask[low[0] : high[0], low[1] : high[1]] = points_in_polygon(centres, polygon).reshape(
        rows.shape
    )
    return mask


def read_regions(content: bytes) -> tuple[Region, ...]:
    """Every region of an RTSTRUCT file. Raises StructureError or SeriesError (parsing)."""
    if len(content) > MAX_FILE_BYTES:
        raise StructureError(Reason.OVERSIZE, f"an RTSTRUCT larger than {MAX_FILE_BYTES} bytes")
    dataset = parse_header(content, 1)
    if optional(dataset, "Modality", 1) != "RTSTRUCT":
        raise StructureError(Reason.UNSUPPORTED_IMAGE, "the file is not an RTSTRUCT")
    names = {
        str(required(roi, "ROINumber", 1)): str(optional(roi, "ROIName", 1) or "")
        for roi in required(dataset, "StructureSetROISequence", 1)
    }
    found = []
    total = 0
    for roi in required(dataset, "ROIContourSequence", 1):
        contours = tuple(_contour(one) for one in optional(roi, "ContourSequence", 1) or ())
        total += len(contours)
        if total > MAX_CONTOURS:
            raise StructureError(Reason.OVERSIZE, f"more than {MAX_CONTOURS} contours")
        found.append(Region(names.get(str(required(roi, "ReferencedROINumber", 1)), ""), contours))
    return tuple(found)


def _contour(dataset: object) -> Points:
    if optional(dataset, "ContourGeometricType", 1) != "CLOSED_PLANAR":
        raise StructureError(
            Reason.BAD_TAG, "ContourGeometricType (3006,0042) is not CLOSED_PLANAR"
        )
    values = required(dataset, "ContourData", 1)
    if len(values) % 3 or not 3 <= len(values) // 3 <= MAX_CONTOUR_POINTS:
        raise StructureError(Reason.BAD_TAG, "ContourData (3006,0050) has an unusable length")
    try:
        points = np.asarray([float(value) for value in values]).reshape(-1, 3)
    except ValueError as error:
        raise bad_tag("ContourData", 1) from error
    if not np.isfinite(points).all():
        raise bad_tag("ContourData", 1)
    return points


def region_mask(region: Region, image: ImageVolume) -> Mask:
    """Mask [z,y,x] of ``region`` on the grid of ``image``.

    A contour belongs to the slice nearest to its plane; one farther than half a slice from every
    slice is refused, because it was drawn on another series.
    """
    inverse = np.linalg.inv(image.affine)
    layers, rows, columns = image.voxels.shape
    plane_shape = (rows, columns)
    mask = np.zeros((layers, rows, columns), dtype=np.bool_)
    for points in region.contours_mm:
        indices = (np.column_stack([points, np.ones(len(points))]) @ inverse.T)[:, :3]
        layer = round(float(np.median(indices[:, 0])))
        if np.abs(indices[:, 0] - layer).max() > 0.5 or not 0 <= layer < len(mask):
            raise StructureError(
                Reason.NOT_OVERLAPPING, "a contour lies in no slice of this series"
            )
        mask[layer] ^= polygon_mask(plane_shape, indices[:, 1:])
    return mask
