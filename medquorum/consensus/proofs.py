"""One block, checked offline with nothing but the charter (R-EXP3)."""

from __future__ import annotations

from medquorum.consensus.admission import judge_proposal, judge_vote, judge_witness
from medquorum.consensus.verification import Verification
from medquorum.ledger import merkle
from medquorum.ledger.batch import BatchHeader, registry_hash
from medquorum.ledger.block import block_hash
from medquorum.ledger.certificate import verify_certificate
from medquorum.ledger.chain import ChainState, Layer, MemoryIndex, PatientState, genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.export import Proof, parse_proof
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import proposal_id
from medquorum.ledger.reasons import Accept
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
    network, last = charter.network_id, proof.headers[-1]
    if any(header.network != network or header.epoch != 0 for header in proof.headers):
        return "R-HASH3: another network or epoch"
    if any(header.registry_hash != registry_hash(network, ()) for header in proof.headers):
        return "R-ORD15: registry"
    pairs = zip(proof.headers, proof.headers[1:], strict=False)
    if any(after.parent_hash != before.hash() for before, after in pairs):
        return "R-ORD7: the headers do not link"
    statement = proof.certificate.statement
    named = (statement.kind, statement.slot, statement.hash)
    if named != (OrderingKind.FINAL, last.slot, last.hash()):
        return "R-ORD17: the certificate names another batch"
    if not verify_certificate(proof.certificate, charter.electorate(), check):
        return "R-ORD11: the certificate does not hold"
    return None


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
            or header.outcome is not Outcome.ACCEPTED
        ):
            return "R-EXP3: the patient's chain does not link"
        previous, number = block_hash(core.network, header.encoded()), number + 1
    header, core = proof.block.header, proof.block.proposal.core
    if header.outcome is Outcome.REJECTED:
        leads_here = previous == core.seen_head and header.n_pa == 0
    else:
        leads_here = (header.n_pa, header.hpatient) == (number + 1, previous)
    return None if leads_here else "R-EXP3: the patient's chain does not lead here"


def _clinical_fault(proof: Proof, charter: Charter, check: Verifier) -> str | None:
    proposal, batch = proof.block.proposal, proof.headers[0]
    state = _state_before(proof, charter, batch)
    if proposal.core.expires_at_ms < batch.time_ms:
        return "R-ORD4: expired"
    judgements = [
        judge_witness(proposal, proof.block.header.outcome, proof.witness, state, batch.time_ms),
        judge_proposal(proposal, charter, state.network, check),
        *(
            judge_vote(vote, proposal.core, charter, state.network, check)
            for vote in proof.witness.votes
        ),
    ]
    for judgement in judgements:
        if not isinstance(judgement, Accept):
            return f"R-ORD4: refused, {judgement.reason.value}"
    return None


def _state_before(proof: Proof, charter: Charter, batch: BatchHeader) -> ChainState:
    """A state that knows this one patient, as the linked chain shows."""
    index, layer = MemoryIndex(), Layer()
    if proof.patient_chain:
        patient = _patient(proof)
        layer.patients[patient.number] = patient
    index.absorb(layer)
    state = genesis(charter, index)
    state.time_ms = batch.time_ms - 1
    return state


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
