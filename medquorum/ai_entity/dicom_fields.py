"""What pydicom makes of a file's fields: quietly, and once for all slices that say the same.

Nearly all of a header is repeated, byte by byte, in every slice of a series, and to make numbers of
it takes longer than to read it. A field whose value depends on its own bytes alone is made once and
remembered. pydicom's warnings quote values of the file; none of them leaves this module's guard.
"""

import warnings
from functools import lru_cache
from threading import Lock
from types import TracebackType
from typing import Any, Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

REMEMBERED_VRS: Final = frozenset({"CS", "DA", "DS", "DT", "IS", "TM", "UI", "US"})
"""Fields that no character set and no other field has a say in."""
REMEMBERED_BYTES: Final = 128
"""Longer fields are not kept; six cosines take 101."""
REMEMBERED_FIELDS: Final = 256
"""Of a series some 30 fields are asked for."""


class _Quiet:
    """Python's warning filters belong to the process, a series is read by several threads: the
    first to enter sets them, the last to leave resets them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(kind, error, trace)


QUIET: Final = _Quiet()


def raw_field(dataset: object, keyword: str) -> RawDataElement | None:
    """The field as it lies in the file; None when absent or made into a value already."""
    tag = _tag_of(keyword)
    if tag is None or not isinstance(dataset, Dataset):
        return None
    raw: object = dataset.get_item(tag, keep_deferred=True)
    return raw if isinstance(raw, RawDataElement) else None


def field_value(dataset: Any, keyword: str) -> Any | None:
    """What ``dataset.get(keyword)`` gives, and raises: anything, for bytes of a stranger."""
    raw = raw_field(dataset, keyword)
    if raw is None or not isinstance(raw.value, bytes) or len(raw.value) > REMEMBERED_BYTES:
        return dataset.get(keyword)
    if (raw.VR or dictionary_VR(raw.tag)) not in REMEMBERED_VRS:
        return dataset.get(keyword)
    return _converted(raw.tag, raw.VR, raw.value, raw.is_implicit_VR, raw.is_little_endian)


@lru_cache(maxsize=REMEMBERED_FIELDS)
def _converted(
    tag: BaseTag, kind: str | None, octets: bytes, is_implicit: bool, is_little: bool
) -> Any:
    raw = RawDataElement(tag, kind, len(octets), octets, 0, is_implicit, is_little)
    return convert_raw_data_element(raw).value


@lru_cache(maxsize=REMEMBERED_FIELDS)
def _tag_of(keyword: str) -> BaseTag | None:
    tag = tag_for_keyword(keyword)
    return None if tag is None else Tag(tag)
