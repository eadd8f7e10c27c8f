"""Beyond the fault bound: real forks, whom they give away, and who stops."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from medquorum.consensus.ordering import certify
from medquorum.ledger.types import QuorumMode
from medquorum.simulation.twins import forks
from medquorum.simulation.twins.forks import (
    Forked,
    ForkScenario,
    Network,
    beyond_the_bound,
    fork_scenario,
    fork_spread,
    play_fork,
)

PLAYED = 1_000 if os.environ.get("MEDQUORUM_TWINS_ALL") else 24
"""Scenarios of each network; a thousand of each take half an hour on one core."""
NETWORKS = list(beyond_the_bound())


def test_every_number_of_liars_beyond_the_bound_is_there() -> None:
    """R-CHA8: more than 2q-n-1, fewer than all."""
    sizes = {
        (QuorumMode.MAJORITY, 3): {1, 2},
        (QuorumMode.MAJORITY, 5): {1, 2, 3, 4},
        (QuorumMode.BYZANTINE, 4): {2, 3},
        (QuorumMode.BYZANTINE, 7): {3, 4, 5, 6},
    }
    found: dict[tuple[QuorumMode, int], set[int]] = {}
    for network in NETWORKS:
        found.setdefault((network.mode, network.doctors), set()).add(network.liars)
    assert found == sizes
    assert sum(network.enumerated for network in NETWORKS) == 2_211_378


@pytest.mark.timeout(7_200 if PLAYED > 24 else 600)
def test_every_fork_gives_its_makers_away() -> None:
    """R-SIM2, R-SIM11: 2q-n liars or more from the chains alone; who sees it halts."""
    stories = [one for network in NETWORKS for one in fork_spread(network, PLAYED)]
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        results = list(pool.map(play_fork, stories, chunksize=12))
    told = list(zip(stories, results, strict=True))
    assert [(one, result) for one, result in told if result.faults] == []
    for network in NETWORKS:
        fewest = [
            result.fewest
            for one, result in told
            if one.network == network and result.fewest is not None
        ]
        assert len(fewest) >= 6, "so few forks prove little"
        assert min(fewest) >= network.provable
    assert {kind for result in results for kind in result.contradictions} == {
        "two_notars",
        "skip_and_final",
        "two_finals",
        "notar_and_final",
    }


def steady_fork() -> ForkScenario:
    """One liar of three, an honest doctor on each side, a leader who is not heard by one."""
    return ForkScenario(Network(QuorumMode.MAJORITY, 3, 1), (1, 1, 1), (2, 2, 2))


def test_a_scenario_is_found_again_by_its_number() -> None:
    network = Network(QuorumMode.MAJORITY, 3, 1)
    every = [fork_scenario(network, number) for number in range(network.enumerated)]
    steady = 3**3 * 4
    assert len(set(every[:steady])) == steady and len(set(every[steady:])) == 3**3 * 4**3
    assert steady_fork() in every[:steady]
    assert len(list(fork_spread(network, PLAYED))) == PLAYED


def test_a_fork_of_slots_the_other_side_skipped_halts_both() -> None:
    """R-SIM2: one side made slots 1 to 4 final, the other skipped them."""
    result = play_fork(steady_fork())
    assert result.forks and result.faults == ()
    assert "skip_and_final" in result.contradictions


def test_a_conviction_that_falls_short_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "convict_fork", lambda *chains: ())
    result: Forked = play_fork(steady_fork())
    assert any("convict 0 only" in fault for fault in result.faults)


def test_a_node_that_goes_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-SIM2: the harness can fail."""
    monkeypatch.setattr(certify, "_settled", lambda state, shown: False)
    result = play_fork(steady_fork())
    assert any("saw a fork and goes on" in fault for fault in result.faults)
