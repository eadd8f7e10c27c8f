"""R-SIM2: a final certificate of an earlier slot, shown late, is a fork as well."""

from medquorum.consensus.effects import Halt, HaltReason
from medquorum.consensus.ordering.application import FinalPoint, LoggedBatch
from medquorum.consensus.ordering.branches import RECENT
from medquorum.ledger.batch import Batch
from medquorum.ledger.certificate import Certificate
from tests.consensus.ordering.bench import (
    FINAL,
    NOTAR,
    SKIP,
    Bench,
    batch,
    certificate,
    proposal,
    view_after,
)
from tests.consensus.ordering.toy import START_MS

RIVAL = batch(1, [9])
LATE = batch(3, [1], skipped=(1, 2))
NEXT = batch(5, [2], parent=LATE, view=view_after(LATE), skipped=(4,), time_ms=START_MS + 1)


def at_slot_five() -> Bench:
    """A node whose chain skips slots 1, 2 and 4."""
    bench = Bench(known=[1, 2])
    for one, leader in ((LATE, 3), (NEXT, 1)):
        for skip in one.justification:
            bench.hear_certificate(skip)
        bench.hear(proposal(one), leader)
        bench.hear_certificate(certificate(NOTAR, one.header.slot, one.hash))
        bench.hear_certificate(certificate(FINAL, one.header.slot, one.hash))
    assert bench.ordering.final_slot == 5
    return bench


def halts(bench: Bench, shown: Certificate) -> bool:
    effects = bench.hear_certificate(shown)
    return [one.reason for one in effects if isinstance(one, Halt)] == [HaltReason.FORK]


def test_finality_of_a_slot_the_chain_skipped_halts() -> None:
    """Below the first final slot, and between two."""
    for slot in (1, 2, 4):
        bench = at_slot_five()
        theirs = certificate(FINAL, slot, RIVAL.hash)
        assert halts(bench, theirs)
        assert bench.ordering.halted is not None
        assert bench.ordering.halted.certificates[1] == theirs


def test_what_the_chain_holds_or_nobody_finalised_does_not_halt() -> None:
    bench = at_slot_five()
    assert not halts(bench, certificate(FINAL, 3, LATE.hash))
    assert not halts(bench, certificate(SKIP, 3, None))
    assert not halts(bench, certificate(NOTAR, 1, RIVAL.hash))
    assert not halts(bench, certificate(FINAL, 1, RIVAL.hash, (1, 2)))
    assert bench.ordering.halted is None


def restarted(batches: list[Batch]) -> Bench:
    """A node that starts with a log and no memory of how it came."""
    tip = batches[-1]
    view = view_after(*batches)
    bench = Bench(
        final=FinalPoint(tip.header.slot, tip.hash, tip.header.time_ms, len(batches), view)
    )
    bench.ledger.log = [(one, certificate(FINAL, one.header.slot, one.hash)) for one in batches]
    return bench


def test_a_node_looks_into_its_log_after_a_restart() -> None:
    for slot in (1, 2, 4):
        assert halts(restarted([LATE, NEXT]), certificate(FINAL, slot, RIVAL.hash))
    assert not halts(restarted([LATE, NEXT]), certificate(FINAL, 3, LATE.hash))


def test_it_does_not_look_deeper_than_it_remembers() -> None:
    """A limit on what one message may cost."""
    chain = [batch(2, [1], skipped=(1,))]
    for slot in range(3, RECENT + 4):
        parent = chain[-1]
        chain.append(batch(slot, parent=parent, view=view_after(*chain), time_ms=START_MS + slot))
    assert len(chain) == RECENT + 2
    bench = restarted(chain)
    read: list[int] = []
    stored = bench.ledger.final_batch

    def final_batch(log_index: int) -> LoggedBatch | None:
        read.append(log_index)
        return stored(log_index)

    bench.ledger.final_batch = final_batch  # type: ignore[method-assign]
    forged = certificate(FINAL, 1, RIVAL.hash, (1, 2))
    assert not halts(bench, forged) and read == [], "nothing is read for who proves nothing"
    assert not halts(bench, certificate(FINAL, 1, RIVAL.hash))
    assert len(read) == RECENT
    assert halts(bench, certificate(FINAL, 3, RIVAL.hash)) is False
    assert halts(bench, certificate(FINAL, chain[-2].header.slot, RIVAL.hash))
