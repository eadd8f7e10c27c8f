"""The closed sets and named bytes the whole project speaks in (R-BLK, R-VOT, R-ORD, R-GOV)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NewType

ProposalId = NewType("ProposalId", bytes)
BlockHash = NewType("BlockHash", bytes)
BatchHash = NewType("BatchHash", bytes)
RecordId = NewType("RecordId", bytes)
NetworkId = NewType("NetworkId", bytes)


class Role(StrEnum):
    """A member's role in the charter (R-CHA4)."""

    AI_ENTITY = "ai_entity"
    DOCTOR = "doctor"
    HOSPITAL = "hospital"
    LABORATORY = "laboratory"
    RADIOLOGIST = "radiologist"


ADDRESS_PREFIX: Final = {
    Role.AI_ENTITY: "mqai",
    Role.DOCTOR: "mqdoc",
    Role.HOSPITAL: "mqhosp",
    Role.LABORATORY: "mqlab",
    Role.RADIOLOGIST: "mqrad",
}
PATIENT_PREFIX: Final = "mqpat"


class BlockType(StrEnum):
    """The paper's Tbloc, the X-ray and the types of governance beside them (R-BLK1)."""

    MEDICAL_FORM = "medical_form"
    CT = "ct"
    PET = "pet"
    XRAY = "xray"
    TEST_RESULT = "test_result"
    REPORT = "report"
    PRESCRIPTION = "prescription"
    AMENDMENT = "amendment"
    ABSENCE = "absence"
    ATTENDING = "attending"
    DELEGATION = "delegation"
    OPENING = "opening"
    CONSENT = "consent"
    ERASURE = "erasure"
    EVIDENCE = "evidence"


GOVERNANCE_TYPES: Final = frozenset(
    {
        BlockType.AMENDMENT,
        BlockType.ABSENCE,
        BlockType.DELEGATION,
        BlockType.OPENING,
        BlockType.EVIDENCE,
    }
)
"""About the network, not about a patient: their cores hold an act (R-GOV1, R-GOV2)."""
RESERVED_TYPES: Final = frozenset({BlockType.CONSENT, BlockType.ERASURE})
"""Refused by this version (R-BLK1)."""
CLINICAL_TYPES: Final = (
    BlockType.MEDICAL_FORM,
    BlockType.CT,
    BlockType.PET,
    BlockType.XRAY,
    BlockType.TEST_RESULT,
    BlockType.REPORT,
    BlockType.PRESCRIPTION,
)
"""Those with a body, and with a policy in every charter (R-CHA3)."""
PATIENT_TYPES: Final = (*CLINICAL_TYPES, BlockType.ATTENDING)
"""Those that stand in a patient's chain (R-BLK1)."""
IMAGE_TYPES: Final = frozenset({BlockType.CT, BlockType.PET, BlockType.XRAY})


class PartName(StrEnum):
    """The named parts of a body (R-BOD1)."""

    V_IND = "V_IND"
    TEST_RES = "TEST_RES"
    IMG_CT = "IMG_CT"
    IMM_PET = "IMM_PET"
    IMG_XRAY = "IMG_XRAY"
    M_REPORT = "M_REPORT"
    PRESC = "PRESC"
    PAT_NAME = "PAT_NAME"
    ATTACHMENT = "ATTACHMENT"


ISSUERS: Final = {
    BlockType.MEDICAL_FORM: frozenset({Role.HOSPITAL, Role.DOCTOR}),
    BlockType.CT: frozenset({Role.RADIOLOGIST, Role.HOSPITAL}),
    BlockType.PET: frozenset({Role.RADIOLOGIST, Role.HOSPITAL}),
    BlockType.XRAY: frozenset({Role.RADIOLOGIST, Role.HOSPITAL}),
    BlockType.TEST_RESULT: frozenset({Role.LABORATORY, Role.HOSPITAL}),
    BlockType.REPORT: frozenset({Role.DOCTOR, Role.RADIOLOGIST, Role.AI_ENTITY}),
    BlockType.PRESCRIPTION: frozenset({Role.DOCTOR}),
    BlockType.ATTENDING: frozenset({Role.HOSPITAL, Role.DOCTOR}),
    BlockType.AMENDMENT: frozenset(Role),
    BlockType.ABSENCE: frozenset({Role.DOCTOR}),
    BlockType.DELEGATION: frozenset({Role.DOCTOR}),
    BlockType.OPENING: frozenset({Role.HOSPITAL, Role.DOCTOR}),
    BlockType.EVIDENCE: frozenset({Role.DOCTOR}),
}
"""Which roles may issue a type (R-BLK2, R-GOV3)."""

REQUIRED_PART: Final = {
    BlockType.MEDICAL_FORM: PartName.V_IND,
    BlockType.CT: PartName.IMG_CT,
    BlockType.PET: PartName.IMM_PET,
    BlockType.XRAY: PartName.IMG_XRAY,
    BlockType.TEST_RESULT: PartName.TEST_RES,
    BlockType.REPORT: PartName.M_REPORT,
    BlockType.PRESCRIPTION: PartName.PRESC,
}
"""The part each type must carry; `attending` carries none at all (R-BLK3)."""

IMAGE_PARTS: Final = frozenset({PartName.IMG_CT, PartName.IMM_PET, PartName.IMG_XRAY})


class Decision(StrEnum):
    """What a doctor says to a proposal (R-VOT1)."""

    APPROVE = "approve"
    REJECT = "reject"
    ABSTAIN = "abstain"


class VoterRole(StrEnum):
    """In which capacity a doctor votes (R-VOT4)."""

    PEER = "peer"
    ATTENDING = "attending"
    DELEGATE = "delegate"


class Algorithm(StrEnum):
    """How a vote is signed: by a key, or by a doctor's authenticator (R-VOT2)."""

    ES256 = "es256"
    WEBAUTHN_ES256 = "webauthn-es256"


class Outcome(StrEnum):
    """What became of a proposal in its block (R-ORD1)."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class OrderingKind(StrEnum):
    """The three votes of ordering (R-ORD10)."""

    NOTAR = "notar"
    SKIP = "skip"
    FINAL = "final"


class QuorumMode(StrEnum):
    """How many doctors' nodes certify a batch (R-CHA8)."""

    MAJORITY = "majority"
    BYZANTINE = "byzantine"


class Panel(StrEnum):
    """Which doctors decide on a type (R-VER1)."""

    ALL_DOCTORS = "all_doctors"
    CARE_TEAM = "care_team"


class Standing(StrEnum):
    """The three values of a verdict (R-VER2 to R-VER4)."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
