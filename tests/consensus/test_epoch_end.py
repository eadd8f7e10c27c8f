"""R-GOV8: an amendment is the last block of its epoch, whoever composes, rebuilds or judges."""

import pytest

from medquorum.consensus.application import ClinicalApplication
from medquorum.consensus.composition import judge_batch
from medquorum.consensus.ordering.compact import compact_of
from medquorum.consensus.pool import Candidate, Pool
from medquorum.ledger.batch import Batch
from medquorum.ledger.chain import ChainBuilder, ChainState
from medquorum.ledger.change import Admit
from medquorum.ledger.governance import Amendment
from medquorum.ledger.limits import BATCH_BODY_BYTES
from medquorum.ledger.reasons import ACCEPT, Reason, Reject
from medquorum.ledger.signature import verify
from medquorum.ledger.types import Outcome
from tests.consensus.batches import after, ct, forced, judged
from tests.ledger.governance_kit import newcomer
from tests.support.chains import Chain, Place, make_batch
from tests.support.governed import Governed
from tests.support.network import HOSPITAL, START_MS, vote, witness

LATER = START_MS + 2


@pytest.fixture
def amendment(chain: Chain) -> Candidate:
    """A doctor is admitted; everybody approves."""
    proposal = Governed(chain.network).propose_act(
        Amendment(0, (Admit(newcomer("Dr. New")),)), HOSPITAL
    )
    votes = [vote(chain.network, proposal, name) for name in chain.network.doctors]
    return Candidate(proposal, Outcome.ACCEPTED, witness(votes))


def amended(chain: Chain, amendment: Candidate) -> tuple[Batch, ChainState]:
    """The batch that ends the epoch, and the chain with it, its epoch not over yet."""
    end = after(chain, amendment)
    assert len(end.blocks) == 1 and judged(chain, end) == ACCEPT
    return end, chain.state.extend(end)


def test_whoever_composes_ends_with_the_amendment(chain: Chain, amendment: Candidate) -> None:
    batch = after(chain, ct(chain), amendment, ct(chain, issuer=chain.network.doctors[0]))
    assert [block.proposal for block in batch.blocks][-1] == amendment.proposal
    assert len(batch.blocks) == 2


def test_a_block_after_it_in_its_batch_is_refused(chain: Chain, amendment: Candidate) -> None:
    one, builder = ct(chain), ChainBuilder(chain.state)
    blocks = []
    for decided in (amendment, one):
        blocks.append((builder.place(decided.proposal, Outcome.ACCEPTED), decided.witness))
        builder.append(blocks[-1][0])
    assert judged(chain, forced(chain, blocks)) == Reject(Reason.EPOCH_ENDED)


def test_a_block_in_a_later_batch_of_its_epoch_is_refused(
    chain: Chain, amendment: Candidate
) -> None:
    end, view = amended(chain, amendment)
    place = Place(slot=3, parent_slot=2, parent_hash=end.hash, time_ms=LATER)
    empty = make_batch(chain.network, view, (ct(chain),), place)
    assert empty.blocks == () and judge_batch(empty, view, verify) == ACCEPT
    one = ct(chain)
    block = ChainBuilder(view).place(one.proposal, Outcome.ACCEPTED)
    full = forced(chain, [(block, one.witness)], first_nbc=view.n_bc + 1, time_ms=LATER)
    assert judge_batch(full, view, verify) == Reject(Reason.EPOCH_ENDED)


def test_a_pool_full_of_verdicts_is_no_work_until_the_next_epoch(
    chain: Chain, amendment: Candidate
) -> None:
    """R-SIM4: the tail is empty, and a compact batch that is not cannot be made whole."""
    _, view = amended(chain, amendment)
    pool, one = Pool(), ct(chain)
    pool.add_proposal(one.proposal, chain.state)
    for each in one.witness.votes:
        pool.add_vote(each, chain.state, LATER)
    ledger = ClinicalApplication(pool, verify, lambda place: None)
    ledger.now_ms = LATER
    assert ledger.has_work(chain.state) and not ledger.has_work(view)
    assert ledger.compose(chain.state, LATER, BATCH_BODY_BYTES).blocks != ()
    assert ledger.compose(view, LATER, BATCH_BODY_BYTES).blocks == ()
    batch = after(chain, one)
    doctors = [doctor.address for doctor in chain.network.charter.doctors]
    compact = compact_of(batch.blocks, batch.witnesses, doctors)
    assert ledger.rebuild(compact, batch.header, chain.state) is not None
    assert ledger.rebuild(compact, batch.header, view) is None
