"""Asking the verifier for its verdict, in this process; of whole ledgers, the product as well."""

import io
from typing import Any

from medquorum.consensus.proofs import verify_proof
from medquorum.consensus.verification import verify_export
from medquorum.ledger.charter import parse_charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.proof import parse_proof
from scripts.independent.canonical import Tampered
from scripts.independent.charter import Charter, read_charter
from scripts.independent.crypto import Signatures
from scripts.independent.export import ExportAudit, audit_export
from scripts.independent.proof import audit_proof
from tests.support.tampering import remembering

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
    """The verdict on a ledger's export; the product's must be the same, at the same height."""
    export = joined(ledger.export_frames())
    found = verdict_on(export, charter_of(ledger))
    twin = verify_export([export], parse_charter(enc(ledger.charter)), remembering)
    assert (twin.valid, found if twin.valid else (found[0], twin.height, found[2])) == (
        found == VALID,
        found,
    ), f"the product says {twin}"
    return found


def verdict_on_proof(proof: object, charter: Charter = CHARTER) -> tuple[str, int, str]:
    """The verdict on a proof."""
    try:
        audit_proof(enc(proof), charter, SIGNATURES)
    except Tampered as tampered:
        return "TAMPERED", tampered.height, tampered.rule
    return VALID


def verdict_on_proof_of(
    ledger: Ledger, n_bc: int, spoiled: dict[str, Any] | None = None
) -> tuple[str, int, str]:
    """The verdict on a block's proof; the product must find it valid or not alike."""
    proof = {**ledger.proof(n_bc), **(spoiled or {})}
    found = verdict_on_proof(proof, charter_of(ledger))
    charter = parse_charter(enc(ledger.charter))
    try:
        twin = verify_proof(parse_proof(enc(proof)), charter, remembering)
        said = (twin.valid, twin.reason)
    except LedgerError as error:
        said = (False, str(error))
    assert said[0] == (found == VALID), f"{found}, but the product says {said}"
    return found
