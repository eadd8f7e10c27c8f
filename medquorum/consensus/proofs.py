"""One block, checked offline with nothing but the charter (R-EXP3)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from medquorum.consensus.admission import (
    judge_content,
    judge_position,
    judge_proposal,
    judge_vote,
    judge_witness,
)
from medquorum.consensus.verification import Verification, lone_header_fault
from medquorum.ledger import merkle
from medquorum.ledger.batch import BatchHeader
from medquorum.ledger.block import BlockHeader, place
from medquorum.ledger.certificate import Statement, verify_certificate
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.chain_index import PatientState
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.proof import Proof, parse_proof
from medquorum.ledger.proposal import Core, Proposal, proposal_id
from medquorum.ledger.reasons import ACCEPT, Accept, Judgement, Reason, Reject
from medquorum.ledger.registration import verify_registration
from medquorum.ledger.signature import Signature, Verifier, verify
from medquorum.ledger.types import BatchHash, BlockHash, OrderingKind, Outcome


def check_proof(encoded: bytes, charter: Charter) -> Verification:
    """Check a proof from its bytes; never raises on hostile input."""
    try:
        return verify_proof(parse_proof(encoded), charter)
    except LedgerError as error:
        return Verification(False, 0, str(error), 0)


def verify_proof(proof: Proof, charter: Charter, check: Verifier = verify) -> Verification:
    """Check one block: inclusion, certificate, issuer, attending, votes (R-EXP3)."""
    builder = ChainBuilder(genesis(charter))
    fault = (
        _ordering_fault(proof, charter, check)
        or _inclusion_fault(proof)
        or _history_fault(proof, builder, check)
        or _place_fault(proof, builder.view)
        or _clinical_fault(proof, builder.view, check)
    )
    return Verification(
        fault is None, proof.block.header.n_bc, fault or "every rule holds", int(fault is None)
    )


def provable(proof: Proof, charter: Charter) -> Proof | None:
    """The proof in a form that verifies; None where none does. No signature is verified.

    A rejected block's history ends at what its issuer had seen. Where another attending decided
    than the one seen, or nothing known was seen, it is proved without history, if the panel alone
    had rejected it (R-EXP3).
    """
    for form in (proof, replace(proof, patient_chain=())):
        if verify_proof(form, charter, lambda key, digest, signature: True).valid:
            return form
    return None


def _ordering_fault(proof: Proof, charter: Charter, check: Verifier) -> str | None:
    if not proof.headers:
        return "R-EXP3: no batch header"
    for header in proof.headers:
        fault = lone_header_fault(header, charter)
        if fault is not None:
            return fault
    if not _begins(proof.headers[0], charter):
        return "R-ORD9: the first batch does not follow slot 0"
    if not all(_follows(before, after) for before, after in pairwise(proof.headers)):
        return "R-ORD7: the headers do not link"
    last = proof.headers[-1]
    statement = Statement(0, last.slot, OrderingKind.FINAL, last.hash())
    if proof.certificate.statement != statement:
        return "R-ORD17: the certificate names another batch"
    if not verify_certificate(proof.certificate, charter.electorate(), check):
        return "R-ORD11: the certificate does not hold"
    return None


def _begins(first: BatchHeader, charter: Charter) -> bool:
    """Whether a batch that names slot 0 as its parent starts the chain (R-ORD9, R-ORD13)."""
    if first.parent_slot > 0:
        return True
    start = (BatchHash(charter.network_id), 1)
    return (first.parent_hash, first.first_nbc) == start and first.time_ms > 0


def _follows(before: BatchHeader, after: BatchHeader) -> bool:
    return (
        (after.parent_slot, after.parent_hash) == (before.slot, before.hash())
        and after.first_nbc == before.first_nbc + before.count
        and after.time_ms > before.time_ms
        and (after.count > 0 or after.last_block_hash == before.last_block_hash)
    )


def _inclusion_fault(proof: Proof) -> str | None:
    first, index = proof.headers[0], proof.index
    block, witness = proof.block.encoded(), proof.witness.encoded()
    header = proof.block.header
    included = (
        header.n_bc == first.first_nbc + index
        and (index < first.count - 1 or proof.block.hash == first.last_block_hash)
        and (header.n_bc > 1 or header.hprevious == BlockHash(first.network))
        and merkle.verify_path(block, index, first.count, proof.block_path, first.blocks_root)
        and merkle.verify_path(witness, index, first.count, proof.witness_path, first.witness_root)
    )
    return None if included else "R-MRK2: block or witness is not in the batch"


def _history_fault(proof: Proof, builder: ChainBuilder, check: Verifier) -> str | None:
    """Whether the patient's chain links from the registration on; the builder then knows it."""
    if proof.patient_chain and proof.block.proposal.core.patient is None:
        return "R-EXP3: a registration has a history"
    patient: PatientState | None = None
    for header, core in proof.patient_chain:
        if (
            header.outcome is not Outcome.ACCEPTED
            or (core.registration is None) != (patient is not None)
            or not _continues(header, core, patient)
        ):
            return "R-EXP3: the patient's chain does not link"
        judgement = _judge_link(core, builder.view, check)
        if not isinstance(judgement, Accept):
            return f"R-EXP3: a block of the history is refused, {judgement.reason.value}"
        network, core_bytes = builder.view.network, core.encoded()
        unsigned = Proposal(core, Signature(b""), core_bytes, proposal_id(network, core_bytes))
        if header.proposal != unsigned.id:
            return "R-EXP3: the patient's chain does not link"
        builder.append(place(header, unsigned))
        patient = builder.view.patient(header.n_pb)
    return None


def _judge_link(core: Core, view: ChainState, check: Verifier) -> Judgement:
    """What can be told of an earlier block of the patient without its signature and votes."""
    judgement = judge_content(core, view.charter, view.network)
    if judgement == ACCEPT:
        judgement = judge_position(core, Outcome.ACCEPTED, view)
    forged = core.registration is not None and not verify_registration(core, check)
    return Reject(Reason.BAD_REGISTRATION) if judgement == ACCEPT and forged else judgement


def _continues(header: BlockHeader, core: Core, patient: PatientState | None) -> bool:
    """Whether an accepted block stands next in the patient's chain (R-ORD3)."""
    if patient is None:
        return core.patient is None and header.n_pb > 0 and _numbers(header) == (1, ZERO)
    at_next = _numbers(header) == (patient.length + 1, patient.head)
    return at_next and header.n_pb == core.patient == patient.number


def _numbers(header: BlockHeader) -> tuple[int, bytes]:
    return header.n_pa, header.hpatient


def _place_fault(proof: Proof, view: ChainState) -> str | None:
    """Whether block and history belong together (R-ORD3, R-ORD5, R-EXP3)."""
    header, core = proof.block.header, proof.block.proposal.core
    patient = None if core.patient is None else view.patient(core.patient)
    if header.outcome is Outcome.ACCEPTED:
        leads_here = _continues(header, core, patient)
    else:
        placed = (header.n_pb, *_numbers(header)) == (core.patient or 0, 0, ZERO)
        seen = patient is not None and patient.head == core.seen_head
        leads_here = placed and (seen or not proof.patient_chain)
    return None if leads_here else "R-EXP3: the patient's chain does not lead here"


def _clinical_fault(proof: Proof, state: ChainState, check: Verifier) -> str | None:
    proposal, outcome = proof.block.proposal, proof.block.header.outcome
    time_ms = proof.headers[0].time_ms
    charter, network = state.charter, state.network
    if proposal.core.expires_at_ms < time_ms:
        return "R-ORD4: expired"
    judgement = judge_proposal(proposal, charter, network, check)
    if judgement == ACCEPT:
        judgement = judge_position(proposal.core, outcome, state)
    if judgement == ACCEPT:
        judgement = judge_witness(proposal, outcome, proof.witness, state, time_ms)
    for vote in proof.witness.votes:
        if judgement == ACCEPT:
            judgement = judge_vote(vote, proposal.core, charter, network, check)
    return None if isinstance(judgement, Accept) else f"R-ORD4: refused, {judgement.reason.value}"
