"""Mutants of bytes, hashes, signatures and the connections that carry them."""

from __future__ import annotations

from tests.mutants.mutant import CONSENSUS, LEDGER, NODE, Edit, Mutant, suite

ENCODINGS: tuple[Mutant, ...] = (
    Mutant(
        "keys-unsorted",
        (Edit(f"{LEDGER}canonical.py", "for key in sorted(value)}", "for key in value}"),),
        "one record has as many encodings as its fields have orders (R-CAN2)",
        (suite("ledger/test_canonical.py::test_keys_are_sorted_by_their_bytes"),),
    ),
    Mutant(
        "other-encodings-read",
        (
            Edit(
                f"{LEDGER}canonical.py",
                "if msgpack.packb(value, use_bin_type=True) != encoded:",
                "if not encoded:",
            ),
        ),
        "bytes that are not canonical are read all the same (R-CAN4)",
        (suite("ledger/test_canonical.py"),),
    ),
    Mutant(
        "high-s",
        (
            Edit(
                f"{LEDGER}signature.py",
                "and 0 < s <= HALF_ORDER",
                "and 0 < s < CURVE_ORDER",
            ),
        ),
        "a stranger makes a second valid signature of every signature (R-SIG2)",
        (suite("ledger/test_signature.py"),),
    ),
    Mutant(
        "leaf-is-a-node",
        (
            Edit(
                f"{LEDGER}merkle.py",
                'hashlib.sha256(b"\\x00" + leaf)',
                'hashlib.sha256(b"\\x01" + leaf)',
            ),
        ),
        "a node of a tree passes for a leaf (R-MRK1)",
        (suite("ledger/test_merkle.py"),),
    ),
    Mutant(
        "seal-unchecked",
        (
            Edit(
                f"{CONSENSUS}composition.py",
                'return int.from_bytes(batch_hash, "big") >> (256 - difficulty_bits) == 0',
                "return len(batch_hash) == 32",
            ),
        ),
        "a batch passes without the work its charter asks for (R-ORD16)",
        (suite("consensus/test_batch_limits.py"),),
    ),
    Mutant(
        "hello-of-another-connection",
        (
            Edit(
                f"{NODE}peers/hello.py",
                "if (hello.my_spki, hello.your_spki) != "
                "(self._channel.peer_spki, self._channel.my_spki):",
                "if not hello.my_spki:",
            ),
        ),
        "a HELLO passed on by a man in the middle is believed (R-NET2)",
        (suite("node/peers/test_hello.py"),),
    ),
    Mutant(
        "failures-remembered",
        (
            Edit(
                f"{NODE}verifier.py",
                "return [claim for claim in claims if verify(*claim)]",
                "return list(claims)",
            ),
        ),
        "signatures verified ahead count as good whatever comes out (R-SIG1)",
        (suite("node/test_verifier.py"),),
    ),
)
