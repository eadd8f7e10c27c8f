"""One block, checked offline with nothing but the founding charter (R-EXP3)."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

from medquorum.consensus.admission import (
    judge_content,
    judge_position,
    judge_proposal,
    judge_vote,
    judge_witness,
)
from medquorum.consensus.governance import judge_shown
from medquorum.consensus.inclusion import EpochEnd, inclusion_fault, ordering_fault
from medquorum.consensus.verification import Verification
from medquorum.ledger.amendment import apply
from medquorum.ledger.block import BlockHeader, place
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.chain_index import PatientState
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.governance import Amendment
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.proof import Inclusion, Proof, parse_proof
from medquorum.ledger.proposal import Core, Proposal, proposal_id
from medquorum.ledger.reasons import ACCEPT, Accept, Judgement, Reason, Reject
from medquorum.ledger.registration import verify_registration
from medquorum.ledger.signature import Signature, Verifier, verify
from medquorum.ledger.types import BatchHash, Outcome


def check_proof(encoded: bytes, charter: Charter) -> Verification:
    """Check a proof from its bytes; never raises on hostile input."""
    try:
        return verify_proof(parse_proof(encoded), charter)
    except LedgerError as error:
        return Verification(False, 0, str(error), 0)


def verify_proof(proof: Proof, charter: Charter, check: Verifier = verify) -> Verification:
    """Check one block: charters, inclusion, certificate, issuer, attending, votes (R-EXP3)."""
    height = proof.block.header.n_bc
    past = _Past(genesis(charter))
    for epoch in proof.epochs:
        fault = past.take(epoch, check)
        if fault is not None:
            return Verification(False, height, fault, 0)
    fault = _block_fault(proof, past, check)
    return Verification(fault is None, height, fault or "every rule holds", int(fault is None))


def _block_fault(proof: Proof, past: _Past, check: Verifier) -> str | None:
    fault = ordering_fault(proof, past.end, check) or inclusion_fault(proof)
    if fault is not None:
        return fault
    state = replace(past.end.state, absences=proof.registry)
    if state.registry_hash() != proof.headers[0].registry_hash:
        return "R-ORD15: the registry is not the one the batch names"
    core = proof.block.proposal.core
    if core.act is not None and proof.patient_chain:
        return "R-EXP3: an act of governance has a history"
    builder = ChainBuilder(state)
    return (
        _history_fault(proof, past, builder, check)
        or _place_fault(proof, builder.view)
        or _witness_fault(proof, builder.view, check)
    )


class _Past:
    """The charters that the amendments of a proof make, one epoch after the other (R-GOV8)."""

    def __init__(self, state: ChainState) -> None:
        self.end = EpochEnd(state, BatchHash(state.network), 0)
        self._ends: list[int] = []
        """N BC of each amendment."""

    def charter_at(self, n_bc: int) -> Charter:
        """The charter under which a block was ordered."""
        return self.end.state.charters[bisect_left(self._ends, n_bc)]

    def take(self, epoch: Inclusion, check: Verifier) -> str | None:
        """The rule an epoch's end breaks, if any; else the next charter is in force."""
        state, block = self.end.state, epoch.block
        fault = ordering_fault(epoch, self.end, check) or inclusion_fault(epoch)
        if fault is not None:
            return fault
        act, issuer = block.proposal.core.act, block.proposal.core.issuer
        if not isinstance(act, Amendment) or block.header.outcome is not Outcome.ACCEPTED:
            return "R-EXP3: an epoch does not end with an accepted amendment"
        fault = _governance_place_fault(epoch) or _witness_fault(epoch, state, check)
        if fault is not None:
            return fault
        amended = apply(state.charter, act, issuer)
        if isinstance(amended, Reject):
            return f"R-GOV6: refused, {amended.reason.value}"
        first = epoch.headers[0]
        after = replace(
            state, amended=amended, n_bc=block.header.n_bc, tip=block.hash, time_ms=first.time_ms
        )
        self._ends.append(block.header.n_bc)
        self.end = EpochEnd(after.next_epoch(), first.hash(), block.header.n_bc)
        return None


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


def _history_fault(proof: Proof, past: _Past, builder: ChainBuilder, check: Verifier) -> str | None:
    """Whether the patient's chain links from the registration on; the builder then knows it."""
    if proof.patient_chain and proof.block.proposal.core.patient is None:
        return "R-EXP3: a registration has a history"
    patient: PatientState | None = None
    for header, core in proof.patient_chain:
        if (
            header.outcome is not Outcome.ACCEPTED
            or (core.registration is None) != (patient is not None)
            or not _continues(header, core, patient)
            or core.act is not None
        ):
            return "R-EXP3: the patient's chain does not link"
        then = replace(builder.view, charter=past.charter_at(header.n_bc))
        judgement = _judge_link(core, then, check)
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
    if core.act is not None:
        return _governance_place_fault(proof)
    patient = None if core.patient is None else view.patient(core.patient)
    if header.outcome is Outcome.ACCEPTED:
        leads_here = _continues(header, core, patient)
    else:
        placed = (header.n_pb, *_numbers(header)) == (core.patient or 0, 0, ZERO)
        seen = patient is not None and patient.head == core.seen_head
        leads_here = placed and (seen or not proof.patient_chain)
    return None if leads_here else "R-EXP3: the patient's chain does not lead here"


def _governance_place_fault(proof: Inclusion) -> str | None:
    header = proof.block.header
    if (header.n_pb, *_numbers(header)) != (0, 0, ZERO):
        return "R-GOV1: an act of governance stands in no patient's chain"
    ends = isinstance(proof.block.proposal.core.act, Amendment)
    if not ends or header.outcome is not Outcome.ACCEPTED:
        return None
    if proof.index != proof.headers[0].count - 1:
        return "R-GOV5: a block follows an amendment in its batch"
    if any(after.count for after in proof.headers[1:]):
        return "R-GOV8: a block after the end of the epoch"
    return None


def _judge_shown(proof: Inclusion, state: ChainState) -> Judgement:
    """Whether the block fits the chain before it, as far as that is shown."""
    core, outcome = proof.block.proposal.core, proof.block.header.outcome
    if core.act is None or outcome is Outcome.REJECTED:
        return judge_position(core, outcome, state)
    return judge_shown(core.act, core.issuer, state, is_first=proof.index == 0)


def _witness_fault(proof: Inclusion, state: ChainState, check: Verifier) -> str | None:
    """Issuer, position and votes of one block (R-ORD4, R-ORD5, R-GOV4, R-GOV5)."""
    proposal, outcome = proof.block.proposal, proof.block.header.outcome
    time_ms = proof.headers[0].time_ms
    if proposal.core.expires_at_ms < time_ms:
        return "R-ORD4: expired"
    judgement = judge_proposal(proposal, state, check)
    if judgement == ACCEPT:
        judgement = _judge_shown(proof, state)
    if judgement == ACCEPT:
        judgement = judge_witness(proposal, outcome, proof.witness, state, time_ms)
    for vote in proof.witness.votes:
        if judgement == ACCEPT:
            judgement = judge_vote(vote, proposal.core, state.charter, state.network, check)
    return None if isinstance(judgement, Accept) else f"R-ORD4: refused, {judgement.reason.value}"
