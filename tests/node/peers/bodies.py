"""Sealed bodies of random bytes, nodes that serve them, and a holder that lies."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from medquorum.ledger import merkle
from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.keys import Address
from medquorum.ledger.limits import CHUNK
from medquorum.ledger.types import PartName, RecordId
from medquorum.node.body_store import BodyStore, open_local_bodies
from medquorum.node.peers.dialling import client_session
from medquorum.node.peers.hub import Hub
from medquorum.node.peers.hub_settings import HubSettings
from medquorum.node.peers.limits import TransferLimits
from medquorum.node.peers.manifest import sealed_size
from medquorum.node.peers.serving import BodyServer, HeldBody
from medquorum.node.peers.transfer import BodyFetcher
from tests.node.peers.nodes import QUICK, Charter, Node, Recorder, Someone, settings_of

IMPATIENT = TransferLimits(chunk_timeout_s=2.0)


@dataclass(frozen=True, slots=True)
class Body:
    """A sealed body as the ledger describes it; its chunks are random, as ciphertext looks."""

    record: RecordId
    descriptors: tuple[PartDescriptor, ...]
    chunks: dict[tuple[PartName, int], bytes]


def make_body(**sizes: int) -> Body:
    """A body with parts of these padded sizes, named as in `PartName`."""
    chunks: dict[tuple[PartName, int], bytes] = {}
    descriptors = []
    for name, size in sorted(sizes.items()):
        part, count = PartName(name), -(-size // CHUNK)
        shape = PartDescriptor(part, size, count, bytes(32), bytes(32))
        sealed = [secrets.token_bytes(sealed_size(shape, index)) for index in range(count)]
        chunks.update({(part, index): chunk for index, chunk in enumerate(sealed)})
        descriptors.append(PartDescriptor(part, size, count, bytes(32), merkle.root(sealed)))
    return Body(RecordId(secrets.token_bytes(32)), tuple(descriptors), chunks)


@dataclass(slots=True)
class Books:
    """Who may have which body, and which bodies are here."""

    readers: dict[RecordId, set[Address]] = field(default_factory=dict)
    bodies: dict[RecordId, HeldBody] = field(default_factory=dict)

    def entitled(self, member: Address, record: RecordId) -> bool:
        return member in self.readers.get(record, set())

    def held(self, record: RecordId) -> HeldBody | None:
        return self.bodies.get(record)


class LyingStore:
    """Serves good chunks until told to lie: then the last byte of one chunk is another."""

    def __init__(self, store: BodyStore) -> None:
        self._store = store
        self.lie_about: int | None = None
        self.asked: list[tuple[str, int]] = []

    async def get_chunk(self, record: bytes, part: str, index: int) -> bytes:
        sealed = await self._store.get_chunk(record, part, index)
        self.asked.append((part, index))
        if index == self.lie_about:
            return sealed[:-1] + bytes([sealed[-1] ^ 1])
        return sealed


@dataclass(slots=True)
class Holder:
    """A node with a body store, serving and fetching."""

    node: Node
    store: BodyStore
    source: LyingStore
    books: Books
    fetcher: BodyFetcher

    @property
    def address(self) -> Address:
        return self.node.address

    async def holds(self, body: Body, readers: Sequence[Address]) -> None:
        """Put a whole body in and let these members read it."""
        for (part, index), sealed in body.chunks.items():
            await self.store.put_chunk(body.record, part, index, sealed)
        self.books.readers[body.record] = set(readers)
        self.books.bodies[body.record] = HeldBody(body.descriptors, (b"a wrap",))

    async def has(self, body: Body) -> bool:
        """Whether every chunk is stored as it was made."""
        for (part, index), sealed in body.chunks.items():
            if await self.store.get_chunk(body.record, part, index) != sealed:
                return False
        return True


@asynccontextmanager
async def holders(
    members: Sequence[Someone], charter: Charter, folder: Path
) -> AsyncIterator[list[Holder]]:
    """One holder per member, with empty stores."""
    async with AsyncExitStack() as stack:
        made = []
        for number, who in enumerate(members):
            store = open_local_bodies(folder / str(number))
            stack.push_async_callback(store.close)
            source, books = LyingStore(store), Books()
            server = BodyServer(source, books, IMPATIENT)
            plain = settings_of(who)
            settings = HubSettings(port=plain.port, limits=QUICK, routes=server.routes())
            events = Recorder()
            hub = await stack.enter_async_context(
                Hub(who.identity, charter.directory, events, settings)
            )
            session = await stack.enter_async_context(client_session())
            fetcher = BodyFetcher(hub, store, session, IMPATIENT)
            made.append(Holder(Node(who, hub, events), store, source, books, fetcher))
        yield made
