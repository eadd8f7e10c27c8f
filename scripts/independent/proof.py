"""A proof of one block: its batch, its place there, and the patient's history behind it.

Carries out R-EXP3. Without the chain before it, a proof cannot show that the proposal or the
patient's key is new; the quorum that made the batch final answers for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .batches import (
    BatchHeader,
    Tip,
    check_batch_after,
    check_batch_alone,
    first_tip,
    read_batch_header,
    tip_after,
)
from .blocks import (
    Block,
    History,
    check_accepted_numbers,
    check_patient,
    check_position,
    check_rejected_numbers,
    new_history,
    question_of,
    read_block,
    read_header,
)
from .canonical import FRAME, Fault, Fields, Tampered, Value, decode
from .certificates import check_final, read_certificate
from .charter import Charter
from .crypto import Signatures, root_of_path, tagged
from .proposals import check_core, check_proposal, read_core
from .votes import check_verdict, check_votes, read_witness

PROOF_FIELDS: Final = (
    "block",
    "block_path",
    "certificate",
    "format",
    "headers",
    "index",
    "patient_chain",
    "witness",
    "witness_path",
)


@dataclass(frozen=True, slots=True)
class Proven:
    """A block shown to be final, and how many batch headers showed it."""

    block: Block
    batches: int


def audit_proof(encoded: bytes, charter: Charter, signatures: Signatures) -> Proven:
    """Return the block that a proof proves; raise `Tampered`, at height 0 if it has no number."""
    height = 0
    try:
        fields = Fields(decode(encoded, FRAME), "the proof", PROOF_FIELDS)
        if fields.text("format") != "medquorum/proof/1":
            raise Fault("R-EXP3", "the file is not of format medquorum/proof/1")
        block = read_block(fields.binary("block"), charter.network)
        height = block.header.n_bc
        headers = [read_batch_header(one, charter.network) for one in fields.binaries("headers")]
        _check_headers(headers, charter)
        _check_place(fields, block, headers[0], charter)
        _check_block(fields, block, headers[0].time_ms, charter, signatures)
        certificate = read_certificate(fields.binary("certificate"))
        last = headers[-1]
        check_final(certificate, last.slot, last.hash, charter, signatures)
    except Fault as fault:
        raise Tampered(height, fault) from None
    return Proven(block, len(headers))


def _check_headers(headers: list[BatchHeader], charter: Charter) -> None:
    if not headers:
        raise Fault("R-EXP3", "the proof has no batch header")
    tip: Tip | None = first_tip(charter) if headers[0].parent_slot == 0 else None
    for header in headers:
        check_batch_alone(header, charter)
        if tip is not None:
            check_batch_after(header, tip)
        tip = tip_after(header)


def _check_place(fields: Fields, block: Block, batch: BatchHeader, charter: Charter) -> None:
    index = fields.integer("index")
    if index >= batch.count:
        raise Fault("R-EXP3", "the index lies beyond the batch")
    for name, path_name, root in (
        ("block", "block_path", batch.blocks_root),
        ("witness", "witness_path", batch.witness_root),
    ):
        path = fields.binaries(path_name, 32)
        if root_of_path(fields.binary(name), index, batch.count, path) != root:
            raise Fault("R-MRK2", f"{path_name} does not lead to the batch's root")
    header = block.header
    if header.n_bc != batch.first_nbc + index:
        raise Fault("R-ORD2", "n_bc is not that of the block's place in the batch")
    if index == batch.count - 1 and header.hash != batch.last_block_hash:
        raise Fault("R-ORD7", "last_block_hash is not the hash of the batch's last block")
    if header.n_bc == 1 and header.hprevious != charter.network:
        raise Fault("R-ORD2", "hprevious of the first block is not the network id")


def _check_block(
    fields: Fields, block: Block, time_ms: int, charter: Charter, signatures: Signatures
) -> None:
    core, header = block.core, block.header
    history = _read_history(fields.entries("patient_chain"), charter, signatures)
    votes = read_witness(fields.binary("witness"), charter.network)
    proposal = check_proposal(core, block.encoded_core, block.signature, charter, signatures)
    if header.proposal != proposal:
        raise Fault("R-ORD1", "the header names another proposal than the core's")
    if time_ms > core.expires_at_ms:
        raise Fault("R-ORD4", "the proposal had expired at the batch's time")
    if core.patient is None:
        if history is not None:
            raise Fault("R-EXP3", "a registration has a patient chain")
        history = new_history(core)
    if header.outcome == "rejected":
        check_rejected_numbers(core, header)
        _check_rejected_history(core.patient, core.seen_head, history)
        if history is not None:
            check_patient(core, history)
    elif history is None or (core.patient is not None and history.number != core.patient):
        raise Fault("R-EXP3", "the patient chain is not that of the block's patient")
    else:
        check_accepted_numbers(header, core.patient or header.n_pb, history)
        check_position(core, history, charter)
    question = question_of(core, proposal, history, charter)
    check_votes(votes, question, charter, signatures)
    check_verdict(votes, question, header.outcome)


def _check_rejected_history(patient: int | None, seen_head: bytes, history: History | None) -> None:
    """A rejected block binds no history; what its issuer had seen is the best there is."""
    if patient is None or history is None:
        return
    if history.number != patient or history.head != seen_head:
        raise Fault("R-EXP3", "the patient chain does not end at what a rejected block has seen")


def _read_history(entries: list[Value], charter: Charter, signatures: Signatures) -> History | None:
    """Return the history of a patient chain; its last hash is what binds it to the block."""
    history: History | None = None
    for entry in entries:
        fields = Fields(entry, "a block of the patient chain", ("core", "header"))
        encoded = fields.binary("core")
        core = read_core(encoded)
        header = read_header(fields.binary("header"), charter.network)
        if header.outcome != "accepted":
            raise Fault("R-EXP3", "a rejected block in the patient chain")
        if header.proposal != tagged("proposal", charter.network, encoded):
            raise Fault("R-ORD1", "a header of the patient chain names another proposal")
        check_core(core, charter, signatures)
        if (core.patient is None) != (history is None):
            raise Fault("R-EXP3", "the patient chain does not begin with the registration")
        if history is None:
            history = new_history(core)
            history.number = header.n_pb
        elif core.patient != history.number:
            raise Fault("R-EXP3", "the patient chain holds another patient's block")
        check_accepted_numbers(header, history.number, history)
        check_position(core, history, charter)
        history.append(core, header.hash)
    return history
