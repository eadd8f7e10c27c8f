"""Why an image, a model or a child process was refused.

One root, one subclass by stage, one closed set of reasons:

    AnalysisError
    ├── SeriesError       a DICOM series cannot become a volume
    ├── SuvError          a PET cannot become standardized uptake values
    ├── StructureError    an RTSTRUCT cannot become a mask
    ├── RadiographError   an X-ray file cannot become a picture
    ├── CaseArchiveError  an archive of arrays cannot become cases to evaluate on
    ├── ModelError        a model file is not the registered one, or is not allowed
    └── IsolationError    the child process ran out of memory or time, or died

A message names the file by its ordinal (1-based) and the DICOM tag by keyword and number. It never
quotes a value of the file, because any of them may identify a patient.
"""

from enum import StrEnum


class Reason(StrEnum):
    """The closed set of refusals."""

    EMPTY_SERIES = "empty_series"
    """No file was given."""
    NOT_DICOM = "not_dicom"
    """The bytes do not start as DICOM part 10 does, or cannot be parsed."""
    TRUNCATED_PIXELS = "truncated_pixels"
    """Pixel data is absent, shorter than the header says, or does not decode."""
    MIXED_SERIES = "mixed_series"
    """The files differ in series, modality, size, orientation or spacing."""
    DIFFERENT_PATIENTS = "different_patients"
    """The headers of images that are read together name different patients."""
    NON_UNIFORM_SPACING = "non_uniform_spacing"
    """Slices are missing, doubled or unevenly spaced by more than one per cent."""
    MISSING_TAG = "missing_tag"
    """A field that the computation needs is absent or empty."""
    BAD_TAG = "bad_tag"
    """A field is present with a value that cannot be used."""
    UNSUPPORTED_TRANSFER_SYNTAX = "unsupported_transfer_syntax"
    """A compression that is not read here."""
    UNSUPPORTED_IMAGE = "unsupported_image"
    """Colour, multi-frame or another modality than the one asked for."""
    OVERSIZE = "oversize"
    """A limit of ``limits`` is passed."""
    BAD_ARCHIVE = "bad_archive"
    """The tar stream is damaged or holds something other than plain files."""
    NOT_OVERLAPPING = "not_overlapping"
    """CT and PET share less than half of the smaller one's extent."""
    DECAY_UNKNOWN = "decay_unknown"
    """The PET's decay or attenuation correction is not one the formula covers."""
    IMPLAUSIBLE_TIME = "implausible_time"
    """Injection and scan times contradict each other."""
    UNKNOWN_MODEL = "unknown_model"
    """No such digest in the registry."""
    DIGEST_MISMATCH = "digest_mismatch"
    """The model file's SHA-256 is not the registered one."""
    CARD_MISMATCH = "card_mismatch"
    """The model's card is not the registered one, or not the one the doctors approved."""
    EXTERNAL_TENSOR = "external_tensor"
    """A model refers to bytes outside its own file."""
    FORBIDDEN_OPERATOR = "forbidden_operator"
    """A model uses a custom domain, local functions or an operator outside the standard set."""
    MALFORMED_MODEL = "malformed_model"
    """The model's protobuf has fields, sizes or encodings that are not allowed."""
    WRONG_SHAPE = "wrong_shape"
    """A model's inputs or outputs are not those its kind requires."""
    UNSUPPORTED_MODEL = "unsupported_model"
    """A foreign model's description asks for something that is not carried out here."""
    WRONG_OUTPUT = "wrong_output"
    """A model failed on an image, or gave values that are no numbers or too few of them."""
    OUT_OF_MEMORY = "out_of_memory"
    """The child passed its memory limit."""
    OUT_OF_TIME = "out_of_time"
    """The child passed its time limit."""
    CANCELLED = "cancelled"
    """Somebody stopped the analysis."""
    CHILD_DIED = "child_died"
    """The child ended without an answer."""
    UNEXPECTED = "unexpected"
    """The child failed in a way this code does not name; its type is told, its words are not."""


class AnalysisError(Exception):
    """Root: a reason from the closed set and a sentence that says what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason.value}: {message}")
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type["AnalysisError"], tuple[Reason, str]]:
        return type(self), (self.reason, self.message)


class SeriesError(AnalysisError):
    """A DICOM series cannot become a volume."""


class SuvError(AnalysisError):
    """A PET cannot become standardized uptake values."""


class StructureError(AnalysisError):
    """An RTSTRUCT cannot become a mask."""


class RadiographError(AnalysisError):
    """An X-ray file cannot become a picture."""


class CaseArchiveError(AnalysisError):
    """An archive of arrays cannot become cases to evaluate on."""


class ModelError(AnalysisError):
    """A model file is not the registered one, or is not allowed."""


class IsolationError(AnalysisError):
    """The child process ran out of memory or time, or died."""


ERROR_CLASSES: dict[str, type[AnalysisError]] = {
    kind.__name__: kind
    for kind in (
        SeriesError,
        SuvError,
        StructureError,
        RadiographError,
        CaseArchiveError,
        ModelError,
        IsolationError,
    )
}
"""By name, for the way back from the child process."""
