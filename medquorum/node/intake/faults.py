"""Why submitted images are refused: a closed set of faults and the sentence of each.

A child process that parses hostile bytes may be taken over by them. It therefore answers with a
fault of this set, a file's ordinal and a tag of `TAGS`, and nothing else; the sentence is written
by the parent. No value of a file, any of which may identify a patient, can come through.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from medquorum.node.intake import limits
from medquorum.node.intake.tags import TAGS


class IntakeRule(StrEnum):
    """The rule a caller is told, for programs."""

    MALFORMED_ARCHIVE = "malformed_archive"
    MALFORMED_PICTURE = "malformed_picture"
    MALFORMED_DICOM = "malformed_dicom"
    MALFORMED_VOLUME = "malformed_volume"
    UNSUPPORTED_COMPRESSION = "unsupported_compression"
    WRONG_MODALITY = "wrong_modality"
    UNSUPPORTED_IMAGE = "unsupported_image"
    MISSING_TAG = "missing_tag"
    BAD_TAG = "bad_tag"
    MIXED_SERIES = "mixed_series"
    INCOMPLETE_SERIES = "incomplete_series"
    """Slices are missing; only policies that vote by themselves ask (R-VER4)."""
    TRUNCATED_PIXELS = "truncated_pixels"
    OVERSIZE = "oversize"
    CHECK_FAILED = "image_check_failed"
    """The check itself ended: no memory or time left, or the process died."""
    NO_READER = "no_dicom_reader"  # this installation has no pydicom


class Fault(StrEnum):
    """Everything that can be wrong, finer than the rules; `FAULTS` tells each in words."""

    NOT_AN_IMAGE = "not_an_image"
    ARCHIVE_EMPTY = "archive_empty"
    ARCHIVE_HEADER = "archive_header"
    ARCHIVE_KIND = "archive_kind"
    ARCHIVE_NAME = "archive_name"
    ARCHIVE_CUT = "archive_cut"
    ARCHIVE_TRAILER = "archive_trailer"
    PICTURE = "picture"
    PICTURE_TRAILER = "picture_trailer"
    PICTURE_KIND = "picture_kind"
    PICTURE_SIZE = "picture_size"
    NOT_DICOM = "not_dicom"
    PREAMBLE = "preamble"
    UNPARSABLE = "unparsable"
    COMPRESSION = "compression"
    MODALITY = "modality"
    FRAMES = "frames"
    COLOUR = "colour"
    MISSING = "missing"
    BAD = "bad"
    MIXED = "mixed"
    TWICE = "twice"
    GAP = "gap"
    PIXELS = "pixels"
    FRAGMENTS = "fragments"
    CODESTREAM = "codestream"
    TOO_MANY_FILES = "too_many_files"
    FILE_SIZE = "file_size"
    HEADER_SIZE = "header_size"
    INFLATED_SIZE = "inflated_size"
    SIDE = "side"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_TIME = "out_of_time"
    DIED = "died"
    NO_READER = "no_reader"
    NO_DECODER = "no_decoder"
    SUV_TIME = "suv_time"
    NIFTI = "nifti"
    NIFTI_GRID = "nifti_grid"
    NIFTI_VALUES = "nifti_values"


_AGAIN: Final = "export the series again"

FAULTS: Final[Mapping[Fault, tuple[IntakeRule, str]]] = {
    Fault.NOT_AN_IMAGE: (
        IntakeRule.MALFORMED_ARCHIVE,
        "R-BOD10: it is no USTAR archive of DICOM files, nor PNG or JPEG where an X-ray is meant",
    ),
    Fault.ARCHIVE_EMPTY: (
        IntakeRule.MALFORMED_ARCHIVE,
        "the archive holds no file; pack the DICOM files of one series",
    ),
    Fault.ARCHIVE_HEADER: (
        IntakeRule.MALFORMED_ARCHIVE,
        "{file} has no USTAR header of plain octal numbers with a right checksum; pack it anew",
    ),
    Fault.ARCHIVE_KIND: (
        IntakeRule.MALFORMED_ARCHIVE,
        "{file} is no plain file; R-BOD10 allows no links, folders or sparse files",
    ),
    Fault.ARCHIVE_NAME: (
        IntakeRule.MALFORMED_ARCHIVE,
        "{file} does not have the next name 000001.dcm, 000002.dcm, … with time, owner and group 0 "
        "(R-BOD10); pack it with medquorum submit",
    ),
    Fault.ARCHIVE_CUT: (
        IntakeRule.MALFORMED_ARCHIVE,
        "the archive is cut short in {file}; send it again",
    ),
    Fault.ARCHIVE_TRAILER: (
        IntakeRule.MALFORMED_ARCHIVE,
        "the archive does not end in zeros after {file}; pack it anew",
    ),
    Fault.PICTURE: (
        IntakeRule.MALFORMED_PICTURE,
        "the PNG or JPEG file is damaged or cut short; save it again",
    ),
    Fault.PICTURE_TRAILER: (
        IntakeRule.MALFORMED_PICTURE,
        "something follows the end of the PNG or JPEG file; save it again",
    ),
    Fault.PICTURE_KIND: (
        IntakeRule.UNSUPPORTED_IMAGE,
        "the picture is of an uncommon kind; save it as plain PNG or baseline or progressive JPEG, "
        "grey or RGB",
    ),
    Fault.PICTURE_SIZE: (
        IntakeRule.OVERSIZE,
        f"a picture has at most {limits.PICTURE_BYTES} bytes, {limits.PIXELS} pixels and sides of "
        f"{limits.SIDE}; save it smaller",
    ),
    Fault.NOT_DICOM: (
        IntakeRule.MALFORMED_DICOM,
        "{file} is not a DICOM file with file meta information; leave it out, or " + _AGAIN,
    ),
    Fault.PREAMBLE: (
        IntakeRule.MALFORMED_DICOM,
        "{file} has something in the 128 bytes before DICM, where programs hide "
        "(CVE-2019-11687); zero them, as medquorum submit does",
    ),
    Fault.UNPARSABLE: (
        IntakeRule.MALFORMED_DICOM,
        "{file} cannot be parsed as DICOM up to its pixels; " + _AGAIN,
    ),
    Fault.COMPRESSION: (
        IntakeRule.UNSUPPORTED_COMPRESSION,
        "{file} has a TransferSyntaxUID (0002,0010) that is not taken; export it little endian and "
        "uncompressed, deflated, or lossless as RLE, JPEG (selection value 1), JPEG-LS, JPEG 2000",
    ),
    Fault.MODALITY: (
        IntakeRule.WRONG_MODALITY,
        "{file} has a {tag} that does not fit the part; CT belongs in IMG_CT, PT in IMM_PET, "
        "CR, DX, DR and RG in IMG_XRAY; leave out what is no image of the series",
    ),
    Fault.FRAMES: (
        IntakeRule.UNSUPPORTED_IMAGE,
        "{file} has too many frames by {tag}; export a CT or PET as one file for each slice",
    ),
    Fault.COLOUR: (
        IntakeRule.UNSUPPORTED_IMAGE,
        "{file} is no grey image of 8, 16 or 32 bits by {tag}; export the original images",
    ),
    Fault.MISSING: (
        IntakeRule.MISSING_TAG,
        "{file} lacks {tag}, or it is empty or zero; " + _AGAIN,
    ),
    Fault.BAD: (IntakeRule.BAD_TAG, "{file} has an unusable {tag}; " + _AGAIN),
    Fault.MIXED: (
        IntakeRule.MIXED_SERIES,
        "{file} has another {tag} than the first file; send one series of one patient",
    ),
    Fault.TWICE: (
        IntakeRule.MIXED_SERIES,
        "{file} repeats the {tag} of an earlier file; send every image once",
    ),
    Fault.GAP: (
        IntakeRule.INCOMPLETE_SERIES,
        "{file} does not follow the others at an even distance by {tag}; send every slice",
    ),
    Fault.PIXELS: (
        IntakeRule.TRUNCATED_PIXELS,
        "{file} has a {tag} of another length than its header says; " + _AGAIN,
    ),
    Fault.FRAGMENTS: (
        IntakeRule.TRUNCATED_PIXELS,
        "{file} has a compressed {tag} that is cut short or damaged; " + _AGAIN,
    ),
    Fault.CODESTREAM: (
        IntakeRule.TRUNCATED_PIXELS,
        "{file} has a compressed {tag} that is of another kind or size than its header says; "
        + _AGAIN,
    ),
    Fault.TOO_MANY_FILES: (
        IntakeRule.OVERSIZE,
        f"an archive holds at most {limits.FILES} files; send one series",
    ),
    Fault.FILE_SIZE: (
        IntakeRule.OVERSIZE,
        f"{{file}} has more than {limits.FILE_BYTES} bytes; export single slices",
    ),
    Fault.HEADER_SIZE: (
        IntakeRule.OVERSIZE,
        f"{{file}} has more than {limits.HEADER_BYTES} bytes before its pixels; " + _AGAIN,
    ),
    Fault.INFLATED_SIZE: (
        IntakeRule.OVERSIZE,
        f"{{file}} inflates to more than {limits.INFLATED_BYTES} bytes; export it uncompressed",
    ),
    Fault.SIDE: (
        IntakeRule.OVERSIZE,
        f"{{file}} has a {{tag}} outside 1 to {limits.SIDE}, or more than {limits.PIXELS} pixels "
        "in a frame; send single images",
    ),
    Fault.OUT_OF_MEMORY: (
        IntakeRule.CHECK_FAILED,
        "checking it needs more memory than its limit; " + _AGAIN,
    ),
    Fault.OUT_OF_TIME: (
        IntakeRule.CHECK_FAILED,
        "checking it took longer than its limit; send it when the node is less busy, or " + _AGAIN,
    ),
    Fault.DIED: (
        IntakeRule.CHECK_FAILED,
        "the process that checks it ended without an answer; " + _AGAIN,
    ),
    Fault.NO_READER: (
        IntakeRule.NO_READER,
        "this installation cannot read DICOM and takes no images; install medquorum[dicom]",
    ),
    Fault.NO_DECODER: (
        IntakeRule.UNSUPPORTED_COMPRESSION,
        "{file} is compressed in a way that is taken but not shown here; read it at a workstation, "
        "or have it exported uncompressed, or as RLE, JPEG-LS or JPEG 2000 lossless",
    ),
    Fault.SUV_TIME: (
        IntakeRule.BAD_TAG,
        "{file} has a {tag} that is not within 12 h before the scan: no uptake follows; " + _AGAIN,
    ),
    Fault.NIFTI: (
        IntakeRule.MALFORMED_VOLUME,
        "{file} is no whole NIfTI-1 volume of one time and one value for each voxel; save it again",
    ),
    Fault.NIFTI_GRID: (
        IntakeRule.MALFORMED_VOLUME,
        "{file} has no place in the scanner, or axes that are not at right angles; "
        "resample it with its affine set",
    ),
    Fault.NIFTI_VALUES: (
        IntakeRule.MALFORMED_VOLUME,
        "{file} has values that are none of what it was said to hold: a CT has -32768 to 32767 HU, "
        "a PET an SUV from 0 to 10000; say CT or PET rightly, or convert it",
    ),
}
"""For each fault its rule, and the sentence with places for the file and the tag."""


class IntakeRefused(Exception):
    """Images that do not become a proposal; `str` is a sentence without patient content."""

    def __init__(self, fault: Fault, ordinal: int | None = None, tag: str | None = None) -> None:
        rule, template = FAULTS[fault]
        self.fault: Final = fault
        self.rule: Final = rule
        self.ordinal: Final = ordinal
        """Place of the file in its archive, from 1."""
        self.tag: Final = tag
        """Keyword of `TAGS`."""
        self.advice: Final = template.format(
            file="the file" if ordinal is None else f"file {ordinal}", tag=_tag_words(tag)
        )
        super().__init__(self.advice)


def _tag_words(tag: str | None) -> str:
    if tag is None:
        return "an element"
    number = TAGS[tag]
    return f"{tag} ({number >> 16:04X},{number & 0xFFFF:04X})"
