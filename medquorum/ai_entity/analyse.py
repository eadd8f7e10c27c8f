"""The two doors of the analysis: a tumour from CT and PET, a fracture from an X-ray.

Both do their work in a limited child process (``isolated``); this process never parses a patient's
file. They block: call them from a worker thread. Numpy, OpenCV and onnxruntime stay in this room.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.findings_codec import findings_from_plain, findings_to_plain
from medquorum.ai_entity.isolated import Answer, ChildLimits, WarmWorkers, Watch, run_isolated
from medquorum.ai_entity.isolated_watch import Progress, part_of
from medquorum.ai_entity.registry import MODELS_FOLDER, Shelf
from medquorum.ai_entity.working_folder import WorkingFolder

OVERLAY: Final = "overlay"
"""Name of the array that carries the overlay's compressed bytes."""

ORGANS: Final = "organs"
"""Name of the array that carries the overlay's compressed organ labels."""

PICTURE: Final = "picture"
"""Name of the array that carries the PNG for people."""

READ_SHARE: Final = 0.15
RUN_SHARE: Final = 0.9
"""Where reading and the model end in a whole analysis: 300 slices, a minute of network."""

DICOM_FILES: Final = ("segmentation", "report", "organ_map")
"""Names of the arrays that carry the results as DICOM files."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the child makes besides the findings."""

    picture: bool = False
    """A PNG with the findings drawn into the images."""
    dicom: bool = False
    """Lesions as DICOM segmentation and report; needs the extra ``dicom``."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the child is run: its limits, who watches it, and whether one is waiting already."""

    limits: ChildLimits | None = None
    watch: Watch | None = None
    workers: WarmWorkers | None = None

    def call(self, function: str, arguments: dict[str, Any]) -> Answer:
        """The answer of one child; its limits are those of ``workers`` where there are some."""
        if self.workers is not None:
            return self.workers.run(function, arguments, self.watch)
        return run_isolated(function, arguments, self.limits, self.watch)


@dataclass(frozen=True, slots=True)
class Analysed:
    """Findings with what they cost."""

    findings: Findings
    peak_memory_bytes: int
    """Largest resident size of the child."""
    picture: bytes | None = None
    """A PNG with the findings drawn into the images, where one was asked for."""
    dicom: tuple[tuple[str, bytes], ...] = ()
    """(name, part-10 file) of DICOM_FILES, where asked for and a lesion was drawn."""

    def __repr__(self) -> str:
        return f"Analysed({self.findings.kind}, {self.peak_memory_bytes} bytes)"


def analyse_tumour(ct: Path, pet: Path | None, models: Path | Shelf = MODELS_FOLDER) -> Findings:
    """Findings of a CT and, where there is one, a PET; each a directory or an archive.

    Raises AnalysisError: what the series lacks (SeriesError, SuvError), which model is not as
    registered (ModelError), which limit the child passed (IsolationError). Images that are readable
    but not a body give findings that abstain.
    """
    return measure_tumour(ct, pet, models).findings


def analyse_fracture(image: Path | bytes, models: Path | Shelf = MODELS_FOLDER) -> Findings:
    """Findings of one X-ray: a DICOM, PNG or JPEG file, or an archive that holds one.

    Raises AnalysisError like ``analyse_tumour``, with RadiographError for the picture.
    """
    return measure_fracture(image, models).findings


def measure_tumour(
    ct: Path,
    pet: Path | None,
    models: Path | Shelf = MODELS_FOLDER,
    wanted: Wanted | None = None,
    manner: Manner | None = None,
) -> Analysed:
    """``analyse_tumour`` with the child's peak memory and what else is wanted."""
    arguments = {
        "ct": str(ct.resolve()),
        "pet": None if pet is None else str(pet.resolve()),
        **_shelf(models).as_arguments(),
        "wanted": asdict(wanted or Wanted()),
    }
    return _unpack((manner or Manner()).call(f"{__name__}:tumour_in_child", arguments))


def measure_fracture(
    image: Path | bytes,
    models: Path | Shelf = MODELS_FOLDER,
    picture: bool = False,
    manner: Manner | None = None,
) -> Analysed:
    """``analyse_fracture`` with the child's peak memory and, when wanted, the marked film."""
    with WorkingFolder("xray") as held:
        path = image if isinstance(image, Path) else held.path / "image"
        if isinstance(image, bytes):
            path.write_bytes(image)
        arguments = {
            "image": str(path.resolve()),
            **_shelf(models).as_arguments(),
            "picture": picture,
        }
        return _unpack((manner or Manner()).call(f"{__name__}:fracture_in_child", arguments))


def _shelf(models: Path | Shelf) -> Shelf:
    return models if isinstance(models, Shelf) else Shelf(models)


def tumour_in_child(
    ct: str,
    pet: str | None,
    models: str,
    wanted: dict[str, bool] | None = None,
    approved: list[str] | None = None,
    *,
    progress: Progress | None = None,
) -> Answer:
    """Runs in the child."""
    from medquorum.ai_entity.adapters.run import wants_native_ct
    from medquorum.ai_entity.contact_sheet import tumour_sheet
    from medquorum.ai_entity.explain.placing import with_landmarks
    from medquorum.ai_entity.registry import opened
    from medquorum.ai_entity.tumour.pipeline import analyse_images, read_images

    extra = Wanted(**(wanted or {}))
    registry = opened(models, approved)
    keep_ct = wants_native_ct(registry, "ct" if pet is None else "petct")
    part_of(progress, 0.0, READ_SHARE)(0.0)
    images = read_images(Path(ct), None if pet is None else Path(pet), keep_ct=keep_ct)
    told = part_of(progress, READ_SHARE, RUN_SHARE)
    told(0.0)
    findings = with_landmarks(analyse_images(images, registry, progress=told), images)
    told(1.0)
    answer = _pack(findings, tumour_sheet(images, findings) if extra.picture else None)
    if not extra.dicom:
        return answer
    from medquorum.ai_entity.dicom_results import dicom_results

    source, modality = (ct, "CT") if pet is None else (pet, "PT")
    made = dicom_results(Path(source), modality, findings)
    files = () if made is None else (made.segmentation, made.report, made.organ_map)
    added = {
        name: np.frombuffer(content, dtype=np.uint8)
        for name, content in zip(DICOM_FILES, files, strict=False)
        if content is not None
    }
    return Answer(answer.plain, {**answer.arrays, **added})


def fracture_in_child(
    image: str, models: str, picture: bool = False, approved: list[str] | None = None
) -> Answer:
    """Runs in the child."""
    from medquorum.ai_entity.contact_sheet import fracture_sheet
    from medquorum.ai_entity.fracture.pipeline import analyse_radiograph
    from medquorum.ai_entity.fracture.radiograph import read_bounded, read_radiograph
    from medquorum.ai_entity.registry import opened

    film = read_radiograph(read_bounded(Path(image)))
    findings = analyse_radiograph(film, opened(models, approved))
    return _pack(findings, fracture_sheet(film, findings) if picture else None)


def _pack(findings: Findings, picture: bytes | None) -> Answer:
    arrays: dict[str, Any] = {}
    if findings.overlay is not None:
        arrays[OVERLAY] = np.frombuffer(findings.overlay.compressed, dtype=np.uint8)
        if findings.overlay.organs is not None:
            arrays[ORGANS] = np.frombuffer(findings.overlay.organs, dtype=np.uint8)
    if picture is not None:
        arrays[PICTURE] = np.frombuffer(picture, dtype=np.uint8)
    return Answer(findings_to_plain(findings), arrays)


def _unpack(answer: Answer) -> Analysed:
    findings = findings_from_plain(answer.plain)
    if findings.overlay is not None:
        compressed = answer.arrays[OVERLAY].astype(np.uint8).tobytes()
        told = answer.arrays.get(ORGANS)
        organs = None if told is None else told.astype(np.uint8).tobytes()
        overlay = replace(findings.overlay, compressed=compressed, organs=organs)
        findings = replace(findings, overlay=overlay)
    drawn = answer.arrays.get(PICTURE)
    picture = None if drawn is None else drawn.astype(np.uint8).tobytes()
    dicom = tuple(
        (name, answer.arrays[name].astype(np.uint8).tobytes())
        for name in DICOM_FILES
        if name in answer.arrays
    )
    return Analysed(findings, answer.peak_memory_bytes, picture, dicom)
