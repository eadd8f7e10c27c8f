"""The governance side of a running node: acts in, charter, registry and evidence out (R-GOV)."""

from __future__ import annotations

from dataclasses import dataclass, field

from medquorum.consensus.admission import judge_position
from medquorum.consensus.events import ProposalArrived
from medquorum.ledger.chain import ChainState
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import CodecError, LedgerError
from medquorum.ledger.keys import Address, address_text
from medquorum.ledger.proposal import Core, Proposal, issue, parse_proposal
from medquorum.ledger.reasons import ACCEPT, Judgement, Reason
from medquorum.ledger.types import ADDRESS_PREFIX, BlockType, Outcome, Role
from medquorum.node.desk import DeskError
from medquorum.node.desk_governance import ACT_LIFETIME_MS, Assignment, Request
from medquorum.node.driver import Driver, now_ms
from medquorum.node.governance_advice import advise
from medquorum.node.governance_issue import Issue, Subject, request_core
from medquorum.node.governance_records import GovernanceRecords
from medquorum.node.governance_views import (
    ActReceipt,
    CharterChangeView,
    EvidenceView,
    HaltView,
    MaturityView,
    RegistryEntryView,
)
from medquorum.node.governance_words import core_words, naming_of, needed
from medquorum.node.issuer import Issuer
from medquorum.node.refusals import ADVICE, misplaced, refusal


@dataclass(slots=True)
class NodeGovernance:
    """Carries out the GovernanceDesk protocol for one node."""

    driver: Driver
    records: GovernanceRecords = field(repr=False)
    issuer: Issuer

    # --- acts -------------------------------------------------------------------------------

    async def accept(self, encoded: bytes) -> ActReceipt:
        """Take an act signed elsewhere, by any active member."""
        try:
            proposal = parse_proposal(encoded)
        except CodecError as error:
            raise DeskError(400, Reason.MALFORMED.value, str(error)) from None
        core = proposal.core
        if core.act is None and core.type is not BlockType.ATTENDING:
            raise DeskError(
                400,
                "not_governance",
                f"{core.type.value} has a body: propose it with `medquorum submit`",
            )
        return await self._propose(proposal)

    async def issue(self, request: Request, lifetime_ms: int = ACT_LIFETIME_MS) -> ActReceipt:
        """Sign a request with the institution's issuing key."""
        sign = self.issuer.sign
        if sign is None:
            raise DeskError(
                403,
                "key_elsewhere",
                "this doctor's clinical key is not in the node: sign on the doctor's own "
                "machine, with --home of her keys",
            )
        state = self.driver.replica.state
        asked = Issue(state.network, self.issuer.address, now_ms(), lifetime_ms)
        subject = _subject(request, state) if isinstance(request, Assignment) else None
        try:
            proposal = issue(request_core(request, asked, subject), sign)
        except LedgerError as error:
            raise DeskError(400, Reason.MALFORMED.value, str(error)) from None
        return await self._propose(proposal)

    async def _propose(self, proposal: Proposal) -> ActReceipt:
        core, state = proposal.core, self.driver.replica.state
        _check_issuer(core, state.charter)
        placed = judge_position(core, Outcome.ACCEPTED, state)
        if placed != ACCEPT:
            raise _inadmissible(core, placed, state)
        judgement = await self.driver.ask(ProposalArrived(proposal, None))
        if judgement != ACCEPT:
            raise _inadmissible(core, judgement, state)
        return _receipt(proposal, state)

    # --- what is in force -------------------------------------------------------------------

    def charters(self) -> tuple[Charter, ...]:
        """Every version of the charter, by its number."""
        return self.driver.durable.charters

    def registry(self) -> tuple[RegistryEntryView, ...]:
        """Who stands in for whom."""
        state, now = self.driver.durable, now_ms()
        naming = naming_of(state.charters)
        return tuple(
            RegistryEntryView(
                kind=_kind_of(entry.patient, entry.proposal),
                attending=_text(entry.attending),
                attending_name=naming(entry.attending),
                delegate=_text(entry.delegate),
                delegate_name=naming(entry.delegate),
                from_ms=entry.from_ms,
                to_ms=entry.to_ms,
                patient=entry.patient,
                proposal=None if entry.proposal is None else entry.proposal.hex(),
                in_force=entry.from_ms <= now <= entry.to_ms
                and entry.delegate in state.charter.doctor_addresses,
            )
            for entry in state.absences
        )

    async def history(self) -> tuple[CharterChangeView, ...]:
        """How each version of the charter came about."""
        return await self.records.history(self.driver.durable.charters)

    async def maturity(self) -> tuple[MaturityView, ...]:
        """What became of the AI entities' reports."""
        return await self.records.maturity(self.driver.durable.charters)

    async def evidence(self) -> tuple[EvidenceView, ...]:
        """Contradictions that stand in the chain."""
        return await self.records.evidence(self.driver.durable.charters)

    async def halt(self) -> HaltView:
        """Whether ordering stopped for good, and what shows why."""
        return await self.records.halt(self.driver.halted)


def _check_issuer(core: Core, charter: Charter) -> None:
    """What the replica would refuse as well, said more plainly."""
    member = charter.member(core.issuer)
    if member is None:
        raise DeskError(403, Reason.UNKNOWN_ISSUER.value, ADVICE[Reason.UNKNOWN_ISSUER])
    if not charter.is_active(core.issuer):
        raise DeskError(403, Reason.SUSPENDED.value, ADVICE[Reason.SUSPENDED])


def _inadmissible(core: Core, judgement: Judgement, state: ChainState) -> DeskError:
    """A refusal that names the condition an act breaks, where there is one."""
    refused = misplaced(judgement) if core.act is None else refusal(judgement)
    if core.act is None or refused.rule == Reason.DUPLICATE:
        return refused
    problem = advise(core.act, core.issuer, state)
    return refused if problem is None else DeskError(refused.status, refused.rule, problem)


def _subject(request: Assignment, state: ChainState) -> Subject:
    patient = state.patient(request.patient)
    if patient is None:
        raise DeskError(404, Reason.UNKNOWN_PATIENT.value, ADVICE[Reason.UNKNOWN_PATIENT])
    return Subject(patient.number, patient.key, patient.name, patient.head)


def _receipt(proposal: Proposal, state: ChainState) -> ActReceipt:
    core, charter = proposal.core, state.charter
    naming, doctors = naming_of(state.charters), len(charter.doctors)
    if core.act is None:
        attending = state.attending_for(core)
        required: tuple[Address, ...] = () if attending is None else (attending,)
        approvals = doctors // 2 + 1
    else:
        wanted = needed(core.act, core.issuer, charter)
        approvals, required = wanted.approvals, wanted.required
    return ActReceipt(
        proposal=proposal.id.hex(),
        type=core.type.value,
        summary=core_words(core, naming, charter),
        needed=approvals,
        doctors=doctors,
        required=tuple(naming(address) for address in required),
    )


def _kind_of(patient: int | None, proposal: bytes | None) -> str:
    if proposal is not None:
        return "opening"
    return "absence" if patient is None else "delegation"


def _text(doctor: Address) -> str:
    return address_text(doctor, ADDRESS_PREFIX[Role.DOCTOR])
