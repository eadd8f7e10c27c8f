"""Batches, bodies and certificates as bytes (R-ORD7 to R-ORD11, R-BOD1, R-BOD2, R-BOD9)."""

from dataclasses import replace

import pytest

from medquorum.ledger import canonical, merkle, signature
from medquorum.ledger.batch import Absence, parse_batch, registry_hash
from medquorum.ledger.body import body_root, parse_descriptor
from medquorum.ledger.certificate import (
    Certificate,
    Electorate,
    certify,
    parse_certificate,
    parse_ordering_vote,
    verify_certificate,
    verify_ordering_vote,
)
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.limits import BATCH_BLOCKS, BATCH_BODY_BYTES, FRAME, RECORD, REGISTRY_ENTRIES
from medquorum.ledger.types import OrderingKind, PartName, ProposalId
from tests.ledger import record_kit as kit
from tests.ledger.mutations import mutations

ELECTORATE = Electorate(
    kit.NETWORK, 0, tuple(kit.key(f"doctor {doctor} consensus") for doctor in range(4)), 3
)


def test_a_batch_is_read_back() -> None:
    """R-ORD7, R-ORD8: header and body, with the hash of the header."""
    batch = kit.batch()
    again = parse_batch(batch.header.encoded(), batch.body_encoded())
    assert again == batch
    assert again.body_encoded() == batch.body_encoded()
    assert batch.hash == tagged(Kind.BATCH, kit.NETWORK, batch.header.encoded())
    assert batch.roots_match()


def test_a_body_changes_under_its_roots_only_openly() -> None:
    """R-ORD7: roots are over `enc(block)`, `enc(witness)`, `enc(certificate)`."""
    batch = kit.batch()
    assert batch.header.blocks_root == merkle.root([batch.blocks[0].encoded()])
    for other in (
        replace(batch, justification=batch.justification[::-1]),
        replace(batch, justification=()),
        replace(batch, blocks=batch.blocks * 2),
        replace(batch, witnesses=()),
        replace(batch, blocks=(), witnesses=()),
    ):
        assert not other.roots_match()


def test_every_change_of_a_body_is_refused_or_breaks_a_root() -> None:
    """R-ORD8: down to the last byte of what rides inside."""
    batch = kit.batch()
    header = batch.header.encoded()
    refused = 0
    for where, changed in mutations(canonical.decode(batch.body_encoded(), FRAME)):
        try:
            other = parse_batch(header, canonical.encode(changed, FRAME))
        except CodecError:
            refused += 1
            continue
        assert not other.roots_match(), where
    assert refused > 20


def test_a_batch_holds_at_most_256_blocks() -> None:
    """R-ORD8: and its body fits a frame with its certificates."""
    assert (BATCH_BLOCKS, BATCH_BODY_BYTES) == (256, 917_504)
    batch = kit.batch()
    full = replace(batch, blocks=batch.blocks * 256, witnesses=batch.witnesses * 256)
    assert len(parse_batch(batch.header.encoded(), full.body_encoded()).blocks) == 256
    for beyond in (
        replace(batch, blocks=batch.blocks * 257),
        replace(batch, witnesses=batch.witnesses * 257),
    ):
        with pytest.raises(CodecError, match="at most 256"):
            parse_batch(batch.header.encoded(), beyond.body_encoded())


def test_an_ordering_vote_is_of_one_consensus_key() -> None:
    """R-ORD10: epoch, hash, kind and slot are signed; the signer is a number."""
    vote = kit.ordering_vote(1)
    payload = {"epoch": 0, "hash": kit.digest("batch"), "kind": "notar", "slot": 4}
    digest = tagged(Kind.ORDERING_VOTE, kit.NETWORK, canonical.encode(payload))
    assert signature.verify(kit.key("doctor 1 consensus"), digest, vote.signature)
    assert verify_ordering_vote(vote, ELECTORATE, signature.verify)
    assert not verify_ordering_vote(replace(vote, signer=2), ELECTORATE, signature.verify)
    assert not verify_ordering_vote(replace(vote, signer=4), ELECTORATE, signature.verify)
    later = replace(ELECTORATE, epoch=1)
    assert not verify_ordering_vote(vote, later, signature.verify)


def test_an_ordering_vote_is_of_one_epoch() -> None:
    """R-ORD10, R-GOV8: the epoch is signed, not only written beside the signature."""
    vote = kit.ordering_vote(1)
    moved = replace(vote, statement=replace(vote.statement, epoch=1))
    assert not verify_ordering_vote(moved, replace(ELECTORATE, epoch=1), signature.verify)


def test_a_skip_names_no_hash_and_the_others_do() -> None:
    """R-ORD10: hash is none exactly for skip."""
    skip = canonical.decode(kit.ordering_vote(0, OrderingKind.SKIP).encoded())
    notar = canonical.decode(kit.ordering_vote().encoded())
    for fields in ({**skip, "hash": bytes(32)}, {**notar, "hash": None}):
        with pytest.raises(CodecError, match="R-ORD10"):
            parse_ordering_vote(canonical.encode(fields))


def test_a_certificate_needs_a_quorum_of_valid_signatures() -> None:
    """R-ORD11: q of them, each valid, of this epoch and network."""
    good = kit.certificate()
    assert verify_certificate(good, ELECTORATE, signature.verify)
    few = replace(good, votes=good.votes[:2])
    wrong = replace(good, votes=(*good.votes[:2], (3, good.votes[2][1])))
    final = replace(good, statement=replace(good.statement, kind=OrderingKind.FINAL))
    later = replace(good, statement=replace(good.statement, slot=5))
    for bad in (few, wrong, final, later):
        assert not verify_certificate(bad, ELECTORATE, signature.verify)
    elsewhere = replace(ELECTORATE, network=kit.OTHER_NETWORK)
    assert not verify_certificate(good, elsewhere, signature.verify)


def test_the_signers_of_a_certificate_ascend_each_once() -> None:
    """R-ORD11: no signer counts twice."""
    good = kit.certificate()
    votes = [kit.ordering_vote(doctor) for doctor in (2, 0, 1)]
    assert certify(good.statement, votes) == good
    first, second, third = good.votes
    for votes_of in ((second, first, third), (first, first, second)):
        bad = Certificate(good.statement, votes_of)
        with pytest.raises(CodecError, match="R-ORD11: signers ascend"):
            parse_certificate(bad.encoded())


def test_a_registry_is_hashed_in_order() -> None:
    """R-ORD15: the encoded entries ascend, and every field counts."""
    absence = Absence(kit.address("doctor 0"), kit.address("doctor 1"), 10, 20)
    others = [
        replace(absence, from_ms=9),
        replace(absence, to_ms=21),
        replace(absence, attending=kit.address("doctor 2")),
        replace(absence, delegate=kit.address("doctor 2")),
        replace(absence, patient=1),
        replace(absence, patient=2),
        replace(absence, proposal=ProposalId(kit.digest("proposal"))),
    ]
    declared = [absence, *others]
    rows = sorted(canonical.encode(entry.as_map()) for entry in declared)
    stated = canonical.encode({"absences": [canonical.decode(row) for row in rows]})
    expected = tagged(Kind.REGISTRY, kit.NETWORK, stated)
    assert registry_hash(kit.NETWORK, declared) == expected
    assert registry_hash(kit.NETWORK, declared[::-1]) == expected
    assert len({registry_hash(kit.NETWORK, [entry]) for entry in declared}) == 8
    assert registry_hash(kit.NETWORK, []) != registry_hash(kit.NETWORK, [absence])


def test_the_largest_registry_is_a_record() -> None:
    """R-ORD15, R-CAN3: 512 entries with every field at its longest."""
    entry = Absence(
        kit.address("doctor 0"),
        kit.address("doctor 1"),
        2**53,
        2**53,
        2**53,
        ProposalId(kit.digest("proposal")),
    )
    assert len(registry_hash(kit.NETWORK, [entry] * REGISTRY_ENTRIES)) == 32
    assert len(canonical.encode(entry.as_map())) * REGISTRY_ENTRIES < RECORD.total


def test_descriptors_are_read_back_and_every_field_changes_the_root() -> None:
    """R-BOD1, R-BOD2: name, bytes, chunks, commitment and root all enter Hpresent."""
    parts = kit.registration_core().parts
    fields = parts[0].as_map()
    assert parse_descriptor(fields) == parts[0]
    assert body_root(parts) == merkle.root([canonical.encode(part.as_map()) for part in parts])
    assert body_root(parts[::-1]) != body_root(parts)
    accepted = 0
    for where, changed in mutations(fields):
        try:
            part = parse_descriptor(changed)
        except CodecError:
            continue
        accepted += 1
        assert body_root((part, parts[1])) != body_root(parts), where
    assert accepted > 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "OTHER"),
        ("bytes", 0),
        ("bytes", 2 * 1024**3 + 1),
        ("chunks", 0),
        ("chunks", 2_049),
        ("root", bytes(31)),
        ("commitment", bytes(33)),
    ],
)
def test_descriptors_beyond_the_limits_are_refused(field: str, value: object) -> None:
    """R-BOD1, R-BOD3: named parts of at most 2 GiB."""
    fields = kit.registration_core().parts[0].as_map()
    with pytest.raises(CodecError, match=rf"part descriptor\.{field}"):
        parse_descriptor({**fields, field: value})


def test_names_of_parts_are_those_of_the_rule() -> None:
    """R-BOD1: nine names."""
    assert " ".join(PartName) == (
        "V_IND TEST_RES IMG_CT IMM_PET IMG_XRAY M_REPORT PRESC PAT_NAME ATTACHMENT"
    )


def test_nothing_of_a_body_stands_in_a_batch() -> None:
    """R-BOD9: no plaintext, sealed byte, key, salt or name; only commitments."""
    encoded = kit.batch().body_encoded()
    part, keys = kit.sealed(PartName.V_IND, b"signs"), kit.part_keys("V_IND")
    assert part.descriptor.commitment in encoded
    for absent in (
        b"signs",
        part.chunks[0][:16],
        keys.key,
        keys.salt,
        "Zoë".encode(),
        kit.digest("name salt"),
    ):
        assert absent not in encoded


def test_the_leader_rotates_with_epoch_and_slot() -> None:
    """R-ORD9: doctor number (e + s) mod n."""
    assert [ELECTORATE.leader(slot) for slot in range(1, 6)] == [1, 2, 3, 0, 1]
    assert replace(ELECTORATE, epoch=2).leader(3) == 1
