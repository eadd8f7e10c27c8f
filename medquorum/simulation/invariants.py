"""What must hold after every step, whatever the faults; each breach is kept with its time.

Agreement and links of final batches, their certificates, what honest doctors sign (E1 to E5),
whom nobody may convict, what must be noticed of liars, what is on disk before it is said, memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypeVar

from medquorum.consensus.effects import CeaseVoting, Convict, Halt
from medquorum.consensus.events import DoubleVote, Effect
from medquorum.consensus.messages import BatchProposal, Message, OrderingVoteMessage, Status
from medquorum.consensus.ordering.evidence import contradiction
from medquorum.consensus.ordering.journal import Finalised, Notarised, Proposed, Skipped
from medquorum.consensus.replica import Replica
from medquorum.ledger.certificate import OrderingVote, Statement, verify_ordering_vote
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import SLOTS_AHEAD
from medquorum.ledger.types import BatchHash, OrderingKind
from medquorum.simulation.contact import charter_of, held_by
from medquorum.simulation.crypto import START_MS
from medquorum.simulation.disk import OwnRecord
from medquorum.simulation.ledger_check import Append, LedgerCheck
from medquorum.simulation.machine import Machine
from medquorum.simulation.report import STALL, Violation

if TYPE_CHECKING:
    from medquorum.simulation.world import World

MEASURED_EVERY: Final = 64
"""Steps between two measurements of a machine's memory."""
TICKS_AT_ONCE: Final = 100
"""A deadline that so many ticks of one moment do not move will never be met."""
VIOLATIONS_KEPT: Final = 20
SLOTS_KEPT: Final = 16_384
"""Signers' slots remembered: a hundred doctors' last hundred and more."""
Key = TypeVar("Key")
Value = TypeVar("Value")
Slot = tuple[Address, int, int]
"""Signer, epoch, slot."""


class Invariants:
    """The watcher of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.violations: list[Violation] = []
        self.halted = False
        self.largest_queue = 0
        self.double_voters: set[Address] = set()
        """Doctors the people of this run made vote twice."""
        charter = world.machines[0].identity.charter
        self._verify = world.machines[0].identity.cryptography.verify
        self.ledger = LedgerCheck(charter, self._verify, self.broken)
        self._said: dict[Slot, dict[Statement, OrderingVote]] = {}
        self._proposed: dict[Slot, BatchHash] = {}
        self._shown: dict[tuple[int, int, Slot], list[OrderingVote]] = {}
        self._convicted: set[tuple[int, int, Slot]] = set()
        self._takes = False
        self._epoch = 0
        """Of the replica that is about to take a message."""
        self._ticks: tuple[int, int, int] = (0, 0, 0)
        self._steps = 0

    def broken(self, invariant: str, detail: str) -> None:
        """Keep a breach; after the first few more of them tell nothing new."""
        if len(self.violations) < VIOLATIONS_KEPT:
            at_ms = self._world.line.now_ms - START_MS
            self.violations.append(Violation(invariant, at_ms, detail))
            self._world.trace.tell(self._world.line.now_ms, lambda: f"*** {invariant}: {detail}")

    # --- what a step brought --------------------------------------------------------------------

    def stepped(self, machine: Machine, effects: tuple[Effect, ...]) -> None:
        """The effects of one step, before any is performed."""
        self._steps += 1
        if self._steps % MEASURED_EVERY == 0:
            self._measure(machine)
        for effect in effects:
            if type(effect) in _RARE:
                self._rare(machine, effect)

    def written(self, machine: Machine, replica: Replica, *, torn: bool = False) -> None:
        """A machine's disk has changed: what it has as final now, everybody has at that place.

        What was only in memory when a process died was never said, and may come out otherwise.
        """
        final = machine.disk.chain[machine.logged :]
        if final and machine.honest:
            append = Append(self._world.name(machine), machine.logged, replica.state.charters, torn)
            self.ledger.appended(append, final)
        machine.logged = len(machine.disk.chain)

    def _rare(self, machine: Machine, effect: Effect) -> None:
        name = self._world.name(machine)
        match effect:
            case Convict(evidence, culprit):
                slot = (culprit, self._epoch, evidence.slot)
                self._convicted.add((machine.place, machine.life, slot))
                self._world.say(
                    machine, f"convicts doctor {evidence.signer}: {evidence.contradiction}"
                )
                if machine.honest and not self._impaired(culprit):
                    self.broken("R-SIM11", f"{name} convicts an honest doctor's node")
            case DoubleVote(first, _):
                if machine.honest and first.ballot.voter not in self.double_voters:
                    self.broken("R-VOT3", f"{name} accuses a doctor who voted once")
            case Halt(reason, _) if machine.honest:
                self.halted = True
                self.broken("R-SIM2", f"{name} halts: {reason.value}")
            case CeaseVoting():
                if machine.honest and not machine.impaired:
                    self.broken("R-SIM10", f"{name} lost a vote though its disk kept its promises")
            case _:
                pass

    def _impaired(self, address: Address) -> bool:
        return any(one.impaired for one in self._world.at_address(address))

    def ticked(self, machine: Machine, now_ms: int) -> None:
        """A deadline came: ticking must move it."""
        place, at_ms, count = self._ticks
        same = (place, at_ms) == (machine.place, now_ms)
        self._ticks = machine.place, now_ms, count + 1 if same else 1
        if self._ticks[2] == TICKS_AT_ONCE:
            self.broken("R-SIM3", f"{self._world.name(machine)} ticks without end")
            self._world.crash(machine, None)

    def _measure(self, machine: Machine) -> None:
        replica = machine.replica
        if replica is None or not machine.honest:
            return
        held = held_by(replica)
        self.largest_queue = max(self.largest_queue, held.ordering)
        spread = replica.ordering.current_slot - replica.ordering.final_slot
        fault = held.fault(len(replica.state.charter.doctors), spread)
        if fault is not None:
            self.broken("limits", f"{self._world.name(machine)} holds {fault}")

    # --- what a machine says --------------------------------------------------------------------

    def said(self, machine: Machine, message: Message) -> None:
        """An honest machine's message leaves: no contradiction, nothing that is not on disk."""
        match message:
            case OrderingVoteMessage(vote):
                self._vote_said(machine, vote)
            case BatchProposal():
                self._proposal_said(machine, message)
            case Status(epoch=epoch, votes=votes) if votes:
                number = self._number(machine, epoch)
                for vote in votes:
                    if vote.signer == number:
                        self._vote_said(machine, vote)
            case _:
                pass

    def _vote_said(self, machine: Machine, vote: OrderingVote) -> None:
        statement = vote.statement
        if (statement.epoch, _record(statement)) not in machine.disk.own:
            self._unwritten(machine, f"its {statement.kind} vote of slot {statement.slot}")
        if machine.impaired:
            return
        slot = (machine.identity.address, statement.epoch, statement.slot)
        said = self._said.setdefault(slot, {})
        if statement in said:
            return
        for earlier in said.values():
            how = contradiction(earlier, vote)
            if how is not None:
                name = self._world.name(machine)
                self.broken("R-SIM11", f"{name} signs {how.value} in slot {statement.slot}")
        said[statement] = vote
        _bounded(self._said)

    def _proposal_said(self, machine: Machine, proposal: BatchProposal) -> None:
        header = proposal.header
        if header.leader != self._number(machine, header.epoch):
            return
        if (header.epoch, Proposed(header.slot, proposal.hash)) not in machine.disk.own:
            self._unwritten(machine, f"its proposal of slot {header.slot}")
        if machine.impaired:
            return
        slot = (machine.identity.address, header.epoch, header.slot)
        _bounded(self._proposed)
        if self._proposed.setdefault(slot, proposal.hash) != proposal.hash:
            self.broken(
                "R-SIM5", f"{self._world.name(machine)} proposes twice in slot {header.slot}"
            )

    def _unwritten(self, machine: Machine, what: str) -> None:
        self.broken("R-SIM10", f"{self._world.name(machine)} sends {what} before it is durable")

    def _number(self, machine: Machine, epoch: int) -> int | None:
        replica = machine.replica
        charter = None if replica is None else charter_of(replica, epoch)
        return None if charter is None else charter.doctor_number(machine.identity.address)

    # --- what must be noticed -------------------------------------------------------------------

    def hears(self, receiver: Machine, origin: Machine, message: object) -> None:
        """Before a message of an impaired doctor is taken: whether its vote falls in the window."""
        self._takes = False
        replica = receiver.replica
        if not isinstance(message, OrderingVoteMessage) or not receiver.honest or replica is None:
            return
        vote, ordering = message.vote, replica.ordering
        self._epoch = replica.epoch
        charter = replica.state.charter
        electorate = charter.electorate()
        self._takes = (
            ordering.halted is None
            and vote.signer == charter.doctor_number(origin.identity.address)
            and ordering.final_slot < vote.statement.slot <= ordering.current_slot + SLOTS_AHEAD
            and verify_ordering_vote(vote, electorate, self._verify)
        )

    def heard(self, receiver: Machine, origin: Machine, message: object) -> None:
        """After it: a second vote that contradicts one taken before must have convicted."""
        if not self._takes or not isinstance(message, OrderingVoteMessage):
            return
        vote = message.vote
        slot = (origin.identity.address, vote.statement.epoch, vote.statement.slot)
        key = (receiver.place, receiver.life, slot)
        taken = self._shown.setdefault(key, [])
        caught = any(contradiction(earlier, vote) is not None for earlier in taken)
        taken.append(vote)
        _bounded(self._shown)
        if caught and receiver.up and key not in self._convicted:
            name = self._world.name(receiver)
            self.broken("R-SIM11", f"{name} overlooks a contradiction in slot {slot[2]}")

    # --- at the end -----------------------------------------------------------------------------

    def unfinished(self, reasons: Iterable[str]) -> None:
        """What a healed network should have finished and has not."""
        for reason in reasons:
            self.broken(STALL, reason)


_RARE: Final = frozenset({Convict, DoubleVote, Halt, CeaseVoting})


def _bounded(kept: dict[Key, Value]) -> None:
    """Forget the oldest slots: nobody signs for those again, and long runs stay small."""
    if len(kept) > SLOTS_KEPT:
        del kept[next(iter(kept))]


def _record(statement: Statement) -> OwnRecord:
    """The journal's record of a vote."""
    slot, digest = statement.slot, statement.hash
    if statement.kind is OrderingKind.SKIP or digest is None:
        return Skipped(slot)
    return (
        Notarised(slot, digest) if statement.kind is OrderingKind.NOTAR else Finalised(slot, digest)
    )
