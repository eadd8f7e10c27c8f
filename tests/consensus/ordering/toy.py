"""A toy ledger and toy keys, so that ordering can be tested by itself.

A block places one proposal after the last one; nothing clinical is judged. A toy signature is a
hash of the public key and the digest: as good as a real one among honest nodes, and a hundred times
faster.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from medquorum.consensus.ordering.application import (
    Contents,
    FinalPoint,
    LoggedBatch,
    Seat,
    Timing,
)
from medquorum.consensus.ordering.compact import Compact
from medquorum.ledger.batch import Batch, BatchHeader, registry_hash
from medquorum.ledger.block import Block, BlockHeader, Witness, place
from medquorum.ledger.certificate import Certificate, Electorate
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.proposal import Core, Proposal, assemble
from medquorum.ledger.reasons import ACCEPT, Judgement, Reason, Reject
from medquorum.ledger.signature import Signature, Signer
from medquorum.ledger.types import (
    BatchHash,
    BlockHash,
    BlockType,
    NetworkId,
    Outcome,
    ProposalId,
    RecordId,
)

NETWORK = NetworkId(hashlib.sha256(b"toy network").digest())
START_MS = 1_700_000_000_000
TIMING = Timing(
    slot_timeout_ms=300, slot_timeout_max_ms=5_000, idle_status_ms=10_000, retransmit_ms=1_000
)


def key_of(number: int) -> PublicKey:
    """A toy public key."""
    return PublicKey(b"\x02" + hashlib.sha256(b"key %d" % number).digest())


def address_of(name: str) -> Address:
    """A toy address."""
    return Address(hashlib.sha256(name.encode()).digest())


def toy_signature(key: PublicKey, digest: bytes) -> Signature:
    """What this key would sign."""
    return Signature(hashlib.sha512(key + digest).digest())


def toy_signer(number: int) -> Signer:
    """The signing capability of a toy key."""
    return lambda digest: toy_signature(key_of(number), digest)


def toy_verify(key: PublicKey, digest: bytes, signature: Signature) -> bool:
    """Whether this key signed."""
    return signature == toy_signature(key, digest)


def doctors(count: int) -> tuple[Address, ...]:
    """The doctors' addresses by number."""
    return tuple(address_of(f"d{number}") for number in range(count))


def electorate(count: int, quorum: int) -> Electorate:
    """The doctors' keys and the quorum."""
    return Electorate(NETWORK, 0, tuple(key_of(number) for number in range(count)), quorum)


def seat(number: int) -> Seat:
    """A doctor's seat."""
    return Seat(number, toy_signer(number))


@lru_cache(maxsize=4_096)
def toy_proposal(number: int) -> Proposal:
    """The number-th proposal of the toy hospital."""
    digest = hashlib.sha256(b"proposal %d" % number).digest()
    core = Core(
        type=BlockType.TEST_RESULT,
        network=NETWORK,
        issuer=address_of("laboratory"),
        doctor=address_of("d0"),
        patient=1,
        patient_key=key_of(1_000),
        patient_name=ZERO,
        record=RecordId(digest),
        parts=(),
        body_root=ZERO,
        seen_head=BlockHash(ZERO),
        issued_at_ms=START_MS,
        expires_at_ms=START_MS + 86_400_000,
    )
    return assemble(core.encoded(), Signature(digest + digest))


@dataclass(frozen=True, slots=True)
class ToyView:
    """How many blocks, the last one's hash, and which proposals."""

    count: int
    last: BlockHash
    seen: frozenset[ProposalId]


EMPTY = ToyView(0, BlockHash(NETWORK), frozenset())


def start() -> FinalPoint[ToyView]:
    """Slot 0 (R-ORD9)."""
    return FinalPoint(0, BatchHash(NETWORK), 0, 0, EMPTY)


def placed(view: ToyView, proposals: Iterable[Proposal]) -> tuple[Block, ...]:
    """The proposals as blocks after the view."""
    blocks: list[Block] = []
    last, count = view.last, view.count
    for proposal in proposals:
        count += 1
        header = BlockHeader(count, last, 1, count, last, Outcome.ACCEPTED, proposal.id)
        blocks.append(place(header, proposal))
        last = blocks[-1].hash
    return tuple(blocks)


class ToyLedger:
    """One node's pool and log behind the Application protocol."""

    BATCH = 4

    def __init__(self) -> None:
        self.pool: dict[ProposalId, Proposal] = {}
        self.log: list[tuple[Batch, Certificate]] = []
        self.judged: list[BatchHash] = []

    def learn(self, number: int) -> None:
        """Put the number-th proposal into the pool."""
        proposal = toy_proposal(number)
        self.pool[proposal.id] = proposal

    def _open(self, view: ToyView) -> list[Proposal]:
        return [one for digest, one in self.pool.items() if digest not in view.seen]

    def has_work(self, view: ToyView) -> bool:
        return bool(self._open(view))

    def compose(self, view: ToyView, time_ms: int, room: int) -> Contents:
        blocks = placed(view, self._open(view)[: self.BATCH])
        while (
            sum(len(block.encoded()) + len(Witness(()).encoded()) + 10 for block in blocks) > room
        ):
            blocks = blocks[:-1]
        return Contents(
            blocks=blocks,
            witnesses=tuple(Witness(()) for _ in blocks),
            first_nbc=view.count + 1,
            last_block_hash=blocks[-1].hash if blocks else view.last,
            registry_hash=registry_hash(NETWORK, ()),
            charter_version=0,
        )

    def seal(self, header: BatchHeader) -> BatchHeader:
        return header

    def rebuild(
        self, compact: Compact, header: BatchHeader, view: ToyView
    ) -> tuple[tuple[Block, ...], tuple[Witness, ...]] | None:
        if any(entry.proposal not in self.pool for entry in compact):
            return None
        blocks = placed(view, [self.pool[entry.proposal] for entry in compact])
        return blocks, tuple(Witness(()) for _ in blocks)

    def judge(self, batch: Batch, view: ToyView) -> Judgement:
        self.judged.append(batch.hash)
        ids = [block.header.proposal for block in batch.blocks]
        fresh = len(set(ids)) == len(ids) and not view.seen & set(ids)
        expected = placed(view, [block.proposal for block in batch.blocks])
        last = expected[-1].hash if expected else view.last
        if not fresh or expected != batch.blocks:
            return Reject(Reason.BAD_LINK)
        if (batch.header.first_nbc, batch.header.last_block_hash) != (view.count + 1, last):
            return Reject(Reason.BAD_HEADER)
        return ACCEPT

    def extend(self, view: ToyView, batch: Batch) -> ToyView:
        ids = {block.header.proposal for block in batch.blocks}
        return ToyView(
            view.count + len(batch.blocks), batch.header.last_block_hash, view.seen | ids
        )

    def ends_epoch(self, view: ToyView) -> bool:
        return False

    def final_batch(self, log_index: int) -> LoggedBatch | None:
        return LoggedBatch(*self.log[log_index]) if 0 <= log_index < len(self.log) else None

    def final_point(self) -> FinalPoint[ToyView]:
        """Where the log ends, as a restart finds it."""
        view = EMPTY
        for batch, _ in self.log:
            view = self.extend(view, batch)
        if not self.log:
            return start()
        tip = self.log[-1][0]
        return FinalPoint(tip.header.slot, tip.hash, tip.header.time_ms, len(self.log), view)
