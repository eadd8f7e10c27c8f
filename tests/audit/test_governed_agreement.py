"""Both verifiers say the same of a chain with every act of governance, whole and spoiled.

R-EXP1 to R-EXP3, R-GOV1 to R-GOV9: verdict and height agree, and lie where the damage was done.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest

from medquorum.consensus.proofs import verify_proof
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.proof import parse_proof
from scripts.independent.canonical import Tampered as Refused
from scripts.independent.charter import read_charter
from scripts.independent.proof import audit_proof
from tests.audit.test_against_product import SIGNATURES, by_product, independently
from tests.support.governed_story import governed
from tests.support.tampering import remembering

CHAIN = governed()
FRAMES = CHAIN.export()
CHARTER = read_charter(CHAIN.network.charter_file(), SIGNATURES)
COUNT = len(CHAIN.blocks)


def layout() -> list[tuple[str, int]]:
    """The kind and the height of every frame."""
    found = [("export", 0)]
    for entry in CHAIN.entries:
        first = entry.batch.header.first_nbc
        found.append(("batch", first))
        found += [("block", block.header.n_bc) for block in entry.batch.blocks]
        found += [("tail", first + len(entry.batch.blocks)) for _ in entry.tail]
    return found


LAYOUT = layout()
Spoiled = tuple[str, int | None, list[bytes]]


def disagreements(spoiled: Iterable[Spoiled]) -> list[str]:
    """Where the verifiers differ from one another, or from the height that is known."""
    found = []
    for how, height, frames in spoiled:
        export = b"".join(frames)
        ours, theirs = by_product(export, CHAIN.network), independently(export, CHAIN.network)
        expected = ours if height is None else (False, height)
        if ours[0] or ours != theirs or ours != expected:
            found.append(f"{how}: product {ours}, independent {theirs}, expected {height}")
    return found


def ends_epoch(at: int) -> bool:
    """Whether a frame is the one that makes the end of an epoch final."""
    after = LAYOUT[at + 1 :]
    return LAYOUT[at][0] == "tail" and (not after or after[0][0] != "tail")


def first_of_end(at: int) -> int:
    """The first N BC of the batch before a tail."""
    return next(height for kind, height in reversed(LAYOUT[:at]) if kind == "batch")


def without() -> Iterator[Spoiled]:
    for at, (kind, height) in enumerate(LAYOUT):
        expected = first_of_end(at) if ends_epoch(at) else height
        yield f"without frame {at}, {kind}", expected, [*FRAMES[:at], *FRAMES[at + 1 :]]


def twice() -> Iterator[Spoiled]:
    for at, (kind, height) in enumerate(LAYOUT):
        again = height + (kind in ("block", "export"))
        yield f"frame {at}, {kind}, twice", again, [*FRAMES[: at + 1], *FRAMES[at:]]


def exchanged() -> Iterator[Spoiled]:
    for at, (kind, height) in enumerate(LAYOUT[:-1]):
        swapped = [*FRAMES[:at], FRAMES[at + 1], FRAMES[at], *FRAMES[at + 2 :]]
        expected = first_of_end(at) if ends_epoch(at) else height
        yield f"frame {at}, {kind}, after the next", expected, swapped


def cut() -> Iterator[Spoiled]:
    for at, (kind, height) in enumerate(LAYOUT):
        yield f"cut before frame {at}, {kind}", height, FRAMES[:at]
        yield f"cut in frame {at}, {kind}", height, [*FRAMES[:at], FRAMES[at][:-3]]


def flipped(stride: int) -> Iterator[Spoiled]:
    for at, (kind, height) in enumerate(LAYOUT):
        frame = FRAMES[at]
        for position in range(at % stride, len(frame), stride):
            spoiled = bytearray(frame)
            spoiled[position] ^= 1 << position % 8
            frames = [*FRAMES[:at], bytes(spoiled), *FRAMES[at + 1 :]]
            yield f"frame {at}, {kind}, byte {position}", height, frames


def moved() -> Iterator[Spoiled]:
    """Every block and batch with its blocks in another place; whole epochs left out."""
    for at, (kind, height) in enumerate(LAYOUT):
        if kind in ("block", "batch") and at + 3 < len(FRAMES):
            rest = [*FRAMES[:at], *FRAMES[at + 1 : at + 4], FRAMES[at], *FRAMES[at + 4 :]]
            yield f"frame {at}, {kind}, three later", height, rest
    batches = [at for at, (kind, _) in enumerate(LAYOUT) if kind == "batch"]
    for start, end in pairwise(batches):
        yield f"without batch {start}", None, [*FRAMES[:start], *FRAMES[end:]]


def test_both_accept_every_act_of_governance() -> None:
    """Also the export that ends with each batch that has a certificate of its own."""
    export = b"".join(FRAMES)
    assert by_product(export, CHAIN.network) == (True, COUNT)
    assert independently(export, CHAIN.network) == (True, COUNT)


@pytest.mark.parametrize("spoiled", [without, twice, exchanged, cut, moved])
def test_both_find_the_same_damage_of_frames(spoiled: object) -> None:
    assert callable(spoiled)
    assert disagreements(spoiled()) == []


def test_both_find_the_same_flipped_bit() -> None:
    assert disagreements(flipped(311)) == []


def proved(encoded: bytes) -> tuple[bool, int]:
    """The independent verdict on a proof."""
    try:
        return True, audit_proof(encoded, CHARTER, SIGNATURES).block.header.n_bc
    except Refused as refused:
        return False, refused.height


def proved_by_product(encoded: bytes) -> bool:
    """The product's."""
    try:
        return verify_proof(parse_proof(encoded), CHAIN.network.charter, remembering).valid
    except LedgerError:
        return False


@pytest.mark.parametrize("n_bc", range(1, COUNT + 1))
def test_both_accept_every_proof_and_refuse_it_spoiled(n_bc: int) -> None:
    encoded = CHAIN.proof(n_bc).encoded()
    assert proved_by_product(encoded)
    assert proved(encoded) == (True, n_bc)
    for at in range(n_bc, len(encoded), len(encoded) // 25):
        spoiled = bytearray(encoded)
        spoiled[at] ^= 1 << at % 8
        found = proved_by_product(bytes(spoiled)), proved(bytes(spoiled))[0]
        assert found == (False, False), f"byte {at}"
