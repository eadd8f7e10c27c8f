"""Rules that two readers of the page could have read differently: both judge as it says now.

Every case is an export whose last batch a quorum made final, whatever it breaks.
"""

from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger.batch import Absence, Batch, registry_hash
from medquorum.ledger.canonical import encode
from medquorum.ledger.certificate import Certificate
from medquorum.ledger.export import ExportHead, encode_batch, encode_head
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import PublicKey, Purpose, public_key
from medquorum.ledger.limits import FRAME
from medquorum.ledger.registration import registration_payload, registration_proof
from medquorum.ledger.types import (
    BlockHash,
    BlockType,
    OrderingKind,
    Outcome,
    PartName,
)
from tests.audit.both import ACCEPTED, REJECTED, agreed, begun, both, decided
from tests.consensus.test_certification import finalised_export, third_slot, with_changes
from tests.ledger.charter_kit import private_key, signer_of
from tests.support.chains import Chain, Place, certificate, make_batch
from tests.support.network import (
    HOSPITAL,
    address,
    ai_report,
    candidate,
    digest,
    make_network,
    part,
    propose,
    registration,
)


def test_a_record_may_be_named_twice() -> None:
    """R-PRO3."""
    chain = begun()
    record = chain.blocks[0].proposal.core.record
    assert agreed(chain, propose(chain.network, chain.state, BlockType.CT, record=record))


@pytest.mark.parametrize("outcome", Outcome)
def test_the_encryption_key_is_another_than_the_patients(outcome: Outcome) -> None:
    """R-PRO4: also where the form was rejected."""
    chain = begun()
    key = public_key(private_key("patient 3", Purpose.CLINICAL))
    payload = registration_payload(encryption_key=key, issuer=address(HOSPITAL), patient_key=key)
    sign = signer_of("patient 3", Purpose.CLINICAL)
    proof = registration_proof(chain.network.id, payload, sign)
    good = registration(chain.network, "patient 3")
    spoiled = registration(chain.network, "patient 3", registration=proof)
    assert agreed(chain, good, outcome)
    assert not agreed(chain, spoiled, outcome)


NAMED = (part(PartName.PAT_NAME), part(PartName.V_IND))


@pytest.mark.parametrize("outcome", Outcome)
def test_a_name_stands_in_a_registration_and_nowhere_else(outcome: Outcome) -> None:
    """R-BLK3."""
    chain = begun()
    network, state = chain.network, chain.state
    assert not agreed(chain, propose(network, state, BlockType.MEDICAL_FORM, parts=NAMED), outcome)
    image = (part(PartName.IMG_CT), part(PartName.PAT_NAME))
    assert not agreed(chain, propose(network, state, BlockType.CT, parts=image), outcome)
    assert not agreed(chain, registration(network, "patient 3", parts=NAMED[1:]), outcome)


@pytest.mark.parametrize(
    ("size", "chunks", "valid"),
    [
        (4_096, 1, True),
        (65_536, 1, True),
        (73_728, 1, True),
        (1_048_576, 1, True),
        (1_179_648, 2, True),
        (4_095, 1, False),
        (8_192, 1, False),
        (65_537, 1, False),
        (1_048_577, 2, False),
        (4_096, 2, False),
        (1_179_648, 1, False),
        (2**31, 2_048, True),
        (2**31 + 2**28, 2_304, False),
    ],
)
def test_a_parts_size_is_a_padded_one_and_makes_its_chunks(
    size: int, chunks: int, valid: bool
) -> None:
    """R-BOD1, R-BOD3, R-BOD4."""
    chain = begun()
    image = replace(part(PartName.IMG_CT), size=size, chunks=chunks)
    proposal = propose(chain.network, chain.state, BlockType.CT, parts=(image,))
    assert agreed(chain, proposal) is valid


def test_a_rejected_report_need_not_name_an_image() -> None:
    """R-ORD5, R-PRO8: nothing, a form, what does not exist; an accepted one must."""
    chain = begun()
    network, state = chain.network, chain.state
    usual = ai_report(network, state, BlockHash(digest("image"))).core.ai
    assert usual is not None
    for named in ((), (chain.blocks[0].hash,), (BlockHash(digest("image")),)):
        provenance = replace(usual, inputs=named)
        report = ai_report(network, state, BlockHash(ZERO), references=named, ai=provenance)
        assert agreed(chain, report, REJECTED)
        assert not agreed(chain, report, ACCEPTED)


def test_a_rejected_block_of_nobody_still_holds_a_key() -> None:
    """R-ORD5, R-KEY1: the patient need not be known, the point must be one."""
    chain = begun()
    network, state = chain.network, chain.state
    unknown = propose(network, state, BlockType.CT, 9)
    off_curve = PublicKey(b"\x02" + 32 * b"\xff")
    assert agreed(chain, unknown, REJECTED)
    for spoiled in (PublicKey(bytes(33)), off_curve):
        no_point = propose(network, state, BlockType.CT, 9, patient_key=spoiled)
        assert not agreed(chain, no_point, REJECTED)


def test_a_rejected_form_may_be_of_a_patient_who_is_known() -> None:
    """R-ORD5: whether a registration is known does not matter."""
    chain = begun()
    again = registration(chain.network, issuer=chain.network.doctors[1])
    assert agreed(chain, again, REJECTED)
    assert not agreed(chain, again, ACCEPTED)


@pytest.mark.parametrize(("patient", "valid"), [(2**53, True), (2**53 + 1, False)])
def test_a_patients_number_has_its_bound(patient: int, valid: bool) -> None:
    """R-PRO1: whatever a core may say, the header of a rejected block can repeat."""
    chain = begun()
    unknown = propose(chain.network, chain.state, BlockType.CT, patient)
    assert agreed(chain, unknown, REJECTED) is valid


@pytest.mark.parametrize(("most", "valid"), [(2, True), (1, False)])
def test_a_batch_holds_as_many_blocks_as_the_charter_says(most: int, valid: bool) -> None:
    """R-ORD8."""
    chain = Chain(make_network(batch_blocks=most))
    chain.stage(registration(chain.network))
    chain.close()
    images = [propose(chain.network, chain.state, kind) for kind in (BlockType.CT, BlockType.PET)]
    pair = [candidate(chain.network, image, chain.state) for image in images]
    assert decided(chain, *pair) is valid


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": 1},
        {"epoch": 1, "leader": 0},
        {"charter_version": 1},
        {"registry_hash": bytes(32)},
        {"time_ms": 2**53 + 1},
    ],
)
def test_this_version_knows_one_epoch_one_charter_and_no_absence(changes: dict[str, Any]) -> None:
    """R-ORD7, R-ORD9, R-ORD15."""
    chain = begun()
    assert both(chain, finalised_export(chain, third_slot(chain)))
    batch = third_slot(chain, with_changes(**changes))
    assert not both(chain, finalised_export(chain, batch))


def test_a_declared_absence_is_not_of_this_version() -> None:
    """R-ORD15: no block declares one, so that the registry is the empty one."""
    chain = begun()
    first, second = chain.network.doctors[:2]
    away = Absence(address(first), address(second), 0, 2**53)
    declared = registry_hash(chain.network.id, [away])
    batch = third_slot(chain, with_changes(registry_hash=declared))
    assert not both(chain, finalised_export(chain, batch))


@pytest.mark.parametrize(("time_ms", "valid"), [(0, False), (1, True)])
def test_the_first_batch_comes_after_slot_0(time_ms: int, valid: bool) -> None:
    """R-ORD13: whose time is 0."""
    chain = Chain(make_network())
    decided_form = candidate(chain.network, registration(chain.network), chain.state)
    batch = make_batch(chain.network, chain.state, [decided_form], Place(time_ms=time_ms))
    assert both(chain, finalised_export(chain, batch)) is valid


def with_own(chain: Chain, batch: Batch, own: Certificate) -> bytes:
    """The export whose last batch frame holds this certificate, whatever it names."""
    head = ExportHead(
        chain.network.id, batch.hash, chain.state.n_bc + len(batch.blocks), batch.header.slot
    )
    frame = {
        "certificate": own.encoded(),
        "header": batch.header.encoded(),
        "justification": [one.encoded() for one in batch.justification],
        "kind": "batch",
    }
    encoded = encode(frame, FRAME)
    _, *blocks = encode_batch(batch, None)
    earlier = [one for entry in chain.entries for one in encode_batch(*entry)]
    framed = len(encoded).to_bytes(4, "big") + encoded
    return b"".join([encode_head(head), *earlier, framed, *blocks])


def test_a_batchs_certificate_is_final_and_its_own() -> None:
    """R-EXP1: neither of another kind, nor a descendant's or its parent's."""
    chain = begun()
    batch = third_slot(chain)
    final = certificate(chain.network, OrderingKind.FINAL, 3, batch.hash)
    notar = certificate(chain.network, OrderingKind.NOTAR, 3, batch.hash)
    parents = certificate(chain.network, OrderingKind.FINAL, 1, chain.hash)
    assert both(chain, with_own(chain, batch, final))
    for spoiled in (notar, parents):
        assert not both(chain, with_own(chain, batch, spoiled))
