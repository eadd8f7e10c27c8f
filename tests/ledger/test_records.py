"""Round trips of every record; no field changes without refusal or another id (R-CAN5, R-SIG4)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from medquorum.ledger import canonical, signature
from medquorum.ledger.batch import parse_batch_header
from medquorum.ledger.block import block_hash, parse_block, parse_header, parse_witness
from medquorum.ledger.certificate import parse_certificate, parse_ordering_vote
from medquorum.ledger.envelope import parse_complaint, parse_wrap
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.proposal import parse_core, parse_proposal, proposal_id
from medquorum.ledger.types import NetworkId, OrderingKind
from medquorum.ledger.vote import Vote, parse_vote
from tests.ledger import record_kit as kit
from tests.ledger.mutations import mutations
from tests.ledger.test_wrap import WRAP


@dataclass(frozen=True)
class Sample:
    """A record's bytes, how it is read, and what names it: an id or the digest that is signed."""

    encoded: bytes
    parse: Callable[[bytes], Any]
    identity: Callable[[Any], object]


def named_core(parsed: Any) -> object:
    """The id of a core (R-PRO2)."""
    return proposal_id(parsed.network, parsed.encoded())


SAMPLES = {
    "registration core": Sample(kit.registration_core().encoded(), parse_core, named_core),
    "report core": Sample(kit.report_core().encoded(), parse_core, named_core),
    "vote": Sample(kit.vote().encoded(), parse_vote, lambda one: one.ballot.digest(kit.NETWORK)),
    "block header": Sample(
        kit.block().header_bytes, parse_header, lambda one: block_hash(kit.NETWORK, one.encoded())
    ),
    "witness": Sample(kit.witness().encoded(), parse_witness, lambda one: one.encoded()),
    "notar vote": Sample(
        kit.ordering_vote().encoded(),
        parse_ordering_vote,
        lambda one: (one.signer, one.statement.digest(kit.NETWORK)),
    ),
    "skip vote": Sample(
        kit.ordering_vote(1, OrderingKind.SKIP).encoded(),
        parse_ordering_vote,
        lambda one: (one.signer, one.statement.digest(kit.NETWORK)),
    ),
    "certificate": Sample(
        kit.certificate().encoded(),
        parse_certificate,
        lambda one: (one.statement.digest(kit.NETWORK), one.votes),
    ),
    "batch header": Sample(
        kit.batch().header.encoded(), parse_batch_header, lambda one: one.hash()
    ),
    "wrap": Sample(WRAP.encoded(), parse_wrap, lambda one: one.digest(kit.NETWORK)),
    "complaint": Sample(
        kit.complaint().encoded(), parse_complaint, lambda one: one.digest(kit.NETWORK)
    ),
}
UNNAMED_FIELDS = (".signature", ".bundle")
"""What ids leave out (R-SIG4)."""


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
def test_records_are_read_back_byte_for_byte(sample: Sample) -> None:
    """R-PRO1, R-VOT1, R-ORD1, R-ORD6, R-ORD7, R-ORD10, R-ORD11, R-BOD7, R-BOD8: bytes and back."""
    assert sample.parse(sample.encoded).encoded() == sample.encoded


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
def test_no_field_changes_unnoticed(sample: Sample) -> None:
    """R-CAN5: each change is refused by its schema or leads to another id; ids name all the rest.

    The field's name may stand in the error, its value never does.
    """
    fields = canonical.decode(sample.encoded)
    identity = sample.identity(sample.parse(sample.encoded))
    refused = accepted = 0
    for where, changed in mutations(fields):
        try:
            encoded = canonical.encode(changed)
            parsed = sample.parse(encoded)
        except CodecError as error:
            assert str(error).startswith("R-"), where
            refused += 1
            continue
        assert parsed.encoded() == encoded, where
        accepted += 1
        if where.startswith(UNNAMED_FIELDS):
            assert sample.identity(parsed) == identity, where
        else:
            assert sample.identity(parsed) != identity, where
    assert refused > 20
    assert accepted > 0


@pytest.mark.parametrize(
    ("made", "issuer"),
    [(kit.registration_proposal(), "hospital"), (kit.report_proposal(), "ai entity")],
    ids=["registration", "report"],
)
def test_a_proposal_is_signed_by_its_issuer_over_its_id(made: Any, issuer: str) -> None:
    """R-PRO2, R-SIG4: id and signature as written; the id leaves the signature out."""
    again = parse_proposal(made.encoded())
    assert again == made
    assert made.id == tagged(Kind.PROPOSAL, kit.NETWORK, made.core.encoded())
    assert signature.verify(kit.key(f"{issuer} clinical"), made.id, made.signature)
    unsigned = replace(made, signature=signature.Signature(bytes(64)))
    assert parse_proposal(unsigned.encoded()).id == made.id


def test_the_core_of_a_proposal_is_canonical_itself() -> None:
    """R-CAN6, R-CAN4: bytes of a core that are not canonical are refused inside as outside."""
    made = kit.registration_proposal()
    loose = made.core_bytes.replace(b"\xa7version\x01", b"\xa7version\xcc\x01")
    assert loose != made.core_bytes
    with pytest.raises(CodecError, match="R-CAN4"):
        parse_proposal(replace(made, core_bytes=loose).encoded())


def test_another_network_gives_another_id() -> None:
    """R-HASH3: the same core elsewhere is another proposal."""
    core = kit.report_core()
    elsewhere = replace(core, network=NetworkId(kit.OTHER_NETWORK))
    assert named_core(core) != named_core(elsewhere)


def test_provenance_says_machine_generated() -> None:
    """R-PRO9: true, and nothing else."""
    fields = canonical.decode(kit.report_core().encoded())
    fields["ai"]["machine_generated"] = False
    with pytest.raises(CodecError, match="R-PRO9"):
        parse_core(canonical.encode(fields))


def test_a_record_has_thirty_two_bytes() -> None:
    """R-PRO3: the name of a sealed body, no more and no less."""
    fields = canonical.decode(kit.report_core().encoded())
    for record in (bytes(31), bytes(33), "x" * 32):
        with pytest.raises(CodecError, match=r"core\.record"):
            parse_core(canonical.encode({**fields, "record": record}))


def changed_vote(**fields: object) -> Vote:
    """The sample vote with some of its fields replaced."""
    return parse_vote(canonical.encode({**canonical.decode(kit.vote().encoded()), **fields}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "policy:"),
        ("mode", "machine"),
        ("mode", "policy:" + "x" * 80),
        ("grade", 0),
        ("grade", 5),
        ("decision", "maybe"),
        ("role", "observer"),
        ("algorithm", "es384"),
        ("comment", bytes(31)),
        ("bundle", bytes(4_097)),
    ],
)
def test_votes_hold_what_the_rule_names(field: str, value: object) -> None:
    """R-VOT1: closed sets, grades of 1 to 4, human or a named policy."""
    with pytest.raises(CodecError, match=rf"R-VOT1|vote\.{field}"):
        changed_vote(**{field: value})


def test_a_vote_is_signed_without_signature_and_bundle() -> None:
    """R-VOT1, R-VOT2: the digest covers everything else; the reserved algorithm is a value."""
    made = kit.vote()
    fields = canonical.decode(made.encoded())
    del fields["signature"], fields["bundle"]
    assert made.bundle == b""
    assert made.ballot.digest(kit.NETWORK) == tagged(
        Kind.VOTE, kit.NETWORK, canonical.encode(fields)
    )
    assert signature.verify(
        kit.key("doctor 0 clinical"), made.ballot.digest(kit.NETWORK), made.signature
    )
    assert changed_vote(mode="policy:images").ballot.mode == "policy:images"
    assert changed_vote(algorithm="webauthn-es256").ballot != made.ballot


def test_a_block_is_of_its_own_proposal() -> None:
    """R-ORD1: header, core and signature belong together; the hash is the header's alone."""
    block = kit.block()
    assert parse_block(block.encoded()) == block
    assert block.hash == tagged(Kind.BLOCK, kit.NETWORK, block.header.encoded())
    other = replace(block, proposal=kit.report_proposal())
    with pytest.raises(CodecError, match="R-ORD1"):
        parse_block(other.encoded())


def test_a_witness_keeps_every_vote() -> None:
    """R-ORD6: ascending by voter, as they were cast, dissent included."""
    witness = kit.witness()
    votes = parse_witness(witness.encoded()).votes
    assert votes == witness.votes
    assert [v.ballot.voter for v in votes] == sorted(v.ballot.voter for v in votes)
