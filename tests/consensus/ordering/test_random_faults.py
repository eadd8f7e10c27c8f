"""Seeded faults: loss, delay, duplicates, partitions, crashes between any two effects.

Agreement is checked at every commit (R-SIM2), no correct node is ever convicted (R-SIM11), and
after the network heals everything submitted becomes final everywhere.
"""

import random

import pytest

from medquorum.consensus.messages import Message
from tests.consensus.ordering.cluster import Cluster

SETTINGS = [(1, 1), (3, 2), (4, 3), (5, 3), (5, 4), (7, 4), (7, 5)]
"""(doctors, quorum): both modes of R-CHA8 where they differ."""
FAULTY_MS = 4_500
HEAL_MS = 30_000


class Weather:
    """One seed's network: every message may be lost, late, doubled or cut off."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.loss = self.dice.choice((0.0, 0.05, 0.2, 0.4))
        self.late = self.dice.choice((5, 50, 400))
        self.side: dict[str, int] = {}

    def __call__(self, sender: str, receiver: str, message: Message) -> tuple[int, ...]:
        if self.side.get(sender, 0) != self.side.get(receiver, 0):
            return ()
        copies = 2 if self.dice.random() < 0.1 else 1
        return tuple(
            self.dice.randint(1, self.late)
            for _ in range(copies)
            if self.dice.random() >= self.loss
        )


def storm(cluster: Cluster, weather: Weather) -> int:
    """Faults for some seconds; how many verdicts were submitted."""
    dice, submitted = weather.dice, 0
    names = sorted(cluster.nodes)
    end_ms = cluster.now_ms + FAULTY_MS
    while cluster.now_ms < end_ms:
        cluster.run(dice.randint(1, 300))
        name = dice.choice(names)
        match dice.randrange(7):
            case 0 | 1:
                submitted += 1
                known = [one for one in names if dice.random() < 0.7]
                cluster.submit(submitted, *(known or names))
            case 2:
                cluster.crash(name)
            case 3 | 4:
                if not cluster.nodes[name].up:
                    cluster.start(name)
            case 5:
                cluster.nodes[name].effects_left = dice.randint(0, 6)
            case _:
                weather.side = (
                    {one: dice.randrange(2) for one in names} if dice.random() < 0.5 else {}
                )
    return submitted


@pytest.mark.parametrize("seed", range(105))
def test_agreement_in_the_storm_and_progress_after_it(seed: int) -> None:
    count, quorum = SETTINGS[seed % len(SETTINGS)]
    weather = Weather(seed)
    cluster = Cluster(count, quorum=quorum, observers=1)
    cluster.start()
    cluster.rule = weather
    submitted = storm(cluster, weather)
    weather.loss, weather.late, weather.side = 0.0, 5, {}
    for name, node in cluster.nodes.items():
        node.effects_left = None
        if not node.up:
            cluster.start(name)
    for name in cluster.nodes:
        cluster.connect(name)
    for number in range(1, submitted + 1):
        cluster.submit(number)
    cluster.run(HEAL_MS)
    assert {name: cluster.blocks(name) for name in cluster.nodes} == dict.fromkeys(
        cluster.nodes, submitted
    )
    assert all(node.told == [] for node in cluster.nodes.values())
