"""Mutants of what brings lost messages, bodies and laggards back (R-SIM9)."""

from __future__ import annotations

from tests.mutants.mutant import (
    ORDERING,
    Edit,
    Mutant,
    stories,
    suite,
)

REPAIR = f"{ORDERING}repair.py"

REPAIRS: tuple[Mutant, ...] = (
    Mutant(
        "nothing-sent-again",
        (
            Edit(
                REPAIR,
                "_send_status(state, status_of(state), None)",
                "if work(state) is not Work.NONE and not state.listening:\n        return\n"
                "    _send_status(state, status_of(state), None)",
            ),
        ),
        "what was lost is not sent again while there is work (R-SIM9)",
        (stories(15, 73, 35, 45, 49), suite("consensus/ordering/test_repair.py")),
    ),
    Mutant(
        "no-idle-status",
        (
            Edit(
                REPAIR,
                "_send_status(state, status_of(state), None)",
                "if work(state) is Work.NONE and not state.listening:\n        return\n"
                "    _send_status(state, status_of(state), None)",
            ),
        ),
        "a network without work says nothing, and who was left behind stays there (R-SIM9)",
        (
            stories(52, 113),
            suite("consensus/ordering/test_transcripts.py::test_status_repairs_a_node_left_behind"),
        ),
    ),
    Mutant(
        "skip-unanswered",
        (
            Edit(
                REPAIR,
                "if statement.kind is OrderingKind.SKIP and state.tally.holds(vote):",
                "if statement.kind is OrderingKind.SKIP and statement.slot < 0:",
            ),
        ),
        "who gives up a certified slot is not shown the certificate (R-SIM9)",
        (
            suite(
                "consensus/ordering/test_repair.py"
                "::test_a_skip_of_a_certified_slot_is_answered_with_certificates"
            ),
        ),
    ),
    Mutant(
        "never-asks",
        (Edit(f"{ORDERING}simplex.py", "catch_up.ask_if_behind(state)", "pass"),),
        "a node that is behind never asks for the log (R-SIM9)",
        (stories(0, 3, 1, 4), suite("consensus/ordering/test_repair.py")),
    ),
    Mutant(
        "asks-one-for-ever",
        (
            Edit(
                f"{ORDERING}catch_up.py",
                "place = peers.index(catch_up.asked) + (not answered)",
                "place = peers.index(catch_up.asked)",
            ),
        ),
        "a node that is behind asks one silent peer for ever (R-SIM9)",
        (stories(39), suite("consensus/ordering/test_repair.py")),
    ),
    Mutant(
        "body-withheld",
        (Edit(f"{ORDERING}wanting.py", "state.outbox.send(sender, BatchBody(batch))", "pass"),),
        "a request for a batch is not answered (R-SIM2, R-SIM6)",
        (suite("consensus/ordering/test_notarise.py::test_whoever_has_a_body_hands_it_out"),),
    ),
    Mutant(
        "body-believed",
        (
            Edit(
                f"{ORDERING}wanting.py",
                "if batch.hash in state.wants and batch.roots_match():",
                "if batch.hash in state.wants:",
            ),
        ),
        "a body is kept whose roots are not those of its header (R-ORD7, R-SIM6)",
        (stories(18, 49, 118), suite("consensus/ordering/test_notarise.py")),
    ),
    Mutant(
        "offer-believed",
        (
            Edit(
                f"{ORDERING}catch_up.py",
                "if batch is None and digest in offered and offered[digest].roots_match():",
                "if batch is None and digest in offered:",
            ),
        ),
        "a body of the log is taken whose roots are not those of its header (R-ORD7, R-SIM9)",
        (stories(70, 27, 89, 39), suite("consensus/ordering/test_commit.py")),
    ),
    Mutant(
        "idle-timers-run",
        (
            Edit(
                f"{ORDERING}slots.py",
                "if work(state) is Work.NONE:\n        clock.armed_ms = None\n    elif",
                "if",
            ),
        ),
        "slots are given up although there is nothing to order (R-SIM4)",
        (suite("consensus/ordering/test_transcripts.py::test_idle_cluster_sends_only_status"),),
    ),
    Mutant(
        "patience-does-not-grow",
        (
            Edit(
                f"{ORDERING}application.py",
                "grown: int = self.slot_timeout_ms * 3**steps // 2**steps",
                "grown: int = self.slot_timeout_ms * 3 ** (0 * steps)",
            ),
        ),
        "slow networks give up every slot at the same pace for ever (R-SIM7)",
        (
            suite(
                "consensus/ordering/test_slots.py"
                "::test_patience_grows_with_every_slot_that_is_not_final"
            ),
        ),
    ),
)
