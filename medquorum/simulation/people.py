"""The people of a run: who proposes what and when, and how doctors vote (human delays included).

A person asks again until an answer comes: a submission or a vote whose node died is repeated with
the very same signed bytes. Some click twice, some act on an outdated view, some vote twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from medquorum.consensus.events import ProposalArrived
from medquorum.ledger.batch import Batch
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import Accept, Judgement, Reason, Reject
from medquorum.ledger.types import BlockType, ProposalId
from medquorum.ledger.vote import Vote
from medquorum.simulation.consultations import STEPS, Clinic
from medquorum.simulation.crypto import patient_key
from medquorum.simulation.machine import Machine
from medquorum.simulation.scenario import FaultKind
from medquorum.simulation.voters import ASKED_AGAIN_MS, Matter, Voters

if TYPE_CHECKING:
    from medquorum.simulation.world import World

ACKNOWLEDGED: Final = frozenset({Reason.DUPLICATE})
"""Refusals that mean: the node has it already."""


@dataclass(slots=True)
class Patient:
    """One consultation in progress."""

    number: int
    """In the run; the ledger gives N PB."""
    step: int = 0
    pending: ProposalId | None = None


class People:
    """Everybody outside the nodes."""

    def __init__(self, world: World) -> None:
        self._world = world
        scenario = world.scenario
        identity = world.machines[0].identity
        self._charter = identity.charter
        self._cryptography = identity.cryptography
        self._dice = world.dice("people")
        self._clinic = Clinic(
            identity.charter, identity.cryptography, scenario.workload.lifetime_ms
        )
        self._patients: list[Patient] = []
        self.matters: dict[ProposalId, Matter] = {}
        self.voters = Voters(world)
        self._errands = 0
        self._ends_ms = 0

    @property
    def errands(self) -> int:
        """Things people still try to bring to an end."""
        return self._errands + self.voters.errands

    def begin(self, ends_ms: int) -> None:
        """Submissions come at random until then, amendments among them."""
        self._ends_ms = ends_ms
        if FaultKind.CHARTER_CHANGE in self._world.kinds:
            span_ms = max(1, self._world.scenario.duration_ms)
            for _ in range(self._world.scenario.charter_changes):
                self._world.line.after(self._dice.randrange(span_ms), self._amend)
        if self._world.scenario.workload.blocks_per_minute:
            self._world.line.after(1, self._next)

    # --- proposals ------------------------------------------------------------------------------

    def _next(self) -> None:
        line, workload = self._world.line, self._world.scenario.workload
        if line.now_ms >= self._ends_ms:
            return
        pause_ms = self._dice.expovariate(workload.blocks_per_minute / 60_000)
        line.after(1 + int(pause_ms), self._next)
        machine = self._world.somewhere(self._dice, None)
        if machine is None:
            return
        proposal = self._proposal(machine)
        if proposal is None:
            return
        self.matters[proposal.id] = Matter(proposal, line.now_ms)
        twice = FaultKind.DOUBLE_SUBMISSION in self._world.kinds
        if twice and self._dice.random() < workload.double_share:
            other = self._world.somewhere(self._dice, None)
            if other is not None:
                self._submit(other, proposal)
        self._submit(self._world.somewhere(self._dice, proposal.core.issuer) or machine, proposal)

    def _amend(self) -> None:
        """Some doctor wants the charter changed."""
        doctors = [one for one in self._world.machines if one.is_doctor and one.honest and one.up]
        if not doctors:
            return
        machine = self._dice.choice(doctors)
        if machine.replica is None:
            return
        now_ms = machine.clock.now_ms(self._world.line.now_ms)
        charter = machine.replica.state.charter
        if charter.doctor_number(machine.identity.address) is None:
            return
        proposal = self._world.chancery.amendment(
            charter, machine.identity.address, now_ms, self._dice
        )
        self.matters[proposal.id] = Matter(proposal, self._world.line.now_ms)
        self._submit(machine, proposal)

    def _proposal(self, machine: Machine) -> Proposal | None:
        """What comes next in some consultation, as this node's ledger shows it."""
        replica, workload = machine.replica, self._world.scenario.workload
        if replica is None:
            return None
        now_ms = machine.clock.now_ms(self._world.line.now_ms)
        ready = [one for one in self._patients if self._settled(one)]
        fresh = len(self._patients) < workload.consultations
        if fresh and (not ready or self._dice.random() < 0.3):
            patient = Patient(len(self._patients))
            self._patients.append(patient)
            return self._registration(patient, machine, now_ms)
        if not ready:
            return None
        patient = self._dice.choice(ready)
        known = replica.state.number_of(patient_key(patient.number))
        if known is None:
            return self._registration(patient, machine, now_ms) if patient.step == 0 else None
        state = replica.state.patient(known)
        if state is None:
            return None
        kind = STEPS[patient.step % len(STEPS)]
        if kind is BlockType.MEDICAL_FORM:
            patient.step += 1
            kind = STEPS[patient.step % len(STEPS)]
        proposal = self._clinic.next_step(kind, state, state.head, replica.state, now_ms)
        patient.pending = proposal.id
        return proposal

    def _registration(self, patient: Patient, machine: Machine, now_ms: int) -> Proposal:
        replica = machine.replica
        doctors = (self._charter if replica is None else replica.state.charter).doctors
        attending = doctors[patient.number % len(doctors)].address
        proposal = self._clinic.register(patient.number, attending, now_ms)
        patient.pending = proposal.id
        return proposal

    def _settled(self, patient: Patient) -> bool:
        """Whether a consultation waits for nothing; the outdated do not look."""
        if patient.pending is None:
            return True
        matter = self.matters.get(patient.pending)
        if matter is None or matter.refused is not None:
            return True
        if matter.final_ms is not None:
            return True
        if matter.forgotten is not None:
            return True
        stale = FaultKind.STALE_SUBMISSION in self._world.kinds
        return stale and self._dice.random() < self._world.scenario.workload.double_share

    def _submit(self, machine: Machine, proposal: Proposal) -> None:
        self._errands += 1
        self._world.say(machine, f"is handed a {proposal.core.type.value} {_short(proposal.id)}")
        self._world.trace.note(
            self._world.line.now_ms, "submit", machine.place, proposal.id[:8].hex().encode()
        )
        self._world.take(machine, ProposalArrived(proposal, None))
        self._world.line.after(ASKED_AGAIN_MS, self._submitted, machine, proposal)

    def _submitted(self, machine: Machine, proposal: Proposal) -> None:
        """An answer by now? Else the same once more, here or elsewhere."""
        matter = self.matters[proposal.id]
        self._errands -= 1
        if matter.acknowledged or matter.refused is not None or matter.final_ms is not None:
            return
        elsewhere = machine if machine.up else self._world.somewhere(self._dice, None)
        self._submit(elsewhere or machine, proposal)

    # --- answers --------------------------------------------------------------------------------

    def accepted(self, machine: Machine, record: Proposal | Vote) -> None:
        """A node has taken something in, durably: its doctor sees it."""
        about = record.ballot.proposal if isinstance(record, Vote) else record.id
        matter = self.matters.get(about)
        if matter is None:
            return
        self._look_for_verdict(machine, matter)
        if isinstance(record, Vote):
            return
        if machine.honest and not machine.impaired:
            matter.holders.add(machine.place)
        if machine.is_doctor and machine.identity.address not in matter.ballots:
            self.voters.plan(machine, matter)

    def _look_for_verdict(self, machine: Machine, matter: Matter) -> None:
        if matter.verdict_ms is not None or machine.replica is None:
            return
        if machine.honest and machine.replica.pool.decided(matter.proposal.id):
            matter.verdict_ms = self._world.line.now_ms

    def refused(
        self,
        machine: Machine,
        record: Proposal | Vote,
        judgement: Judgement,
        sender: Address | None,
    ) -> None:
        """A node would not take something in; a person hears why."""
        if sender is not None:
            return
        if isinstance(record, Vote):
            about = self.matters.get(record.ballot.proposal)
            if about is not None and isinstance(judgement, Reject):
                about.unheard.add(record.ballot.voter)
            return
        if isinstance(judgement, Accept):
            return
        matter = self.matters.get(record.id)
        if matter is None or judgement.reason in _TRANSIENT:
            return
        if judgement.reason is Reason.DUPLICATE:
            matter.holders.update(() if machine.impaired else (machine.place,))
        else:
            matter.refused = judgement.reason

    def disk_lost(self, machine: Machine) -> None:
        """What a machine had is gone."""
        for matter in self.matters.values():
            matter.holders.discard(machine.place)

    def forgot(self, machine: Machine, identifier: ProposalId, reason: Reason) -> None:
        """A node let an open proposal go."""
        matter = self.matters.get(identifier)
        if matter is not None and machine.honest:
            matter.forgotten = reason

    def committed(self, machine: Machine, batch: Batch) -> None:
        """A node holds these blocks as final."""
        if not machine.honest:
            return
        for block in batch.blocks:
            matter = self.matters.get(block.proposal.id)
            if matter is None or matter.final_ms is not None:
                continue
            matter.final_ms = self._world.line.now_ms
            if matter.verdict_ms is None:
                matter.verdict_ms = matter.final_ms
            for patient in self._patients:
                if patient.pending == block.proposal.id:
                    patient.pending = None
                    patient.step += block.header.outcome.value == "accepted"


_TRANSIENT: Final = frozenset({Reason.NOT_YET, Reason.OVER_LIMIT})
"""Ask again later."""


def _short(identifier: ProposalId) -> str:
    return identifier[:4].hex()
