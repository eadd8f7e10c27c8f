"""Mutants of charters, epochs, acts and evidence (R-GOV)."""

from __future__ import annotations

from tests.mutants.mutant import (
    CONSENSUS,
    LEDGER,
    NODE,
    ORDERING,
    Edit,
    Mutant,
    stories,
    suite,
)

REPLICA = f"{CONSENSUS}replica.py"

GOVERNING: tuple[Mutant, ...] = (
    Mutant(
        "amendment-of-any-version",
        (
            Edit(
                f"{LEDGER}amendment.py",
                "    if amendment.base_version != charter.version:\n        return Reject(",
                "    if amendment.base_version > charter.version:\n        return Reject(",
            ),
        ),
        "an amendment of an earlier charter still applies, so one may apply twice (R-GOV5)",
        (
            suite(
                "ledger/test_amendment_refusals.py::test_one_amendment_of_a_version_applies",
                "consensus/test_epochs.py::test_two_amendments_of_one_version_make_one_epoch",
            ),
        ),
    ),
    Mutant(
        "blocks-after-the-end",
        (
            Edit(
                f"{CONSENSUS}composition.py",
                "        if builder.view.amended is not None:\n            break\n",
                "",
            ),
            Edit(
                f"{CONSENSUS}composition.py",
                "    if view.amended is not None:\n        return Reject(Reason.EPOCH_ENDED)\n",
                "",
            ),
            Edit(
                f"{CONSENSUS}application.py",
                "if view.amended is not None or not fits:",
                "if not fits:",
            ),
            Edit(
                f"{CONSENSUS}application.py",
                "most = 0 if view.amended is not None else view.charter.ordering.batch_blocks",
                "most = view.charter.ordering.batch_blocks",
            ),
            Edit(
                f"{CONSENSUS}application.py",
                "        if view.amended is not None:\n            return False\n        time_ms",
                "        time_ms",
            ),
        ),
        "blocks follow an amendment within its epoch (R-GOV8)",
        (suite("consensus/test_epoch_end.py"),),
    ),
    Mutant(
        "block-after-the-end-judged-good",
        (
            Edit(
                f"{CONSENSUS}composition.py",
                "    if view.amended is not None:\n        return Reject(Reason.EPOCH_ENDED)\n",
                "",
            ),
        ),
        "a liar's block after an amendment is accepted (R-GOV8)",
        (suite("consensus/test_epoch_end.py"),),
    ),
    Mutant(
        "work-after-the-end",
        (
            Edit(
                f"{CONSENSUS}application.py",
                "        if view.amended is not None:\n            return False\n        time_ms",
                "        time_ms",
            ),
        ),
        "timers run for verdicts that cannot be ordered before the next epoch (R-SIM4, R-GOV8)",
        (suite("consensus/test_epoch_end.py"),),
    ),
    Mutant(
        "rebuilt-after-the-end",
        (
            Edit(
                f"{CONSENSUS}application.py",
                "if view.amended is not None or not fits:",
                "if not fits:",
            ),
        ),
        "a body is made whole whose blocks follow an amendment (R-GOV8, R-SIM6)",
        (suite("consensus/test_epoch_end.py"),),
    ),
    Mutant(
        "founding-electorate",
        (
            Edit(
                REPLICA,
                "timing, electorate = charter.ordering, charter.electorate()",
                "timing, electorate = charter.ordering, replace(\n"
                "            self.state.charters[0].electorate(), epoch=charter.version\n        )",
            ),
        ),
        "the doctors of the founding charter order for ever (R-GOV8, R-ORD9)",
        (
            stories(12, 9),
            suite(
                "consensus/test_epochs.py::test_an_admitted_doctor_orders_from_the_next_epoch_on"
            ),
        ),
    ),
    Mutant(
        "tail-lost",
        (
            Edit(
                f"{ORDERING}commit.py",
                "batches, tail = batches[: end + 1], batches[end + 1 :]",
                "batches = batches[: end + 1]",
            ),
        ),
        "the batches that certify the end of an epoch are not kept (R-GOV8)",
        (
            suite(
                "consensus/test_epochs.py::test_an_end_that_only_a_descendant_finalises_has_a_tail"
            ),
        ),
    ),
    Mutant(
        "pool-not-renewed",
        (
            Edit(
                REPLICA,
                "dropped = self.pool.renew(self.state, self._verify)",
                "dropped: dict[ProposalId, Reason] = {}",
            ),
        ),
        "votes of a revoked doctor still make verdicts (R-GOV8)",
        (
            stories(141),
            suite(
                "consensus/test_epochs.py"
                "::test_a_revoked_doctor_follows_and_her_open_votes_count_no_more"
            ),
        ),
    ),
    Mutant(
        "evidence-shown-twice",
        (
            Edit(
                f"{CONSENSUS}governance.py",
                "return Ignore(Reason.DUPLICATE) if view.evidence_shown(key) else ACCEPT",
                "return ACCEPT",
            ),
        ),
        "the same evidence enters the chain again and again (R-GOV5)",
        (suite("consensus/test_evidence_acts.py"),),
    ),
    Mutant(
        "evidence-unsigned",
        (
            Edit(
                f"{CONSENSUS}governance.py",
                "return ACCEPT if proven else Reject(Reason.BAD_EVIDENCE)",
                "return ACCEPT",
            ),
        ),
        "evidence convicts whose signatures nobody checked (R-GOV5)",
        (suite("consensus/test_evidence_acts.py"),),
    ),
    Mutant(
        "all-doctors-leave-at-once",
        (
            Edit(
                f"{LEDGER}amendment.py",
                "most = max(1, len(before.doctors) - before.quorum)",
                "most = len(before.doctors)",
            ),
        ),
        "one amendment exchanges a quorum (R-GOV6)",
        (suite("ledger/test_amendment_refusals.py"),),
    ),
    Mutant(
        "retired-key-returns",
        (
            Edit(
                f"{LEDGER}amendment.py",
                "if not keys.isdisjoint(self.retired):",
                "if keys.isdisjoint(keys) and not keys.isdisjoint(self.retired):",
            ),
        ),
        "a key that left the charter comes back (R-GOV7)",
        (suite("ledger/test_amendment_refusals.py", "ledger/test_amendment.py"),),
    ),
    Mutant(
        "absence-never-ends",
        (
            Edit(
                f"{LEDGER}registry.py",
                "and entry.from_ms <= time_ms <= entry.to_ms",
                "and entry.from_ms <= time_ms",
            ),
        ),
        "a delegate decides after the absence has ended (R-ORD15)",
        (suite("consensus/test_validation.py::test_a_delegate_stands_in_during_the_absence_only"),),
    ),
    Mutant(
        "vote-of-an-old-key-kept",
        (Edit(f"{NODE}plan.py", "self.outdated.extend(kept.renew())", "pass"),),
        "the store keeps votes of keys that were exchanged, and counts them at the start (R-GOV8)",
        (suite("node/test_plan.py"),),
    ),
    Mutant(
        "model-unasked",
        (
            Edit(
                f"{CONSENSUS}admission.py",
                "if core.ai is not None and not may_report(issuer.models, core.ai):",
                "if core.ai is not None and core.ai.inputs != core.references:",
            ),
        ),
        "an AI entity reports with a model the doctors never approved (R-AI4)",
        (suite("consensus/test_model_approval.py"),),
    ),
    Mutant(
        "training-list-exchanged",
        (
            Edit(
                f"{LEDGER}approved_model.py",
                "(model.kind, model.digest, model.training_digest)\n"
                "        == (ai.kind, ai.model_digest, ai.training_digest)",
                "(model.kind, model.digest) == (ai.kind, ai.model_digest)",
            ),
        ),
        "a report names other training data than the doctors read of (R-AI4)",
        (suite("consensus/test_model_approval.py"),),
    ),
    Mutant(
        "last-model-withdrawn",
        (
            Edit(
                f"{LEDGER}amendment.py",
                "        if not left:\n            raise CharterError(\n"
                '                f"R-AI3: without',
                "        if left == member.models:\n            raise CharterError(\n"
                '                f"R-AI3: without',
            ),
        ),
        "withdrawing its last model frees an AI entity of every list (R-AI3)",
        (suite("ledger/test_approved_models.py"),),
    ),
    Mutant(
        "models-of-others-asked-for",
        (
            Edit(
                f"{CONSENSUS}governance.py",
                "return member == issuer.address and issuer.role is Role.AI_ENTITY",
                "return member != ZERO",
            ),
            Edit(
                f"{CONSENSUS}governance.py",
                "from medquorum.ledger.keys import Address\n",
                "from medquorum.ledger.hashing import ZERO\n"
                "from medquorum.ledger.keys import Address\n",
            ),
        ),
        "an AI entity proposes other members' models (R-GOV3)",
        (suite("consensus/test_model_approval.py"),),
    ),
)
