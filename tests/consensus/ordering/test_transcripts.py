"""Whole-cluster stories, kept as text: what every node hears, writes, sends and makes final.

After a deliberate change: `pytest tests/consensus/ordering --rewrite-transcripts`, and read the
difference.
"""

from collections.abc import Callable

import pytest

from medquorum.consensus.effects import Convict
from medquorum.consensus.messages import BatchProposal, Message, Status
from medquorum.consensus.messages import OrderingVoteMessage as Vote
from tests.consensus.ordering.bench import FINAL, batch, proposal, vote
from tests.consensus.ordering.cluster import HOP_MS, Cluster
from tests.consensus.ordering.story import Story
from tests.consensus.ordering.toy import START_MS

Golden = Callable[[str, str], None]


def quiet_start(count: int, *, quorum: int | None = None, observers: int = 0) -> Cluster:
    """A connected cluster; the story begins after the greetings."""
    cluster = Cluster(count, quorum=quorum, observers=observers, wire=True, story=Story())
    cluster.start()
    cluster.run(100)
    cluster.story.lines.clear()
    return cluster


def finish(cluster: Cluster, golden: Golden, name: str, blocks: int) -> None:
    """Everyone has everything, nobody is accused, and the story is the known one."""
    assert {one: cluster.blocks(one) for one in cluster.nodes} == dict.fromkeys(
        cluster.nodes, blocks
    )
    golden(name, cluster.story.text())


def test_normal_finality(golden: Golden) -> None:
    """R-SIM5, R-SIM6, R-SIM8: three hops from the verdict to finality."""
    cluster = quiet_start(4, observers=1)
    cluster.submit(1)
    cluster.run(3 * HOP_MS)
    assert all(cluster.blocks(f"d{number}") == 1 for number in range(4))
    cluster.run(50)
    finish(cluster, golden, "normal_finality", 1)


def test_alone(golden: Golden) -> None:
    """R-CHA8 with n = 1: everything at once, and still written first."""
    cluster = quiet_start(1)
    cluster.submit(1)
    finish(cluster, golden, "alone", 1)


def test_leader_crash(golden: Golden) -> None:
    """R-SIM7: the slot is given up, the next leader proposes, the dead one catches up."""
    cluster = quiet_start(4)
    cluster.crash("d1")
    cluster.submit(1)
    cluster.run(1_000)
    cluster.start("d1")
    cluster.run(1_500)
    finish(cluster, golden, "leader_crash", 1)


@pytest.mark.parametrize("kept", range(16))
@pytest.mark.parametrize("name", ["d1", "d2"])
def test_restart_at_every_persistence_point(golden: Golden, name: str, kept: int) -> None:
    """R-SIM10: death after `kept` effects, between Persist and Send too; then a restart."""
    cluster = quiet_start(4)
    cluster.nodes[name].effects_left = kept
    cluster.submit(1)
    cluster.run(1_200)
    if not cluster.nodes[name].up:
        cluster.start(name)
    cluster.nodes[name].effects_left = None
    cluster.submit(2)
    cluster.run(5_000)
    assert all(node.told == [] for node in cluster.nodes.values())
    assert {one: cluster.blocks(one) for one in cluster.nodes} == dict.fromkeys(cluster.nodes, 2)
    if name == "d1" and kept in (2, 3):
        golden(f"leader_restart_after_{kept}_effects", cluster.story.text())


def test_all_restart_between_notar_and_final(golden: Golden) -> None:
    """R-SIM10: what was notarised before the power cut is what becomes final after it."""
    cluster = quiet_start(4)
    cluster.submit(1)
    cluster.run(HOP_MS)
    for name in cluster.nodes:
        cluster.crash(name)
    cluster.run(50)
    cluster.start()
    cluster.run(3_000)
    finish(cluster, golden, "all_restart", 1)


def test_lost_messages(golden: Golden) -> None:
    """R-SIM9: every final vote is lost once; an empty successor brings finality."""
    cluster = quiet_start(4)

    def no_finals_in_slot_1(sender: str, receiver: str, message: Message) -> tuple[int, ...]:
        lost = isinstance(message, Vote) and message.vote.statement.kind is FINAL
        if lost and isinstance(message, Vote):
            lost = message.vote.statement.slot == 1
        return () if lost else (HOP_MS,)

    cluster.rule = no_finals_in_slot_1
    cluster.submit(1)
    cluster.run(1_500)
    finish(cluster, golden, "lost_messages", 1)


def test_lost_proposal(golden: Golden) -> None:
    """R-SIM2, R-SIM6: one doctor misses the batch and its finality, and fetches both."""
    cluster = quiet_start(4)

    def deaf_d3(sender: str, receiver: str, message: Message) -> tuple[int, ...]:
        return () if receiver == "d3" and isinstance(message, BatchProposal) else (HOP_MS,)

    cluster.rule = deaf_d3
    cluster.submit(1)
    cluster.run(500)
    finish(cluster, golden, "lost_proposal", 1)


def test_verdict_known_to_some_only(golden: Golden) -> None:
    """R-SIM6 (d): who cannot rebuild the batch asks the leader for its body."""
    cluster = quiet_start(4)
    cluster.submit(1, "d1", "d0")
    cluster.run(200)
    finish(cluster, golden, "missing_body", 1)


def test_equivocating_leader(golden: Golden) -> None:
    """R-SIM11: two batches for one slot are told apart, convicted, and only one is final."""
    cluster = quiet_start(4)
    cluster.liars = frozenset({"d1"})
    cluster.crash("d1")
    for number in (1, 2):
        cluster.submit(number, "d0", "d2", "d3")
    one, other = (proposal(batch(1, [number], time_ms=START_MS)) for number in (1, 2))
    for receiver, first, second in (("d0", one, other), ("d2", one, other), ("d3", other, one)):
        cluster.send("d1", receiver, first)
        cluster.run(1)
        cluster.send("d1", receiver, second)
    cluster.run(5_000)
    convicts = [told for name in ("d0", "d2", "d3") for told in cluster.nodes[name].told]
    assert len(convicts) == 3
    assert all(isinstance(told, Convict) and told.evidence.signer == 1 for told in convicts)
    assert {cluster.blocks(name) for name in ("d0", "d2", "d3")} == {2}
    golden("equivocating_leader", cluster.story.text())


def test_partition_and_heal(golden: Golden) -> None:
    """R-SIM7, R-SIM9: the side without a quorum waits; after healing all agree."""
    cluster = quiet_start(4)
    far = {"d1"}
    cluster.rule = lambda sender, receiver, _: (
        (HOP_MS,) if (sender in far) == (receiver in far) else ()
    )
    cluster.submit(1)
    cluster.run(700)
    assert cluster.logs() == {"d0": 1, "d1": 0, "d2": 1, "d3": 1}
    cluster.rule = lambda *_: (HOP_MS,)
    cluster.connect("d1")
    cluster.run(1_000)
    finish(cluster, golden, "partition_and_heal", 1)


def test_even_split_waits(golden: Golden) -> None:
    """R-SIM7: neither half has a quorum, so nothing is certified and nothing can fork."""
    cluster = quiet_start(4)
    far = {"d0", "d1"}
    cluster.rule = lambda sender, receiver, _: (
        (HOP_MS,) if (sender in far) == (receiver in far) else ()
    )
    cluster.submit(1)
    cluster.run(900)
    assert set(cluster.logs().values()) == {0}
    cluster.rule = lambda *_: (HOP_MS,)
    cluster.run(3_000)
    finish(cluster, golden, "even_split", 1)


def test_observer_catches_up(golden: Golden) -> None:
    """R-SIM9: a follower that was away asks for what it missed, sixteen at a time."""
    cluster = quiet_start(3, quorum=2, observers=1)
    cluster.crash("o0")
    cluster.story.enabled = False
    for number in range(1, 19):
        cluster.submit(number)
        cluster.run(30)
    cluster.story.enabled = True
    cluster.start("o0")
    cluster.run(300)
    finish(cluster, golden, "observer_catches_up", 18)


def test_node_down_then_catch_up(golden: Golden) -> None:
    """R-SIM9: a doctor's node that was down takes the log, then votes again."""
    cluster = quiet_start(3, quorum=2)
    cluster.crash("d0")
    for number in (1, 2):
        cluster.submit(number, "d1", "d2")
        cluster.run(400)
    cluster.start("d0")
    cluster.run(200)
    assert cluster.blocks("d0") == 2
    cluster.submit(3)
    cluster.run(400)
    finish(cluster, golden, "node_down_then_catch_up", 3)


def test_forgetful_node_stops_voting(golden: Golden) -> None:
    """R-SIM10: the journal is lost in the middle of a slot; a peer shows the vote."""
    cluster = quiet_start(4)
    cluster.rule = lambda sender, receiver, message: (
        () if isinstance(message, Vote) and message.vote.statement.kind is FINAL else (HOP_MS,)
    )
    cluster.submit(1)
    cluster.run(10)
    cluster.crash("d3")
    cluster.nodes["d3"].journal.clear()
    cluster.rule = lambda *_: (HOP_MS,)
    cluster.start("d3")
    cluster.run(1_500)
    ordering = cluster.nodes["d3"].ordering
    assert ordering is not None and not ordering.voting
    finish(cluster, golden, "forgetful_node", 1)


def test_idle_cluster_sends_only_status(golden: Golden) -> None:
    """R-SIM4, R-SIM9: no work, no timers, no empty batches."""
    cluster = quiet_start(3, observers=1)
    heard: list[Message] = []

    def listen(sender: str, receiver: str, message: Message) -> tuple[int, ...]:
        heard.append(message)
        return (HOP_MS,)

    cluster.rule = listen
    cluster.run(25_000)
    assert heard and all(isinstance(message, Status) for message in heard)
    golden("idle", cluster.story.text())


def test_status_repairs_a_node_left_behind(golden: Golden) -> None:
    """R-SIM9: everything to d2 is lost, then nothing more happens; the idle STATUS finds it."""
    cluster = quiet_start(4)
    cluster.rule = lambda sender, receiver, _: () if receiver == "d2" else (HOP_MS,)
    cluster.submit(1, "d0", "d1", "d3")
    cluster.run(200)
    cluster.rule = lambda *_: (HOP_MS,)
    cluster.run(11_000)
    finish(cluster, golden, "left_behind", 1)


def test_a_message_twice_changes_nothing() -> None:
    """R-SIM1: duplicates are ignored without effects."""
    cluster = quiet_start(4)
    cluster.rule = lambda *_: (HOP_MS, HOP_MS + 1)
    cluster.submit(1)
    cluster.run(20)
    assert set(cluster.logs().values()) == {1}
    node = cluster.nodes["d0"].ordering
    assert node is not None
    stray = Vote(vote(FINAL, 1, cluster.chain[0], 2))
    assert node.receive(stray, cluster.doctors[2], cluster.now_ms) == ()
