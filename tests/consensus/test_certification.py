"""A quorum can sign what breaks a rule; a verifier still says so (R-ORD7 to R-ORD17, R-EXP2)."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from medquorum.consensus.verification import Verification, justified
from medquorum.ledger import merkle
from medquorum.ledger.batch import Batch, BatchHeader
from medquorum.ledger.canonical import encode
from medquorum.ledger.certificate import Certificate, Statement, verify_certificate
from medquorum.ledger.chain import ChainBuilder
from medquorum.ledger.export import ExportHead, encode_batch, encode_head
from medquorum.ledger.limits import FRAME
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BatchHash, BlockType, OrderingKind
from tests.consensus.batches import forced
from tests.support.chains import Chain, Place, certificate, export_bytes, grow, make_batch
from tests.support.network import LIFETIME_MS, START_MS, candidate, digest, make_network, propose
from tests.support.network import registration as form
from tests.support.tampering import check

FINAL, NOTAR, SKIP = OrderingKind.FINAL, OrderingKind.NOTAR, OrderingKind.SKIP


def begun() -> Chain:
    """Two patients in slot 1; the next slot leaves one out."""
    chain = Chain(make_network())
    for name in ("patient 1", "patient 2"):
        chain.stage(form(chain.network, name))
    chain.close()
    return chain


@pytest.fixture
def chain() -> Chain:
    """A chain of one batch."""
    return begun()


Change = Callable[[BatchHeader], BatchHeader]


def third_slot(chain: Chain, change: Change = lambda header: header) -> Batch:
    """A CT in slot 3 with slot 2 skipped; `change` spoils the header before anybody signs."""
    image = candidate(chain.network, propose(chain.network, chain.state, BlockType.CT), chain.state)
    place = Place(3, chain.slot, chain.hash, chain.time_ms)
    return make_batch(chain.network, chain.state, [image], place, change)


def with_changes(**changes: Any) -> Change:
    """A header with other field values."""
    return lambda header: replace(header, **changes)


def export_of(chain: Chain, batch: Batch, own: Certificate | None) -> bytes:
    """The chain with one more batch."""
    n_bc = chain.state.n_bc + len(batch.blocks)
    head = ExportHead(chain.network.id, batch.hash, n_bc, batch.header.slot)
    frames = [encode_head(head)]
    for entry in [*chain.entries, (batch, own)]:
        frames.extend(encode_batch(*entry))
    return b"".join(frames)


def finalised_export(chain: Chain, batch: Batch) -> bytes:
    """The same, when a quorum finalised the batch."""
    own = certificate(chain.network, FINAL, batch.header.slot, batch.hash)
    return export_of(chain, batch, own)


def exported(chain: Chain, batch: Batch, own: Certificate | None) -> Verification:
    """What a verifier says of the chain with one more batch."""
    return check(export_of(chain, batch, own), chain.network.charter)


def finalised(chain: Chain, batch: Batch) -> Verification:
    """The same, when a quorum finalised the batch."""
    return check(finalised_export(chain, batch), chain.network.charter)


def test_the_batch_as_it_should_be(chain: Chain) -> None:
    """R-ORD12, R-ORD17: what the rest of this file spoils is valid."""
    assert finalised(chain, third_slot(chain)).valid


SPOILED: list[tuple[str, dict[str, Any]]] = [
    ("R-HASH3", {"network": digest("elsewhere")}),
    ("R-ORD9", {"epoch": 1, "leader": 0}),
    ("R-ORD9", {"leader": 2}),
    ("R-ORD7", {"parent_slot": 0}),
    ("R-ORD7", {"parent_hash": digest("batch")}),
    ("R-ORD7", {"first_nbc": 2}),
    ("R-ORD7", {"first_nbc": 4}),
    ("R-ORD7", {"count": 0}),
    ("R-ORD7", {"blocks_root": digest("root")}),
    ("R-ORD7", {"witness_root": digest("root")}),
    ("R-ORD12", {"justification_root": digest("root")}),
    ("R-ORD7", {"last_block_hash": digest("block")}),
    ("R-ORD15", {"registry_hash": digest("absences")}),
    ("R-ORD7", {"charter_version": 1}),
    ("R-ORD13", {"time_ms": START_MS}),
    ("R-ORD16", {"seal_nonce": 1}),
    ("R-ORD12", {"slot": 4, "leader": 0}),
    ("R-ORD7", {"slot": 1, "leader": 1}),
]


@pytest.mark.parametrize(("rule", "changes"), SPOILED)
def test_each_header_field_obeys_its_rule_whoever_signed(
    chain: Chain, rule: str, changes: dict[str, Any]
) -> None:
    """R-ORD7, R-ORD9, R-ORD12, R-ORD13, R-ORD15, R-ORD16: at the batch's first_nbc."""
    found = finalised(chain, third_slot(chain, with_changes(**changes)))
    assert (found.valid, found.height) == (False, 3)
    assert found.reason.startswith(rule)


def test_a_count_too_high_wants_its_blocks(chain: Chain) -> None:
    """R-EXP1: the block that is not there is the fault."""
    found = finalised(chain, third_slot(chain, with_changes(count=2)))
    assert (found.valid, found.height) == (False, 4)


def own_certificates(batch: Batch, chain: Chain) -> dict[str, Certificate]:
    """Certificates that do not make this batch final."""
    network, slot = chain.network, batch.header.slot
    good = certificate(network, FINAL, slot, batch.hash)
    other = certificate(network, FINAL, slot, batch.hash, signers=(0, 1, 3))
    return {
        "q-1 votes": certificate(network, FINAL, slot, batch.hash, signers=(0, 1)),
        "one signer twice": replace(good, votes=(good.votes[0], *good.votes[:2])),
        "another's signature": replace(good, votes=(*good.votes[:2], (2, other.votes[2][1]))),
        "no such doctor": replace(good, votes=(*good.votes[:2], (4, good.votes[2][1]))),
        "descending": replace(good, votes=good.votes[::-1]),
        "notar": certificate(network, NOTAR, slot, batch.hash),
        "another slot": certificate(network, FINAL, slot + 1, batch.hash),
        "another epoch": replace(good, statement=Statement(1, slot, FINAL, batch.hash)),
        "none": replace(good, votes=()),
    }


@pytest.mark.parametrize("how", list(own_certificates(grow().entries[0][0], grow())))
def test_a_final_certificate_is_a_quorums_on_this_batch(chain: Chain, how: str) -> None:
    """R-ORD10, R-ORD11, R-ORD17: at the batch's first_nbc."""
    batch = third_slot(chain)
    found = exported(chain, batch, own_certificates(batch, chain)[how])
    assert (found.valid, found.height) == (False, 3)
    assert found.reason.startswith("R-ORD11")


def test_a_certificate_of_a_descendant_stands_with_the_descendant(chain: Chain) -> None:
    """R-ORD17, R-EXP1: what finalised a batch by a later one is not written as its own."""
    batch = third_slot(chain)
    later = certificate(chain.network, FINAL, 9, BatchHash(digest("a descendant")))
    plain = list(encode_batch(batch, None))
    assert list(encode_batch(batch, later)) == plain
    own = certificate(chain.network, FINAL, 3, batch.hash)
    assert list(encode_batch(batch, own)) != plain


def test_the_last_batch_is_final_by_its_own_certificate(chain: Chain) -> None:
    """R-EXP2: at its first_nbc; batches before it need none."""
    found = exported(chain, third_slot(chain), None)
    assert (found.valid, found.height) == (False, 3)
    assert found.reason.startswith("R-EXP2")


def test_a_signer_counts_once_also_where_nobody_parsed(chain: Chain) -> None:
    """R-ORD11: the quorum is of different doctors."""
    electorate = chain.network.charter.electorate()
    good = certificate(chain.network, SKIP, 2)
    assert verify_certificate(good, electorate, verify)
    twice = replace(good, votes=(good.votes[0], good.votes[0], good.votes[1]))
    assert not verify_certificate(twice, electorate, verify)


def justifications(chain: Chain) -> dict[str, list[Certificate]]:
    """What does not lead from slot 1 to slot 3."""
    network = chain.network
    parent = certificate(network, NOTAR, 1, chain.hash)
    skip = certificate(network, SKIP, 2)
    few = certificate(network, SKIP, 2, signers=(0, 1))
    return {
        "nothing": [],
        "no parent": [skip],
        "no skip": [parent],
        "in the wrong order": [skip, parent],
        "a skip too many": [parent, skip, skip],
        "another slot skipped": [parent, certificate(network, SKIP, 3)],
        "the parent skipped": [certificate(network, SKIP, 1), skip],
        "another parent": [certificate(network, NOTAR, 1, BatchHash(digest("batch"))), skip],
        "too few skipped": [parent, few],
        "too few for the parent": [certificate(network, NOTAR, 1, chain.hash, (1, 3)), skip],
        "notar instead of skip": [parent, certificate(network, NOTAR, 2, chain.hash)],
    }


def with_justification(batch: Batch, certificates: Iterable[Certificate]) -> Batch:
    """The batch justified otherwise, its header in agreement."""
    shown = tuple(certificates)
    root = merkle.root([one.encoded() for one in shown])
    header = replace(batch.header, justification_root=root)
    return Batch(header, batch.blocks, batch.witnesses, shown)


@pytest.mark.parametrize("how", list(justifications(grow())))
def test_parent_and_skipped_slots_are_certified(chain: Chain, how: str) -> None:
    """R-ORD12: slot by slot, ascending, by a quorum."""
    batch = with_justification(third_slot(chain), justifications(chain)[how])
    assert not justified(batch.header, batch.justification, chain.network.charter)
    found = finalised(chain, batch)
    assert (found.valid, found.height) == (False, 3)
    assert found.reason.startswith("R-ORD12")


def test_a_final_certificate_also_certifies_the_parent(chain: Chain) -> None:
    """R-ORD12: notar or final."""
    parent = certificate(chain.network, FINAL, 1, chain.hash)
    batch = with_justification(third_slot(chain), [parent, certificate(chain.network, SKIP, 2)])
    assert finalised(chain, batch).valid


def test_a_quorum_cannot_append_a_reserved_type(chain: Chain) -> None:
    """R-BLK1, R-EXP2: at the block's own height, and without an error."""
    proposal = propose(chain.network, chain.state, BlockType.CONSENT)
    decided = candidate(chain.network, proposal, chain.state)
    builder = ChainBuilder(chain.state)
    block = builder.place(proposal, decided.outcome)
    batch = forced(chain, [(block, decided.witness)])
    found = finalised(chain, batch)
    assert (found.valid, found.height) == (False, 3)
    assert found.reason == "block refused: type_reserved"


def altered_export(chain: Chain, place: int, **changes: Any) -> bytes:
    """The export with header fields of one batch altered and nothing signed anew."""
    batch, own = chain.entries[place]
    spoiled = replace(batch.header, **changes)
    right, wrong = batch.header.encoded(), spoiled.encoded()
    frame = next(encode_batch(batch, own))
    fields = {
        "certificate": own and own.encoded(),
        "header": wrong,
        "justification": [one.encoded() for one in batch.justification],
        "kind": "batch",
    }
    anew = encode(fields, FRAME)
    export = export_bytes(chain)
    assert right in frame and export.count(frame) == 1
    return export.replace(frame, len(anew).to_bytes(4, "big") + anew)


@pytest.mark.parametrize(
    "changes",
    [
        {"time_ms": START_MS + 1_001},
        {"time_ms": START_MS + 2 * LIFETIME_MS},
        {"count": 1},
        {"count": 3},
        {"count": 0},
        {"blocks_root": bytes(32)},
        {"witness_root": bytes(32)},
        {"last_block_hash": bytes(32)},
    ],
)
def test_an_altered_header_is_the_fault_not_what_follows_from_it(
    changes: dict[str, Any],
) -> None:
    """R-EXP2: without its own certificate a batch is vouched for by the next one's."""
    chain = grow()
    batch, own = chain.entries[1]
    assert own is None
    assert batch.header.count == 2
    found = check(altered_export(chain, 1, **changes), chain.network.charter)
    assert (found.valid, found.height) == (False, batch.header.first_nbc)


def test_a_block_that_an_altered_time_makes_late_is_not_the_fault(chain: Chain) -> None:
    """R-EXP2: the second block seems expired, but the header before it was altered."""
    network = chain.network
    chain.stage(propose(network, chain.view, BlockType.CT))
    brief = START_MS + 5_000
    chain.stage(propose(network, chain.view, BlockType.PET, expires_at_ms=brief))
    chain.close(final=False)
    chain.close()
    spoiled = altered_export(chain, 1, time_ms=brief + 1)
    found = check(spoiled, network.charter)
    assert (found.valid, found.height) == (False, 3)
    assert found.reason.startswith("R-ORD17")
