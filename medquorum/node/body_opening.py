"""Opening the bodies held here with this node's own keys (R-BOD4 to R-BOD8).

What does not open is the issuer's fault only where the stored chunks are those of the part roots
the issuer signed; chunks that are not were damaged here, and nobody is blamed for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger import merkle
from medquorum.ledger.body import PartDescriptor
from medquorum.ledger.complaint import Grievance
from medquorum.ledger.errors import CodecError, EnvelopeError
from medquorum.ledger.keys import Address
from medquorum.ledger.opening import PartOpener
from medquorum.ledger.part_keys import PartKeys
from medquorum.ledger.proposal import Core, Proposal
from medquorum.ledger.signature import Signer
from medquorum.ledger.types import NetworkId, PartName, RecordId
from medquorum.ledger.wrap import Wrap, open_wrap, parse_wrap, verify_wrap
from medquorum.node.body_store import BodyStore
from medquorum.node.charters import Charters

SMALL_BYTES: Final = 16_384
"""A chunk up to this size is opened at once: a hop to a thread would cost more."""


class BodyState(StrEnum):
    """How far this node has got with a body."""

    NONE = "none"
    ANNOUNCED = "announced"
    FETCHING = "fetching"
    HELD = "held"
    OPENED = "opened"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Opener:
    """This node's own keys for bodies; repr shows none."""

    address: Address
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    """The encryption key (R-KEY4)."""
    sign: Signer = field(repr=False)
    """By the consensus key: complaints (R-BOD8)."""
    earlier: tuple[ec.EllipticCurvePrivateKey, ...] = field(default=(), repr=False)
    """Encryption keys this member had before: what was sealed for them opens with them only."""


class Unopened(Exception):
    """A part that did not open, and why."""

    def __init__(self, part: PartName, reason: Grievance) -> None:
        super().__init__(reason.value)
        self.part = part
        self.reason = reason


class BodyOpening:
    """Opens parts from the body store with the keys of this node's wrap."""

    def __init__(self, network: NetworkId, opener: Opener, chunks: BodyStore) -> None:
        self._network = network
        self._opener = opener
        self._chunks = chunks

    def keys(self, core: Core, wrap: Wrap | None) -> Mapping[PartName, PartKeys]:
        """The content keys in this node's wrap; Unopened where there are none."""
        first = core.parts[0].name
        if wrap is None:
            raise Unopened(first, Grievance.WRAP)
        for private_key in (self._opener.private_key, *self._opener.earlier):
            try:
                return open_wrap(self._network, wrap, private_key)
            except EnvelopeError:
                continue  # sealed for another of this member's keys, or for none
        raise Unopened(first, Grievance.WRAP)

    async def check(self, core: Core, wrap: Wrap | None) -> None:
        """Open every part once, to its end; Unopened for the first that does not open."""
        keys = self.keys(core, wrap)
        for descriptor in core.parts:
            async for _ in self.plaintext(core.record, descriptor, keys):
                pass

    async def plaintext(
        self, record: RecordId, descriptor: PartDescriptor, keys: Mapping[PartName, PartKeys]
    ) -> AsyncIterator[bytes]:
        """The plaintext of a part; Unopened where it is not the one committed to."""
        name = descriptor.name
        if name not in keys:
            raise Unopened(name, Grievance.WRAP)
        reason = Grievance.CHUNK
        try:
            opener = PartOpener(descriptor, self._network, record, keys[name])
            for index in range(descriptor.chunks):
                sealed = await self._chunks.get_chunk(record, name.value, index)
                if len(sealed) < SMALL_BYTES:
                    yield opener.open_chunk(index, sealed)
                else:
                    yield await asyncio.to_thread(opener.open_chunk, index, sealed)
            reason = Grievance.COMMITMENT
            opener.finish()
        except EnvelopeError:
            raise Unopened(name, reason) from None

    async def damaged(self, core: Core) -> bool:
        """Whether the stored chunks are others than those of the part roots (R-BOD5)."""
        for part in core.parts:
            leaves = []
            for index in range(part.chunks):
                sealed = await self._chunks.get_chunk(core.record, part.name.value, index)
                leaves.append(await asyncio.to_thread(merkle.leaf_hash, sealed))
            if merkle.root_of_hashes(leaves) != part.root:
                return True
        return False


def genuine_wrap(charters: Charters, proposal: Proposal, encoded: bytes) -> Wrap | None:
    """The wrap, if it is the issuer's of this record, by any clinical key it has had (R-BOD7)."""
    try:
        wrap = parse_wrap(encoded)
    except CodecError:
        return None
    core = proposal.core
    if (wrap.record, wrap.grantor) != (core.record, core.issuer):
        return None
    network, keys = charters.founding.network_id, charters.clinical_keys(core.issuer)
    return wrap if any(verify_wrap(network, wrap, key) for key in keys) else None
