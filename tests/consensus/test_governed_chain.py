"""Exports and proofs over several epochs hold, and their damage is found where it is."""

from dataclasses import replace

import pytest

from medquorum.consensus.proofs import check_proof
from medquorum.consensus.verification import verify_export
from medquorum.ledger.batch import Absence
from tests.support.governed_story import governed
from tests.support.network import address


def test_the_export_of_seven_charters_holds() -> None:
    """R-EXP1, R-EXP2, R-GOV8: from the founding charter alone."""
    chain = governed()
    found = verify_export([b"".join(chain.export())], chain.network.charter)
    assert (found.valid, found.reason) == (True, "every rule holds")
    assert found.blocks == len(chain.blocks)
    assert chain.state.charter.version == 5


@pytest.mark.parametrize("n_bc", range(1, len(governed().blocks) + 1))
def test_every_block_is_proved_from_the_founding_charter(n_bc: int) -> None:
    """R-EXP3: clinical blocks and acts, in whichever epoch."""
    chain = governed()
    found = check_proof(chain.proof(n_bc).encoded(), chain.network.charter)
    assert (found.valid, found.reason, found.height) == (True, "every rule holds", n_bc)


def _refused(frames: list[bytes]) -> tuple[int, str]:
    found = verify_export([b"".join(frames)], governed().network.charter)
    assert not found.valid
    return found.height, found.reason


def _frames(kind: str) -> list[int]:
    """The places of the frames of a kind in the export."""
    return [
        place
        for place, frame in enumerate(governed().export())
        if f"kind\xa5{kind}" in frame.decode("latin-1")
        or f"kind\xa4{kind}" in frame.decode("latin-1")
    ]


def test_an_epoch_without_its_tail_is_not_certified() -> None:
    """R-GOV8: the amendment's batch needs a certificate of its own or of its tail."""
    frames, tails = governed().export(), _frames("tail")
    assert len(tails) == 3
    cut = [one for place, one in enumerate(frames) if place not in tails[:2]]
    assert _refused(cut)[1] == "R-GOV8: the end of the epoch is not certified"
    assert _refused(frames[: tails[0]])[1] == "R-EXP1: batches are missing at the end"
    swapped = [*frames]
    swapped[tails[0]], swapped[tails[1]] = swapped[tails[1]], swapped[tails[0]]
    assert _refused(swapped)[1] == "R-ORD7: parent"


def test_a_tail_belongs_to_the_end_of_an_epoch_only() -> None:
    """R-EXP1: nowhere else, and once."""
    frames, tails = governed().export(), _frames("tail")
    stray = [*frames[: tails[0] - 4], frames[tails[0]], *frames[tails[0] - 4 :]]
    assert _refused(stray)[1] == "R-EXP1: a stray tail"
    twice = [*frames[: tails[1] + 1], frames[tails[1]], *frames[tails[1] + 1 :]]
    assert _refused(twice)[1] == "R-EXP1: a stray tail"


def test_an_epoch_left_out_is_found() -> None:
    """R-ORD9: the next batch is of another epoch than the chain before it."""
    chain = governed()
    entry = next(one for one in chain.entries if one.tail)
    frames = chain.export()
    first = next(n for n, one in enumerate(frames) if entry.batch.header.encoded() in one)
    last = next(n for n, one in enumerate(frames) if entry.tail[-1].header.encoded() in one)
    height, reason = _refused([*frames[:first], *frames[last + 1 :]])
    assert (height, reason) == (entry.batch.header.first_nbc, "R-ORD7: parent")


@pytest.mark.parametrize("n_bc", [9, 20, len(governed().blocks)])
def test_a_proof_needs_every_epoch_and_the_registry_it_names(n_bc: int) -> None:
    """R-EXP3: fewer, more or other epochs, or another registry, prove nothing."""
    chain = governed()
    proof = chain.proof(n_bc)
    spoiled = []
    if proof.epochs:
        spoiled += [replace(proof, epochs=proof.epochs[:-1]), replace(proof, epochs=())]
        spoiled.append(replace(proof, epochs=(proof.epochs[0], *proof.epochs)))
    entry = Absence(address("Dr. Number 0"), address("Dr. Number 1"), 0, 1)
    spoiled.append(replace(proof, registry=(*proof.registry, entry)))
    for one in spoiled:
        assert not check_proof(one.encoded(), chain.network.charter).valid
