"""The sealed body behind one door: keys, sealing, opening, wraps, complaints, registration.

Carries out R-BOD3 to R-BOD8, R-PRO4 and R-PRO5.

Issuer: `new_part_keys` → `PartSealer` → descriptor for the core → `make_wrap` per recipient.
Recipient: `verify_wrap` → `open_wrap` → `PartOpener` → `finish`, or `complain`.
"""

from __future__ import annotations

from medquorum.ledger.complaint import (
    Complaint,
    Grievance,
    complain,
    parse_complaint,
    verify_complaint,
)
from medquorum.ledger.opening import PartOpener, open_part
from medquorum.ledger.part_keys import (
    PartKeys,
    Randomness,
    check_chunk,
    check_manifest,
    check_sizes,
    commitment,
    leaf_hashes_root,
    locate,
    new_part_keys,
    sealed_chunk_bytes,
    sealed_leaf,
)
from medquorum.ledger.registration import (
    patient_name_commitment,
    registration_payload,
    registration_proof,
    verify_registration,
)
from medquorum.ledger.sealing import PartSealer, SealedPart, seal_part
from medquorum.ledger.wrap import (
    HPKE,
    HpkeKeyWrapper,
    KeyWrapper,
    Wrap,
    make_wrap,
    open_wrap,
    parse_wrap,
    verify_wrap,
)

__all__ = [
    "PartKeys",
    "Randomness",
    "new_part_keys",
    "commitment",
    "PartSealer",
    "SealedPart",
    "seal_part",
    "PartOpener",
    "open_part",
    "locate",
    "check_sizes",
    "check_manifest",
    "check_chunk",
    "leaf_hashes_root",
    "sealed_chunk_bytes",
    "sealed_leaf",
    "Wrap",
    "make_wrap",
    "open_wrap",
    "parse_wrap",
    "verify_wrap",
    "KeyWrapper",
    "HpkeKeyWrapper",
    "HPKE",
    "Complaint",
    "Grievance",
    "complain",
    "parse_complaint",
    "verify_complaint",
    "patient_name_commitment",
    "registration_payload",
    "registration_proof",
    "verify_registration",
]
