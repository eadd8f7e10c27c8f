"""The forms of exports and proofs: frames in, frames out, nothing else (R-EXP1, R-EXP3)."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger.canonical import decode, encode
from medquorum.ledger.errors import ChainError, CodecError
from medquorum.ledger.export import (
    BatchFrame,
    BlockFrame,
    ExportHead,
    encode_head,
    parse_frame,
    split_frames,
)
from medquorum.ledger.limits import FRAME
from medquorum.ledger.proof import parse_proof
from tests.support.chains import export_bytes, export_frames, grow, make_proof


def test_the_frames_of_an_export_are_what_went_in() -> None:
    """R-EXP1: the export frame, then each batch with its blocks in order."""
    chain = grow()
    frames = [parse_frame(frame[4:]) for frame in export_frames(chain)]
    head = ExportHead(chain.network.id, chain.hash, 10, chain.slot)
    expected: list[object] = [head]
    for batch, own in chain.entries:
        expected.append(BatchFrame(batch.header, batch.justification, own))
        pairs = zip(batch.blocks, batch.witnesses, strict=True)
        expected.extend(BlockFrame(block, witness) for block, witness in pairs)
    assert frames == expected


def test_a_frame_is_its_length_and_its_canonical_map() -> None:
    """R-EXP1: byte by byte for the first frame."""
    head = ExportHead(grow().network.id, grow().hash, 10, 7)
    encoded = encode_head(head)
    assert int.from_bytes(encoded[:4], "big") == len(encoded) - 4
    assert decode(encoded[4:], FRAME) == {
        "format": "medquorum/export/1",
        "kind": "export",
        "network": grow().network.id,
        "tip_epoch": 0,
        "tip_hash": grow().hash,
        "tip_n_bc": 10,
        "tip_slot": 7,
    }


@given(st.lists(st.integers(0, 30_000), max_size=8))
def test_frames_are_found_however_the_file_is_cut(cuts: list[int]) -> None:
    """R-EXP1: the pieces of a stream mean nothing."""
    whole = export_bytes(grow())
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:stop] for start, stop in pairwise(places)]
    assert list(split_frames(pieces)) == [frame[4:] for frame in export_frames(grow())]


@pytest.mark.parametrize("kept", [1, 3, 5, 50])
def test_a_file_that_ends_inside_a_frame_is_refused(kept: int) -> None:
    """R-EXP1."""
    with pytest.raises(ChainError, match="R-EXP1: the export ends inside a frame"):
        list(split_frames([export_bytes(grow())[:kept]]))


def test_a_frame_has_at_most_its_limit() -> None:
    """R-CAN3: refused by its length, before the rest is read; one at the limit passes."""
    longest = FRAME.total.to_bytes(4, "big") + bytes(FRAME.total)
    assert [len(frame) for frame in split_frames([longest])] == [FRAME.total]
    with pytest.raises(ChainError, match="longer than its limit"):
        list(split_frames([(FRAME.total + 1).to_bytes(4, "big")]))


def frame_fields(place: int) -> dict[str, Any]:
    """The map in one frame of the export: 0 is the head, 1 a batch, 2 a block."""
    fields: dict[str, Any] = decode(export_frames(grow())[place][4:], FRAME)
    return fields


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_frame_has_exactly_its_fields_of_their_types(place: int) -> None:
    """R-CAN5, R-EXP1: none lacking, none more, none of another type."""
    fields = frame_fields(place)
    parse_frame(encode(fields, FRAME))
    for name in fields:
        with pytest.raises(CodecError):
            parse_frame(encode({k: v for k, v in fields.items() if k != name}, FRAME))
        wrongs: list[object] = [True, -1, [1], {}]
        for wrong in wrongs:
            with pytest.raises(CodecError):
                parse_frame(encode({**fields, name: wrong}, FRAME))
    with pytest.raises(CodecError):
        parse_frame(encode({**fields, "more": 1}, FRAME))


@pytest.mark.parametrize("value", [None, 1, [], {}, {"kind": "proof"}, {"kind": None}])
def test_what_is_no_frame_is_refused(value: object) -> None:
    """R-EXP1."""
    with pytest.raises(CodecError):
        parse_frame(encode(value))


@pytest.mark.parametrize("n_bc", range(1, 11))
def test_a_proof_and_its_bytes_are_one_another(n_bc: int) -> None:
    """R-EXP3, R-CAN4."""
    proof = make_proof(grow(), n_bc)
    assert parse_proof(proof.encoded()) == proof
    assert parse_proof(proof.encoded()).encoded() == proof.encoded()


def test_a_proof_has_exactly_its_fields_of_their_types() -> None:
    """R-CAN5, R-EXP3, R-MRK2: a path has at most 8 siblings, an index is below 256."""
    fields: dict[str, Any] = decode(make_proof(grow(), 4).encoded(), FRAME)
    for name in fields:
        with pytest.raises(CodecError):
            parse_proof(encode({k: v for k, v in fields.items() if k != name}, FRAME))
        with pytest.raises(CodecError):
            parse_proof(encode({**fields, name: True}, FRAME))
    for name, wrong in (
        ("format", "medquorum/proof/2"),
        ("index", 256),
        ("index", -1),
        ("block_path", [bytes(32)] * 9),
        ("witness_path", [bytes(31)]),
        ("headers", [b"\xc0"]),
        ("patient_chain", [{"core": b""}]),
        ("more", 1),
    ):
        with pytest.raises(CodecError):
            parse_proof(encode({**fields, name: wrong}, FRAME))
