"""Mutants of proposals, votes of ordering and finality."""

from __future__ import annotations

from medquorum.ledger.types import QuorumMode
from tests.mutants.mutant import (
    CONSENSUS,
    ORDERING,
    Edit,
    Explored,
    Mutant,
    stories,
    suite,
    twins,
)

PEN = f"{ORDERING}pen.py"
NOTARISE = f"{ORDERING}notarise.py"
THREE = Explored(QuorumMode.MAJORITY, 3, 0, 2, 2)

VOTING: tuple[Mutant, ...] = (
    Mutant(
        "final-after-skip",
        (
            Edit(
                PEN,
                'if slot in self._skipped:\n            raise GuardError(f"R-SIM8: slot {slot} '
                "has this node's skip, so it is never finalised\")",
                "if slot < 0:\n            raise GuardError",
            ),
            Edit(
                f"{ORDERING}slots.py",
                "or pen.skipped(slot) or pen.finalised(slot) is not None:",
                "or pen.finalised(slot) is not None:",
            ),
        ),
        "a node finalises a slot it gave up (R-SIM8)",
        (
            stories(11, 8, 4, 5),
            THREE,
        ),
    ),
    Mutant(
        "skip-after-final",
        (
            Edit(
                PEN,
                'if slot in self._finalised:\n            raise GuardError(f"R-SIM8: slot {slot} '
                "has this node's final, so it is never skipped\")",
                "if slot < 0:\n            raise GuardError",
            ),
        ),
        "a node gives up a slot it has finalised (R-SIM8)",
        (THREE,),
    ),
    Mutant(
        "second-notar",
        (
            Edit(
                PEN,
                'if slot in self._notarised:\n            raise GuardError(f"R-SIM6: slot {slot} '
                "has this node's notar already\")",
                "if slot < 0:\n            raise GuardError",
            ),
            Edit(
                NOTARISE,
                "if slot > state.current or pen.notarised(slot) is not None:",
                "if slot > state.current:",
            ),
            Edit(
                NOTARISE,
                "if batch is None or not _admissible(state, batch) or not _due(",
                "if any(\n                one.statement.hash == proposal.hash\n"
                "                for one in state.tally.votes_of(pen.number, slot - 1)\n"
                "            ):\n                continue\n"
                "            if batch is None or not _admissible(state, batch) or not _due(",
            ),
        ),
        "a node notarises every batch of a slot (R-SIM6)",
        (
            stories(57, 45, 19, 39),
            twins(0, 105),
            THREE,
        ),
    ),
    Mutant(
        "gap-without-skips",
        (
            Edit(
                NOTARISE,
                "if any(state.shelf.get(slot, OrderingKind.SKIP) is None for slot in between):",
                "if len(between) < 0:",
            ),
            Edit(
                NOTARISE,
                "if len(certificates) != len(expected) + (header.parent_slot > 0):",
                "if len(certificates) < (header.parent_slot > 0):",
            ),
            Edit(
                NOTARISE,
                "return [(one.statement.slot, one.statement.hash) for one in skips] "
                "== expected and all(",
                "return all(",
            ),
        ),
        "a batch may jump over slots that nobody skipped (R-SIM6, R-ORD12)",
        (THREE,),
    ),
    Mutant(
        "parent-uncertified",
        (
            Edit(
                NOTARISE,
                "if not on_final and state.shelf.supporting("
                "header.parent_slot, header.parent_hash) is None:",
                "if not on_final and header.parent_slot < 0:",
            ),
            Edit(
                NOTARISE,
                "if (parent.slot, parent.hash) != (header.parent_slot, header.parent_hash):",
                "if parent.slot < 0:",
            ),
        ),
        "a batch may stand on a parent that no quorum notarised (R-SIM6, R-ORD12)",
        (THREE, suite("consensus/ordering/test_notarise.py")),
    ),
    Mutant(
        "anybody-leads",
        (
            Edit(
                NOTARISE,
                "and header.leader == electorate.leader(header.slot)",
                "and header.leader < len(electorate.keys)",
            ),
        ),
        "a batch of a doctor who does not lead the slot is taken (R-ORD9)",
        (suite("consensus/ordering/test_notarise.py::test_another_doctors_batch_is_ignored"),),
    ),
    Mutant(
        "leader-unsigned",
        (
            Edit(
                NOTARISE,
                "if not state.verify("
                "state.electorate.keys[header.leader], digest, proposal.signature):",
                "if not digest:",
            ),
        ),
        "a proposal counts as the leader's whoever made it (R-ORD14)",
        (stories(49), suite("consensus/ordering/test_notarise.py")),
    ),
    Mutant(
        "batch-unjudged",
        (
            Edit(
                NOTARISE,
                "return isinstance(state.branches.judge(batch), Accept)",
                "return state.branches.judge(batch) is not None",
            ),
        ),
        "a node notarises what its ledger refuses (R-SIM6, R-ORD4)",
        (suite("consensus/ordering/test_notarise.py::test_what_the_ledger_rejects_gets_no_vote"),),
    ),
    Mutant(
        "clock-ignored",
        (
            Edit(
                NOTARISE,
                "due_ms = header.time_ms - CLOCK_DRIFT_MS",
                "due_ms = min(header.time_ms, 0)",
            ),
        ),
        "a batch from the future is notarised at once (R-ORD13)",
        (
            suite(
                "consensus/ordering/test_notarise.py"
                "::test_a_batch_ahead_of_the_clock_waits_for_its_time"
            ),
        ),
    ),
    Mutant(
        "time-stands-still",
        (
            Edit(
                NOTARISE,
                "if header.time_ms <= state.branches.time_ms(header.parent_hash):",
                "if header.time_ms < 0:",
            ),
            Edit(f"{CONSENSUS}composition.py", "and header.time_ms > view.time_ms\n", "\n"),
        ),
        "a batch may be as old as its parent or older (R-ORD13)",
        (
            suite(
                "consensus/test_composition.py",
                "consensus/ordering/test_notarise.py::test_time_must_exceed_the_parents",
            ),
        ),
    ),
    Mutant(
        "foreign-branch-final",
        (
            Edit(
                f"{ORDERING}commit.py",
                "if isinstance(path, Foreign):",
                "if isinstance(path, Foreign) and digest is not None:\n            continue\n"
                "        if isinstance(path, Foreign):",
            ),
        ),
        "finality of a branch without the last final batch is passed over (R-SIM2)",
        (suite("consensus/ordering/test_commit.py::test_a_final_batch_on_another_branch_halts"),),
    ),
    Mutant(
        "final-unjudged",
        (
            Edit(
                f"{ORDERING}branches.py",
                "if isinstance(self._judged(batch, view), Reject):",
                "if isinstance(self._judged(batch, view), Reject) and batch.header.slot < 0:",
            ),
        ),
        "a batch that breaks the rules is appended because a quorum finalised it (R-SIM2)",
        (
            suite(
                "consensus/ordering/test_commit.py::test_a_final_batch_that_breaks_the_rules_halts"
            ),
        ),
    ),
    Mutant(
        "second-proposal-unnoticed",
        (Edit(NOTARISE, "for earlier in kept[:1]:", "for earlier in kept[:0]:"),),
        "a leader who signs two batches for a slot leaves no evidence (R-SIM11)",
        (suite("consensus/ordering/test_notarise.py"),),
    ),
    Mutant(
        "second-vote-unnoticed",
        (
            Edit(
                f"{ORDERING}tally.py",
                "if how is not None and (vote.signer, slot, how) not in self._convicted:",
                "if how is not None and slot < 0:",
            ),
        ),
        "a doctor who signs two contradicting votes leaves no evidence (R-SIM11)",
        (stories(45, 14, 37), suite("consensus/ordering/test_tally.py")),
    ),
    Mutant(
        "innocent-convicted",
        (
            Edit(
                f"{ORDERING}evidence.py",
                "_PAIRS = {\n",
                "_PAIRS = {\n    (OrderingKind.SKIP, OrderingKind.NOTAR): "
                "Contradiction.SKIP_AND_FINAL,\n",
            ),
        ),
        "notar after skip counts as a contradiction, though liveness needs it (R-SIM6, R-SIM11)",
        (
            stories(11, 4, 5),
            twins(470, 600),
            suite("consensus/ordering/test_tally.py::test_pairs"),
        ),
    ),
)
