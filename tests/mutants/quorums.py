"""Mutants of quorums, certificates and what their signatures cover."""

from __future__ import annotations

from medquorum.ledger.types import QuorumMode
from tests.mutants.mutant import (
    LEDGER,
    ORDERING,
    Edit,
    Explored,
    Mutant,
    stories,
    suite,
)

QUORUMS: tuple[Mutant, ...] = (
    Mutant(
        "quorum-2f-plus-1",
        (
            Edit(
                f"{LEDGER}quorum.py",
                "return 2 * doctors // 3 + 1",
                "return 2 * ((doctors - 1) // 3) + 1",
            ),
        ),
        "byzantine q is 2f+1: two such quorums need not share an honest node (R-CHA8)",
        (
            stories(32, 12),
            Explored(QuorumMode.BYZANTINE, 5, 1, 2, 1),
        ),
    ),
    Mutant(
        "quorum-half",
        (Edit(f"{LEDGER}quorum.py", "return doctors // 2 + 1", "return max(1, doctors // 2)"),),
        "majority q is half of the doctors, so two halves decide apart (R-CHA8)",
        (stories(2), Explored(QuorumMode.MAJORITY, 4, 0, 2, 1)),
    ),
    Mutant(
        "certificate-lacks-a-signer",
        (
            Edit(
                f"{ORDERING}certify.py",
                "return len(votes) >= state.electorate.quorum and all(",
                "return len(votes) >= state.electorate.quorum - 1 and all(",
            ),
        ),
        "a certificate of q-1 signers is believed (R-ORD11)",
        (
            suite(
                "consensus/ordering/test_commit.py"
                "::test_a_weak_or_forged_certificate_is_worth_nothing"
            ),
        ),
    ),
    Mutant(
        "own-certificate-too-early",
        (
            Edit(
                f"{ORDERING}certify.py",
                "if len(votes) >= state.electorate.quorum and not",
                "if len(votes) >= state.electorate.quorum - 1 and not",
            ),
        ),
        "q-1 votes make a certificate (R-ORD11, R-SIM1)",
        (stories(1, 2, 3),),
    ),
    Mutant(
        "certificate-believed",
        (
            Edit(
                f"{ORDERING}certify.py",
                "or verify_ordering_vote(vote, state.electorate, state.verify)\n        for",
                "or vote.statement.epoch == state.electorate.epoch\n"
                "        and vote.signer < len(state.electorate.keys)\n        for",
            ),
        ),
        "the signatures of a certificate that arrives are not verified (R-ORD11, R-SIM1)",
        (
            stories(45, 38, 37),
            suite(
                "consensus/ordering/test_commit.py"
                "::test_a_weak_or_forged_certificate_is_worth_nothing"
            ),
        ),
    ),
    Mutant(
        "vote-believed",
        (
            Edit(
                f"{ORDERING}certify.py",
                "if not verify_ordering_vote(vote, state.electorate, state.verify):",
                "if vote.signer >= len(state.electorate.keys):",
            ),
        ),
        "a peer's ordering vote is counted without verifying it (R-ORD10, R-SIM1)",
        (
            stories(15, 17, 18, 6),
            suite(
                "consensus/ordering/test_notarise.py"
                "::test_a_vote_is_verified_and_only_taken_from_its_signer"
            ),
        ),
    ),
    Mutant(
        "export-certificate-lacks-a-signer",
        (
            Edit(
                f"{LEDGER}certificate.py",
                "if len(signers) < electorate.quorum or signers",
                "if len(signers) < electorate.quorum - 1 or signers",
            ),
        ),
        "a verifier takes q-1 signatures for a quorum (R-ORD11, R-EXP2)",
        (
            suite(
                "ledger/test_batch_records.py"
                "::test_a_certificate_needs_a_quorum_of_valid_signatures"
            ),
        ),
    ),
    Mutant(
        "signer-counted-twice",
        (
            Edit(
                f"{LEDGER}certificate.py",
                "or signers != sorted(set(signers)):",
                "or signers != sorted(signers):",
            ),
        ),
        "one doctor's vote counts twice in a certificate (R-ORD11)",
        (
            suite(
                "consensus/test_certification.py"
                "::test_a_signer_counts_once_also_where_nobody_parsed"
            ),
        ),
    ),
    Mutant(
        "signer-read-twice",
        (
            Edit(
                f"{LEDGER}certificate.py",
                "!= sorted({signer for signer, _ in votes}):",
                "!= sorted(signer for signer, _ in votes):",
            ),
        ),
        "a certificate that names a signer twice is read, and ordering counts its rows (R-ORD11)",
        (
            suite(
                "ledger/test_batch_records.py::test_the_signers_of_a_certificate_ascend_each_once"
            ),
        ),
    ),
    Mutant(
        "epoch-unsigned",
        (
            Edit(
                f"{LEDGER}certificate.py",
                'payload = canonical.encode(\n        {\n            "epoch": statement.epoch,',
                'payload = canonical.encode(\n        {\n            "epoch": 0,',
            ),
        ),
        "a vote of one epoch is a vote of every epoch (R-ORD10, R-GOV8)",
        (suite("ledger/test_batch_records.py::test_an_ordering_vote_is_of_one_epoch"),),
    ),
    Mutant(
        "slot-unsigned",
        (
            Edit(
                f"{LEDGER}certificate.py",
                '"slot": statement.slot,\n        }\n    )\n    return tagged',
                '"slot": 0,\n        }\n    )\n    return tagged',
            ),
        ),
        "a vote of one slot is a vote of every slot (R-ORD10)",
        (suite("ledger/test_batch_records.py::test_an_ordering_vote_is_of_one_consensus_key"),),
    ),
    Mutant(
        "network-unsigned",
        (
            Edit(
                f"{LEDGER}hashing.py",
                "+ prefixed(network) + prefixed(payload)",
                '+ prefixed(b"") + prefixed(payload)',
            ),
        ),
        "what is signed in one network holds in every other (R-HASH1, R-HASH3)",
        (
            suite(
                "consensus/test_composition.py::test_a_replay_from_another_network_is_refused",
                "ledger/test_hashing.py::test_a_digest_is_that_of_the_written_rule",
            ),
        ),
    ),
)
