"""Proofs of single blocks of a ledger in miniature (R-EXP3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .primitives import enc, merkle_path, tagged

if TYPE_CHECKING:
    from .builder import Ledger


def proof_of(ledger: Ledger, n_bc: int) -> dict[str, Any]:
    """The proof of a block, with every epoch before its own."""
    at = batch_of(ledger, n_bc)
    patient = ledger.blocks[n_bc - 1].core.get("patient")
    chain = ledger.patients.get(patient or 0, [])
    before = [one for one in chain if one.header["n_bc"] < n_bc]
    epoch = ledger.headers[at]["epoch"]
    return {
        **place_of(ledger, n_bc),
        "epochs": [place_of(ledger, end_of(ledger, earlier)) for earlier in range(epoch)],
        "format": "medquorum/proof/1",
        "patient_chain": [{"core": enc(one.core), "header": enc(one.header)} for one in before],
        "registry": ledger.registries[at],
    }


def batch_of(ledger: Ledger, n_bc: int) -> int:
    """The place of a block's batch among all headers."""
    return next(
        number
        for number, header in enumerate(ledger.headers)
        if header["first_nbc"] <= n_bc < header["first_nbc"] + header["count"]
    )


def end_of(ledger: Ledger, epoch: int) -> int:
    """The number of the last block of an epoch."""
    counts = [one for one in ledger.headers if one["epoch"] == epoch]
    return max(int(one["first_nbc"] + one["count"]) - 1 for one in counts)


def place_of(ledger: Ledger, n_bc: int) -> dict[str, Any]:
    """What shows that a block is final, and where its batch has it."""
    proven, at = ledger.blocks[n_bc - 1], batch_of(ledger, n_bc)
    header = ledger.headers[at]
    first, epoch = header["first_nbc"], header["epoch"]
    batch = ledger.blocks[first - 1 : first - 1 + header["count"]]
    shown = [one for one in ledger.headers[at:] if one["epoch"] == epoch]
    named = tagged("batch", ledger.network, enc(shown[-1]))
    return {
        "block": proven.block,
        "block_path": merkle_path([one.block for one in batch], n_bc - first),
        "certificate": ledger.certificate("final", shown[-1]["slot"], named, of_epoch=epoch),
        "headers": [enc(one) for one in shown],
        "index": n_bc - first,
        "witness": proven.witness,
        "witness_path": merkle_path([one.witness for one in batch], n_bc - first),
    }
