"""R-SIM11, R-ORD12: two chains that fork name at least 2q-n of those who made them fork."""

from dataclasses import replace

import pytest

from medquorum.consensus.ordering.evidence import Contradiction, contradiction
from medquorum.consensus.ordering.forensics import (
    ChainFrame,
    chain_of,
    convict_fork,
    culprits,
    parting,
)
from medquorum.ledger.batch import Batch
from medquorum.ledger.certificate import Certificate
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.export import (
    BatchFrame,
    ExportHead,
    TailFrame,
    encode_batch,
    encode_head,
)
from tests.consensus.ordering.bench import (
    COUNT,
    ELECTORATE,
    FINAL,
    NOTAR,
    QUORUM,
    SKIP,
    batch,
    certificate,
    view_after,
)
from tests.consensus.ordering.toy import NETWORK, START_MS, toy_verify

PROVABLE = 2 * QUORUM - COUNT
FIRST = batch(1, [1])
RIVAL = batch(1, [2])
OURS = certificate(FINAL, 1, FIRST.hash, (0, 1, 2))


def frame(one: Batch, final: Certificate | None = None) -> BatchFrame:
    return BatchFrame(one.header, one.justification, final)


def rejustified(one: Batch, *certificates: Certificate) -> BatchFrame:
    """The frame of a batch as if its leader had been shown these certificates."""
    return BatchFrame(one.header, certificates, certificate(FINAL, one.header.slot, one.hash))


def named(first: tuple[ChainFrame, ...], second: tuple[ChainFrame, ...]) -> dict[int, set[str]]:
    """Who is convicted of what; both orders must say the same."""
    there = convict_fork(first, second, ELECTORATE, toy_verify)
    back = convict_fork(second, first, ELECTORATE, toy_verify)
    told = {(one.signer, one.slot, one.contradiction) for one in there}
    assert told == {(one.signer, one.slot, one.contradiction) for one in back}
    assert all(contradiction(one.first, one.second) is one.contradiction for one in there)
    found: dict[int, set[str]] = {}
    for one in there:
        found.setdefault(one.signer, set()).add(one.contradiction.value)
    return found


def test_two_final_batches_of_one_slot() -> None:
    theirs = frame(RIVAL, certificate(FINAL, 1, RIVAL.hash, (1, 2, 3)))
    found = named((frame(FIRST, OURS),), (theirs,))
    assert found == {1: {"two_finals"}, 2: {"two_finals"}}
    assert len(found) >= PROVABLE


def test_a_chain_that_skips_a_final_slot() -> None:
    over = batch(2, [2], skipped=(1,))
    theirs = rejustified(over, certificate(SKIP, 1, None, (0, 2, 3)))
    assert named((frame(FIRST, OURS),), (theirs,)) == {
        0: {"skip_and_final"},
        2: {"skip_and_final"},
    }


def test_a_chain_that_holds_another_batch_in_a_final_slot() -> None:
    child = batch(2, [3], parent=RIVAL, view=view_after(RIVAL), time_ms=START_MS + 1)
    theirs = (frame(RIVAL), rejustified(child, certificate(NOTAR, 1, RIVAL.hash, (0, 1, 3))))
    assert named((frame(FIRST, OURS),), theirs) == {
        0: {"notar_and_final"},
        1: {"notar_and_final"},
    }


def test_the_tail_of_an_epoch_counts_as_well() -> None:
    """R-GOV8: the certificate that ends an epoch may stand in an empty batch after it."""
    empty = batch(2, parent=FIRST, view=view_after(FIRST), time_ms=START_MS + 1)
    tail = TailFrame(empty.header, empty.justification, certificate(FINAL, 2, empty.hash))
    child = batch(2, [3], parent=RIVAL, view=view_after(RIVAL), time_ms=START_MS + 1)
    theirs = (frame(RIVAL), frame(child, certificate(FINAL, 2, child.hash, (0, 1, 2))))
    found = named((frame(FIRST), tail), theirs)
    assert {1, 2} <= found.keys()


def test_chains_of_which_one_extends_the_other_accuse_nobody() -> None:
    """Even where somebody signed twice: only what a fork shows is looked at."""
    child = batch(2, [2], parent=FIRST, view=view_after(FIRST), time_ms=START_MS + 1)
    longer = (frame(FIRST), frame(child, certificate(FINAL, 2, child.hash)))
    assert parting((frame(FIRST, OURS),), longer) is None
    assert convict_fork((frame(FIRST, OURS),), longer, ELECTORATE, toy_verify) == ()
    assert convict_fork((), longer, ELECTORATE, toy_verify) == ()


def test_what_lies_before_the_fork_is_not_looked_at() -> None:
    child = batch(2, [2], parent=FIRST, view=view_after(FIRST), time_ms=START_MS + 1)
    other = batch(2, [3], parent=FIRST, view=view_after(FIRST), time_ms=START_MS + 1)
    shared = frame(FIRST, certificate(FINAL, 1, RIVAL.hash))
    first = (shared, frame(child, certificate(FINAL, 2, child.hash, (0, 1, 2))))
    second = (frame(FIRST, OURS), frame(other, certificate(FINAL, 2, other.hash, (1, 2, 3))))
    assert parting(first, second) == 1
    assert named(first, second) == {1: {"two_finals"}, 2: {"two_finals"}}


def test_a_signature_that_does_not_hold_convicts_nobody() -> None:
    """Whoever brings the chains may have made them up."""
    theirs = certificate(FINAL, 1, RIVAL.hash, (1, 2, 3))
    forged = replace(theirs, votes=((1, theirs.votes[1][1]), *theirs.votes[1:]))
    found = named((frame(FIRST, OURS),), (frame(RIVAL, forged),))
    assert found == {2: {"two_finals"}}


def test_forged_votes_do_not_hide_genuine_ones() -> None:
    theirs = certificate(FINAL, 1, RIVAL.hash, (1, 2, 3))
    forged = replace(theirs, votes=tuple((signer, OURS.votes[0][1]) for signer in (1, 2, 3)))
    first = (BatchFrame(FIRST.header, (forged,), OURS),)
    assert named(first, (frame(RIVAL, theirs),)).keys() == {1, 2}


def test_votes_of_another_epoch_do_not_count() -> None:
    theirs = frame(RIVAL, certificate(FINAL, 1, RIVAL.hash, (1, 2, 3)))
    later = replace(ELECTORATE, epoch=1)
    assert convict_fork((frame(FIRST, OURS),), (theirs,), later, toy_verify) == ()


def test_signers_beyond_the_electorate_are_nobody() -> None:
    def signed(one: Certificate) -> Certificate:
        return replace(one, votes=((99, one.votes[0][1]), *one.votes))

    first = frame(FIRST, signed(OURS))
    second = frame(RIVAL, signed(certificate(FINAL, 1, RIVAL.hash, (1, 2, 3))))
    assert named((first,), (second,)).keys() == {1, 2}


def exported(one: Batch, final: Certificate) -> list[bytes]:
    head = ExportHead(NETWORK, one.hash, len(one.blocks), one.header.slot)
    return [encode_head(head), *encode_batch(one, final)]


def test_chains_are_read_from_exports() -> None:
    """R-EXP1: nothing but two files and the charter's keys."""
    theirs = certificate(FINAL, 1, RIVAL.hash, (1, 2, 3))
    first, second = chain_of(exported(FIRST, OURS)), chain_of(exported(RIVAL, theirs))
    assert first == (frame(FIRST, OURS),)
    evidence = convict_fork(first, second, ELECTORATE, toy_verify)
    assert culprits(evidence) == {1, 2}
    assert {one.contradiction for one in evidence} == {Contradiction.TWO_FINALS}


def test_what_is_no_export_is_refused() -> None:
    with pytest.raises(LedgerError, match="R-EXP1"):
        chain_of([b"\x00\x00\x00\x09short"])
