"""Between the replica and the peers: ordering messages straight, everything else by gossip.

Readers only parse and enqueue; a full inbox slows the peer that fills it (R-NET1, R-NET3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from medquorum.consensus.effects import Commit
from medquorum.consensus.events import (
    Effect,
    OrderingArrived,
    PeerConnected,
    PeerLost,
    ProposalArrived,
    VoteArrived,
)
from medquorum.consensus.messages import KINDS as ORDERING_KINDS
from medquorum.consensus.messages import Message, decode_message, encode_message
from medquorum.ledger.charter import Charter
from medquorum.ledger.complaint import Complaint, parse_complaint, verify_complaint
from medquorum.ledger.errors import CodecError
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal, parse_proposal
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason, Reject
from medquorum.ledger.vote import Vote, parse_vote
from medquorum.node.charters import Charters
from medquorum.node.driver import Driver
from medquorum.node.happenings import Happenings
from medquorum.node.peers.errors import CloseReason
from medquorum.node.peers.gossip import KINDS as GOSSIP_KINDS
from medquorum.node.peers.gossip import Deliver, digest_of
from medquorum.node.peers.gossip_shell import GossipShell
from medquorum.node.peers.hub import Hub
from medquorum.node.peers.rate import Offence
from medquorum.node.presenter import is_doctor

_LOG = structlog.get_logger("network")


class PeerNetwork:
    """What the driver says, and what the peers say to it."""

    def __init__(self, charters: Charters, own: Address, happenings: Happenings) -> None:
        self._charters = charters
        self._own = own
        self._happenings = happenings
        self._doctors = self._doctors_of(charters.current)
        self._digests: dict[int, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._driver: Driver | None = None
        self._hub: Hub | None = None
        self._regrouping: asyncio.Task[None] | None = None
        self.gossip = GossipShell(self._deliver)
        self.on_link: Callable[[], None] = lambda: None
        """Told that a peer is linked, beside the replica."""
        self.fatal: Callable[[BaseException], None] = lambda _: None
        """Told when the peers of a new charter cannot be taken: it ends the node."""

    def attach(self, driver: Driver, hub: Hub) -> None:
        """Join driver and hub; before the hub's first event."""
        self._driver, self._hub = driver, hub
        self.gossip.attach(hub)
        driver.watchers.append(self._settle)
        for entry in driver.replica.pool:
            self.gossip.publish("proposal", entry.proposal.encoded())
            for vote in entry.votes.values():
                self.gossip.publish("vote", vote.encoded())

    def _settle(self, effect: Effect) -> None:
        """What is final travels with its batch: nobody is offered it by gossip any more."""
        if not isinstance(effect, Commit):
            return
        for block, witness in zip(effect.batch.blocks, effect.batch.witnesses, strict=True):
            votes = [digest_of("vote", vote.encoded()) for vote in witness.votes]
            self.gossip.settle([digest_of("proposal", block.proposal.encoded()), *votes])

    # --- what the driver says -------------------------------------------------------------

    def send(self, to: Address, message: Message) -> None:
        """One ordering message to one peer; dropped when it is not connected."""
        if self._hub is not None:
            self._hub.send(to, *encode_message(message))

    def broadcast(self, message: Message) -> None:
        """One ordering message to every other doctor's node."""
        if self._hub is not None:
            self._hub.broadcast(self._doctors, *encode_message(message))

    def charter_changed(self, charter: Charter) -> None:
        """Talk to the members of the charter now in force, and end every other session."""
        self._doctors = self._doctors_of(charter)
        self._happenings.note("charter", self._own.hex(), version=charter.version)
        if self._regrouping is None or self._regrouping.done():
            self._regrouping = asyncio.get_running_loop().create_task(self._regroup())
            self._regrouping.add_done_callback(self._regrouped)

    def _doctors_of(self, charter: Charter) -> tuple[Address, ...]:
        return tuple(one.address for one in charter.doctors if one.address != self._own)

    async def _regroup(self) -> None:
        """Bring the hub to the newest charter, which may change again meanwhile."""
        hub = self._hub
        while hub is not None and hub.directory.charter_version < self._charters.current.version:
            await hub.update_charter(self._charters.current)

    def _regrouped(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fatal(error)

    def relay(self, record: Proposal | Vote) -> None:
        """Gossip an accepted object: announce a peer's, push an own one."""
        digest = self._digests.pop(id(record), None)
        if digest is not None:
            self.gossip.judged(digest, ACCEPT)
        else:
            self.gossip.publish(_kind(record), record.encoded())

    def refused(self, record: Proposal | Vote, judgement: Judgement) -> None:
        """An object of a peer that was set aside or refused."""
        digest = self._digests.pop(id(record), None)
        if digest is not None:
            self.gossip.judged(digest, judgement)

    def complain(self, complaint: Complaint) -> None:
        """Gossip this node's own complaint (R-BOD8)."""
        self.gossip.publish("complaint", complaint.encoded())

    # --- what the peers say ---------------------------------------------------------------

    def connected(self, peer: Address) -> None:
        """A member's node is linked and has said hello."""
        self.gossip.connected(peer, is_doctor(self._charters.current, peer))
        self._happenings.note("peer", peer.hex(), connected=True)
        self._tell(PeerConnected(peer))
        self.on_link()

    def _tell(self, event: PeerConnected | PeerLost) -> None:
        if self._driver is not None:
            task = asyncio.get_running_loop().create_task(self._driver.put(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def disconnected(self, peer: Address, reason: CloseReason) -> None:
        """The link is down; the hub dials again by itself."""
        self.gossip.disconnected(peer)
        self._happenings.note("peer", peer.hex(), connected=False, reason=reason.value)
        self._tell(PeerLost(peer))

    async def received(self, peer: Address, kind: str, payload: bytes) -> None:
        """One message; waits while the inbox is full."""
        if kind in GOSSIP_KINDS:
            await self.gossip.received(peer, kind, payload)
        elif kind in ORDERING_KINDS and self._driver is not None:
            try:
                message = decode_message(kind, payload)
            except CodecError:
                self._penalise(peer)
                return
            await self._driver.put(OrderingArrived(message, peer))
        else:
            self._penalise(peer)

    def _penalise(self, peer: Address) -> None:
        if self._hub is not None:
            self._hub.penalise(peer, Offence.MALFORMED_FRAME)

    async def _deliver(self, delivery: Deliver) -> None:
        if delivery.kind == "complaint":
            self.gossip.judged(delivery.digest, self._hear_complaint(delivery.payload))
            return
        if delivery.kind == "wrap":
            # This version grants nobody anything later: wraps come with the body (R-NET4).
            self.gossip.judged(delivery.digest, Ignore(Reason.DUPLICATE))
            return
        event = self._parsed(delivery)
        if event is None or self._driver is None:
            return
        record = event.proposal if isinstance(event, ProposalArrived) else event.vote
        self._digests[id(record)] = delivery.digest
        await self._driver.put(event)

    def _hear_complaint(self, payload: bytes) -> Judgement:
        """Note a member's complaint; it travels on when it is genuine (R-BOD8)."""
        try:
            complaint = parse_complaint(payload)
        except CodecError:
            return Reject(Reason.MALFORMED)
        charter = self._charters.current
        member, network = charter.member(complaint.member), charter.network_id
        if member is None or not verify_complaint(network, complaint, member.keys.consensus):
            return Reject(Reason.BAD_SIGNATURE)
        self._happenings.note(
            "complaint",
            complaint.proposal.hex(),
            member=member.name,
            part=complaint.part.value,
            reason=complaint.reason.value,
        )
        return ACCEPT

    def _parsed(self, delivery: Deliver) -> ProposalArrived | VoteArrived | None:
        try:
            match delivery.kind:
                case "proposal":
                    return ProposalArrived(parse_proposal(delivery.payload), delivery.peer)
                case "vote":
                    return VoteArrived(parse_vote(delivery.payload), delivery.peer)
                case _:
                    return None
        except CodecError:
            self.gossip.judged(delivery.digest, Reject(Reason.MALFORMED))
            return None

    def settled(self, effect: Effect) -> None:
        """What is final need not be announced to newcomers any more: they catch up by the chain."""
        if isinstance(effect, Commit):
            blocks = effect.batch.blocks
            objects = [("proposal", block.proposal.encoded()) for block in blocks]
            for witness in effect.batch.witnesses:
                objects.extend(("vote", vote.encoded()) for vote in witness.votes)
            self.gossip.settle([digest_of(kind, payload) for kind, payload in objects])

    def close(self) -> None:
        """Stop the timers."""
        self.gossip.close()
        if self._regrouping is not None:
            self._regrouping.cancel()


def _kind(record: Proposal | Vote) -> str:
    return "proposal" if isinstance(record, Proposal) else "vote"
