"""Pixels that need no decoding, read where they lie in their file.

Most slices hold grey values of sixteen bits in the order in which a processor computes with them.
Whatever is not plainly that, or not as long as the header says, is left to pydicom, which decodes
it or tells what is wrong.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom.dataset import FileDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medquorum.ai_entity.dicom_fields import QUIET, field_value, raw_field

SYNTAXES: Final = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian})
BITS: Final = 16
STATED: Final = (
    "PhotometricInterpretation",
    "BitsAllocated",
    "SamplesPerPixel",
    "PixelRepresentation",
)
TYPES: Final[dict[tuple[str, ...], str]] = {
    (grey, str(BITS), "1", sign): kind
    for grey in ("MONOCHROME1", "MONOCHROME2")
    for sign, kind in (("0", "<u2"), ("1", "<i2"))
}
"""By what the ``STATED`` fields say."""
OTHER_PIXELS: Final = ("FloatPixelData", "DoubleFloatPixelData")


def plain_pixels(
    content: bytes, dataset: FileDataset, shape: tuple[int, int]
) -> npt.NDArray[np.generic] | None:
    """Stored values [rows, columns], in place or with the unused bits cleared as pydicom does.

    ``dataset`` is of the file ``content``. None where somebody has to decode.
    """
    raw, size = raw_field(dataset, "PixelData"), shape[0] * shape[1]
    if dataset.file_meta.TransferSyntaxUID not in SYNTAXES or raw is None:
        return None
    if 8 * raw.length != BITS * size or raw.value_tell + raw.length > len(content):
        return None
    if raw.VR not in (None, "OB", "OW") or any(one in dataset for one in OTHER_PIXELS):
        return None
    try:
        with QUIET:
            kind = TYPES.get(tuple(str(field_value(dataset, one)) for one in STATED))
            used = field_value(dataset, "BitsStored")
    except MemoryError:
        raise
    except Exception:  # of a stranger's bytes: pydicom is asked once more, and tells
        return None
    if kind is None or not isinstance(used, int) or not 1 <= used <= BITS:
        return None
    pixels = np.frombuffer(content, kind, size, raw.value_tell).reshape(shape)
    return pixels if used == BITS else pixels << (BITS - used) >> (BITS - used)
