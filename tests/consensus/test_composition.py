"""What a leader composes every other node accepts; what breaks a rule is refused by name."""

from dataclasses import replace
from typing import Any

import pytest

from medquorum.consensus.composition import compose
from medquorum.consensus.pool import Candidate
from medquorum.ledger.block import BlockHeader, Witness, place
from medquorum.ledger.chain import ChainBuilder
from medquorum.ledger.limits import BATCH_BODY_BYTES
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason, Reject
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import (
    GOVERNANCE_TYPES,
    RESERVED_TYPES,
    BlockHash,
    BlockType,
    Decision,
    NetworkId,
    Outcome,
)
from tests.consensus.batches import after, ct, forced, judged
from tests.support.chains import Chain
from tests.support.network import (
    START_MS,
    candidate,
    digest,
    make_network,
    propose,
    registration,
    vote,
    votes,
    witness,
)


def test_an_empty_batch_and_a_full_one_are_accepted(chain: Chain) -> None:
    """R-ORD7, R-ORD8."""
    assert judged(chain, after(chain)) == ACCEPT
    assert judged(chain, after(chain, ct(chain))) == ACCEPT


@pytest.mark.parametrize(
    "changes",
    [
        {"network": NetworkId(digest("elsewhere"))},
        {"first_nbc": 4},
        {"count": 0},
        {"count": 2},
        {"charter_version": 1},
        {"registry_hash": digest("absences")},
        {"time_ms": START_MS},
        {"blocks_root": digest("root")},
        {"witness_root": digest("root")},
        {"justification_root": digest("root")},
        {"last_block_hash": BlockHash(digest("block"))},
        {"seal_nonce": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_each_header_field_follows_from_chain_and_body(
    chain: Chain, changes: dict[str, Any]
) -> None:
    """R-ORD7, R-ORD13, R-ORD15, R-ORD16."""
    batch = after(chain, ct(chain), **changes)
    assert judged(chain, batch) == Reject(Reason.BAD_HEADER)


def test_two_strict_proposals_at_one_head(chain: Chain) -> None:
    """R-PRO7: compose leaves the second out; a batch with both is refused."""
    network, view = chain.network, chain.state
    first, second = (
        candidate(network, propose(network, view, BlockType.REPORT, issuer=name), view)
        for name in network.doctors[:2]
    )
    batch = after(chain, first, second)
    assert [block.proposal for block in batch.blocks] == [first.proposal]
    assert judged(chain, batch) == ACCEPT
    builder = ChainBuilder(view)
    builder.append(batch.blocks[0])
    both = forced(
        chain,
        [
            (batch.blocks[0], first.witness),
            (builder.place(second.proposal, Outcome.ACCEPTED), second.witness),
        ],
    )
    assert judged(chain, both) == Ignore(Reason.STALE_POSITION)


def test_one_key_registers_once_in_a_batch(chain: Chain) -> None:
    """R-ORD4: two forms of one patient; the second is left out, and refused when forced in."""
    network, view = chain.network, chain.state
    first, second = (
        candidate(network, registration(network, "patient 3", issuer=issuer), view)
        for issuer in network.doctors[:2]
    )
    batch = after(chain, first, second)
    assert len(batch.blocks) == 1
    builder = ChainBuilder(view)
    builder.append(batch.blocks[0])
    again = builder.place(second.proposal, Outcome.ACCEPTED)
    both = forced(chain, [(batch.blocks[0], first.witness), (again, second.witness)])
    assert judged(chain, both) == Reject(Reason.BAD_REGISTRATION)


def test_a_form_that_names_another_attending_undoes_later_verdicts(chain: Chain) -> None:
    """R-VOT4, R-VER2: the chain before the block decides who attends, also within a batch."""
    network, view = chain.network, chain.state
    other = registration(network, "patient 3", doctor=network.doctors[1]).core.doctor
    form = propose(network, view, BlockType.MEDICAL_FORM, doctor=other)
    decided = [candidate(network, form, view), ct(chain)]
    batch = after(chain, *decided)
    assert [block.proposal for block in batch.blocks] == [form]
    assert judged(chain, batch) == ACCEPT
    builder = ChainBuilder(view)
    builder.append(batch.blocks[0])
    image = builder.place(decided[1].proposal, Outcome.ACCEPTED)
    both = forced(chain, [(batch.blocks[0], decided[0].witness), (image, decided[1].witness)])
    assert judged(chain, both) == Reject(Reason.VERDICT_NOT_REACHED)


def test_expiry_is_by_batch_time(chain: Chain) -> None:
    """R-ORD4, R-ORD5: the last millisecond is in time, accepted or rejected alike."""
    network, view = chain.network, chain.state
    for outcome in Outcome:
        proposal = propose(network, view, BlockType.CT, expires_at_ms=START_MS + 1)
        decided = candidate(network, proposal, view, outcome=outcome)
        in_time = after(chain, decided)
        assert len(in_time.blocks) == 1
        assert judged(chain, in_time) == ACCEPT
        late = forced(chain, [(in_time.blocks[0], decided.witness)], time_ms=START_MS + 2)
        assert judged(chain, late) == Reject(Reason.EXPIRED)
        assert compose([decided], view, 256, START_MS + 2, BATCH_BODY_BYTES).blocks == ()


def test_a_proposal_is_in_the_chain_once(chain: Chain) -> None:
    """R-ORD4: neither again nor twice in one batch."""
    known = chain.blocks[2].proposal
    decided = candidate(chain.network, known, chain.state)
    assert after(chain, decided).blocks == ()
    block = ChainBuilder(chain.state).place(known, Outcome.ACCEPTED)
    assert judged(chain, forced(chain, [(block, decided.witness)])) == Reject(Reason.DUPLICATE)
    image = ct(chain)
    assert len(after(chain, image, image).blocks) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"n_bc": 9},
        {"hprevious": BlockHash(digest("block"))},
        {"n_pb": 2},
        {"n_pa": 9},
        {"hpatient": BlockHash(bytes(32))},
        {"outcome": Outcome.REJECTED},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_each_number_and_link_of_a_block_follows(chain: Chain, changes: dict[str, Any]) -> None:
    """R-ORD2, R-ORD3, R-ORD5."""
    decided = ct(chain)
    right = ChainBuilder(chain.state).place(decided.proposal, Outcome.ACCEPTED)
    header: BlockHeader = replace(right.header, **changes)
    batch = forced(chain, [(place(header, decided.proposal), decided.witness)])
    assert judged(chain, batch) == Reject(Reason.BAD_LINK)


def refused_by(chain: Chain, decided: Candidate) -> Judgement:
    """What another node says of a batch of this alone."""
    block = ChainBuilder(chain.state).place(decided.proposal, decided.outcome)
    assert compose([decided], chain.state, 256, START_MS + 1, BATCH_BODY_BYTES).blocks in (
        (),
        (block,),
    )
    return judged(chain, forced(chain, [(block, decided.witness)]))


def test_a_batch_of_something_inadmissible_is_refused_by_its_reason(chain: Chain) -> None:
    """R-ORD4, R-ORD6: what each single judgement says reaches the batch's."""
    network, view = chain.network, chain.state
    good = ct(chain)
    unsigned = replace(good.proposal, signature=Signature(bytes(64)))
    stranger = propose(network, view, BlockType.CT, issuer=network.doctors[0])
    lone = witness(votes(network, good.proposal, view, {network.doctors[0]: Decision.APPROVE}))
    spoiled_vote = replace(good.witness.votes[1], signature=Signature(bytes(64)))
    cases: list[tuple[Candidate, Reason]] = [
        (replace(good, proposal=unsigned), Reason.BAD_SIGNATURE),
        (candidate(network, stranger, view), Reason.ROLE_NOT_ALLOWED),
        (replace(good, witness=lone), Reason.VERDICT_NOT_REACHED),
        (replace(good, outcome=Outcome.REJECTED), Reason.VERDICT_NOT_REACHED),
        (replace(good, witness=Witness(good.witness.votes[::-1])), Reason.BAD_WITNESS),
        (
            replace(
                good,
                witness=witness([*good.witness.votes[:1], spoiled_vote, *good.witness.votes[2:]]),
            ),
            Reason.BAD_SIGNATURE,
        ),
        (ct(chain, patient_name=digest("another")), Reason.PATIENT_MISMATCH),
    ]
    for decided, reason in cases:
        assert refused_by(chain, decided) == Reject(reason)


def test_a_forged_vote_of_nobody_counts_for_nothing(chain: Chain) -> None:
    """R-VOT3, R-VER5: a hospital's vote in a witness spoils the batch."""
    good = ct(chain)
    extra = vote(chain.network, good.proposal, "Hospital St. Mary")
    spoiled = replace(good, witness=witness([*good.witness.votes, extra]))
    assert refused_by(chain, spoiled) == Reject(Reason.NOT_A_DOCTOR)


@pytest.mark.parametrize("kind", sorted({*GOVERNANCE_TYPES, *RESERVED_TYPES}))
@pytest.mark.parametrize("outcome", Outcome)
def test_a_reserved_type_is_a_judgement_never_an_error(
    chain: Chain, kind: BlockType, outcome: Outcome
) -> None:
    """R-BLK1: no policy decides on it, and a hostile leader cannot make a node stumble."""
    network, view = chain.network, chain.state
    proposal = propose(network, view, kind)
    shown = votes(network, proposal, view)
    decided = Candidate(proposal, outcome, witness(shown))
    reason = Reason.TYPE_RESERVED if kind in RESERVED_TYPES else Reason.MALFORMED
    assert refused_by(chain, decided) == Reject(reason)


def test_a_replay_from_another_network_is_refused(chain: Chain) -> None:
    """R-HASH3: block, witness and votes of the same doctors elsewhere."""
    elsewhere = Chain(make_network(retention_days=10))
    proposal = registration(elsewhere.network, "patient 3")
    decided = candidate(elsewhere.network, proposal, elsewhere.view)
    assert refused_by(chain, decided) == Reject(Reason.FOREIGN_NETWORK)
    here = registration(chain.network, "patient 3")
    borrowed = Candidate(
        here, Outcome.ACCEPTED, witness(votes(elsewhere.network, here, elsewhere.view))
    )
    assert refused_by(chain, borrowed) == Reject(Reason.BAD_SIGNATURE)
