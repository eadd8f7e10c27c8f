"""Between replica and peers: each message to its place, each judgement back to its sender."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from medquorum.consensus.effects import Commit
from medquorum.consensus.messages import Ask
from medquorum.ledger.charter import Charter
from medquorum.ledger.complaint import Grievance, complain
from medquorum.ledger.keys import Address, Purpose
from medquorum.ledger.types import PartName
from medquorum.node.happenings import Happenings
from medquorum.node.network import PeerNetwork
from medquorum.node.peers.directory import Directory, directory_of
from medquorum.node.peers.errors import CloseReason, DirectoryError
from medquorum.node.peers.rate import Offence
from tests.ledger.charter_kit import address_of_name, signer_of
from tests.node.kit import Node, node_of, until
from tests.node.sealed_bodies import now_fields
from tests.support.chains import Chain
from tests.support.governed_story import NEW, governed
from tests.support.network import HOSPITAL, LABORATORY, make_network, registration, vote

NETWORK = make_network()
OWN, PEER, OTHER = (address_of_name(name) for name in NETWORK.doctors[:3])
LAB = address_of_name(LABORATORY)


@dataclass
class FakeHub:
    """Notes what is sent and who is penalised."""

    sent: list[tuple[Address, str, bytes]] = field(default_factory=list)
    penalised: list[tuple[Address, Offence]] = field(default_factory=list)
    directory: Directory = field(default_factory=lambda: directory_of(NETWORK.charter, NETWORK.id))
    fault: Exception | None = None

    async def update_charter(self, charter: Charter) -> None:
        if self.fault is not None:
            raise self.fault
        self.directory = directory_of(charter, NETWORK.id)

    def send(self, peer: Address, kind: str, payload: bytes) -> bool:
        self.sent.append((peer, kind, payload))
        return True

    def broadcast(self, peers: tuple[Address, ...], kind: str, payload: bytes) -> int:
        self.sent.extend((peer, kind, payload) for peer in peers)
        return len(peers)

    def penalise(self, peer: Address, offence: Offence) -> None:
        self.penalised.append((peer, offence))

    def of_kind(self, kind: str) -> list[tuple[Address, bytes]]:
        return [(peer, payload) for peer, said, payload in self.sent if said == kind]


@dataclass
class Joined:
    """A node whose mouth is a real PeerNetwork over a fake hub."""

    node: Node
    network: PeerNetwork
    hub: FakeHub
    news: Happenings


@pytest.fixture
async def joined(tmp_path: Path) -> AsyncIterator[Joined]:
    async with node_of(NETWORK, NETWORK.doctors[0], tmp_path) as node:
        hub, news = FakeHub(), Happenings()
        network = PeerNetwork(node.driver.charters, OWN, news)
        network.attach(node.driver, hub)  # type: ignore[arg-type]
        node.driver._mouth = network
        yield Joined(node, network, hub, news)
        network.close()


async def test_an_accepted_object_of_a_peer_is_announced_to_the_others(joined: Joined) -> None:
    for peer in (PEER, OTHER):
        joined.network.connected(peer)
    encoded = registration(NETWORK, **now_fields()).encoded()
    await joined.network.received(PEER, "proposal", encoded)
    await until(lambda: joined.hub.of_kind("announce"))
    assert [peer for peer, _ in joined.hub.of_kind("announce")] == [OTHER]
    assert joined.hub.penalised == []
    assert joined.network._digests == {}


async def test_an_object_that_breaks_a_rule_costs_its_sender(joined: Joined) -> None:
    joined.network.connected(PEER)
    good = registration(NETWORK, **now_fields())
    foreign = vote(NETWORK, good, NETWORK.doctors[1]).signature
    forged = replace(good, signature=foreign).encoded()
    await joined.network.received(PEER, "proposal", forged)
    await until(lambda: joined.hub.penalised)
    assert joined.hub.penalised == [(PEER, Offence.REJECTED_OBJECT)]
    assert await joined.node.rows("proposals") == 0


@pytest.mark.parametrize("kind", ["proposal", "vote", "complaint"])
async def test_what_does_not_parse_costs_its_sender(joined: Joined, kind: str) -> None:
    joined.network.connected(PEER)
    await joined.network.received(PEER, kind, b"junk")
    assert joined.hub.penalised == [(PEER, Offence.REJECTED_OBJECT)]


@pytest.mark.parametrize("kind", ["status", "no such kind"])
async def test_a_message_that_is_none_costs_its_sender(joined: Joined, kind: str) -> None:
    joined.network.connected(PEER)
    await joined.network.received(PEER, kind, b"junk")
    assert joined.hub.penalised == [(PEER, Offence.MALFORMED_FRAME)]


async def test_a_vote_before_its_proposal_is_kept_and_passed_on_later(joined: Joined) -> None:
    for peer in (PEER, OTHER):
        joined.network.connected(peer)
    proposal = registration(NETWORK, **now_fields())
    early = vote(NETWORK, proposal, NETWORK.doctors[1])
    await joined.network.received(PEER, "vote", early.encoded())
    await joined.network.received(PEER, "proposal", proposal.encoded())
    await until(lambda: joined.hub.of_kind("vote"))
    assert OTHER in [peer for peer, _ in joined.hub.of_kind("vote")]
    assert joined.hub.penalised == []
    assert await joined.node.rows("votes") == 1


async def test_what_is_final_is_offered_to_nobody_who_joins(joined: Joined) -> None:
    joined.network.connected(PEER)
    proposal = registration(NETWORK, **now_fields())
    await joined.network.received(PEER, "proposal", proposal.encoded())
    await until(lambda: not joined.network._digests)
    chain = Chain(NETWORK, time_ms=proposal.core.issued_at_ms)
    chain.stage(proposal)
    batch, own = chain.close(), chain.entries[0][1]
    assert own is not None
    for watch in joined.node.driver.watchers:
        watch(Commit(batch, own))
    joined.hub.sent.clear()
    joined.network.connected(OTHER)
    assert joined.network.gossip.gossip.next_deadline() is None
    assert joined.hub.of_kind("announce") == []


async def test_a_genuine_complaint_is_news_and_a_forged_one_is_not(joined: Joined) -> None:
    joined.network.connected(PEER)
    proposal = registration(NETWORK)

    def by(name: str, claimed: Address) -> bytes:
        return complain(
            NETWORK.id,
            member=claimed,
            proposal=proposal.id,
            part=PartName.V_IND,
            reason=Grievance.CHUNK,
            sign=signer_of(name, Purpose.CONSENSUS),
        ).encoded()

    await joined.network.received(PEER, "complaint", by(HOSPITAL, LAB))
    assert joined.hub.penalised == [(PEER, Offence.REJECTED_OBJECT)]
    await joined.network.received(PEER, "complaint", by(LABORATORY, LAB))
    follower = joined.news.follow(0)
    kinds = [(await anext(follower)).kind for _ in range(2)]
    assert kinds == ["peer", "complaint"]
    assert len(joined.hub.penalised) == 1


async def test_links_are_told_to_replica_and_bodies(joined: Joined) -> None:
    linked: list[str] = []
    joined.network.on_link = lambda: linked.append("link")
    joined.network.connected(PEER)
    joined.network.disconnected(PEER, CloseReason.SHUTDOWN)
    assert linked == ["link"]
    follower = joined.news.follow(0)
    details = [(await anext(follower)).detail for _ in range(2)]
    assert details == [{"connected": True}, {"connected": False, "reason": "shutdown"}]


async def test_a_new_charter_reaches_the_hub_and_the_list_of_doctors(joined: Joined) -> None:
    """R-GOV8: sessions of those who left end at once, and those who joined are spoken to."""
    joined.network.broadcast(Ask(0))
    founding = {peer for peer, _ in joined.hub.of_kind("ask")}
    assert founding == {address_of_name(name) for name in NETWORK.doctors[1:]}
    for charter in governed().state.charters[1:]:
        joined.node.driver.charters.adopt(charter, charter.version)
        joined.network.charter_changed(charter)
    await until(lambda: joined.hub.directory.charter_version == charter.version)
    joined.hub.sent.clear()
    joined.network.broadcast(Ask(0))
    spoken = {peer for peer, _ in joined.hub.of_kind("ask")}
    assert spoken == charter.doctor_addresses - {OWN}
    assert address_of_name(NEW) in spoken
    versions = [event.detail["version"] for event in joined.news._events if event.kind == "charter"]
    assert versions == list(range(1, charter.version + 1))


async def test_peers_that_cannot_be_taken_end_the_node(joined: Joined) -> None:
    faults: list[BaseException] = []
    joined.network.fatal = faults.append
    joined.hub.fault = DirectoryError("no such endpoint")
    charter = governed().state.charters[1]
    joined.node.driver.charters.adopt(charter, 1)
    joined.network.charter_changed(charter)
    await until(lambda: faults)
    assert faults == [joined.hub.fault]
