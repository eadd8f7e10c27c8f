"""Hubs over real TLS sockets: who connects, who is refused, what survives (R-NET1, R-NET2)."""

import asyncio

from medquorum.node.peers.errors import CloseReason
from tests.node.peers.nodes import mesh, people


async def test_three_members_connect_and_exchange_in_order() -> None:
    """R-NET1: frames go both ways over mutual TLS; many queued messages keep their order."""
    async with mesh(people(3)) as (low, middle, high):
        for number in range(2_000):
            assert low.hub.send(high.address, "vote", number.to_bytes(4, "big"))
        assert high.hub.broadcast([low.address, middle.address], "status", b"s") == 2
        await high.events.until(lambda: len(high.events.messages) == 2_000)
        await low.events.until(lambda: len(low.events.messages) == 1)
        await middle.events.until(lambda: len(middle.events.messages) == 1)
        numbers = [int.from_bytes(payload, "big") for _, _, payload in high.events.messages]
        assert numbers == list(range(2_000))
        assert {peer for peer, _, _ in high.events.messages} == {low.address}
        assert low.events.messages == [(high.address, "status", b"s")]
        assert low.hub.connected() == (middle.address, high.address)
    assert {reason for _, reason in low.events.left} <= {
        CloseReason.SHUTDOWN,
        CloseReason.PEER_CLOSED,
    }
    assert asyncio.get_running_loop().is_running()
