"""R-GOV8, R-ORD9, R-EXP1: an accepted amendment ends its epoch, with a tail or without one."""

from typing import Any

import pytest

from .governing import Governed, founded, rotated, sole
from .judging import VALID, charter_of, verdict_of, verdict_on
from .primitives import DOCTORS, address, enc, joined, member

OTHER_RULE = {"kind": "set_absence_rule", "max_days": 10, "silence_hours": 1}
STILL_OTHER = {"kind": "set_absence_rule", "max_days": 20, "silence_hours": 1}
ADMIT = {"kind": "admit", "member": member("doctor-4")}
ROTATE = {"kind": "rotate_key", "member": rotated("doctor-0", "consensus")}
SUSPEND = {"kind": "suspend", "member": address("doctor-3"), "stand_in": address("doctor-1")}


def tampered(height: int, rule: str) -> tuple[str, int, str]:
    """What the verdict should be."""
    return ("TAMPERED", height, rule)


def film(ledger: Governed, **changes: Any) -> None:
    """One more image of patient 1."""
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist", **changes)


def grown() -> Governed:
    """Four epochs: with its own certificate, with a tail of three, of one, and the last open."""
    ledger = founded()
    ledger.amended(OTHER_RULE)
    film(ledger)
    ledger.close(final=False)
    film(ledger)
    ledger.amend(ADMIT)
    ledger.close(final=False)
    ledger.tail(final=False)
    ledger.tail(skipped=1, final=False)
    ledger.tail()
    ledger.next_epoch(*DOCTORS, "doctor-4")
    film(ledger)
    ledger.close()
    ledger.amend(ROTATE)
    ledger.close(final=False)
    ledger.tail()
    ledger.next_epoch(*DOCTORS, "doctor-4")
    ledger.exchanged["doctor-0"] = 3
    film(ledger)
    ledger.close(skipped=1)
    return ledger


LEDGER = grown()
FRAMES = LEDGER.export_frames()
KINDS = [frame["kind"] for frame in LEDGER.frames]


def heights() -> list[int]:
    """The height of a fault in every frame."""
    found, next_n_bc = [0], 1
    for kind in KINDS:
        found.append(next_n_bc)
        next_n_bc += kind == "block"
    return found


HEIGHTS = heights()


CHARTER = charter_of(LEDGER)


def judged(frames: list[bytes]) -> tuple[str, int, str]:
    """The verdict on frames under the founding charter."""
    return verdict_on(joined(frames), CHARTER)


def test_four_epochs_are_valid() -> None:
    assert verdict_of(LEDGER) == VALID
    assert KINDS.count("tail") == 4
    assert [header["epoch"] for header in LEDGER.headers if header["count"]] == [
        0, 0, 1, 1, 2, 2, 3,
    ]  # fmt: skip


def test_an_export_may_end_with_an_epoch() -> None:
    for tails in (0, 1, 2):
        ledger = founded()
        ledger.amend(OTHER_RULE)
        ledger.close(final=tails == 0)
        for number in range(tails):
            ledger.tail(final=number == tails - 1)
        assert verdict_of(ledger) == VALID


def test_an_amendment_that_nobody_made_final_ends_no_export() -> None:
    ledger = founded()
    ledger.amend(OTHER_RULE)
    ledger.close(final=False)
    assert verdict_of(ledger) == tampered(2, "R-ORD17")
    ledger.tail(final=False)
    assert verdict_of(ledger) == tampered(2, "R-ORD17")
    ledger.next_epoch(*DOCTORS)
    ledger.close()
    assert verdict_of(ledger) == tampered(2, "R-ORD17")


def found_at(at: int) -> int:
    """The height at which it is found that a frame is not where it should be.

    Without the end of a tail the batch before the tail is what nothing makes final.
    """
    kinds = ["export", *KINDS, ""]
    if (kinds[at], kinds[at + 1] == "tail") != ("tail", False):
        return HEIGHTS[at]
    return HEIGHTS[max(one for one in range(at) if kinds[one] == "batch")]


@pytest.mark.parametrize("at", range(len(FRAMES)))
def test_a_removed_frame_is_found(at: int) -> None:
    assert judged([*FRAMES[:at], *FRAMES[at + 1 :]])[:2] == ("TAMPERED", found_at(at))


@pytest.mark.parametrize("at", range(len(FRAMES) - 1))
def test_exchanged_frames_are_found(at: int) -> None:
    exchanged = [*FRAMES[:at], FRAMES[at + 1], FRAMES[at], *FRAMES[at + 2 :]]
    assert judged(exchanged)[:2] == ("TAMPERED", found_at(at))


@pytest.mark.parametrize("count", range(1, len(FRAMES)))
def test_an_export_cut_between_frames_is_found(count: int) -> None:
    assert judged(FRAMES[:count]) == tampered(HEIGHTS[count], "R-EXP1")


def test_a_flipped_bit_is_found_in_its_frame() -> None:
    """Every seventeenth byte of every frame."""
    for at, frame in enumerate(FRAMES):
        for position in range(at % 17, len(frame), 17):
            altered = bytearray(frame)
            altered[position] ^= 1 << position % 8
            found = judged([*FRAMES[:at], bytes(altered), *FRAMES[at + 1 :]])
            assert found[:2] == ("TAMPERED", HEIGHTS[at]), (at, position, found)


def test_a_batch_is_no_tail_and_a_tail_no_batch() -> None:
    for at, frame in enumerate(LEDGER.frames, 1):
        if frame["kind"] == "block":
            continue
        is_tail = frame["kind"] == "tail"
        other = enc({**frame, "kind": "batch" if is_tail else "tail"})
        frames = [*FRAMES[:at], other, *FRAMES[at + 1 :]]
        batch = max(one for one in range(1, at + 1) if KINDS[one - 1] == "batch")
        expected = tampered(HEIGHTS[batch], "R-ORD17") if is_tail else None
        assert judged(frames) == (expected or tampered(HEIGHTS[at], "R-EXP1"))


def test_after_an_amendment_every_batch_of_its_epoch_is_empty() -> None:
    ledger = founded()
    ledger.amend(OTHER_RULE)
    ledger.close(final=False)
    film(ledger)
    ledger.tail()
    assert verdict_of(ledger) == tampered(3, "R-GOV8")


def test_an_amendment_is_the_last_block_of_its_batch() -> None:
    ledger = founded()
    ledger.amend(OTHER_RULE)
    film(ledger)
    ledger.close()
    assert verdict_of(ledger) == tampered(3, "R-GOV5")


def test_a_rejected_amendment_ends_nothing() -> None:
    ledger = founded()
    against = {f"doctor-{n}": {"decision": "reject", "role": "peer"} for n in range(2)}
    act = {"base_version": 7, "changes": [OTHER_RULE]}
    ledger.govern("amendment", "hospital", act, against, outcome="rejected")
    film(ledger)
    ledger.close()
    assert verdict_of(ledger) == VALID


def test_two_amendments_of_one_version_cannot_both_be() -> None:
    ledger = founded().amended(OTHER_RULE)
    ledger.amend(STILL_OTHER, act={"base_version": 0})
    ledger.close()
    assert verdict_of(ledger) == tampered(3, "R-GOV5")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"epoch": 0, "charter_version": 0}, "R-ORD9"),
        ({"charter_version": 0}, "R-ORD9"),
        ({"epoch": 2}, "R-ORD9"),
        ({"leader": 1}, "R-ORD9"),
        ({"time_ms": 1_700_000_002_000}, "R-ORD13"),
        ({"parent_slot": 2}, "R-ORD9"),
        ({"first_nbc": 2}, "R-ORD7"),
    ],
)
def test_the_next_epoch_starts_from_the_amendment(changes: dict[str, Any], rule: str) -> None:
    ledger = founded().amended(OTHER_RULE)
    ledger.close(**changes)
    assert verdict_of(ledger) == tampered(3, rule)


def test_the_next_epoch_does_not_start_from_the_tail() -> None:
    ledger = founded()
    ledger.amend(OTHER_RULE)
    ledger.close(final=False)
    ledger.tail()
    end = ledger.tip[1]
    ledger.next_epoch(*DOCTORS)
    ledger.close(parent_hash=end)
    assert verdict_of(ledger) == tampered(3, "R-ORD7")


def test_certificates_are_of_the_epoch_and_its_keys() -> None:
    ledger = founded().amended(ROTATE)
    ledger.close()
    assert verdict_of(ledger) == tampered(3, "R-ORD11")
    ledger = founded().amended(ADMIT, doctors=[*DOCTORS, "doctor-4"])
    ledger.close(certificate=ledger.certificate("final", 1, ledger.network, of_epoch=0))
    assert verdict_of(ledger) == tampered(3, "R-ORD17")
    ledger = founded().amended(SUSPEND, doctors=sole("doctor-3"))
    ledger.close(leader=0)
    assert verdict_of(ledger) == tampered(3, "R-ORD9")


def test_whoever_is_suspended_issues_votes_and_orders_nothing() -> None:
    """R-GOV7, R-VOT3: three doctors are left, of whom two decide."""
    ledger = founded().amended(SUSPEND, doctors=sole("doctor-3"))
    film(ledger, decisions={"doctor-0": "approve", "doctor-1": "approve"})
    ledger.close()
    assert verdict_of(ledger) == VALID
    film(ledger, decisions={"doctor-0": "approve", "doctor-3": "approve"})
    ledger.close()
    assert verdict_of(ledger) == tampered(4, "R-VOT3")
    ledger = founded().amended(SUSPEND, doctors=sole("doctor-3"))
    ledger.append(ledger.core("prescription", "doctor-3", 1), "doctor-3")
    ledger.close()
    assert verdict_of(ledger) == tampered(3, "R-BLK2")
    ledger = founded().amended(SUSPEND, doctors=sole("doctor-3"))
    ledger.append(ledger.core("xray", "radiologist", 1, doctor=address("doctor-3")), "radiologist")
    ledger.close()
    assert verdict_of(ledger) == tampered(3, "R-PRO6")


def test_other_clinical_keys_sign_from_the_next_epoch_on() -> None:
    """R-GOV8: what an old key signed does not count any more."""
    change = {"kind": "rotate_key", "member": rotated("doctor-0", "clinical")}
    for signer, expected in (
        ("doctor-0/clinical/2", VALID),
        ("doctor-0/clinical", tampered(3, "R-VOT1")),
    ):
        ledger = founded().amended(change)
        said = {"doctor-0": {"signer": signer}, "doctor-1": "approve", "doctor-2": "approve"}
        film(ledger, decisions=said)
        ledger.close()
        assert verdict_of(ledger) == expected


def test_a_policy_decides_from_the_next_epoch_on() -> None:
    """R-VER1: after the change the care team of doctor-0 alone decides on images."""
    policy = {"auto_policies": [], "panel": "care_team", "strict": False}
    ledger = founded()
    film(ledger, decisions={"doctor-0": "approve"})
    ledger.close()
    assert verdict_of(ledger) == tampered(2, "R-VER2")
    ledger = founded().amended({"kind": "set_policy", "policy": policy, "type": "xray"})
    film(ledger, decisions={"doctor-0": "approve"})
    ledger.close()
    assert verdict_of(ledger) == VALID
