"""Mutants of what a doctor's node remembers across a crash (R-SIM10)."""

from __future__ import annotations

from medquorum.simulation.twins.crashes import Away, CrashScenario
from tests.mutants.mutant import (
    NODE,
    ORDERING,
    SIMULATION,
    Edit,
    Mutant,
    crashes,
    stories,
    suite,
    twins,
)

JOURNAL = f"{ORDERING}journal.py"
CERTIFY = f"{ORDERING}certify.py"

MEMORY: tuple[Mutant, ...] = (
    Mutant(
        "skip-forgotten",
        (Edit(JOURNAL, "state.skipped.add(slot)", "pass"),),
        "a restarted node does not know which slots it gave up (R-SIM10, R-SIM8)",
        (
            stories(23, 12, 8, 16, 18),
            crashes(CrashScenario(3, 0, 14, Away.SHORT), CrashScenario(3, 2, 6, Away.SHORT)),
        ),
    ),
    Mutant(
        "votes-forgotten",
        (
            Edit(JOURNAL, "_once(state.notarised, slot, digest)", "pass"),
            Edit(JOURNAL, "state.skipped.add(slot)", "pass"),
            Edit(JOURNAL, "_once(state.finalised, slot, digest)", "pass"),
        ),
        "a restarted node knows none of its votes (R-SIM10)",
        (
            stories(23, 12, 16, 18),
            crashes(CrashScenario(1, 0, 22, Away.LONG), CrashScenario(3, 0, 14, Away.SHORT)),
        ),
    ),
    Mutant(
        "proposal-forgotten",
        (Edit(JOURNAL, "_once(state.proposed, slot, digest)", "pass"),),
        "a restarted leader does not know what it proposed (R-SIM5, R-SIM10)",
        (
            stories(32, 53, 62, 54),
            crashes(CrashScenario(4, 2, 12, Away.SHORT)),
        ),
    ),
    Mutant(
        "finality-and-certificates-forgotten",
        (
            Edit(JOURNAL, "_once(state.finalised, slot, digest)", "pass"),
            Edit(
                JOURNAL,
                "state.certificates[statement.slot, statement.kind] = certificate",
                "pass",
            ),
        ),
        "a restarted node knows neither its final votes nor what was certified (R-SIM10)",
        (
            stories(16, 18, 8, 28),
            crashes(CrashScenario(0, 1, 23, Away.SHORT), CrashScenario(1, 0, 29, Away.SHORT)),
        ),
    ),
    Mutant(
        "said-before-written",
        (
            Edit(
                f"{ORDERING}state.py",
                "effects = (*self._records, *self._messages, *self._outcomes)",
                "effects = (*self._messages, *self._records, *self._outcomes)",
            ),
        ),
        "a vote leaves before its record is on disk (R-SIM10)",
        (
            crashes(CrashScenario(0, 0, 20, Away.SHORT), CrashScenario(0, 1, 3, Away.SHORT)),
            suite(
                "consensus/ordering/test_notarise.py"
                "::test_a_sound_batch_is_journaled_with_its_body_then_voted_for"
            ),
        ),
    ),
    Mutant(
        "driver-speaks-too-early",
        (
            Edit(
                f"{NODE}driver.py",
                "if finished.written is not None:",
                "if finished.written is None:",
            ),
        ),
        "the node speaks without waiting for its disk (R-SIM10)",
        (suite("node/test_driver.py::test_nothing_is_said_before_it_is_durable"),),
    ),
    Mutant(
        "votes-at-once",
        (
            Edit(
                f"{ORDERING}state.py",
                "return self.pen is not None and len(self.shown_by) < self.electorate.quorum - 1",
                "return False",
            ),
        ),
        "a node votes before a quorum has shown it the votes it may have forgotten (R-SIM10)",
        (
            stories(73, 124),
            suite(
                "consensus/ordering/test_repair.py"
                "::test_nobody_votes_before_a_quorum_has_shown_what_it_holds"
            ),
        ),
    ),
    Mutant(
        "unknown-own-vote-ignored",
        (
            Edit(
                CERTIFY,
                "if vote.statement.slot > state.final_slot and "
                "not state.pen.holds(vote.statement):",
                "if vote.statement.slot < 0:",
            ),
        ),
        "a node that is shown a vote it has forgotten goes on voting (R-SIM10)",
        (
            suite(
                "consensus/ordering/test_repair.py"
                "::test_a_vote_of_ours_that_the_journal_lacks_ends_our_voting"
            ),
        ),
    ),
    Mutant(
        "votes-made-up-in-status",
        (
            Edit(
                f"{ORDERING}pen.py",
                "if each in self._finalised:\n                votes.append("
                "self._vote(each, OrderingKind.FINAL, self._finalised[each]))",
                "if each in self._notarised:\n                votes.append("
                "self._vote(each, OrderingKind.FINAL, self._notarised[each]))",
            ),
            Edit(f"{ORDERING}pen.py", "if not self.holds(statement):", "if slot < 0:"),
        ),
        "STATUS makes votes anew instead of repeating those of the journal (R-SIM9, R-SIM10)",
        (
            stories(4, 5, 8),
            twins(470, 600),
        ),
    ),
    Mutant(
        "journal-of-another-epoch",
        (
            Edit(
                f"{SIMULATION}contact.py",
                "if epoch == state.charter.version and slot_of(record) >= slot",
                "if slot_of(record) >= slot",
            ),
        ),
        "votes of an earlier epoch are taken for votes of this one (R-GOV8, R-SIM10)",
        (stories(10, 12, 6, 26),),
    ),
    Mutant(
        "store-gives-every-epoch",
        (
            Edit(
                f"{NODE}store/chain_rows.py",
                "query = select(JOURNAL).where(JOURNAL.c.epoch == epoch).order_by(",
                "query = select(JOURNAL).order_by(",
            ),
            Edit(
                f"{NODE}store/chain_rows.py",
                'connection.execute(_END_JOURNAL, {"of_epoch": epoch})',
                "pass",
            ),
        ),
        "the store hands a node the journal of an epoch that has ended (R-GOV8, R-SIM10)",
        (suite("node/test_epochs.py::test_a_node_ends_an_epoch_restarts_and_goes_on"),),
    ),
    Mutant(
        "disk-may-lie",
        (Edit(f"{NODE}store/dialects.py", '"synchronous": 2,', '"synchronous": 1,'),),
        "SQLite acknowledges what a power loss undoes (R-SIM10)",
        (suite("node/store/test_engine.py"),),
    ),
)
