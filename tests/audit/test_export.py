"""R-EXP1, R-EXP2: a whole export is valid, and the least change is found where it was made."""

import pytest

from .builder import Ledger
from .judging import VALID, verdict_of, verdict_on
from .primitives import enc, joined
from .story import consultation

LEDGER = consultation()
FRAMES = LEDGER.export_frames()
CONTENT = joined(FRAMES)


def heights() -> list[int]:
    """The height of every frame: 0, a batch's first_nbc, a block's n_bc."""
    found, next_n_bc = [0], 1
    for frame in LEDGER.frames:
        found.append(next_n_bc)
        next_n_bc += frame["kind"] == "block"
    return found


HEIGHTS = heights()
BATCH_FRAMES = [at for at, frame in enumerate(LEDGER.frames, 1) if frame["kind"] == "batch"]
BLOCK_FRAMES = [at for at, frame in enumerate(LEDGER.frames, 1) if frame["kind"] == "block"]


def test_a_consultation_is_valid() -> None:
    assert verdict_on(CONTENT) == VALID
    counts = [header["count"] for header in LEDGER.headers]
    assert counts == [2, 3, 0, 2, 2]
    assert [frame["certificate"] is None for frame in LEDGER.frames if "header" in frame] == [
        False, True, False, True, False,
    ]  # fmt: skip


def test_an_export_before_the_first_batch_is_valid() -> None:
    assert verdict_of(Ledger()) == VALID


@pytest.mark.parametrize("offset", range(3))
def test_a_flipped_bit_is_found_in_its_frame(offset: int) -> None:
    """R-EXP2: every fourteenth byte, another bit each, in every frame and its length."""
    at = 0
    for height, frame in zip(HEIGHTS, FRAMES, strict=True):
        end = at + 4 + len(frame)
        for position in range(at + (offset * 4 - at) % 14, end, 14):
            altered = bytearray(CONTENT)
            altered[position] ^= 1 << (position // 14 + offset) % 8
            verdict, found, rule = verdict_on(bytes(altered))
            assert (verdict, found) == ("TAMPERED", height), (position, rule)
            assert rule.startswith("R-")
        at = end


@pytest.mark.parametrize("at", range(len(FRAMES)))
def test_a_removed_frame_is_found(at: int) -> None:
    """R-EXP1."""
    removed = joined([*FRAMES[:at], *FRAMES[at + 1 :]])
    assert verdict_on(removed)[:2] == ("TAMPERED", HEIGHTS[at])


@pytest.mark.parametrize("at", range(len(FRAMES)))
def test_a_repeated_frame_is_found(at: int) -> None:
    """R-EXP1: the copy stands where the next frame is expected."""
    repeated = joined([*FRAMES[: at + 1], *FRAMES[at:]])
    expected = HEIGHTS[at] + (at in BLOCK_FRAMES) + (at == 0)
    assert verdict_on(repeated)[:2] == ("TAMPERED", expected)


@pytest.mark.parametrize("at", range(len(FRAMES) - 1))
def test_exchanged_frames_are_found(at: int) -> None:
    """R-EXP1."""
    exchanged = joined([*FRAMES[:at], FRAMES[at + 1], FRAMES[at], *FRAMES[at + 2 :]])
    assert verdict_on(exchanged)[:2] == ("TAMPERED", HEIGHTS[at])


@pytest.mark.parametrize("count", range(1, len(FRAMES)))
def test_an_export_cut_between_frames_is_found(count: int) -> None:
    """R-EXP1: something is missing at the next height."""
    verdict = verdict_on(joined(FRAMES[:count]))
    assert verdict == ("TAMPERED", HEIGHTS[count] or 1, "R-EXP1")


@pytest.mark.parametrize("kept", [0, 1, 3, 4, 5])
def test_an_export_cut_within_a_frame_is_found(kept: int) -> None:
    """R-EXP1."""
    for at in range(1 if kept == 0 else 0, len(FRAMES)):
        content = joined(FRAMES[:at]) + joined(FRAMES[at : at + 1])[:kept]
        assert verdict_on(content) == ("TAMPERED", HEIGHTS[at], "R-EXP1")


def test_an_empty_file_is_tampered() -> None:
    assert verdict_on(b"") == ("TAMPERED", 0, "R-EXP1")


@pytest.mark.parametrize("tail", [b"\0", b"\0\0\0\0", joined([b"\x80"]), joined(FRAMES[-1:])])
def test_nothing_follows_the_last_frame(tail: bytes) -> None:
    verdict, height, rule = verdict_on(CONTENT + tail)
    assert (verdict, height) == ("TAMPERED", len(LEDGER.blocks) + 1)
    assert rule in {"R-EXP1", "R-CAN2", "R-CAN5"}


def test_a_batch_after_the_announced_tip_is_refused() -> None:
    longer = consultation()
    tip = {"tip_hash": longer.tip[1], "tip_n_bc": len(longer.blocks), "tip_slot": longer.tip[0]}
    longer.close()
    longer.close()
    expected = ("TAMPERED", len(longer.blocks) + 1, "R-EXP1")
    assert verdict_on(joined(longer.export_frames(**tip))) == expected


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"tip_n_bc": 8}, "R-EXP1"),
        ({"tip_slot": 5}, "R-EXP1"),
        ({"tip_slot": 7}, "R-EXP1"),
        ({"tip_hash": bytes(32)}, "R-EXP1"),
        ({"network": bytes(32)}, "R-EXP1"),
        ({"format": "medquorum/export/2"}, "R-EXP1"),
        ({"kind": "batch"}, "R-EXP1"),
        ({"more": None}, "R-CAN5"),
        ({"tip_n_bc": -1}, "R-CAN5"),
        ({"tip_slot": True}, "R-CAN5"),
    ],
)
def test_the_announcement_must_be_that_of_the_chain(changes: dict[str, object], rule: str) -> None:
    assert verdict_on(joined(LEDGER.export_frames(**changes))) == ("TAMPERED", 0, rule)


def test_a_frame_longer_than_its_limit_is_refused_unread() -> None:
    """R-CAN3."""
    content = joined(FRAMES[:1]) + (1_048_577).to_bytes(4, "big") + bytes(1_048_577)
    assert verdict_on(content) == ("TAMPERED", 1, "R-CAN3")


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (b"\x91" * 200_000, "R-CAN2"),
        (b"\x91" * 9 + b"\xc0", "R-CAN3"),
        (b"\xdd\xff\xff\xff\xff", "R-CAN3"),
        (b"\xdf\x00\xff\xff\xff", "R-CAN3"),
        (b"\xc6\xff\xff\xff\xff", "R-CAN2"),
        (b"\xd6\xff\x00\x00\x00\x00", "R-CAN1"),
        (b"\xc7\x00\x05", "R-CAN1"),
        (b"\xcb" + bytes(8), "R-CAN1"),
        (b"\xa1\xff", "R-CAN2"),
        (enc("e\u0301"), "R-CAN1"),
        (b"\xcc\x01", "R-CAN4"),
        (b"\x82\xa1b\x01\xa1a\x01", "R-CAN2"),
        (b"\x82\xa1a\x01\xa1a\x01", "R-CAN4"),
        (b"\x81\xc4\x01a\x01", "R-CAN1"),
        (b"\x81\x01\x01", "R-CAN2"),
        (b"\x81\x91\x01\x01", "R-CAN2"),
        (b"\xc1", "R-CAN2"),
        (b"\x01\x01", "R-CAN2"),
        (b"\x01", "R-CAN5"),
        (enc({"kind": "final"}), "R-CAN5"),
        (enc({"certificate": None, "header": b"", "justification": [], "kind": "x"}), "R-CAN5"),
    ],
)  # fmt: skip
def test_hostile_frames_are_refused_by_rule(frame: bytes, rule: str) -> None:
    assert verdict_on(joined([FRAMES[0], frame])) == ("TAMPERED", 1, rule)


def test_a_fault_waits_until_the_header_is_vouched_for() -> None:
    """R-EXP2: with the batch's time altered, its blocks look expired; the batch is at fault."""
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    second = ledger.core("ct", "radiologist", 1, expires_at_ms=ledger.now_ms + 5_000)
    ledger.append(second, "radiologist")
    header = ledger.close(final=False)
    ledger.close()
    assert verdict_of(ledger) == VALID
    ledger.frames[0]["header"] = enc({**header, "time_ms": header["time_ms"] + 10_000})
    assert verdict_of(ledger) == ("TAMPERED", 1, "R-ORD17")


def test_blocks_beyond_an_altered_count_point_at_the_batch() -> None:
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.append(ledger.core("ct", "radiologist", 1), "radiologist")
    header = ledger.close(final=False)
    ledger.close()
    for count in (1, 3):
        ledger.frames[0]["header"] = enc({**header, "count": count})
        assert verdict_of(ledger) == ("TAMPERED", 1, "R-ORD17")
