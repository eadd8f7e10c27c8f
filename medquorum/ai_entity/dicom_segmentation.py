"""Lesions and organs as DICOM segmentations (SEG, PS3.3 A.51).

Lesions lie on the grid of the series they were measured on, one binary segment each. Organs lie on
the 4 mm grid on which they were told apart, in a segmentation of their own with the same frame of
reference: carried to the series' grid they would be a hundred times larger and no truer.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from highdicom import UID, AlgorithmIdentificationSequence, Volume
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import FileDataset
from pydicom.sr.codedict import codes

from medquorum.ai_entity.dicom_codes import SITES
from medquorum.ai_entity.findings import Findings, Lesion, ModelFacts
from medquorum.ai_entity.phantom.organs import Organ

NOTICE: Final = "Machine-generated, not for clinical use"
MANUFACTURER: Final = "Medquorum"
SERIES_NUMBERS: Final = {"SEG": 9_001, "SR": 9_002, "ORGANS": 9_003}
NO_SEGMENT: Final = (Organ.AIR,)
"""Not drawn: no tissue."""


def lesion_segmentation(
    slices: list[FileDataset], labels: Any, lesions: tuple[Lesion, ...], model: ModelFacts
) -> Segmentation:
    """One segment per lesion; ``labels`` [z,y,x] on the grid of ``slices`` hold their numbers."""
    descriptions = [
        SegmentDescription(
            segment_number=number,
            segment_label=f"Lesion {lesion.number}",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm_of(model),
            tracking_uid=UID(),
            tracking_id=f"Lesion {lesion.number}",
            anatomic_regions=[SITES[lesion.region]] if lesion.region in SITES else None,
        )
        for number, lesion in enumerate(lesions, start=1)
    ]
    segments = np.stack([labels == lesion.number for lesion in lesions], axis=-1)
    return Segmentation(
        source_images=slices,
        pixel_array=segments.astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=descriptions,
        content_label="LESIONS",
        content_description=NOTICE,
        **instance_of("SEG", model),
        **device_of(model),
    )


def organ_segmentation(slices: list[FileDataset], findings: Findings) -> Segmentation | None:
    """One segment per organ that the overlay shows and a standard code names; None without any."""
    if findings.overlay is None:
        return None
    labels = findings.overlay.organ_labels()
    if labels is None:
        return None
    shown = [
        organ
        for organ in Organ
        if organ not in NO_SEGMENT and organ_name(organ) in SITES and (labels == organ).any()
    ]
    if not shown:
        return None
    numbers = np.zeros(256, dtype=np.uint8)
    numbers[shown] = np.arange(1, len(shown) + 1)
    return Segmentation(
        source_images=slices,
        pixel_array=_volume(numbers[labels], findings.overlay.affine(), slices[0]),
        segmentation_type="BINARY",
        segment_descriptions=[
            _organ_description(number, organ, findings.model)
            for number, organ in enumerate(shown, start=1)
        ],
        content_label="ORGANS",
        content_description=NOTICE,
        **instance_of("ORGANS", findings.model),
        **device_of(findings.model),
    )


def _volume(labels: npt.NDArray[np.uint8], affine: Any, source: FileDataset) -> Volume:
    return Volume(
        array=labels,
        affine=affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=source.FrameOfReferenceUID,
    )


def _organ_description(number: int, organ: Organ, model: ModelFacts) -> SegmentDescription:
    name = organ_name(organ)
    return SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=SITES[name],
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm_of(model),
        tracking_uid=UID(),
        tracking_id=name,
    )


def organ_name(organ: Organ) -> str:
    """How findings name an organ."""
    return organ.name.lower()


def algorithm_of(model: ModelFacts) -> AlgorithmIdentificationSequence:
    """Name, version and digest of the model (PS3.3 table 10-19)."""
    return AlgorithmIdentificationSequence(
        name=model.name,
        family=codes.cid7162.ArtificialIntelligence,
        version=model.version,
        parameters={"sha256": model.digest.hex()},
    )


def instance_of(kind: str, model: ModelFacts) -> dict[str, Any]:
    """Identity of a new object in a series of its own."""
    return {
        "series_instance_uid": UID(),
        "series_number": SERIES_NUMBERS[kind],
        "sop_instance_uid": UID(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "series_description": f"{model.name}: {NOTICE}"[:64],
    }


def device_of(model: ModelFacts) -> dict[str, Any]:
    """What made it."""
    return {
        "manufacturer_model_name": model.name,
        "device_serial_number": model.digest.hex()[:16],
        "software_versions": model.version,
    }
