"""The independent verifier behind `scripts/audit`, written from PROTOCOL.md alone.

It shares no line with the `medquorum` package, so that a mistake in either shows as a
disagreement between the two. It needs the standard library, `ecdsa` and `msgpack`.

`canonical` bytes and fields · `crypto` hashes, signatures, Merkle trees · `charter` members ·
`proposals` what an issuer signed · `votes` verdicts · `blocks` the chain · `certificates` and
`batches` the ordering · `export` and `proof` the two kinds of file · `main` the command.
"""
