"""What blocks of governance make of the chain's state, before admission has any say."""

from dataclasses import dataclass, field

import pytest

from medquorum.ledger.batch import Absence, registry_hash
from medquorum.ledger.block import Block
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.change import Admit, Revoke, Suspend
from medquorum.ledger.evidence import evidence_key
from medquorum.ledger.governance import (
    AbsenceAct,
    Act,
    Amendment,
    DelegationAct,
    EvidenceAct,
    EvidenceKind,
    OpeningAct,
)
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proposal import Proposal, issue
from medquorum.ledger.registry import FOR_EVER_MS
from medquorum.ledger.types import BlockHash, BlockType, Outcome, ProposalId
from tests.ledger.charter_kit import signer_of
from tests.ledger.governance_kit import core_of, newcomer
from tests.support.network import (
    START_MS,
    Network,
    address,
    digest,
    make_network,
    propose,
    registration,
    vote,
)

HOUR_MS = 3_600_000
DAYS_90_MS = 90 * 24 * HOUR_MS


@dataclass
class Ledger:
    """A state grown by whole batches of accepted blocks, whatever they say."""

    network: Network = field(default_factory=make_network)
    state: ChainState = field(init=False)
    acts: int = 0

    def __post_init__(self) -> None:
        self.state = genesis(self.network.charter)

    def proposal(self, act: Act) -> Proposal:
        """A doctor's governance proposal, each another one."""
        self.acts += 1
        name = self.network.doctors[0]
        core = core_of(act, address(name), self.network.id, digest(f"act {self.acts}"))
        return issue(core, signer_of(name, Purpose.CLINICAL))

    def entries(self) -> tuple[Absence, ...]:
        """The registry as the last batch left it."""
        return self.state.absences

    def batch(self, *asked: Act | Proposal, at_ms: int) -> list[Block]:
        """Append them as one batch of that time."""
        builder, blocks = ChainBuilder(self.state), []
        for one in asked:
            proposal = one if isinstance(one, Proposal) else self.proposal(one)
            blocks.append(builder.place(proposal, Outcome.ACCEPTED))
            builder.append(blocks[-1])
        self.state = builder.state(at_ms)
        return blocks


@pytest.fixture
def ledger() -> Ledger:
    """A network of four doctors with one patient, whose attending is the first."""
    made = Ledger()
    made.batch(registration(made.network), at_ms=START_MS)
    return made


def test_governance_takes_a_number_and_no_patients(ledger: Ledger) -> None:
    """R-GOV1, R-ORD2: N BC goes on; n_pb, n_pa and hpatient are empty, accepted or not."""
    first, second, *_ = (address(name) for name in ledger.network.doctors)
    before = ledger.state.patient(1)
    (block,) = ledger.batch(AbsenceAct(first, second, START_MS, START_MS + 9), at_ms=START_MS + 1)
    header = block.header
    assert (header.n_bc, header.n_pb, header.n_pa, header.hpatient) == (2, 0, 0, ZERO)
    assert (ledger.state.n_bc, ledger.state.tip) == (2, block.hash)
    assert (ledger.state.patients, ledger.state.patient(1)) == (1, before)
    assert ledger.state.patient_of_block(block.hash) is None
    assert ledger.state.type_of_block(block.hash) is None
    assert ledger.state.height_of(block.proposal.id) == 2
    refused = ledger.proposal(AbsenceAct(first, None))
    builder = ChainBuilder(ledger.state)
    placed = builder.place(refused, Outcome.REJECTED)
    assert (placed.header.n_pb, placed.header.n_pa, placed.header.hpatient) == (0, 0, ZERO)
    builder.append(placed)
    assert builder.state(START_MS + 2).absences == ledger.state.absences


def test_what_a_batch_declares_counts_from_the_next_on(ledger: Ledger) -> None:
    """R-ORD15, R-GOV5: the votes of a batch by its parent's registry, its acts by what is said."""
    first, second, *_ = (address(name) for name in ledger.network.doctors)
    builder = ChainBuilder(ledger.state)
    act = AbsenceAct(first, second, START_MS, START_MS + 99)
    builder.append(builder.place(ledger.proposal(act), Outcome.ACCEPTED))
    form = propose(ledger.network, builder.view, BlockType.MEDICAL_FORM)
    entry = Absence(first, second, START_MS, START_MS + 99)
    assert (builder.view.absences, builder.view.registry) == ((), (entry,))
    assert builder.view.registry_hash() == registry_hash(ledger.network.id, ())
    assert builder.view.delegates_of(form.core, form.id, START_MS + 5) == frozenset()
    after = builder.state(START_MS + 1)
    assert (after.absences, after.registry, after.declaring) == ((entry,), (entry,), ())
    assert after.registry_hash() == registry_hash(ledger.network.id, (entry,))
    assert after.delegates_of(form.core, form.id, START_MS + 5) == {second}
    assert after.delegates_of(form.core, form.id, START_MS + 100) == frozenset()


def test_entries_expire_with_the_time_of_batches(ledger: Ledger) -> None:
    """R-ORD15: also after an empty batch; never before their end has passed."""
    first, second, *_ = (address(name) for name in ledger.network.doctors)
    ledger.batch(AbsenceAct(first, second, START_MS, START_MS + 99), at_ms=START_MS + 1)
    ledger.batch(at_ms=START_MS + 99)
    assert len(ledger.entries()) == 1
    ledger.batch(at_ms=START_MS + 100)
    assert ledger.entries() == ()


def test_a_delegation_counts_from_the_parents_time(ledger: Ledger) -> None:
    """R-GOV5: replaced by the next one, ended by one without a delegate."""
    first, second, third, _ = (address(name) for name in ledger.network.doctors)
    ledger.batch(DelegationAct(first, second, 1), at_ms=START_MS + 50)
    assert ledger.entries() == (Absence(first, second, START_MS, FOR_EVER_MS, patient=1),)
    form = propose(ledger.network, ledger.state, BlockType.MEDICAL_FORM)
    stranger = registration(ledger.network, "patient 2")
    assert ledger.state.delegates_of(form.core, form.id, START_MS + 51) == {second}
    assert ledger.state.delegates_of(stranger.core, stranger.id, START_MS + 51) == frozenset()
    ledger.batch(
        DelegationAct(first, third, 1), DelegationAct(first, second, 1), at_ms=START_MS + 60
    )
    assert ledger.entries() == (Absence(first, second, START_MS + 50, FOR_EVER_MS, patient=1),)
    ledger.batch(DelegationAct(first, None, 1), at_ms=START_MS + 70)
    assert ledger.entries() == ()


def test_an_opening_waits_and_ends_with_its_proposal(ledger: Ledger) -> None:
    """R-GOV5, R-ORD15: from the batch's own time; gone once the proposal has a block."""
    first, second, *_ = (address(name) for name in ledger.network.doctors)
    late = propose(ledger.network, ledger.state, BlockType.CT)
    ledger.batch(OpeningAct(first, second, late.id), at_ms=START_MS + 40)
    begins = START_MS + 40 + 72 * HOUR_MS
    assert ledger.entries() == (
        Absence(first, second, begins, begins + DAYS_90_MS, proposal=late.id),
    )
    assert ledger.state.delegates_of(late.core, late.id, begins - 1) == frozenset()
    assert ledger.state.delegates_of(late.core, late.id, begins) == {second}
    other = ProposalId(digest("another proposal"))
    assert ledger.state.delegates_of(late.core, other, begins) == frozenset()
    ledger.batch(late, at_ms=begins + 1)
    assert ledger.entries() == ()
    again = propose(ledger.network, ledger.state, BlockType.PET)
    ledger.batch(OpeningAct(first, second, again.id), again, at_ms=begins + 2)
    assert ledger.entries() == ()


def test_an_attending_block_names_another_attending(ledger: Ledger) -> None:
    """R-PRO6, R-BLK1, R-GOV9: in the patient's chain, like a revised form."""
    second = address(ledger.network.doctors[1])
    moved = propose(ledger.network, ledger.state, BlockType.ATTENDING, parts=(), doctor=second)
    (block,) = ledger.batch(moved, at_ms=START_MS + 1)
    assert (block.header.n_pb, block.header.n_pa) == (1, 2)
    assert ledger.state.attending_of(1) == second
    assert ledger.state.type_of_block(block.hash) is BlockType.ATTENDING
    assert ledger.state.attending_of(2) is None


def test_an_amendment_waits_for_the_next_epoch(ledger: Ledger) -> None:
    """R-GOV8: until then the old charter is in force; absences and patients stay."""
    first, second, *_ = (address(name) for name in ledger.network.doctors)
    ledger.batch(AbsenceAct(second, first, START_MS, START_MS + 99), at_ms=START_MS + 1)
    founding = ledger.network.charter
    ledger.batch(Amendment(0, (Revoke(first, second), Admit(newcomer()))), at_ms=START_MS + 2)
    state = ledger.state
    assert (state.charter, state.charters) == (founding, (founding,))
    assert state.amended is not None
    assert (state.attending_of(1), state.amended.version) == (first, 1)
    assert ChainBuilder(state).state(START_MS + 3).amended is state.amended
    following = state.next_epoch()
    assert (following.charter, following.amended) == (state.amended, None)
    assert following.charters == (founding, state.amended)
    assert [one.electorate().epoch for one in following.charters] == [0, 1]
    assert following.attending_of(1) == second
    assert (following.n_bc, following.tip, following.absences) == (
        state.n_bc,
        state.tip,
        state.absences,
    )
    assert (state.charter, state.amended) == (founding, following.charter)
    with pytest.raises(AssertionError, match="R-GOV8"):
        following.next_epoch()


def test_whoever_stands_in_must_be_active(ledger: Ledger) -> None:
    """R-ORD15, R-GOV7: a suspended delegate votes on nothing; entries name the one attending."""
    first, second, third, _ = (address(name) for name in ledger.network.doctors)
    away = AbsenceAct(first, second, START_MS, START_MS + 99)
    ledger.batch(away, AbsenceAct(third, first, START_MS, START_MS + 99), at_ms=START_MS + 1)
    ledger.batch(Amendment(0, (Suspend(second, third),)), at_ms=START_MS + 2)
    form = propose(ledger.network, ledger.state, BlockType.MEDICAL_FORM)
    assert ledger.state.delegates_of(form.core, form.id, START_MS + 5) == {second}
    ledger.state = ledger.state.next_epoch()
    assert ledger.state.delegates_of(form.core, form.id, START_MS + 5) == frozenset()
    ledger.batch(Amendment(1, (Suspend(first, third),)), at_ms=START_MS + 3)
    ledger.state = ledger.state.next_epoch()
    assert ledger.state.attending_for(form.core) == third
    assert ledger.state.delegates_of(form.core, form.id, START_MS + 5) == frozenset()


def test_governance_has_no_attending(ledger: Ledger) -> None:
    """R-GOV4: nobody's approval counts for more, and nobody stands in for nobody."""
    first, second, *_ = (address(name) for name in ledger.network.doctors)
    ledger.batch(AbsenceAct(first, second, START_MS, START_MS + 99), at_ms=START_MS + 1)
    asked = ledger.proposal(AbsenceAct(first, None))
    assert ledger.state.attending_for(asked.core) is None
    assert ledger.state.delegates_of(asked.core, asked.id, START_MS + 5) == frozenset()


def test_evidence_is_remembered_by_what_it_is_about(ledger: Ledger) -> None:
    """R-GOV5: of this culprit, kind and proposal; also once it is absorbed."""
    culprit = ledger.network.doctors[1]
    shown, other = (
        _two_votes(ledger.network, culprit, propose(ledger.network, ledger.state, kind))
        for kind in (BlockType.CT, BlockType.PET)
    )
    below = ledger.state
    ledger.batch(shown, at_ms=START_MS + 1)
    for _ in range(2):
        assert ledger.state.evidence_shown(evidence_key(shown))
        assert not ledger.state.evidence_shown(evidence_key(other))
        ledger.state.absorb()
    assert not below.evidence_shown((address(culprit), EvidenceKind.TWO_VOTES, 0, None))


def _two_votes(network: Network, culprit: str, proposal: Proposal) -> EvidenceAct:
    one, other = sorted(vote(network, proposal, culprit, grade=grade).encoded() for grade in (1, 2))
    return EvidenceAct(address(culprit), EvidenceKind.TWO_VOTES, one, other)


def test_an_amendment_that_does_not_apply_was_not_admitted(ledger: Ledger) -> None:
    """R-GOV5: the chain trusts admission, and stops where it was wrong."""
    builder = ChainBuilder(ledger.state)
    block = builder.place(ledger.proposal(Amendment(1, (Admit(newcomer()),))), Outcome.ACCEPTED)
    with pytest.raises(AssertionError, match="R-GOV5"):
        builder.append(block)
    assert block.header.hprevious == BlockHash(ledger.state.tip)
