"""Proofs judged in the page as the audit judges them: genuine ones hold, spoiled ones fail."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser

from medquorum.ledger import canonical
from medquorum.ledger.limits import FRAME
from medquorum.ledger.types import BlockType
from scripts.independent.canonical import Tampered
from scripts.independent.charter import read_charter
from scripts.independent.crypto import Signatures
from scripts.independent.proof import audit_proof
from tests.browser.keys_kit import Desk, desk_of, served
from tests.support.authenticator import authenticator_vote, enrolled
from tests.support.chains import Chain, grow, make_proof
from tests.support.governed_story import governed
from tests.support.network import candidate, make_network, propose, registration, witness

CHAIN = grow()
STORY = governed()
SIGNATURES = Signatures()
SEED = 20_261_122
CHECK = "return m.proof.checkProof(v.proof, v.charter);"
MANY = """return Promise.all(v.proofs.map(async (one) => {
  const { valid, steps } = await m.proof.checkProof(one, v.charter);
  return [valid, steps.at(-1).rule]; }));"""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def desk(chromium: Browser) -> AsyncIterator[Desk]:
    async with served() as url, desk_of(chromium, url) as opened:
        await opened.run("texts", "await m.texts.loadTexts();")
        yield opened


def audited(proof: bytes, charter: bytes) -> bool:
    """The independent verifier's judgement."""
    try:
        audit_proof(proof, read_charter(charter, SIGNATURES), SIGNATURES)
    except Tampered:
        return False
    return True


async def test_every_block_of_a_network_is_proved(desk: Desk) -> None:
    charter = CHAIN.network.charter_file()
    for block in CHAIN.blocks:
        proof = make_proof(CHAIN, block.header.n_bc).encoded()
        told = await desk.run("proof", CHECK, proof=proof, charter=charter)
        assert [step for step in told["steps"] if step["ok"] is False] == []
        assert told["valid"] is True
        assert told["block"] == {
            "nBc": block.header.n_bc,
            "hash": block.hash.hex(),
            "outcome": block.header.outcome.value,
        }
        rules = {step["rule"] for step in told["steps"] if step["ok"]}
        assert {"R-CHA6", "R-ORD7", "R-MRK2", "R-ORD17", "R-PRO2", "R-VOT1"} <= rules
        assert told["steps"][-1]["ok"] is None, "what one proof cannot show is said"
        assert not any("keys." in step["text"] for step in told["steps"])


async def test_blocks_under_an_amended_charter_are_proved(desk: Desk) -> None:
    """R-GOV6, R-GOV8: epochs followed by their amendments, acts by their assent."""
    charter = STORY.network.charter_file()
    for block in STORY.blocks[::3] + STORY.blocks[-1:]:
        proof = STORY.proof(block.header.n_bc).encoded()
        told = await desk.run("proof", CHECK, proof=proof, charter=charter)
        assert [one for one in told["steps"] if one["ok"] is False] == [], block.header.n_bc
        assert told["valid"] is True


async def test_votes_by_authenticators_are_proved(desk: Desk) -> None:
    """R-VOT2, R-VOT6: under a charter that names the authenticator."""
    doctor = CHAIN.network.doctors[1]
    network = enrolled(make_network(), doctor)
    chain = Chain(network)
    chain.stage(registration(network))
    chain.close()
    image = propose(network, chain.view, BlockType.CT)
    decided = candidate(network, image, chain.view)
    own = authenticator_vote(network, image, doctor)
    others = [one for one in decided.witness.votes if one.ballot.voter != own.ballot.voter]
    chain.stage(image)
    chain._staged[-1] = replace(decided, witness=witness([own, *others]))
    chain.close()
    proof, charter = make_proof(chain, 2).encoded(), network.charter_file()
    assert own.encoded() in proof
    assert audited(proof, charter)
    told = await desk.run("proof", CHECK, proof=proof, charter=charter)
    assert [step for step in told["steps"] if step["ok"] is False] == []
    assert told["valid"] is True


async def test_altered_bytes_are_found_as_the_audit_finds_them(desk: Desk) -> None:
    """Bits flipped all over a report's proof, and over the charter."""
    chance = random.Random(SEED)
    charter = CHAIN.network.charter_file()
    proof = make_proof(CHAIN, 6).encoded()
    spoiled = []
    for _ in range(60):
        altered = bytearray(proof)
        altered[chance.randrange(len(altered))] ^= 1 << chance.randrange(8)
        spoiled.append(bytes(altered))
    told = await desk.run("proof", MANY, proofs=spoiled, charter=charter)
    assert [valid for valid, _ in told] == [audited(one, charter) for one in spoiled]
    assert not any(valid for valid, _ in told)
    for at in range(100, len(charter), len(charter) // 7):
        altered = bytearray(charter)
        altered[at] ^= 4
        told = await desk.run("proof", CHECK, proof=proof, charter=bytes(altered))
        assert told["valid"] is False


def _map(encoded: bytes) -> dict[str, Any]:
    opened: dict[str, Any] = canonical.decode(encoded, FRAME)
    return opened


def _rearranged() -> dict[str, tuple[dict[str, Any], str]]:
    """Well-formed proofs that show something else than they claim, by the rule they break."""
    mine, other = _map(make_proof(CHAIN, 6).encoded()), _map(make_proof(CHAIN, 4).encoded())
    witness = canonical.decode(mine["witness"])
    fewer = canonical.encode({"votes": witness["votes"][:1]})
    certificate = canonical.decode(mine["certificate"])
    one_vote = canonical.encode({**certificate, "votes": certificate["votes"][:2]})
    twice = canonical.encode({**certificate, "votes": [certificate["votes"][0]] * 3})
    return {
        "another format": ({**mine, "format": "medquorum/proof/2"}, "R-EXP3"),
        "no headers": ({**mine, "headers": []}, "R-EXP3"),
        "another block": ({**mine, "block": other["block"]}, "R-MRK2"),
        "another witness": ({**mine, "witness": other["witness"]}, "R-MRK2"),
        "a witness cut short": ({**mine, "witness": fewer}, "R-MRK2"),
        "a path cut short": ({**mine, "block_path": []}, "R-MRK2"),
        "another index": ({**mine, "index": mine["index"] + 1}, "R-EXP3"),
        "too few signers": ({**mine, "certificate": one_vote}, "R-ORD11"),
        "one signer thrice": ({**mine, "certificate": twice}, "R-ORD11"),
        "another certificate": ({**mine, "certificate": other["certificate"]}, "R-ORD17"),
        "a header left out": ({**mine, "headers": mine["headers"][:-1]}, "R-ORD17"),
        "no history": ({**mine, "patient_chain": []}, "R-EXP3"),
        "a history cut short": ({**mine, "patient_chain": mine["patient_chain"][:-1]}, "R-ORD3"),
        "a history with a gap": ({**mine, "patient_chain": mine["patient_chain"][1:]}, "R-EXP3"),
        "more": ({**mine, "more": 1}, "R-CAN5"),
    }


async def test_rearranged_proofs_are_refused_by_their_rule(desk: Desk) -> None:
    charter = CHAIN.network.charter_file()
    cases = _rearranged()
    proofs = [canonical.encode(fields, FRAME) for fields, _ in cases.values()]
    assert not any(audited(proof, charter) for proof in proofs)
    told = await desk.run("proof", MANY, proofs=proofs, charter=charter)
    expected = {name: [False, rule] for name, (_, rule) in cases.items()}
    assert dict(zip(cases, told, strict=True)) == expected


async def test_the_charter_of_another_network_proves_nothing(desk: Desk) -> None:
    proof, other = make_proof(CHAIN, 6).encoded(), make_network(5).charter_file()
    told = await desk.run("proof", CHECK, proof=proof, charter=other)
    assert told["valid"] is False
    garbage = await desk.run("proof", CHECK, proof=b"\xc1", charter=CHAIN.network.charter_file())
    assert (garbage["valid"], garbage["block"]) == (False, None)
