"""One ordering machine with its disk: the only place here that knows how `Ordering` is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from medquorum.consensus.effects import CeaseVoting, Commit, Convict, Effect, Halt, Persist
from medquorum.consensus.ordering.application import Seat, Timing
from medquorum.consensus.ordering.journal import (
    JournalRecord,
    JournalState,
    decode_record,
    encode_record,
    slot_of,
)
from medquorum.consensus.ordering.pen import Pen
from medquorum.consensus.ordering.simplex import Ordering
from medquorum.ledger.certificate import Electorate, Statement
from medquorum.ledger.keys import Address, Purpose, address_of
from medquorum.simulation.crypto import fast_signer, fast_verify, member_key
from medquorum.simulation.twins.ward import NETWORK, Ward, WardView

TIMING: Final = Timing(
    slot_timeout_ms=100, slot_timeout_max_ms=2_000, idle_status_ms=2_000, retransmit_ms=250
)
"""Short, since only the proportions matter in virtual time."""


@dataclass(frozen=True, slots=True)
class ChosenLeaders(Electorate):
    """An electorate whose first slots have the leaders a scenario chose; then R-ORD9 again."""

    chosen: tuple[int, ...] = ()

    def leader(self, slot: int) -> int:
        """The doctor who leads a slot."""
        if 0 < slot <= len(self.chosen):
            return self.chosen[slot - 1]
        return (self.epoch + slot) % len(self.keys)


def electorate_of(doctors: int, quorum: int, chosen: tuple[int, ...] = ()) -> ChosenLeaders:
    """So many doctors, with simulated keys."""
    keys = tuple(member_key(number, Purpose.CONSENSUS) for number in range(doctors))
    return ChosenLeaders(NETWORK, 0, keys, quorum, chosen)


def doctor_address(number: int) -> Address:
    """The address of a doctor."""
    return address_of(member_key(number, Purpose.CLINICAL))


class ShamelessPen(Pen):
    """Signs for a machine that does not care that another one signs with the same key.

    An honest node stops voting when it is shown such a vote (R-SIM10); a liar's twin goes on.
    """

    def holds(self, statement: Statement) -> bool:
        """Nothing ever surprises it."""
        return True


@dataclass(slots=True)
class Machine:
    """A process of one doctor, with what is on its disk."""

    place: int
    doctor: int
    liar: bool
    ward: Ward = field(default_factory=Ward)
    journal: list[JournalRecord] = field(default_factory=list)
    ordering: Ordering[WardView] | None = None
    deadline_ms: int | None = None
    told: list[Convict | Halt | CeaseVoting] = field(default_factory=list)

    def start(self, electorate: Electorate) -> None:
        """Begin, or begin again, with what is on the disk."""
        final = self.ward.final_point()
        kept = [record for record in self.journal if slot_of(record) >= final.slot]
        self.journal = [decode_record(*encode_record(record)) for record in kept]
        seat = Seat(self.doctor, fast_signer(electorate.keys[self.doctor]))
        self.ordering = Ordering(
            seat=seat,
            electorate=electorate,
            doctors=tuple(doctor_address(number) for number in range(len(electorate.keys))),
            timing=TIMING,
            application=self.ward,
            final=final,
            journal=self.journal,
            verify=fast_verify,
        )
        if self.liar:
            self.ordering._state.pen = ShamelessPen(seat, electorate, JournalState())

    def keep(self, effect: Effect) -> None:
        """Perform an effect that stays in the house."""
        match effect:
            case Persist(record):
                self.journal.append(record)
            case Commit(batch, certificate):
                self.ward.append(batch, certificate)
                slot = batch.header.slot
                self.journal = [one for one in self.journal if slot_of(one) >= slot]
            case Convict() | Halt() | CeaseVoting():
                self.told.append(effect)
            case _:
                raise AssertionError(f"{type(effect).__name__} leaves the house")
