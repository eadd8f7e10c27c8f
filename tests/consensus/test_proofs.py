"""One block proved with nothing but the charter: nothing in a proof can be changed (R-EXP3)."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.consensus.proofs import check_proof, verify_proof
from medquorum.consensus.verification import Verification
from medquorum.ledger.block import place
from medquorum.ledger.certificate import certify, state
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proof import Proof, parse_proof
from medquorum.ledger.types import BlockType, OrderingKind, Outcome
from tests.ledger.charter_kit import signer_of
from tests.support.chains import Chain, certificate, grow, make_proof
from tests.support.network import digest, make_network, propose, registration
from tests.support.tampering import remembering

HEIGHTS = range(1, 11)
REJECTED = 5


def verified(proof: Proof) -> Verification:
    """What the product says of a proof, from its bytes."""
    return check_proof(proof.encoded(), grow().network.charter)


@pytest.mark.parametrize("n_bc", HEIGHTS)
@pytest.mark.parametrize("doctors", [1, 4])
def test_every_block_can_be_proved(doctors: int, n_bc: int) -> None:
    """R-EXP3, R-MRK2: every type, at any place, also where a later batch made it final."""
    chain = grow(doctors)
    found = check_proof(make_proof(chain, n_bc).encoded(), chain.network.charter)
    assert (found.valid, found.height) == (True, n_bc), found.reason


def test_a_rejected_block_can_be_proved() -> None:
    """R-EXP3, R-ORD5: with the history its issuer had seen."""
    proof = make_proof(grow(), REJECTED)
    assert proof.block.header.outcome is Outcome.REJECTED
    assert len(proof.patient_chain) == 3
    assert verified(proof).valid


def other_value(value: object) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case None:
            return digest("something")
        case Outcome():
            return Outcome.ACCEPTED if value is Outcome.REJECTED else Outcome.REJECTED
        case BlockType():
            return BlockType.PET if value is not BlockType.PET else BlockType.CT
        case tuple():
            return value[1:] if value else (digest("something"),)
        case _:
            return None


def altered(record: Any, /, **changes: Any) -> Any:
    """The record with other field values, whatever its type."""
    return replace(record, **changes)


def mutations(proof: Proof) -> Iterator[tuple[str, Proof]]:
    """The proof with one field of one record changed, or one entry lost or doubled."""
    yield "index", altered(proof, index=proof.index + 1)
    for name in ("block_path", "witness_path", "headers", "patient_chain"):
        entries = getattr(proof, name)
        for at in range(len(entries)):
            yield f"{name} without {at}", altered(proof, **{name: entries[:at] + entries[at + 1 :]})
            doubled = entries[: at + 1] + entries[at:]
            yield f"{name} {at} twice", altered(proof, **{name: doubled})
    for name in ("block_path", "witness_path"):
        path = getattr(proof, name)
        yield f"{name} longer", altered(proof, **{name: (*path, digest("a sibling"))})
        for at in range(len(path)):
            changed = (*path[:at], other_value(path[at]), *path[at + 1 :])
            yield f"{name}[{at}]", altered(proof, **{name: changed})
    for at, header in enumerate(proof.headers):
        for field in fields(header):
            spoiled = altered(header, **{field.name: other_value(getattr(header, field.name))})
            headers = (*proof.headers[:at], spoiled, *proof.headers[at + 1 :])
            yield f"headers[{at}].{field.name}", altered(proof, headers=headers)
    for field in fields(proof.block.header):
        before = getattr(proof.block.header, field.name)
        if field.name != "proposal":
            spoiled_header = altered(proof.block.header, **{field.name: other_value(before)})
            block = place(spoiled_header, proof.block.proposal)
            yield f"block.{field.name}", altered(proof, block=block)
    for at, vote in enumerate(proof.witness.votes):
        votes = proof.witness.votes[:at] + proof.witness.votes[at + 1 :]
        yield f"without vote {at}", altered(proof, witness=altered(proof.witness, votes=votes))
        spoiled_vote = altered(vote, signature=other_value(vote.signature))
        votes = (*proof.witness.votes[:at], spoiled_vote, *proof.witness.votes[at + 1 :])
        yield f"vote {at}", altered(proof, witness=altered(proof.witness, votes=votes))
    yield from _mutated_history(proof)


def _mutated_history(proof: Proof) -> Iterator[tuple[str, Proof]]:
    for at, (header, core) in enumerate(proof.patient_chain):
        spoiled = [(f"header.{field.name}", header, field.name) for field in fields(header)] + [
            (f"core.{field.name}", core, field.name) for field in fields(core)
        ]
        for label, record, name in spoiled:
            value = getattr(record, name)
            if name in ("registration", "ai", "parts", "act") and not value:
                continue
            changed = altered(record, **{name: other_value(value)})
            link = (changed, core) if record is header else (header, changed)
            links = (*proof.patient_chain[:at], link, *proof.patient_chain[at + 1 :])
            yield f"patient_chain[{at}].{label}", altered(proof, patient_chain=links)


@pytest.mark.parametrize("n_bc", [2, 4, REJECTED, 9, 10])
def test_each_single_change_is_refused(n_bc: int) -> None:
    """R-EXP3: paths, headers, block, votes, the patient's chain."""
    charter = grow().network.charter
    accepted = []
    tried = 0
    for label, spoiled in mutations(make_proof(grow(), n_bc)):
        tried += 1
        if verify_proof(spoiled, charter, remembering).valid:
            accepted.append(label)
    assert tried >= 60
    assert accepted == []


@pytest.mark.parametrize("n_bc", [4, REJECTED])
def test_each_turned_bit_is_refused(n_bc: int) -> None:
    """R-EXP3, R-CAN4: sampled over the file."""
    encoded = make_proof(grow(), n_bc).encoded()
    charter = grow().network.charter
    for at in range(0, len(encoded), 23):
        spoiled = bytearray(encoded)
        spoiled[at] ^= 1 << at % 8
        assert not check_proof(bytes(spoiled), charter).valid, f"byte {at}"


def certificates(proof: Proof, chain: Chain) -> dict[str, Proof]:
    """The proof with certificates that make nothing final."""
    network, last = chain.network, proof.headers[-1]
    slot, batch = last.slot, last.hash()
    good = proof.certificate
    other_epoch = replace(good.statement, epoch=1)
    votes = [
        state(other_epoch, number, network.id, signer_of(name, Purpose.CONSENSUS))
        for number, name in enumerate(network.doctors)
    ]
    found = {
        "q-1": certificate(network, OrderingKind.FINAL, slot, batch, (0, 1)),
        "twice": replace(good, votes=(good.votes[0], *good.votes[:2])),
        "notar": certificate(network, OrderingKind.NOTAR, slot, batch),
        "another slot": certificate(network, OrderingKind.FINAL, slot + 1, batch),
        "another batch": certificate(network, OrderingKind.FINAL, slot, proof.headers[0].hash()),
        "another epoch": certify(other_epoch, votes),
    }
    return {how: replace(proof, certificate=one) for how, one in found.items()}


@pytest.mark.parametrize("how", list(certificates(make_proof(grow(), 4), grow())))
def test_the_certificate_is_a_quorums_on_the_last_header(how: str) -> None:
    """R-ORD11, R-ORD17."""
    proof = make_proof(grow(), 9)
    assert len(proof.headers) > 1
    spoiled = certificates(proof, grow())[how]
    found = verify_proof(spoiled, grow().network.charter)
    assert (found.valid, found.height) == (False, 9)
    assert found.reason.startswith(("R-ORD11", "R-ORD17"))


def final(chain: Chain, n_bc: int) -> Verification:
    """What is said of the proof of a block a quorum made final."""
    return verify_proof(make_proof(chain, n_bc), chain.network.charter)


def test_a_quorum_cannot_prove_a_reserved_type() -> None:
    """R-BLK1: refused by name, never an error."""
    chain = Chain(make_network(1))
    chain.stage(registration(chain.network))
    chain.close()
    good = make_proof(chain, 1)
    evidence = propose(chain.network, chain.state, BlockType.EVIDENCE)
    spoiled = replace(good, block=place(good.block.header, evidence))
    found = verify_proof(spoiled, chain.network.charter)
    assert not found.valid
    assert final(chain, 1).valid


def test_a_proof_of_another_network_is_refused() -> None:
    """R-HASH3."""
    elsewhere = make_network(retention_days=10)
    found = check_proof(make_proof(grow(), 4).encoded(), elsewhere.charter)
    assert not found.valid
    assert found.reason.startswith("R-HASH3")


def test_a_proof_without_headers_is_refused() -> None:
    """R-EXP3."""
    assert verified(replace(make_proof(grow(), 1), headers=())).reason == "R-EXP3: no batch header"


def test_a_registration_has_no_history_and_others_their_own() -> None:
    """R-EXP3: the history of another patient, or one too many, proves no attending."""
    chain = grow()
    history = make_proof(chain, 4).patient_chain
    for n_bc, false_history in ((1, history[:1]), (3, history), (4, ()), (10, history[:1])):
        spoiled = replace(make_proof(chain, n_bc), patient_chain=false_history)
        assert not verified(spoiled).valid


@given(st.binary(max_size=300))
def test_hostile_bytes_never_raise(octets: bytes) -> None:
    """R-EXP3: a verdict for every input, at height 0 where no block can be read."""
    found = check_proof(octets, grow().network.charter)
    assert (found.valid, found.height) == (False, 0)


def test_bytes_and_proof_are_one_another() -> None:
    """R-EXP3, R-CAN4."""
    for n_bc in HEIGHTS:
        proof = make_proof(grow(), n_bc)
        assert parse_proof(proof.encoded()) == proof
