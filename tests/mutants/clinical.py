"""Mutants of verdicts and of what may become a block."""

from __future__ import annotations

from tests.mutants.mutant import CONSENSUS, LEDGER, Edit, Mutant, stories, suite

VALIDATION = f"{CONSENSUS}validation.py"
ADMISSION = f"{CONSENSUS}admission.py"
COMPOSITION = f"{CONSENSUS}composition.py"

CLINICAL: tuple[Mutant, ...] = (
    Mutant(
        "half-is-a-majority",
        (
            Edit(
                VALIDATION,
                "_responsible(counted, panel), len(panel.doctors) // 2 + 1",
                "_responsible(counted, panel), (len(panel.doctors) + 1) // 2",
            ),
        ),
        "half of the panel makes a verdict (R-VER2)",
        (suite("consensus/test_validation.py::test_half_of_the_panel_is_not_a_majority"),),
    ),
    Mutant(
        "attending-not-asked",
        (
            Edit(
                VALIDATION,
                "agreed, needed = _responsible(counted, panel), len(",
                "agreed, needed = True, len(",
            ),
        ),
        "a verdict comes about without the attending physician (R-VER2)",
        (suite("consensus/test_validation.py"),),
    ),
    Mutant(
        "attending-by-policy",
        (
            Edit(
                VALIDATION,
                "and ballot.role is role and ballot.mode == HUMAN",
                "and ballot.role is role",
            ),
        ),
        "a program approves as the attending physician (R-VER4)",
        (
            suite(
                "consensus/test_validation.py"
                "::test_the_attending_approves_as_attending_and_human_or_not_at_all"
            ),
        ),
    ),
    Mutant(
        "second-vote-replaces",
        (
            Edit(
                f"{CONSENSUS}pool.py",
                "return Ignore(Reason.DUPLICATE) if same else Reject(Reason.CONFLICTING_VOTE)",
                "if same:\n                return Ignore(Reason.DUPLICATE)",
            ),
        ),
        "a doctor takes a vote back by casting another (R-VOT3)",
        (suite("consensus/test_pool.py::test_the_first_vote_of_a_doctor_counts"),),
    ),
    Mutant(
        "vote-unsigned",
        (
            Edit(
                ADMISSION,
                "return ACCEPT if verify(*claim) else Reject(Reason.BAD_SIGNATURE)",
                "return ACCEPT",
            ),
        ),
        "a clinical vote counts whoever signed it (R-VOT2)",
        (suite("consensus/test_positions.py"),),
    ),
    Mutant(
        "authenticator-unverified",
        (
            Edit(
                f"{LEDGER}enrolment.py",
                "if not flags & _VERIFIED:",
                "if not flags:",
            ),
        ),
        "a vote counts though the authenticator verified nobody (R-VOT6)",
        (suite("audit/test_authenticator_votes.py"),),
    ),
    Mutant(
        "authenticator-anywhere",
        (
            Edit(
                f"{LEDGER}enrolment.py",
                "if client.startswith(shown, start) and",
                "if",
            ),
        ),
        "an authenticator's vote made in any page counts (R-VOT6)",
        (suite("audit/test_authenticator_votes.py"),),
    ),
    Mutant(
        "stale-head",
        (
            Edit(
                ADMISSION,
                "if seen != patient.number or (is_strict and core.seen_head != patient.head):",
                "if seen != patient.number or (is_strict and seen < 0):",
            ),
        ),
        "a prescription is accepted though the history went on (R-ORD4)",
        (suite("consensus/test_positions.py"),),
    ),
    Mutant(
        "proposal-twice",
        (
            Edit(
                COMPOSITION,
                "if view.height_of(proposal.id) is not None:",
                "if view.n_bc < 0:",
            ),
            Edit(
                f"{CONSENSUS}pool.py",
                "if view.height_of(identifier) is not None or core.expires_at_ms < time_ms:",
                "if core.expires_at_ms < time_ms:",
            ),
        ),
        "one proposal becomes two blocks (R-ORD4)",
        (
            stories(1, 2, 4),
            suite("consensus/test_composition.py::test_a_proposal_is_in_the_chain_once"),
        ),
    ),
    Mutant(
        "rejected-as-accepted",
        (
            Edit(
                ADMISSION,
                "return ACCEPT if standing is wanted else",
                "return ACCEPT if wanted and standing is not Standing.PENDING else",
            ),
        ),
        "what the doctors rejected may stand in the chain as accepted (R-ORD5)",
        (suite("consensus/test_positions.py::test_a_witness_decides_as_the_block_says"),),
    ),
    Mutant(
        "expired-enters",
        (
            Edit(
                COMPOSITION,
                "if proposal.core.expires_at_ms < time_ms:",
                "if proposal.core.expires_at_ms < 0:",
            ),
            Edit(
                f"{CONSENSUS}pool.py",
                "if view.height_of(identifier) is not None or core.expires_at_ms < time_ms:",
                "if view.height_of(identifier) is not None:",
            ),
        ),
        "a proposal enters the chain after it has expired (R-ORD4)",
        (suite("consensus/test_composition.py::test_expiry_is_by_batch_time"),),
    ),
    Mutant(
        "batch-body-unbound",
        (
            Edit(
                COMPOSITION,
                "if len(batch.blocks) > charter.ordering.batch_blocks or not batch.roots_match():",
                "if len(batch.blocks) > charter.ordering.batch_blocks:",
            ),
        ),
        "a header's roots need not be those of its body (R-ORD7)",
        (suite("consensus/test_composition.py", "consensus/test_verification.py"),),
    ),
    Mutant(
        "links-unchecked",
        (
            Edit(
                COMPOSITION,
                "if builder.place(proposal, outcome) != block:",
                "if builder.place(proposal, outcome).proposal != proposal:",
            ),
        ),
        "N BC, Hprevious, N PA or Hpatient may be anything (R-ORD2, R-ORD3)",
        (suite("consensus/test_composition.py"),),
    ),
    Mutant(
        "maturity-is-the-plain-share",
        (
            Edit(
                f"{LEDGER}maturity.py",
                "lower_ppm = wilson_lower_ppm(approved, len(latest))",
                "lower_ppm = approved * PPM // max(1, len(latest))",
            ),
        ),
        "one approved report of one makes an AI entity mature (R-GOV10)",
        (suite("ledger/test_maturity.py"),),
    ),
    Mutant(
        "maturity-looks-back-for-ever",
        (
            Edit(
                f"{LEDGER}maturity.py",
                "latest = outcomes[-rule.window :]",
                "latest = outcomes",
            ),
        ),
        "old approvals hide that an AI entity has become worse (R-GOV10)",
        (suite("ledger/test_maturity.py::test_only_the_window_counts"),),
    ),
)
