"""One block, checked offline with nothing but the charter (R-EXP3)."""

from __future__ import annotations

from itertools import pairwise

from medquorum.consensus.admission import (
    judge_position,
    judge_proposal,
    judge_vote,
    judge_witness,
)
from medquorum.consensus.verification import Verification, lone_header_fault
from medquorum.ledger import merkle
from medquorum.ledger.batch import BatchHeader
from medquorum.ledger.block import block_hash
from medquorum.ledger.certificate import Statement, verify_certificate
from medquorum.ledger.chain import ChainState, Layer, MemoryIndex, PatientState, genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.export import Proof, parse_proof
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import proposal_id
from medquorum.ledger.reasons import ACCEPT, Accept
from medquorum.ledger.signature import Verifier, verify
from medquorum.ledger.types import BlockHash, BlockType, OrderingKind, Outcome


def check_proof(encoded: bytes, charter: Charter) -> Verification:
    """Check a proof from its bytes; never raises on hostile input."""
    try:
        return verify_proof(parse_proof(encoded), charter)
    except LedgerError as error:
        return Verification(False, 0, str(error), 0)


def verify_proof(proof: Proof, charter: Charter, check: Verifier = verify) -> Verification:
    """Check one block: inclusion, certificate, issuer, attending, votes (R-EXP3)."""
    fault = (
        _ordering_fault(proof, charter, check)
        or _inclusion_fault(proof)
        or _patient_fault(proof)
        or _clinical_fault(proof, charter, check)
    )
    return Verification(
        fault is None, proof.block.header.n_bc, fault or "every rule holds", int(fault is None)
    )


def _ordering_fault(proof: Proof, charter: Charter, check: Verifier) -> str | None:
    if not proof.headers:
        return "R-EXP3: no batch header"
    for header in proof.headers:
        fault = lone_header_fault(header, charter)
        if fault is not None:
            return fault
    if not all(_follows(before, after) for before, after in pairwise(proof.headers)):
        return "R-ORD7: the headers do not link"
    last = proof.headers[-1]
    statement = Statement(0, last.slot, OrderingKind.FINAL, last.hash())
    if proof.certificate.statement != statement:
        return "R-ORD17: the certificate names another batch"
    if not verify_certificate(proof.certificate, charter.electorate(), check):
        return "R-ORD11: the certificate does not hold"
    return None


def _follows(before: BatchHeader, after: BatchHeader) -> bool:
    return (
        (after.parent_slot, after.parent_hash) == (before.slot, before.hash())
        and after.first_nbc == before.first_nbc + before.count
        and after.time_ms > before.time_ms
    )


def _inclusion_fault(proof: Proof) -> str | None:
    first, index = proof.headers[0], proof.index
    block, witness = proof.block.encoded(), proof.witness.encoded()
    included = (
        proof.block.header.n_bc == first.first_nbc + index
        and merkle.verify_path(block, index, first.count, proof.block_path, first.blocks_root)
        and merkle.verify_path(witness, index, first.count, proof.witness_path, first.witness_root)
    )
    return None if included else "R-MRK2: block or witness is not in the batch"


def _patient_fault(proof: Proof) -> str | None:
    """Whether the patient's chain links from the registration to this block."""
    previous, number = BlockHash(ZERO), 0
    for header, core in proof.patient_chain:
        registered = core.registration is not None
        if (
            header.proposal != proposal_id(core.network, core.encoded())
            or (header.n_pa, header.hpatient) != (number + 1, previous)
            or registered != (number == 0)
            or header.n_pb != proof.patient_chain[0][0].n_pb
            or core.patient not in (None, header.n_pb)
            or header.outcome is not Outcome.ACCEPTED
        ):
            return "R-EXP3: the patient's chain does not link"
        previous, number = block_hash(core.network, header.encoded()), number + 1
    header, core = proof.block.header, proof.block.proposal.core
    if header.outcome is Outcome.REJECTED:
        placed = (header.n_pb, header.n_pa, header.hpatient)
        leads_here = previous == core.seen_head and placed == (core.patient or 0, 0, ZERO)
    else:
        leads_here = (header.n_pa, header.hpatient) == (number + 1, previous)
    return None if leads_here else "R-EXP3: the patient's chain does not lead here"


def _clinical_fault(proof: Proof, charter: Charter, check: Verifier) -> str | None:
    proposal, outcome = proof.block.proposal, proof.block.header.outcome
    time_ms = proof.headers[0].time_ms
    network = charter.network_id
    if proposal.core.expires_at_ms < time_ms:
        return "R-ORD4: expired"
    judgement = judge_proposal(proposal, charter, network, check)
    state = _state_before(proof, charter)
    if judgement == ACCEPT:
        judgement = judge_position(proposal.core, outcome, state)
    if judgement == ACCEPT:
        judgement = judge_witness(proposal, outcome, proof.witness, state, time_ms)
    for vote in proof.witness.votes:
        if judgement == ACCEPT:
            judgement = judge_vote(vote, proposal.core, charter, network, check)
    return None if isinstance(judgement, Accept) else f"R-ORD4: refused, {judgement.reason.value}"


def _state_before(proof: Proof, charter: Charter) -> ChainState:
    """A state that knows this one patient, as the linked chain shows."""
    index, layer = MemoryIndex(), Layer()
    if proof.patient_chain:
        patient = _patient(proof)
        layer.patients[patient.number] = patient
        for header, core in proof.patient_chain:
            block = block_hash(core.network, header.encoded())
            layer.blocks[block], layer.types[block] = patient.number, core.type
    index.absorb(layer)
    return genesis(charter, index)


def _patient(proof: Proof) -> PatientState:
    first_header, first = proof.patient_chain[0]
    if first.registration is None:
        raise AssertionError("R-EXP3: the chain was checked to begin with the registration")
    last_header, last = proof.patient_chain[-1]
    attending = first.doctor
    named: set[Address] = set()
    for _, core in proof.patient_chain:
        named |= {core.issuer, core.doctor}
        attending = core.doctor if core.type is BlockType.MEDICAL_FORM else attending
    return PatientState(
        first_header.n_pb,
        first.patient_key,
        first.registration.encryption_key,
        first.patient_name,
        attending,
        block_hash(last.network, last_header.encoded()),
        last_header.n_pa,
        frozenset(named),
    )
