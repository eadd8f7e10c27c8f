"""Asking the verifier for its verdict, in this process."""

import io

from scripts.independent.canonical import Tampered
from scripts.independent.charter import Charter, read_charter
from scripts.independent.crypto import Signatures
from scripts.independent.export import ExportAudit, audit_export
from scripts.independent.proof import audit_proof

from .builder import Ledger
from .primitives import charter_file, charter_map, enc, joined

# Shared, so that thousands of altered copies of one file cost a few signatures each.
SIGNATURES = Signatures()
CHARTER = read_charter(charter_file(charter_map()), SIGNATURES)

VALID = ("VALID", 0, "")


def verdict_on(content: bytes, charter: Charter = CHARTER) -> tuple[str, int, str]:
    """The word, the height and the rule for an export file."""
    try:
        audit_export(io.BytesIO(content), ExportAudit(charter, SIGNATURES))
    except Tampered as tampered:
        return "TAMPERED", tampered.height, tampered.rule
    return VALID


def charter_of(ledger: Ledger) -> Charter:
    """The founding charter of a ledger, as the verifier reads it."""
    if ledger.network == CHARTER.network:
        return CHARTER
    return read_charter(charter_file(ledger.charter), SIGNATURES)


def verdict_of(ledger: Ledger) -> tuple[str, int, str]:
    """The verdict on a ledger's export, with the ledger's own charter."""
    return verdict_on(joined(ledger.export_frames()), charter_of(ledger))


def verdict_on_proof(proof: object, charter: Charter = CHARTER) -> tuple[str, int, str]:
    """The verdict on a proof."""
    try:
        audit_proof(enc(proof), charter, SIGNATURES)
    except Tampered as tampered:
        return "TAMPERED", tampered.height, tampered.rule
    return VALID
