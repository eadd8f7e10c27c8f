"""The independent verifier behind `scripts/audit`, written from PROTOCOL.md alone.

It shares no line with the `medquorum` package, so that a mistake in either shows as a
disagreement between the two. It needs the standard library, `ecdsa` and `msgpack`.

`canonical` bytes and fields · `crypto` hashes, signatures, Merkle trees · `charter`, `members` and
`models`, `changes` and `amendments` how they change · `proposals` and `acts` what is signed ·
`votes` verdicts · `blocks`, `patients`, `registry`, `evidence` and `admission` what fits · `chain`
the ledger through its epochs · `certificates` and `batches` the ordering · `frames` and `export`,
`proof` and `proven_history` the two kinds of file · `history` and `names` what people read · `main`
the command.
"""
