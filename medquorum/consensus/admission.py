"""Whether a proposal or a vote may enter (R-PRO, R-VOT, R-ORD4, R-ORD5, R-AI4; acts: R-GOV).

Pure functions of the object, the charter and the chain before it; cheap checks first, the
signature last. Proposer, voter and verifier of history all call the same ones.
"""

from __future__ import annotations

from medquorum.consensus.governance import judge_act, judge_act_signatures, judge_issuer
from medquorum.consensus.validation import panelists, tally
from medquorum.ledger.approved_model import may_report
from medquorum.ledger.block import Witness
from medquorum.ledger.body import body_root, chunk_count, padded_size
from medquorum.ledger.chain import ChainState
from medquorum.ledger.chain_index import PatientState
from medquorum.ledger.charter import Charter
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import PublicKey, is_public_key
from medquorum.ledger.limits import BODY_BYTES, CLOCK_DRIFT_MS, PROPOSAL_LIFETIME_MS
from medquorum.ledger.member import Member
from medquorum.ledger.proposal import Core, Proposal
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason, Reject
from medquorum.ledger.registration import verify_registration
from medquorum.ledger.signature import Verifier
from medquorum.ledger.types import (
    GOVERNANCE_TYPES,
    IMAGE_TYPES,
    ISSUERS,
    REQUIRED_PART,
    RESERVED_TYPES,
    BlockType,
    NetworkId,
    Outcome,
    PartName,
    Role,
    Standing,
    VoterRole,
)
from medquorum.ledger.vote import HUMAN, POLICY_PREFIX, Vote
from medquorum.ledger.vote_claim import allows_algorithm, claim_of


def judge_proposal(proposal: Proposal, state: ChainState, verify: Verifier) -> Judgement:
    """Everything about a proposal but its position and the clock; signatures last.

    Of the chain only its charters count: the one in force, earlier ones for evidence.
    """
    core = proposal.core
    judgement = judge_content(core, state.charter, state.network)
    if judgement != ACCEPT:
        return judgement
    key = _issuing_key(core, state.charter)
    if key is None or not verify(key, proposal.id, proposal.signature):
        return Reject(Reason.BAD_SIGNATURE)
    if core.registration is not None and not verify_registration(core, verify):
        return Reject(Reason.BAD_REGISTRATION)
    if core.act is not None:
        return judge_act_signatures(core.act, state, verify)
    return ACCEPT


def _issuing_key(core: Core, charter: Charter) -> PublicKey | None:
    """Whose signature a proposal carries: evidence is issued by a doctor's node (R-GOV1)."""
    issuer = charter.member(core.issuer)
    if issuer is None:
        return None
    by_node = core.type is BlockType.EVIDENCE
    return issuer.keys.consensus if by_node else issuer.keys.clinical


def judge_content(core: Core, charter: Charter, network: NetworkId) -> Judgement:
    """What a proposal says, by the charter alone; no signature is verified.

    Comes before everything else that is asked of a block: a reserved type has no policy.
    """
    if core.network != network:
        return Reject(Reason.FOREIGN_NETWORK)
    if core.type in RESERVED_TYPES:
        return Reject(Reason.TYPE_RESERVED)
    if (core.type in GOVERNANCE_TYPES) != (core.act is not None):
        return Reject(Reason.MALFORMED)
    issuer = charter.member(core.issuer)
    if issuer is None:
        return Reject(Reason.UNKNOWN_ISSUER)
    if not charter.is_active(core.issuer):
        return Reject(Reason.SUSPENDED)
    if issuer.role not in ISSUERS[core.type]:
        return Reject(Reason.ROLE_NOT_ALLOWED)
    if core.act is not None:
        if not _lives(core):
            return Reject(Reason.BAD_LIFETIME)
        return judge_issuer(core.act, issuer)
    fault = _content_fault(core, charter, issuer)
    return ACCEPT if fault is None else Reject(fault)


def _content_fault(core: Core, charter: Charter, issuer: Member) -> Reason | None:
    if not _parts_allowed(core):
        return Reason.PARTS_NOT_ALLOWED
    if core.body_root != body_root(core.parts):
        return Reason.BODY_ROOT_MISMATCH
    if not _sizes_fit(core):
        return Reason.BODY_TOO_LARGE
    if not _lives(core):
        return Reason.BAD_LIFETIME
    if core.doctor not in charter.doctor_addresses:
        return Reason.UNKNOWN_DOCTOR
    if not _registration_fits(core):
        return Reason.BAD_REGISTRATION
    if not _provenance_fits(core, issuer.role):
        return Reason.BAD_PROVENANCE
    if core.ai is not None and not may_report(issuer.models, core.ai):
        return Reason.UNAPPROVED_MODEL
    return None


def _lives(core: Core) -> bool:
    return core.issued_at_ms < core.expires_at_ms <= core.issued_at_ms + PROPOSAL_LIFETIME_MS


def _parts_allowed(core: Core) -> bool:
    if core.type is BlockType.ATTENDING:
        return not core.parts
    names = [part.name for part in core.parts]
    required = {REQUIRED_PART[core.type]}
    if core.registration is not None:
        required.add(PartName.PAT_NAME)
    in_order = [name.value for name in names] == sorted({name.value for name in names})
    return in_order and required <= set(names) <= required | {PartName.ATTACHMENT}


def _sizes_fit(core: Core) -> bool:
    return sum(part.size for part in core.parts) <= BODY_BYTES and all(
        part.size == padded_size(part.size - 8) and part.chunks == chunk_count(part.size)
        for part in core.parts
    )


def _registration_fits(core: Core) -> bool:
    if core.registration is None:
        return core.patient is not None
    return core.type is BlockType.MEDICAL_FORM and core.patient is None and core.seen_head == ZERO


def _provenance_fits(core: Core, role: Role) -> bool:
    by_machine = role is Role.AI_ENTITY
    if (core.ai is not None) != by_machine:
        return False
    # That an image stands among them is judged with the position: a rejection needs none (R-ORD5).
    return core.ai is None or core.ai.inputs == core.references


def judge_arrival(core: Core, now_ms: int) -> Judgement:
    """Whether a proposal's lifetime suits this node's clock (R-PRO10)."""
    if core.issued_at_ms > now_ms + CLOCK_DRIFT_MS:
        return Ignore(Reason.NOT_YET)
    if core.expires_at_ms < now_ms:
        return Ignore(Reason.EXPIRED)
    return ACCEPT


def judge_vote(
    vote: Vote, core: Core, charter: Charter, network: NetworkId, verify: Verifier
) -> Judgement:
    """Everything about a vote that needs no chain; the signature last (R-VOT1 to 4, 6)."""
    ballot = vote.ballot
    voter = charter.member(ballot.voter)
    if voter is None or ballot.voter not in charter.doctor_addresses:
        return Reject(Reason.NOT_A_DOCTOR)
    if not allows_algorithm(vote, voter):
        return Reject(Reason.WRONG_ALGORITHM)
    if ballot.grade is not None and core.type is not BlockType.REPORT:
        return Reject(Reason.GRADE_NOT_ALLOWED)
    if core.act is not None and ballot.role is not VoterRole.PEER:
        return Reject(Reason.WRONG_VOTER_ROLE)
    if ballot.mode != HUMAN:
        allowed = () if core.act is not None else charter.policy(core.type).auto_policies
        if voter.keys.policy is None or ballot.mode.removeprefix(POLICY_PREFIX) not in allowed:
            return Reject(Reason.POLICY_NOT_ALLOWED)
    claim = claim_of(vote, voter, network)
    if claim is None:
        return Reject(Reason.BAD_ASSERTION)
    return ACCEPT if verify(*claim) else Reject(Reason.BAD_SIGNATURE)


def judge_position(core: Core, outcome: Outcome, state: ChainState) -> Judgement:
    """Whether a proposal fits the chain here and now (R-ORD4, R-ORD5, R-PRO5, R-PRO7, R-PRO8)."""
    rejected = outcome is Outcome.REJECTED
    if core.act is not None:
        return ACCEPT if rejected else judge_act(core.act, core.issuer, state)
    if core.registration is not None:
        return ACCEPT if rejected else _judge_registration(core, state)
    patient = None if core.patient is None else state.patient(core.patient)
    if patient is None:
        # Where a patient is known the key is compared; else it must at least be one (R-KEY1).
        if not is_public_key(core.patient_key):
            return Reject(Reason.PATIENT_MISMATCH)
        return ACCEPT if rejected else Ignore(Reason.UNKNOWN_PATIENT)
    if core.patient_key != patient.key or core.patient_name != patient.name:
        return Reject(Reason.PATIENT_MISMATCH)
    if rejected:
        return ACCEPT
    return _judge_history(core, patient, state)


def _judge_registration(core: Core, state: ChainState) -> Judgement:
    """A new patient has no block that could be named yet, and one number only."""
    if core.references or core.replaces is not None:
        return Reject(Reason.UNKNOWN_REFERENCE)
    known = state.number_of(core.patient_key) is not None
    return Reject(Reason.BAD_REGISTRATION) if known else ACCEPT


def _judge_history(core: Core, patient: PatientState, state: ChainState) -> Judgement:
    """Whether seen_head, references and replaces are blocks of this patient's chain."""
    seen = state.patient_of_block(core.seen_head)
    if seen is None:
        return Ignore(Reason.NOT_YET)
    is_strict = state.charter.policy(core.type).strict
    if seen != patient.number or (is_strict and core.seen_head != patient.head):
        return Ignore(Reason.STALE_POSITION)
    named = [*core.references, *([core.replaces] if core.replaces is not None else [])]
    if any(state.patient_of_block(block) != patient.number for block in named):
        return Ignore(Reason.UNKNOWN_REFERENCE)
    if core.ai is not None and not any(
        state.type_of_block(block) in IMAGE_TYPES for block in core.references
    ):
        return Reject(Reason.BAD_PROVENANCE)
    return ACCEPT


def judge_witness(
    proposal: Proposal, outcome: Outcome, witness: Witness, state: ChainState, time_ms: int
) -> Judgement:
    """Whether the votes decide as the block says (R-ORD4 to R-ORD6); no signature is verified."""
    voters = [vote.ballot.voter for vote in witness.votes]
    if voters != sorted(set(voters)):
        return Reject(Reason.BAD_WITNESS)
    if any(vote.ballot.proposal != proposal.id for vote in witness.votes):
        return Reject(Reason.BAD_WITNESS)
    standing = tally(witness.votes, panelists(proposal, state, time_ms)).standing
    wanted = Standing.APPROVED if outcome is Outcome.ACCEPTED else Standing.REJECTED
    return ACCEPT if standing is wanted else Reject(Reason.VERDICT_NOT_REACHED)
