"""Views of proposals, blocks and patients from what the node holds; no patient content."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from medquorum.consensus.pool import OpenProposal
from medquorum.consensus.replica import Replica
from medquorum.consensus.validation import Tally, panelists, tally
from medquorum.ledger.batch import BatchHeader
from medquorum.ledger.block import Block, Witness
from medquorum.ledger.chain_index import PatientState
from medquorum.ledger.charter import Charter
from medquorum.ledger.enrolment import backed_up
from medquorum.ledger.keys import Address, address_of, address_text
from medquorum.ledger.provenance import Provenance
from medquorum.ledger.types import (
    ADDRESS_PREFIX,
    PATIENT_PREFIX,
    Algorithm,
    Decision,
    Outcome,
    VoterRole,
)
from medquorum.ledger.vote import HUMAN, Vote
from medquorum.node.charters import Charters
from medquorum.node.governance_words import core_words
from medquorum.node.store.chain_rows import FinalBatch
from medquorum.node.store.clinical_rows import ProposalRow
from medquorum.node.views import BlockView, PatientView, ProposalView, VerdictView, VoteView

DECIDED = frozenset({"accepted", "rejected"})
"""States of a proposal whose block is in the store."""
REJECTION = "rejection"
"""How a block of outcome `rejected` is called beside the block types."""


class Presenter:
    """Turns records into views with the charters' names."""

    def __init__(self, charters: Charters, replica: Replica) -> None:
        self._charters = charters
        self._replica = replica

    def name(self, address: Address | None) -> str:
        """A member's name; a former member keeps it."""
        member = None if address is None else self._charters.member(address)
        return member.name if member else "unknown member"

    def text(self, address: Address) -> str:
        """A member's address as text; a stranger's as hex."""
        member = self._charters.member(address)
        return address_text(address, ADDRESS_PREFIX[member.role]) if member else address.hex()

    def role(self, address: Address) -> str:
        """A member's role."""
        member = self._charters.member(address)
        return member.role.value if member else "unknown"

    def votes(self, votes: Iterable[Vote]) -> tuple[VoteView, ...]:
        """Votes with the doctors' names."""
        return tuple(
            VoteView(
                self.text(vote.ballot.voter),
                self.name(vote.ballot.voter),
                vote.ballot.decision.value,
                vote.ballot.role.value,
                vote.ballot.mode,
                vote.ballot.grade,
                automatic=vote.ballot.mode != HUMAN,
                by_touch=vote.ballot.algorithm is Algorithm.WEBAUTHN_ES256,
                backed_up=backed_up(vote.bundle),
            )
            for vote in votes
        )

    def proposal(self, row: ProposalRow, votes: list[Vote], body: str, now_ms: int) -> ProposalView:
        """One proposal with its standing."""
        core = row.proposal.core
        state = self._replica.state
        open_entry = self._replica.pool.get(row.proposal.id) or OpenProposal(row.proposal)
        known = {vote.ballot.voter: vote for vote in votes} | open_entry.votes
        counted = tally(known.values(), panelists(row.proposal, state, now_ms))
        return ProposalView(
            id=row.proposal.id.hex(),
            type=core.type.value,
            state=row.state,
            reason=row.reason,
            issuer=self.text(core.issuer),
            issuer_name=self.name(core.issuer),
            issuer_role=self.role(core.issuer),
            patient=core.patient,
            doctor=self.text(core.doctor),
            record=core.record.hex(),
            parts=tuple(part.name.value for part in core.parts),
            body=body,
            issued_at_ms=core.issued_at_ms,
            expires_at_ms=core.expires_at_ms,
            received_at_us=row.received_at_us,
            references=tuple(block.hex() for block in core.references),
            replaces=core.replaces.hex() if core.replaces else None,
            ai=provenance_view(core.ai),
            n_bc=state.height_of(row.proposal.id) if row.state in DECIDED else None,
            verdict=self._verdict(counted, known.values(), state.attending_for(core)),
            votes=self.votes(known.values()),
            summary=core_words(core, self.name, state.charter),
        )

    def _verdict(
        self, counted: Tally, votes: Iterable[Vote], attending: Address | None
    ) -> VerdictView:
        against = {Decision.REJECT, Decision.ABSTAIN}
        if counted.standing.value == "rejected":
            against = {Decision.APPROVE}
        return VerdictView(
            standing=counted.standing.value,
            panel=counted.panel,
            approvals=counted.approvals,
            rejections=counted.rejections,
            abstentions=counted.abstentions,
            attending=self.name(attending) if attending else None,
            attending_approved=counted.attending_approved,
            dissent=tuple(self.name(v.ballot.voter) for v in votes if v.ballot.decision in against),
            missing=tuple(sorted(self.name(address) for address in counted.missing)),
        )

    def block(self, final: FinalBatch, index: int) -> BlockView:
        """One block of a final batch."""
        block, witness = final.batch.blocks[index], final.batch.witnesses[index]
        core, header = block.proposal.core, block.header
        rejected = header.outcome is Outcome.REJECTED
        return BlockView(
            n_bc=header.n_bc,
            hash=block.hash.hex(),
            hprevious=header.hprevious.hex(),
            type=REJECTION if rejected else core.type.value,
            proposal_type=core.type.value,
            outcome=header.outcome.value,
            n_pb=header.n_pb,
            n_pa=header.n_pa,
            hpatient=header.hpatient.hex(),
            proposal=header.proposal.hex(),
            issuer=self.text(core.issuer),
            issuer_name=self.name(core.issuer),
            issuer_role=self.role(core.issuer),
            doctor=self.text(core.doctor),
            record=core.record.hex(),
            parts=tuple(part.name.value for part in core.parts),
            body_root=core.body_root.hex(),
            references=tuple(one.hex() for one in core.references),
            ai=provenance_view(core.ai),
            epoch=final.batch.header.epoch,
            slot=final.batch.header.slot,
            batch_time_ms=final.batch.header.time_ms,
            finalised_at_us=final.finalised_at_us,
            verdict=self._decided(block, witness, final.batch.header),
            votes=self.votes(witness.votes),
            summary=core_words(core, self.name, self._charters.versions[final.batch.header.epoch]),
            replaces=core.replaces.hex() if core.replaces else None,
            issued_at_ms=core.issued_at_ms,
            doctor_name=self.name(core.doctor),
            patient_key=core.patient_key.hex(),
            patient_name="" if core.act else core.patient_name.hex(),
            signature=block.proposal.signature.hex(),
        )

    def _decided(self, block: Block, witness: Witness, header: BatchHeader) -> VerdictView:
        """How a block was decided, from the votes it rests on."""
        charter = self._charters.versions[header.epoch]
        then = replace(self._replica.state, charter=charter)
        panel = panelists(block.proposal, then, header.time_ms)
        counted = tally(witness.votes, panel)
        responsible = [vote for vote in witness.votes if vote.ballot.role is not VoterRole.PEER]
        approved = any(
            vote.ballot.decision is Decision.APPROVE and vote.ballot.mode == HUMAN
            for vote in responsible
        )
        against = Decision.APPROVE if block.header.outcome is Outcome.REJECTED else None
        dissent = tuple(
            self.name(vote.ballot.voter)
            for vote in witness.votes
            if (vote.ballot.decision is Decision.APPROVE) == (against is Decision.APPROVE)
        )
        return VerdictView(
            standing="rejected" if against else "approved",
            panel=counted.panel,
            approvals=counted.approvals,
            rejections=counted.rejections,
            abstentions=counted.abstentions,
            attending=self.name(responsible[0].ballot.voter) if responsible else None,
            attending_approved=approved,
            dissent=dissent,
            missing=tuple(sorted(self.name(address) for address in counted.missing)),
        )

    def patient(
        self, patient: PatientState, phase: str, next_steps: tuple[str, ...]
    ) -> PatientView:
        """One patient, pseudonymous; the attending is who attends now (R-GOV9)."""
        attending = self._replica.state.charter.responsible(patient.attending) or patient.attending
        return PatientView(
            n_pb=patient.number,
            address=address_text(address_of(patient.key), PATIENT_PREFIX),
            public_key=patient.key.hex(),
            encryption_key=patient.encryption_key.hex(),
            patient_name=patient.name.hex(),
            attending=self.text(attending),
            attending_name=self.name(attending),
            head=patient.head.hex(),
            length=patient.length,
            phase=phase,
            next_steps=next_steps,
        )


def provenance_view(ai: Provenance | None) -> dict[str, object] | None:
    """An AI report's provenance as JSON can carry it."""
    if ai is None:
        return None
    return {
        "kind": ai.kind.value,
        "model_name": ai.model_name,
        "model_version": ai.model_version,
        "model_digest": ai.model_digest.hex(),
        "training_digest": ai.training_digest.hex(),
        "preprocessing": ai.preprocessing,
        "confidence_ppm": ai.confidence_ppm,
        "inputs": [block.hex() for block in ai.inputs],
        "machine_generated": True,
    }


def is_doctor(charter: Charter, address: Address) -> bool:
    """Whether a member is an active doctor."""
    return address in charter.doctor_addresses
