"""Who may read a new body: the rule that both the sealing and the fetching node apply (R-BOD7).

Doctors read because they vote, AI entities because they analyse, the issuer because it must be
able to serve what it sealed, and the patient because it is hers.
"""

from __future__ import annotations

from medquorum.ledger.chain_index import PatientState
from medquorum.ledger.charter import Charter, Member
from medquorum.ledger.keys import Address, PublicKey, address_of
from medquorum.ledger.proposal import Core
from medquorum.ledger.types import BlockType, Role
from medquorum.node.charters import Charters


def default_recipients(
    charter: Charter, block_type: BlockType, issuer: Address
) -> tuple[Member, ...]:
    """The members who get a wrap of a body of this type: doctors, AI entities, the issuer."""
    return tuple(
        member
        for member in charter.members
        if member.address == issuer or _reads(member.role, block_type)
    )


def _reads(role: Role, block_type: BlockType) -> bool:
    """Every type is put to the vote of all doctors; machines learn from all but names in forms."""
    return role is Role.DOCTOR or (
        role is Role.AI_ENTITY and block_type is not BlockType.MEDICAL_FORM
    )


def encryption_keys(
    charter: Charter, core_type: BlockType, issuer: Address, patient: tuple[PublicKey, PublicKey]
) -> dict[Address, PublicKey]:
    """Encryption keys by recipient address; `patient` is (Kp, the patient's encryption key)."""
    patient_key, patient_encryption_key = patient
    members = default_recipients(charter, core_type, issuer)
    keys = {member.address: member.keys.encryption for member in members}
    return keys | {address_of(patient_key): patient_encryption_key}


def is_recipient(charter: Charter, core: Core, member: Address) -> bool:
    """Whether a member should hold the body of this proposal; governance acts have none.

    `charter` is that in force when the body was sealed: who joined later has no wrap of it.
    """
    return bool(core.parts) and any(
        one.address == member for one in default_recipients(charter, core.type, core.issuer)
    )


def reads_body(charters: Charters, core: Core, member: Address) -> bool:
    """The same, by the charter in force when the proposal was issued."""
    return is_recipient(charters.at(core.issued_at_ms), core, member)


def patient_keys(core: Core, patient: PatientState | None) -> tuple[PublicKey, PublicKey] | None:
    """Kp and the encryption key of the patient a core is about, if known."""
    if core.registration is not None:
        return core.patient_key, core.registration.encryption_key
    return None if patient is None else (patient.key, patient.encryption_key)
