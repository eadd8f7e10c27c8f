"""An export is VALID, or TAMPERED at the exact height (R-EXP1, R-EXP2)."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.consensus.verification import verify_export
from medquorum.ledger.canonical import encode
from medquorum.ledger.export import ExportHead, encode_head
from medquorum.ledger.limits import FRAME
from tests.support.chains import Chain, export_bytes, export_frames, grow
from tests.support.network import make_network
from tests.support.tampering import Tampered, check, cuts, flips, rearranged


@pytest.mark.parametrize("doctors", [1, 2, 4, 7])
def test_what_was_agreed_on_is_valid(doctors: int) -> None:
    """R-EXP2: every type, a rejection, a skipped slot, an empty batch, late finality."""
    chain = grow(doctors)
    found = check(export_bytes(chain), chain.network.charter)
    assert (found.valid, found.height, found.blocks) == (True, 10, 10), found.reason


def test_a_chain_without_batches_is_valid() -> None:
    """R-EXP1: number 0, the network id, slot 0."""
    chain = Chain(make_network(1))
    found = check(export_bytes(chain), chain.network.charter)
    assert (found.valid, found.height, found.blocks) == (True, 0, 0)


@pytest.mark.parametrize("size", [1, 3, 1_000, 10_000])
def test_a_file_may_arrive_in_pieces(size: int) -> None:
    """R-EXP1: frames are found wherever the pieces are cut."""
    chain = grow()
    whole = export_bytes(chain)
    pieces = (whole[start : start + size] for start in range(0, len(whole), size))
    assert verify_export(pieces, chain.network.charter).valid


def all_found(spoiled: Iterable[Tampered]) -> None:
    """Every one is TAMPERED at its height; says which are not."""
    charter = grow().network.charter
    wrong = []
    count = 0
    for one in spoiled:
        found = check(one.export, charter)
        count += 1
        if found.valid or found.height != one.height:
            wrong.append(f"{one.how}: {found} instead of height {one.height}")
    assert count > 50
    assert wrong == []


def test_a_bit_turned_anywhere_is_found_at_its_height() -> None:
    """R-EXP2: sampled over the whole file, every frame's ends included."""
    all_found(flips(grow(), stride=31))


def test_frames_removed_doubled_or_exchanged_are_found() -> None:
    """R-EXP1, R-EXP2."""
    all_found(rearranged(grow()))


def test_a_file_cut_or_lengthened_is_found() -> None:
    """R-EXP1, R-EXP2: a missing frame counts as the next expected one's height."""
    all_found(cuts(grow()))


@pytest.mark.parametrize(
    "changes",
    [
        {"tip_n_bc": 9},
        {"tip_n_bc": 11},
        {"tip_slot": 0},
        {"tip_slot": 99},
        {"tip_hash": bytes(32)},
        {"network": bytes(32)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_export_frame_names_network_and_tip(changes: dict[str, object]) -> None:
    """R-EXP1: a fault of the first frame is at height 0."""
    chain = grow()
    right = ExportHead(chain.network.id, chain.hash, chain.state.n_bc, chain.slot)
    head = encode_head(replace(right, **changes))  # type: ignore[arg-type]
    found = check(head + b"".join(export_frames(chain)[1:]), chain.network.charter)
    assert (found.valid, found.height) == (False, 0)


def test_another_format_is_refused() -> None:
    """R-EXP1: of a later protocol, or no map at all."""
    charter = grow().network.charter
    head = {"format": "medquorum/export/2", "kind": "export", "network": bytes(32)}
    whole = encode({**head, "tip_hash": bytes(32), "tip_n_bc": 0, "tip_slot": 0})
    for frame in (whole, encode([1]), encode("export"), encode({"kind": []}), b""):
        found = check(len(frame).to_bytes(4, "big") + frame, charter)
        assert (found.valid, found.height) == (False, 0)


def test_nothing_follows_the_announced_tip() -> None:
    """R-EXP1: a good batch behind the tip is too much, and stands at its own height."""
    chain = grow()
    frames = export_frames(chain)
    before, own = chain.entries[2]
    ends = sum(1 + len(batch.blocks) for batch, _ in chain.entries[:3])
    assert own is not None
    tip = before.header.first_nbc + before.header.count - 1
    head = encode_head(ExportHead(chain.network.id, before.hash, tip, before.header.slot))
    charter = chain.network.charter
    assert check(head + b"".join(frames[1 : 1 + ends]), charter).valid
    found = check(head + b"".join(frames[1:]), charter)
    assert (found.valid, found.height) == (False, tip + 1)


def test_an_export_of_another_charter_is_refused() -> None:
    """R-HASH3: the same cast founding another network."""
    found = check(export_bytes(grow()), make_network(retention_days=10).charter)
    assert (found.valid, found.height) == (False, 0)


def test_an_over_long_frame_is_refused_before_it_arrives() -> None:
    """R-CAN3: its length alone is enough; the rest is not waited for."""
    charter = grow().network.charter

    def pieces() -> Iterable[bytes]:
        yield (FRAME.total + 1).to_bytes(4, "big")
        raise AssertionError("read on after an over-long frame")

    found = verify_export(pieces(), charter)
    assert (found.valid, found.height) == (False, 0)


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_hostile_bytes_never_raise(frames: list[bytes]) -> None:
    """R-EXP2: a verdict for every input."""
    chain = grow()
    head = export_frames(chain)[0]
    whole = b"".join(len(one).to_bytes(4, "big") + one for one in frames)
    assert not check(whole, chain.network.charter).valid
    assert not check(head + whole, chain.network.charter).valid
