"""Every reachable set of votes of a model, searched for a fork.

A state is the votes of every honest node. Nodes are alike, so states that differ only by who is who
are one: the nodes' votes are kept sorted. States are integers, twelve bits for each node's votes,
which are numbered as they turn up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from medquorum.ledger.types import OrderingKind
from medquorum.simulation.explore.guards import Guards
from medquorum.simulation.explore.model import FIELD_BITS, MOST_HONEST, Ballot, Model

_NODE_BITS: Final = 12
_NODE_MASK: Final = (1 << _NODE_BITS) - 1


@dataclass(frozen=True, slots=True)
class Violation:
    """Two final batches of which neither rests on the other, and how it came to that."""

    batches: tuple[int, int]
    """Their places in `Model.batches`."""
    votes: tuple[frozenset[Ballot], ...]
    """What every honest node signed."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """What was found: all reachable states, or those seen up to the first fork."""

    states: int
    violation: Violation | None
    skipped_and_final: bool
    """Whether some slot had a skip and a final certificate at once: forbidden, and a fork in
    waiting where slots run out."""
    notarised_twice: bool
    """Whether some slot had notar certificates of two batches."""


def forked(model: Model, certified: frozenset[Ballot]) -> tuple[int, int] | None:
    """Two batches with final certificates that are not on one chain."""
    final = sorted(
        one.batch for one in certified if one.kind is OrderingKind.FINAL and one.batch is not None
    )
    for at, first in enumerate(final):
        for second in final[at + 1 :]:
            if first not in model.ancestors(second) and second not in model.ancestors(first):
                return first, second
    return None


@dataclass(slots=True)
class _Search:
    """The tables of one exploration; each entry is worked out once."""

    model: Model
    guards: Guards
    numbers: dict[int, int] = field(default_factory=lambda: {0: 0})
    votes: list[int] = field(default_factory=lambda: [0])
    moves: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    judged: dict[int, tuple[int, tuple[int, int] | None]] = field(default_factory=dict)
    skipped_and_final: bool = False
    notarised_twice: bool = False

    def number(self, votes: int) -> int:
        """The number of one node's votes."""
        known = self.numbers.get(votes)
        if known is None:
            known = self.numbers[votes] = len(self.votes)
            self.votes.append(votes)
            if known > _NODE_MASK:
                raise OverflowError("more kinds of nodes than twelve bits number: explore less")
        return known

    def moves_of(self, node: int, enabled: int) -> tuple[int, ...]:
        """What one node may become by one vote."""
        known = self.moves.get((node, enabled))
        if known is None:
            votes = self.votes[node]
            free = self.guards.open_to(votes) & enabled
            known = tuple(self.number(votes | one) for one in _bits(free))
            self.moves[node, enabled] = known
        return known

    def judge(self, certificates: int) -> tuple[int, tuple[int, int] | None]:
        """What these certificates allow, and the fork among them."""
        known = self.judged.get(certificates)
        if known is None:
            certified = self.model.certified(certificates)
            self._check_lemmas(certified)
            known = self.guards.enabled_by(certificates), forked(self.model, certified)
            self.judged[certificates] = known
        return known

    def _check_lemmas(self, certified: frozenset[Ballot]) -> None:
        skipped = {one.slot for one in certified if one.kind is OrderingKind.SKIP}
        final = {one.slot for one in certified if one.kind is OrderingKind.FINAL}
        notarised = [one.slot for one in certified if one.kind is OrderingKind.NOTAR]
        self.skipped_and_final |= bool(skipped & final)
        self.notarised_twice |= len(set(notarised)) < len(notarised)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest
        mask ^= lowest


def explore(model: Model) -> Exploration:
    """Visit every reachable state of the model, or as many as it takes to find a fork."""
    search = _Search(model, Guards(model))
    fields = len(model.ballots)
    ones = sum(1 << at * FIELD_BITS for at in range(fields))
    carry = ones * (MOST_HONEST + 1 - model.threshold)
    guard = ones << FIELD_BITS - 1
    shifts = tuple(at * _NODE_BITS for at in range(model.honest))
    votes, seen, waiting = search.votes, {0}, [0]
    while waiting:
        state = waiting.pop()
        nodes = [state >> shift & _NODE_MASK for shift in shifts]
        counted = sum([votes[node] for node in nodes])
        enabled, fork = search.judge((counted + carry & guard) >> FIELD_BITS - 1)
        if fork is not None:
            signed = tuple(model.certified(votes[node]) for node in nodes)
            return _result(search, len(seen), Violation(fork, signed))
        for at, node in enumerate(nodes):
            if at and node == nodes[at - 1]:
                continue
            for successor in search.moves_of(node, enabled):
                moved = nodes.copy()
                moved[at] = successor
                moved.sort()
                after = 0
                for one in moved:
                    after = after << _NODE_BITS | one
                if after not in seen:
                    seen.add(after)
                    waiting.append(after)
    return _result(search, len(seen), None)


def _result(search: _Search, states: int, violation: Violation | None) -> Exploration:
    return Exploration(states, violation, search.skipped_and_final, search.notarised_twice)
