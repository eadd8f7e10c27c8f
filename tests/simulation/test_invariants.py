"""Every invariant can fail: each is fed a story that breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from medquorum.consensus.effects import CeaseVoting, Convict, Halt, HaltReason
from medquorum.consensus.events import DoubleVote
from medquorum.consensus.messages import BatchProposal, OrderingVoteMessage
from medquorum.consensus.ordering.application import LoggedBatch
from medquorum.consensus.ordering.evidence import Contradiction, VoteEvidence
from medquorum.consensus.ordering.journal import Finalised, Proposed, Skipped
from medquorum.ledger.batch import Batch
from medquorum.ledger.block import place
from medquorum.ledger.certificate import Certificate, OrderingVote, Statement, state
from medquorum.ledger.types import BatchHash, OrderingKind
from medquorum.simulation import invariants
from medquorum.simulation.contact import Held
from medquorum.simulation.invariants import TICKS_AT_ONCE
from medquorum.simulation.ledger_check import Append, LedgerCheck
from medquorum.simulation.machine import Machine
from medquorum.simulation.run import run
from medquorum.simulation.world import World
from tests.simulation.quiet import QUIET, broken, quiet_world

HASH = BatchHash(bytes(32))


@pytest.fixture
def world() -> World:
    return quiet_world()


def vote_of(machine: Machine, kind: OrderingKind, digest: BatchHash | None) -> OrderingVote:
    """A vote of slot 900 by this machine's doctor."""
    identity = machine.identity
    seat = identity.seat_of(identity.charter)
    assert seat is not None
    statement = Statement(0, 900, kind, digest)
    return state(statement, seat.number, identity.charter.network_id, seat.sign)


def commits_of(world: World) -> list[LoggedBatch]:
    """A machine's whole chain."""
    return list(world.machines[0].disk.chain)


def checked(world: World, *chains: Sequence[LoggedBatch], start: int = 0) -> list[str]:
    """What a fresh check says of these chains, appended by one machine after another."""
    found: list[str] = []
    identity = world.machines[0].identity
    check = LedgerCheck(
        identity.charter, identity.cryptography.verify, lambda name, _: found.append(name)
    )
    for chain in chains:
        for index, commit in enumerate(chain):
            check.appended(Append("d", start + index, (identity.charter,)), [commit])
    return found


def altered(commits: Sequence[LoggedBatch], index: int, **changes: object) -> list[LoggedBatch]:
    """The commits with another header in one batch."""
    batch = commits[index].batch
    other = Batch(
        replace(batch.header, **changes),  # type: ignore[arg-type]
        batch.blocks,
        batch.witnesses,
        batch.justification,
    )
    return [*commits[:index], replace(commits[index], batch=other), *commits[index + 1 :]]


def test_a_sound_chain_passes(world: World) -> None:
    assert checked(world, commits_of(world), commits_of(world)) == []


def test_two_batches_at_one_place(world: World) -> None:
    other = altered(commits_of(world), 2, time_ms=1)
    assert "agreement" in checked(world, commits_of(world), other)


def test_a_chain_with_a_hole(world: World) -> None:
    assert checked(world, commits_of(world)[:2], start=3)[0] == "agreement"


def test_a_batch_on_another_parent(world: World) -> None:
    assert "R-ORD17" in checked(world, altered(commits_of(world), 1, parent_hash=HASH))


def test_block_numbers_with_a_gap(world: World) -> None:
    commits = commits_of(world)
    first = next(index for index, one in enumerate(commits) if one.batch.blocks)
    assert "R-ORD2" in checked(world, altered(commits, first, first_nbc=7))
    assert "R-ORD7" in checked(world, altered(commits, first, last_block_hash=HASH))


def test_a_block_out_of_line(world: World) -> None:
    commits = commits_of(world)
    index = next(place for place, one in enumerate(commits) if one.batch.blocks)
    batch = commits[index].batch
    block = batch.blocks[0]
    for change, rule in (
        ({"n_bc": block.header.n_bc + 1}, "R-ORD2"),
        ({"hprevious": HASH}, "R-ORD2"),
        ({"n_pa": block.header.n_pa + 1}, "R-ORD3"),
    ):
        moved = place(replace(block.header, **change), block.proposal)
        other = Batch(batch.header, (moved, *batch.blocks[1:]), batch.witnesses, ())
        assert rule in checked(world, [*commits[:index], replace(commits[index], batch=other)])


def test_a_proposal_in_the_chain_twice(world: World) -> None:
    commits = commits_of(world)
    index = next(place for place, one in enumerate(commits) if one.batch.blocks)
    batch = commits[index].batch
    twice = Batch(batch.header, batch.blocks * 2, batch.witnesses * 2, ())
    assert "R-ORD4" in checked(world, [*commits[:index], replace(commits[index], batch=twice)])


def test_a_certificate_of_too_few_or_forged(world: World) -> None:
    commits = commits_of(world)
    certificate = commits[0].certificate
    assert certificate is not None
    few = Certificate(certificate.statement, certificate.votes[:2])
    swapped = tuple(
        (signer, other)
        for (signer, _), (_, other) in zip(
            certificate.votes, certificate.votes[1:] + certificate.votes[:1], strict=True
        )
    )
    for bad in (few, Certificate(certificate.statement, swapped)):
        assert checked(world, [replace(commits[0], certificate=bad)]) == ["R-ORD11"]


def test_a_batch_that_nothing_certifies(world: World) -> None:
    commits = commits_of(world)
    assert checked(world, [replace(commits[0], certificate=commits[1].certificate)]) == ["R-ORD11"]
    assert checked(world, [replace(commits[0], certificate=None)]) == ["R-ORD17"]


def test_a_vote_that_is_not_on_disk(world: World) -> None:
    machine = world.machines[0]
    vote = vote_of(machine, OrderingKind.SKIP, None)
    world.checks.said(machine, OrderingVoteMessage(vote))
    assert broken(world) == ["R-SIM10"]
    machine.disk.own.add((0, Skipped(900)))
    world.checks.said(machine, OrderingVoteMessage(vote))
    assert broken(world) == ["R-SIM10"]


def test_two_votes_that_contradict_each_other(world: World) -> None:
    machine = world.machines[0]
    machine.disk.own |= {(0, Skipped(900)), (0, Finalised(900, HASH))}
    skip = vote_of(machine, OrderingKind.SKIP, None)
    world.checks.said(machine, OrderingVoteMessage(skip))
    machine.start()
    final = vote_of(machine, OrderingKind.FINAL, HASH)
    world.checks.said(machine, OrderingVoteMessage(final))
    assert broken(world) == ["R-SIM11"]


def test_two_proposals_of_one_slot(world: World) -> None:
    chain = world.machines[0].disk.chain
    batch = next(one.batch for one in chain if one.batch.header.leader == 0)
    certificate = chain[0].certificate
    assert certificate is not None
    _, signature = certificate.votes[0]
    for time_ms in (1, 2):
        header = replace(batch.header, slot=900, time_ms=time_ms)
        world.machines[0].disk.own.add((0, Proposed(900, header.hash())))
        message = BatchProposal(header.encoded(), (), (), signature)
        world.checks.said(world.machines[0], message)
    assert broken(world) == ["R-SIM5"]


def test_an_honest_doctor_convicted_or_accused(world: World) -> None:
    machine, other = world.machines[0], world.machines[1]
    skip, final = (
        vote_of(other, kind, digest)
        for kind, digest in ((OrderingKind.SKIP, None), (OrderingKind.FINAL, HASH))
    )
    evidence = VoteEvidence(Contradiction.SKIP_AND_FINAL, skip.signer, 900, skip, final)
    convict = Convict(evidence, other.identity.address)
    world.checks.stepped(machine, (convict,))
    assert broken(world) == ["R-SIM11"]
    vote = next(iter(next(iter(world.people.matters.values())).ballots.values()))
    world.checks.stepped(machine, (DoubleVote(vote, vote),))
    assert broken(world) == ["R-SIM11", "R-VOT3"]
    other.impaired = True
    world.checks.stepped(machine, (convict,))
    assert len(broken(world)) == 2


def test_a_halt_or_a_lost_journal_without_cause(world: World) -> None:
    machine = world.machines[0]
    world.checks.stepped(machine, (Halt(HaltReason.FORK, ()),))
    world.checks.stepped(machine, (CeaseVoting(vote_of(machine, OrderingKind.SKIP, None)),))
    assert broken(world) == ["R-SIM2", "R-SIM10"]
    assert world.checks.halted


def test_a_contradiction_that_is_overlooked(world: World) -> None:
    machine, liar = world.machines[0], world.machines[1]
    assert machine.replica is not None
    slot = machine.replica.ordering.current_slot
    for kind, digest in ((OrderingKind.SKIP, None), (OrderingKind.FINAL, HASH)):
        vote = vote_of(liar, kind, digest)
        statement = replace(vote.statement, slot=slot)
        identity = liar.identity
        seat = identity.seat_of(identity.charter)
        assert seat is not None
        near = state(statement, seat.number, identity.charter.network_id, seat.sign)
        world.checks.hears(machine, liar, OrderingVoteMessage(near))
        world.checks.heard(machine, liar, OrderingVoteMessage(near))
    assert broken(world) == ["R-SIM11"]


def test_a_deadline_that_is_never_met(world: World) -> None:
    for _ in range(TICKS_AT_ONCE):
        world.checks.ticked(world.machines[0], world.line.now_ms)
    assert broken(world) == ["R-SIM3"]
    assert not world.machines[0].up


@pytest.mark.parametrize("held", [Held(10_001, 0, 0), Held(0, 4_097, 0), Held(0, 0, 10**6)])
def test_memory_beyond_its_bound(world: World, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "held_by", lambda _: held)
    for _ in range(invariants.MEASURED_EVERY):
        world.checks.stepped(world.machines[0], ())
    assert broken(world) == ["limits"]


def test_too_small_a_quorum_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole machinery finds what a wrong quorum does: two halves each go their way."""
    monkeypatch.setattr("medquorum.ledger.charter.quorum_size", lambda mode, doctors: doctors // 2)
    frame = replace(QUIET, faults_per_minute=60, fault_probability=0.8)
    found: set[str] = set()
    for seed in range(40):
        found |= {violation.invariant for violation in run(frame, seed).violations}
        if "agreement" in found:
            break
    assert "agreement" in found


def test_a_forgetful_journal_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medquorum.simulation.disk.Disk._journal", lambda *_: None)
    report = run(QUIET, 1)
    assert "R-SIM10" in {violation.invariant for violation in report.violations}
