"""Chains a small network really agreed on: certificates, batches, exports and proofs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from medquorum.consensus.composition import compose
from medquorum.consensus.pool import Candidate
from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch, BatchHeader, room_beside
from medquorum.ledger.block import Block
from medquorum.ledger.certificate import Certificate, Statement, certify, state
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.export import ExportHead, encode_batch, encode_head
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proof import Proof
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import BatchHash, BlockType, Decision, OrderingKind, Outcome
from tests.ledger.charter_kit import signer_of
from tests.support.network import (
    START_MS,
    Network,
    ai_report,
    candidate,
    make_network,
    propose,
    registration,
)

BATCH_STEP_MS = 1_000
"""Between two batches of a grown chain."""


def certificate(
    network: Network,
    kind: OrderingKind,
    slot: int,
    batch: BatchHash | None = None,
    signers: Iterable[int] | None = None,
) -> Certificate:
    """A certificate by the first q doctors' nodes, or by those numbered in `signers`."""
    statement = Statement(0, slot, kind, batch)
    numbers = range(network.charter.quorum) if signers is None else signers
    signed = [
        state(statement, number, network.id, signer_of(network.doctors[number], Purpose.CONSENSUS))
        for number in numbers
    ]
    return certify(statement, signed)


@dataclass(frozen=True)
class Place:
    """Where a batch stands in ordering, and when; the parent is slot 0 by default."""

    slot: int = 1
    parent_slot: int = 0
    parent_hash: BatchHash | None = None
    time_ms: int = START_MS


def make_batch(
    network: Network,
    view: ChainState,
    candidates: Iterable[Candidate],
    place: Place,
    change: Callable[[BatchHeader], BatchHeader] = lambda header: header,
) -> Batch:
    """A batch by the rules, justified by real certificates; `change` may spoil its header."""
    parent = place.parent_hash or BatchHash(network.id)
    justification = [
        certificate(network, OrderingKind.SKIP, slot)
        for slot in range(place.parent_slot + 1, place.slot)
    ]
    if place.parent_slot:
        notarised = certificate(network, OrderingKind.NOTAR, place.parent_slot, parent)
        justification.insert(0, notarised)
    most = network.charter.ordering.batch_blocks
    contents = compose(candidates, view, most, place.time_ms, room_beside(justification))
    header = BatchHeader(
        network=network.id,
        epoch=0,
        slot=place.slot,
        leader=place.slot % len(network.doctors),
        parent_slot=place.parent_slot,
        parent_hash=parent,
        first_nbc=contents.first_nbc,
        count=len(contents.blocks),
        blocks_root=merkle.root([block.encoded() for block in contents.blocks]),
        witness_root=merkle.root([one.encoded() for one in contents.witnesses]),
        justification_root=merkle.root([one.encoded() for one in justification]),
        last_block_hash=contents.last_block_hash,
        registry_hash=contents.registry_hash,
        charter_version=contents.charter_version,
        time_ms=place.time_ms,
    )
    return Batch(change(header), contents.blocks, contents.witnesses, tuple(justification))


@dataclass
class Chain:
    """Grows batch by batch: `stage` blocks after `view`, then `close` the batch."""

    network: Network
    state: ChainState = field(init=False)
    """After the last closed batch."""
    entries: list[tuple[Batch, Certificate | None]] = field(default_factory=list)
    """Batches with their own final certificates, None where a descendant's finalises them."""
    slot: int = 0
    time_ms: int = START_MS
    _staged: list[Candidate] = field(default_factory=list)
    _builder: ChainBuilder = field(init=False)

    def __post_init__(self) -> None:
        self.state = genesis(self.network.charter)
        self._builder = ChainBuilder(self.state)

    @property
    def view(self) -> ChainState:
        """The chain with the staged blocks."""
        return self._builder.view

    @property
    def hash(self) -> BatchHash:
        """Of the last batch; the network id at the start."""
        return self.entries[-1][0].hash if self.entries else BatchHash(self.network.id)

    @property
    def blocks(self) -> list[Block]:
        """All blocks of closed batches in order."""
        return [block for batch, _ in self.entries for block in batch.blocks]

    def stage(
        self,
        proposal: Proposal,
        decisions: Mapping[str, Decision] | None = None,
        outcome: Outcome = Outcome.ACCEPTED,
    ) -> Block:
        """Decide on a proposal and give it the next place."""
        decided = candidate(self.network, proposal, self.view, decisions, outcome)
        block = self._builder.place(proposal, outcome)
        self._builder.append(block)
        self._staged.append(decided)
        return block

    def close(self, *, skipped: int = 0, final: bool = True) -> Batch:
        """The batch of what was staged; AssertionError when not everything fitted."""
        place = Place(self.slot + skipped + 1, self.slot, self.hash, self.time_ms)
        batch = make_batch(self.network, self.state, self._staged, place)
        assert len(batch.blocks) == len(self._staged), "a staged block is not admissible"
        own = certificate(self.network, OrderingKind.FINAL, place.slot, batch.hash)
        self.entries.append((batch, own if final else None))
        self.state = self.state.extend(batch)
        self.slot, self.time_ms = place.slot, self.time_ms + BATCH_STEP_MS
        self._staged, self._builder = [], ChainBuilder(self.state)
        return batch


def export_frames(chain: Chain) -> list[bytes]:
    """The frames of the export, each with its length, the export frame first."""
    head = ExportHead(chain.network.id, chain.hash, chain.state.n_bc, chain.slot)
    return [
        encode_head(head),
        *(frame for batch, own in chain.entries for frame in encode_batch(batch, own)),
    ]


def export_bytes(chain: Chain) -> bytes:
    """The export file of a chain."""
    return b"".join(export_frames(chain))


def make_proof(chain: Chain, n_bc: int) -> Proof:
    """The proof of one block, up to the next batch with a final certificate of its own."""
    place = next(
        number
        for number, (batch, _) in enumerate(chain.entries)
        if batch.header.first_nbc <= n_bc < batch.header.first_nbc + batch.header.count
    )
    batch = chain.entries[place][0]
    last = next(n for n in range(place, len(chain.entries)) if chain.entries[n][1] is not None)
    final = chain.entries[last][1]
    assert final is not None
    index = n_bc - batch.header.first_nbc
    block = batch.blocks[index]
    return Proof(
        block=block,
        witness=batch.witnesses[index],
        index=index,
        block_path=merkle.path([one.encoded() for one in batch.blocks], index),
        witness_path=merkle.path([one.encoded() for one in batch.witnesses], index),
        headers=tuple(one.header for one, _ in chain.entries[place : last + 1]),
        certificate=final,
        patient_chain=tuple(
            (one.header, one.proposal.core) for one in _history(chain.blocks[: n_bc - 1], block)
        ),
    )


def _history(before: Iterable[Block], block: Block) -> list[Block]:
    """The patient's accepted blocks before a block."""
    number = block.proposal.core.patient
    return [
        one
        for one in before
        if number is not None
        and (one.header.outcome, one.header.n_pb) == (Outcome.ACCEPTED, number)
    ]


@cache
def grow(doctors: int = 4) -> Chain:
    """Every type, two patients, a rejected report, a skipped slot, an empty batch, late finality.

    Nobody may change what is returned: all tests share it.
    """
    chain = Chain(make_network(doctors))
    network = chain.network
    chain.stage(registration(network))
    chain.close()
    chain.stage(propose(network, chain.view, BlockType.PRESCRIPTION))
    chain.stage(registration(network, "patient 2", doctor=network.doctors[-1]))
    chain.close(final=False)
    image = chain.stage(propose(network, chain.view, BlockType.CT))
    chain.close(skipped=1)
    machine = ai_report(network, chain.view, image.hash)
    chain.stage(machine, outcome=Outcome.REJECTED)
    chain.stage(propose(network, chain.view, BlockType.REPORT, references=(image.hash,)))
    chain.close(final=False)
    chain.close()
    seen = chain.view.patient(1)
    assert seen is not None
    chain.stage(propose(network, chain.view, BlockType.PET, seen_head=image.hash))
    chain.stage(propose(network, chain.view, BlockType.TEST_RESULT, seen_head=seen.head))
    chain.stage(propose(network, chain.view, BlockType.MEDICAL_FORM))
    chain.close(final=False)
    chain.stage(propose(network, chain.view, BlockType.XRAY, 2))
    chain.close()
    return chain
