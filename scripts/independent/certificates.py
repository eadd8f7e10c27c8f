"""Certificates: a quorum of doctors' ordering votes on one batch or on skipping one slot.

Carries out R-ORD10 to R-ORD12 and R-ORD17.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from .canonical import NUMBER_MAX, RECORD, Fault, Fields, Value, decode, encode
from .charter import DOCTORS_MAX, Charter
from .crypto import Signatures, tagged

CERTIFICATE_FIELDS: Final = ("epoch", "hash", "kind", "slot", "votes")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Votes as (doctor's number, signature); `hash` is none exactly where `kind` is skip."""

    epoch: int
    hash: bytes | None
    kind: str
    slot: int
    votes: tuple[tuple[int, bytes], ...]


def read_certificate(encoded: bytes) -> Certificate:
    """Return the certificate held by canonical bytes."""
    fields = Fields(decode(encoded, RECORD), "a certificate", CERTIFICATE_FIELDS)
    certificate = Certificate(
        epoch=fields.integer("epoch", high=NUMBER_MAX),
        hash=fields.optional_binary("hash", 32),
        kind=fields.choice("kind", ("notar", "skip", "final")),
        slot=fields.integer("slot", 1, NUMBER_MAX),
        votes=tuple(_read_vote(vote) for vote in fields.entries("votes")),
    )
    if (certificate.hash is None) != (certificate.kind == "skip"):
        raise Fault("R-ORD10", "a certificate has no hash exactly where it skips a slot")
    return certificate


def _read_vote(value: Value) -> tuple[int, bytes]:
    if isinstance(value, list) and len(value) == 2:
        signer, signature = value
        if type(signer) is int and isinstance(signature, bytes) and len(signature) == 64:
            return signer, signature
    raise Fault("R-CAN5", "a certificate's vote is not a signer and a signature")


def ordering_digest(epoch: int, voted: bytes | None, kind: str, slot: int, network: bytes) -> bytes:
    """Return what an ordering vote signs (R-ORD10); `voted` is the batch hash."""
    vote: dict[str, Value] = {"epoch": epoch, "hash": voted, "kind": kind, "slot": slot}
    return tagged("ordering-vote", network, encode(vote))


def check_certificate(certificate: Certificate, charter: Charter, signatures: Signatures) -> None:
    """Raise `Fault` unless a quorum of doctors, each once, signed it (R-ORD11)."""
    if certificate.epoch != charter.version:
        raise Fault("R-ORD9", "a certificate of another epoch than the charter's")
    signers = [signer for signer, _ in certificate.votes]
    if any(later <= earlier for earlier, later in pairwise(signers)):
        raise Fault("R-ORD11", "the signers of a certificate do not ascend")
    if len(signers) < charter.quorum or len(signers) > DOCTORS_MAX:
        raise Fault("R-ORD11", f"{len(signers)} votes where the quorum is {charter.quorum}")
    if not 0 <= signers[0] <= signers[-1] < len(charter.doctors):
        raise Fault("R-ORD11", "a certificate names a doctor who does not exist")
    epoch, voted, kind, slot = (
        certificate.epoch,
        certificate.hash,
        certificate.kind,
        certificate.slot,
    )
    digest = ordering_digest(epoch, voted, kind, slot, charter.network)
    for signer, signature in certificate.votes:
        key = charter.doctors[signer].consensus
        signatures.check(key, digest, signature, rule="R-ORD11", what="a certificate")


def check_final(
    certificate: Certificate,
    slot: int,
    batch_hash: bytes,
    charter: Charter,
    signatures: Signatures,
) -> None:
    """Raise `Fault` unless the certificate makes this batch final (R-ORD17)."""
    if certificate.kind != "final":
        raise Fault("R-ORD17", "a batch's certificate is not of kind final")
    if certificate.slot != slot or certificate.hash != batch_hash:
        raise Fault("R-ORD17", "a batch's certificate names another batch")
    check_certificate(certificate, charter, signatures)


def check_justification(
    certificates: Sequence[Certificate],
    *,
    slot: int,
    parent_slot: int,
    parent_hash: bytes,
    charter: Charter,
    signatures: Signatures,
) -> None:
    """Raise `Fault` unless the parent is certified and every slot between skipped (R-ORD12)."""
    skips = list(certificates)
    if parent_slot:
        parent = skips.pop(0) if skips else None
        if parent is None or parent.kind == "skip":
            raise Fault("R-ORD12", "the justification does not certify the parent")
        if parent.slot != parent_slot or parent.hash != parent_hash:
            raise Fault("R-ORD12", "the justification certifies another batch than the parent")
        check_certificate(parent, charter, signatures)
    if len(skips) != slot - parent_slot - 1:
        raise Fault("R-ORD12", "a slot between parent and batch is not certified as skipped")
    for skipped, certificate in enumerate(skips, parent_slot + 1):
        if certificate.kind != "skip" or certificate.slot != skipped:
            raise Fault("R-ORD12", "the skip certificates do not follow slot by slot")
        check_certificate(certificate, charter, signatures)
