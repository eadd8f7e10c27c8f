"""More liars than the quorum withstands: forks that really happen, and what they give away.

Every liar is a pair of twins, one on each side, who knows nothing of the other. A scenario chooses,
for each of three slots, who leads it and on which side every honest doctor is; or one division for
all three. Each chain that comes of it is taken from its machine's log as an export would tell it.
Wherever two of them fork, `convict_fork` must find at least 2q-n liars and nobody else, and every
honest machine that then sees a final certificate of another branch must halt (R-SIM2, R-SIM11).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from medquorum.consensus.effects import Halt, HaltReason
from medquorum.consensus.messages import CertificateMessage, Message
from medquorum.consensus.ordering.forensics import (
    ChainFrame,
    convict_fork,
    culprits,
    parting,
)
from medquorum.ledger.export import BatchFrame
from medquorum.ledger.keys import Address
from medquorum.ledger.quorum import quorum_size
from medquorum.ledger.types import OrderingKind, QuorumMode
from medquorum.simulation.crypto import fast_verify
from medquorum.simulation.twins.arena import Arena, slot_of_message
from medquorum.simulation.twins.machine import Machine, doctor_address, electorate_of
from medquorum.simulation.twins.play import GREETING_MS

SLOTS: Final = 3
DIVIDED_MS: Final = 1_500
MEETING_MS: Final = 3_000
"""Time for the two sides to find out after they are joined again."""
VERDICTS: Final = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Network:
    """So many doctors, of whom the first so many lie."""

    mode: QuorumMode
    doctors: int
    liars: int

    @property
    def quorum(self) -> int:
        """q."""
        return quorum_size(self.mode, self.doctors)

    @property
    def provable(self) -> int:
        """Liars that every fork gives away: 2q-n."""
        return 2 * self.quorum - self.doctors

    @property
    def divisions(self) -> int:
        """Ways to put the honest doctors on two sides."""
        return 1 << self.doctors - self.liars

    @property
    def enumerated(self) -> int:
        """Scenarios: leaders of three slots, and one division or three."""
        return self.doctors**SLOTS * (self.divisions + self.divisions**SLOTS)


@dataclass(frozen=True, slots=True)
class ForkScenario:
    """Who leads, and which honest doctors are on the other side, by slot."""

    network: Network
    leaders: tuple[int, ...]
    sides: tuple[int, ...]

    def together(self, slot: int, first: int, second: int) -> bool:
        """Whether a message about a slot passes between two machines; the last division stays."""
        sides = self.sides[max(1, min(slot, SLOTS)) - 1]
        return self._side(sides, first) == self._side(sides, second)

    def _side(self, sides: int, place: int) -> int:
        liars, doctors = self.network.liars, self.network.doctors
        if place < liars or place >= doctors:
            return int(place >= doctors)
        return sides >> place - liars & 1


def beyond_the_bound() -> Iterator[Network]:
    """Every number of liars the mode does not withstand, short of all."""
    for mode, sizes in ((QuorumMode.MAJORITY, (3, 5)), (QuorumMode.BYZANTINE, (4, 7))):
        for doctors in sizes:
            withstood = 2 * quorum_size(mode, doctors) - doctors - 1
            for liars in range(withstood + 1, doctors):
                yield Network(mode, doctors, liars)


def fork_scenario(network: Network, number: int) -> ForkScenario:
    """The scenario of this place in the enumeration: one division for all slots comes first."""
    steady = network.doctors**SLOTS * network.divisions
    count = network.divisions if number < steady else network.divisions**SLOTS
    led, sides = divmod(number if number < steady else number - steady, count)
    leaders = tuple(led // network.doctors**slot % network.doctors for slot in range(SLOTS))
    if number < steady:
        return ForkScenario(network, leaders, (sides,) * SLOTS)
    several = (sides // network.divisions**slot % network.divisions for slot in range(SLOTS))
    return ForkScenario(network, leaders, tuple(several))


def fork_spread(network: Network, wanted: int) -> Iterator[ForkScenario]:
    """So many scenarios, half of them with one division for all slots."""
    steady = network.doctors**SLOTS * network.divisions
    half = wanted // 2
    for at in range(half):
        yield fork_scenario(network, at * steady // half)
    for at in range(wanted - half):
        rest = network.enumerated - steady
        yield fork_scenario(network, steady + at * rest // (wanted - half))


@dataclass(frozen=True, slots=True)
class Forked:
    """What came of a scenario."""

    forks: int
    """Pairs of chains that fork."""
    fewest: int | None
    """Fewest liars any of these pairs gives away; None without a fork."""
    contradictions: frozenset[str]
    """The kinds of evidence found in chains."""
    faults: tuple[str, ...]


def chain_of_log(machine: Machine) -> tuple[ChainFrame, ...]:
    """A machine's log as its export would tell it."""
    return tuple(
        BatchFrame(one.batch.header, one.batch.justification, one.certificate)
        for one in machine.ward.log
    )


def play_fork(scenario: ForkScenario) -> Forked:
    """Run one scenario: divide, read the chains, join, and see who halts."""
    arena = _divided(scenario)
    chains = {machine.place: chain_of_log(machine) for machine in arena.machines}
    network, pairs, fewest = scenario.network, 0, None
    kinds: set[str] = set()
    for one, other in combinations(sorted(chains), 2):
        if parting(chains[one], chains[other]) is None:
            continue
        pairs += 1
        evidence = convict_fork(chains[one], chains[other], arena.electorate, fast_verify)
        convicted = culprits(evidence)
        kinds |= {piece.contradiction.value for piece in evidence}
        fewest = len(convicted) if fewest is None else min(fewest, len(convicted))
        if any(number >= network.liars for number in convicted):
            arena.faults.append(f"chains {one} and {other} accuse an honest doctor")
        if len(convicted) < network.provable:
            arena.faults.append(f"chains {one} and {other} convict {len(convicted)} only")
    if pairs:
        _meet(arena, chains)
    return Forked(pairs, fewest, frozenset(kinds), tuple(dict.fromkeys(arena.faults)))


def _divided(scenario: ForkScenario) -> Arena:
    network = scenario.network
    machines = [
        Machine(place, place if place < network.doctors else place - network.doctors, liar=False)
        for place in range(network.doctors + network.liars)
    ]
    for machine in machines:
        machine.liar = machine.doctor < network.liars
    electorate = electorate_of(network.doctors, network.quorum, scenario.leaders)
    arena = Arena(electorate, machines, within_bound=False)
    arena.start()
    arena.run(arena.now_ms + GREETING_MS)

    def delivers(sender: Machine, receiver: Machine, message: Message) -> bool:
        slot = slot_of_message(message, sender)
        return scenario.together(slot, sender.place, receiver.place)

    arena.delivers = delivers
    for machine in machines:
        first = machine.place < network.doctors
        arena.submit(machine, VERDICTS if first else VERDICTS[::-1])
    arena.run(arena.now_ms + DIVIDED_MS)
    return arena


def _meet(arena: Arena, chains: dict[int, tuple[ChainFrame, ...]]) -> None:
    """Join the sides; show every honest machine what is final on a branch that is not its own."""
    arena.delivers = lambda sender, receiver, message: True
    arena.connect()
    arena.run(arena.now_ms + MEETING_MS)
    for machine in arena.honest:
        for place in sorted(chains):
            if parting(chain_of_log(machine), chains[place]) is not None:
                _show(arena, machine, chains[place], doctor_address(arena.machines[place].doctor))
    arena.run(arena.now_ms + MEETING_MS)
    for machine in arena.honest:
        forks = any(parting(chain_of_log(machine), chain) is not None for chain in chains.values())
        halts = [one for one in machine.told if isinstance(one, Halt)]
        if any(one.reason is not HaltReason.FORK for one in halts):
            arena.faults.append(f"machine {machine.place} halts for another reason")
        if forks and not halts:
            arena.faults.append(f"machine {machine.place} saw a fork and goes on")


def _show(arena: Arena, machine: Machine, chain: tuple[ChainFrame, ...], sender: Address) -> None:
    for frame in chain:
        if frame.certificate and frame.certificate.statement.kind is OrderingKind.FINAL:
            arena.hand(machine, CertificateMessage(frame.certificate), sender)
