"""What proves a rejected block, which no chart links (R-EXP3, R-ORD5)."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from medquorum.consensus.proofs import check_proof, provable
from medquorum.ledger.block import BlockHeader
from medquorum.ledger.chain import ChainBuilder, genesis
from medquorum.ledger.proof import Proof
from medquorum.ledger.proposal import Core
from medquorum.ledger.types import BlockHash, BlockType, Decision, Outcome
from scripts.independent.canonical import Tampered
from scripts.independent.charter import read_charter
from scripts.independent.proof import audit_proof
from tests.audit.judging import SIGNATURES
from tests.support.chains import Chain, make_proof
from tests.support.network import address, digest, make_network, propose, registration

REJECT = Decision.REJECT


def verdict(chain: Chain, proof: Proof) -> bool:
    """What both verifiers say of a proof: they must agree."""
    encoded = proof.encoded()
    said = check_proof(encoded, chain.network.charter).valid
    try:
        audit_proof(encoded, read_charter(chain.network.charter_file(), SIGNATURES), SIGNATURES)
    except Tampered:
        assert not said
        return False
    assert said
    return True


@dataclass(frozen=True)
class Story:
    """A chain whose last block is rejected, and its proof with the histories it could have."""

    chain: Chain
    proof: Proof

    @property
    def bare(self) -> Proof:
        return replace(self.proof, patient_chain=())

    def with_history(self, *n_bc: int) -> Proof:
        """With these blocks as the patient's."""
        blocks = [self.chain.blocks[one - 1] for one in n_bc]
        links: tuple[tuple[BlockHeader, Core], ...] = tuple(
            (one.header, one.proposal.core) for one in blocks
        )
        return replace(self.proof, patient_chain=links)


def story(against: tuple[int, ...], patient: int = 1, **changes: Any) -> Story:
    """Patients 1 and 2, a new attending for patient 1 (doctor 1), then the rejected X-ray.

    Blocks 1 and 3 are patient 1's, block 2 patient 2's, block 4 is rejected by these doctors.
    """
    chain = Chain(make_network())
    network = chain.network
    for name in ("patient 1", "patient 2"):
        chain.stage(registration(network, name))
    doctor = address(network.doctors[1])
    chain.stage(propose(network, chain.view, BlockType.MEDICAL_FORM, doctor=doctor))
    chain.close()
    seen = changes.pop("seen", None)
    if seen is not None:
        changes["seen_head"] = chain.blocks[seen - 1].hash
    film = propose(network, chain.view, BlockType.XRAY, patient, **changes)
    said = {network.doctors[number]: REJECT for number in against}
    chain.stage(film, said, Outcome.REJECTED)
    chain.close()
    return Story(chain, make_proof(chain, 4))


def test_the_history_ends_at_what_the_issuer_had_seen() -> None:
    """R-EXP3: it proves the attending, whose word alone may reject."""
    told = story((1,))
    assert verdict(told.chain, told.with_history(1, 3))
    for wrong in ((), (1,), (2,), (1, 2, 3), (3,)):
        assert not verdict(told.chain, told.with_history(*wrong))
    assert provable(told.with_history(1, 3), told.chain.network.charter) == told.with_history(1, 3)


UNSEEN = {"seen_head": BlockHash(digest("a block of another chain"))}
WHERE: dict[str, dict[str, Any]] = {
    "seen nothing known": UNSEEN,
    "seen another patient's": {"seen": 2},
    "seen zeros": {"seen_head": BlockHash(bytes(32))},
    "of nobody": {"patient": 9},
}


@pytest.mark.parametrize("how", WHERE)
def test_what_the_panel_alone_rejected_needs_no_history(how: str) -> None:
    """R-EXP3: and may show none where its issuer had seen none of it."""
    told = story((2, 3), **WHERE[how])
    charter = told.chain.network.charter
    assert verdict(told.chain, told.bare)
    for wrong in ((1,), (2,), (1, 3)):
        assert not verdict(told.chain, told.with_history(*wrong))
        assert provable(told.with_history(*wrong), charter) == told.bare


def test_a_rejected_registration_has_no_history() -> None:
    """R-EXP3: the doctor it names rejects it."""
    chain = Chain(make_network())
    chain.stage(registration(chain.network))
    form = registration(chain.network, "patient 2")
    chain.stage(form, {chain.network.doctors[0]: REJECT}, Outcome.REJECTED)
    chain.close()
    told = Story(chain, make_proof(chain, 2))
    assert told.proof == told.bare
    assert verdict(chain, told.proof)
    assert not verdict(chain, told.with_history(1))


def test_an_accepted_registration_has_no_history() -> None:
    """R-ORD3, R-EXP3."""
    chain = Chain(make_network())
    for name in ("patient 1", "patient 2"):
        chain.stage(registration(chain.network, name))
    chain.close()
    told = Story(chain, make_proof(chain, 2))
    assert verdict(chain, told.proof)
    assert not verdict(chain, told.with_history(1))


@pytest.mark.parametrize("changes", [UNSEEN, {"seen": 1}, {"seen": 2}])
def test_what_only_the_unseen_attending_rejected_has_no_proof_of_its_own(
    changes: dict[str, Any],
) -> None:
    """R-EXP3: whoever attends shows in the whole chain only; both say so, and nothing is made."""
    told = story((1,), **changes)
    for shown in ((), (1,), (1, 3), (2,)):
        assert not verdict(told.chain, told.with_history(*shown))
    assert provable(told.proof, told.chain.network.charter) is None
    assert provable(told.with_history(1), told.chain.network.charter) is None


def test_an_older_head_proves_the_older_attending() -> None:
    """R-EXP3: where the panel alone had rejected, either form holds."""
    told = story((2, 3), seen=1)
    assert verdict(told.chain, told.with_history(1))
    assert verdict(told.chain, told.bare)
    assert not verdict(told.chain, told.with_history(1, 3))


@pytest.mark.parametrize(
    "changes",
    [
        {"doctor": "Dr. Nobody"},
        {"network": digest("elsewhere")},
        {"parts": ()},
        {"expires_at_ms": 0},
    ],
)
def test_a_history_keeps_the_rules_that_need_no_signature(changes: dict[str, Any]) -> None:
    """R-EXP3: in a history that the issuer made up, all the more."""
    for core_changes, valid in (({}, True), (changes, False)):
        network = make_network()
        doctor = network.doctors[1]
        made_up = registration(network, **{"doctor": doctor, **core_changes})
        block = ChainBuilder(genesis(network.charter)).place(made_up, Outcome.ACCEPTED)
        told = story((1,), seen_head=block.hash)
        history = ((block.header, made_up.core),)
        assert verdict(told.chain, replace(told.proof, patient_chain=history)) is valid
