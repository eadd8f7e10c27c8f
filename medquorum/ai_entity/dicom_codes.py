"""The codes of the DICOM results: standard where a standard code surely means it, else our own.

Body structures are SNOMED CT concepts that DICOM itself uses (PS3.16 CID 4 and its like). What no
standard names, as the four levels per organ or the way a volume was drawn, has a code of the scheme
99MEDQUORUM, which every object that uses it declares.
"""

from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from medquorum.ai_entity.explain.change_facts import Course
from medquorum.ai_entity.findings import Level
from medquorum.ai_entity.tumour.methods import SUV_2_5, SUV_4, SUV_41_PERCENT, SUV_ADAPTIVE

SCHEME: Final = "99MEDQUORUM"
MEANING_CHARACTERS: Final = 64
"""Longest code meaning (LO)."""

SUV_BODY_WEIGHT: Final = codes.DCM.Suvbw
SUV_UNIT: Final = codes.UCUM.StandardizedUptakeValueBodyWeight
GRAM: Final = Code("g", "UCUM", "gram")
NO_UNITS: Final = codes.UCUM.NoUnits

SITES: Final = {
    "bone": codes.SCT.Bone,
    "lungs": codes.SCT.Lung,
    "lung": codes.SCT.Lung,
    "heart": codes.SCT.Heart,
    "mediastinum": codes.SCT.Mediastinum,
    "liver": codes.SCT.Liver,
    "spleen": codes.SCT.Spleen,
    "kidneys": codes.SCT.Kidney,
    "stomach": codes.SCT.Stomach,
    "gut": Code("113276009", "SCT", "Intestine"),
    "bladder": codes.SCT.Bladder,
    "brain": codes.SCT.Brain,
    "muscle": codes.SCT.SkeletalMuscle,
    "fat": codes.SCT.AdiposeTissue,
    "vessels": codes.SCT.BloodVessel,
    "soft tissue": codes.SCT.SoftTissue,
}
"""Organ of the findings -> body structure. Both of a pair share the code without a laterality."""

LEVEL: Final = Code("organ-level", SCHEME, "Level of the organ")
LEVELS: Final = {
    Level.NEGATIVE: Code("level-negative", SCHEME, "Negative"),
    Level.TUMOR: Code("level-tumor", SCHEME, "Tumor"),
    Level.TUMOR_PLUS: Code("level-tumor-plus", SCHEME, "Tumor+"),
    Level.METASTASIS: Code("level-metastasis", SCHEME, "Metastasis"),
}
BY_NETWORK: Final = Code("by-network", SCHEME, "Voxels above the network's threshold")
METHODS: Final = {
    SUV_2_5: Code("by-suv-2-5", SCHEME, "SUV 2.5 and more, 3 mL and more, all uptake"),
    SUV_4: Code("by-suv-4", SCHEME, "SUV 4.0 and more, 3 mL and more, all uptake"),
    SUV_41_PERCENT: Code("by-suv-41-pct", SCHEME, "41 percent of each lesion's SUVmax"),
    SUV_ADAPTIVE: Code("by-adaptive", SCHEME, "Adaptive threshold of each lesion, blur corrected"),
}
BY_PERCIST: Final = Code("course-percist", SCHEME, "By PERCIST 1.0 cut-offs, no assessment")
BY_EORTC: Final = Code("course-eortc", SCHEME, "By EORTC 1999 cut-offs, no assessment")
COURSES: Final = {
    Course.COMPLETE: Code("course-complete", SCHEME, "Complete metabolic response"),
    Course.PARTIAL: Code("course-partial", SCHEME, "Partial metabolic response"),
    Course.STABLE: Code("course-stable", SCHEME, "Stable metabolic disease"),
    Course.PROGRESSIVE: Code("course-progress", SCHEME, "Progressive metabolic disease"),
    Course.NOT_COMPARABLE: Code("course-none", SCHEME, "Not comparable"),
}


def method_code(method: str) -> Code:
    """The code of a named way to draw a volume; of an unknown one its name, cut to fit."""
    return METHODS.get(method) or Code("by-other", SCHEME, method[:MEANING_CHARACTERS])


def declare_scheme(dataset: Any) -> None:
    """Say in a dataset whose codes 99MEDQUORUM are (PS3.3 C.12.1)."""
    declared = Dataset()
    declared.CodingSchemeDesignator = SCHEME
    declared.CodingSchemeName = "Medquorum"
    declared.CodingSchemeResponsibleOrganization = "The Medquorum maintainers"
    dataset.CodingSchemeIdentificationSequence = [declared]
