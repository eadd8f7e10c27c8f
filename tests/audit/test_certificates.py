"""R-ORD7 to R-ORD17: batches that no quorum made, or that break the rules of ordering."""

from typing import Any

import pytest

from .builder import Ledger
from .judging import VALID, verdict_of
from .primitives import ZERO, charter_map, enc, high_s, merkle
from .story import consultation


def begun() -> Ledger:
    """A ledger with one batch, of block 1 in slot 1; the next batch begins with block 2."""
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.close()
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist")
    return ledger


def refused(rule: str) -> tuple[str, int, str]:
    """Refused at the second batch."""
    return ("TAMPERED", 2, rule)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"network": ZERO}, "R-ORD7"),
        ({"charter_version": 1}, "R-ORD9"),
        ({"epoch": 1}, "R-ORD9"),
        ({"leader": 3}, "R-ORD9"),
        ({"leader": 4}, "R-ORD9"),
        ({"slot": 3, "leader": 3}, "R-ORD12"),
        ({"slot": 1, "leader": 1}, "R-ORD9"),
        ({"slot": 0, "leader": 0}, "R-CAN5"),
        ({"parent_slot": 0}, "R-ORD7"),
        ({"parent_hash": ZERO}, "R-ORD7"),
        ({"time_ms": 0}, "R-ORD13"),
        ({"first_nbc": 3}, "R-ORD7"),
        ({"count": 2}, "R-EXP1"),
        ({"count": 257}, "R-ORD8"),
        ({"blocks_root": ZERO}, "R-ORD7"),
        ({"witness_root": ZERO}, "R-ORD7"),
        ({"justification_root": ZERO}, "R-ORD7"),
        ({"last_block_hash": ZERO}, "R-ORD7"),
        ({"registry_hash": ZERO}, "R-ORD15"),
        ({"seal_nonce": 1}, "R-ORD16"),
        ({"more": 1}, "R-CAN5"),
    ],
)
def test_a_wrong_batch_header_is_refused_though_a_quorum_signed_it(
    changes: dict[str, Any], rule: str
) -> None:
    ledger = begun()
    ledger.close(**changes)
    height = 3 if rule == "R-EXP1" else 2
    assert verdict_of(ledger) == ("TAMPERED", height, rule)


def test_time_never_goes_back_nor_stands_still() -> None:
    """R-ORD13."""
    for step_ms, expected in ((1, VALID), (0, refused("R-ORD13")), (-1, refused("R-ORD13"))):
        ledger = begun()
        time_ms = ledger.headers[0]["time_ms"] + step_ms
        ledger.close(time_ms=time_ms)
        assert verdict_of(ledger) == expected


def test_an_empty_batch_repeats_the_last_block() -> None:
    """R-ORD7."""
    ledger = begun()
    ledger.close()
    ledger.close(last_block_hash=ZERO)
    assert verdict_of(ledger) == ("TAMPERED", 3, "R-ORD7")


@pytest.mark.parametrize(
    ("signers", "changes", "rule"),
    [
        ((0, 1), {}, "R-ORD11"),
        ((), {}, "R-ORD11"),
        ((0, 1, 1), {}, "R-ORD11"),
        ((1, 0, 2), {}, "R-ORD11"),
        ((0, 1, 6), {}, "R-ORD11"),
        ((-1, 1, 2), {}, "R-ORD11"),
        ((0, 1, 2), {"epoch": 1}, "R-ORD9"),
        ((0, 1, 2), {"hash": ZERO}, "R-ORD17"),
        ((0, 1, 2), {"hash": None}, "R-ORD10"),
        ((0, 1, 2), {"slot": 3}, "R-ORD17"),
        ((0, 1, 2), {"kind": "notar"}, "R-ORD17"),
        ((0, 1, 2), {"kind": "skip"}, "R-ORD10"),
        ((0, 1, 2), {"votes": [[0, bytes(63)]]}, "R-CAN5"),
        ((0, 1, 2), {"votes": [[0, bytes(64)]] * 3}, "R-ORD11"),
        ((0, 1, 2), {"votes": [[n, bytes(64)] for n in range(3)]}, "R-SIG2"),
    ],
)
def test_a_wrong_final_certificate_is_refused(
    signers: tuple[int, ...], changes: dict[str, Any], rule: str
) -> None:
    ledger = begun()
    ledger.close()
    wrong = ledger.certificate("final", *ledger.tip, signers, **changes)
    ledger.frames[-2]["certificate"] = wrong
    assert verdict_of(ledger) == refused(rule)


def test_more_than_a_quorum_and_any_quorum_will_do() -> None:
    for signers in ((0, 1, 2, 3), (0, 1, 3), (1, 2, 3)):
        ledger = begun()
        ledger.close()
        ledger.frames[-2]["certificate"] = ledger.certificate("final", *ledger.tip, signers)
        assert verdict_of(ledger) == VALID


def test_a_notarised_batch_signed_for_another_kind_is_not_final() -> None:
    """R-ORD10: the kind is signed."""
    ledger = begun()
    ledger.close()
    votes = ledger.certificate("notar", *ledger.tip)
    ledger.frames[-2]["certificate"] = votes.replace(b"\xa5notar", b"\xa5final")
    assert verdict_of(ledger) == refused("R-ORD11")


def test_a_certificate_with_a_high_s_is_refused() -> None:
    ledger = begun()
    ledger.close()
    right = ledger.certificate("final", *ledger.tip)
    signature = right[-64:]
    ledger.frames[-2]["certificate"] = right[:-64] + high_s(signature)
    assert verdict_of(ledger) == refused("R-SIG2")


def test_the_last_batch_needs_a_certificate_of_its_own() -> None:
    """R-ORD17, R-EXP2."""
    ledger = begun()
    ledger.close(final=False)
    assert verdict_of(ledger) == refused("R-ORD17")


@pytest.mark.parametrize(
    ("wanted", "rule"),
    [
        (["notar", "skip 2"], None),
        (["final", "skip 2"], None),
        (["skip 2"], "R-ORD12"),
        (["notar"], "R-ORD12"),
        ([], "R-ORD12"),
        (["skip 2", "notar"], "R-ORD12"),
        (["notar", "skip 3"], "R-ORD12"),
        (["notar", "skip 2", "skip 2"], "R-ORD12"),
        (["notar of another", "skip 2"], "R-ORD12"),
        (["notar by two", "skip 2"], "R-ORD11"),
        (["notar", "skip 2 by two"], "R-ORD11"),
    ],
)
def test_a_justification_certifies_the_parent_and_every_slot_between(
    wanted: list[str], rule: str | None
) -> None:
    """R-ORD12, with slot 2 skipped."""
    ledger = begun()
    slot, parent = ledger.tip
    certificates = {
        "notar": ledger.certificate("notar", slot, parent),
        "final": ledger.certificate("final", slot, parent),
        "notar of another": ledger.certificate("notar", slot, ZERO),
        "notar by two": ledger.certificate("notar", slot, parent, (0, 1)),
        "skip 2": ledger.certificate("skip", 2, None),
        "skip 3": ledger.certificate("skip", 3, None),
        "skip 2 by two": ledger.certificate("skip", 2, None, (0, 3)),
    }
    ledger.close(skipped=1, justification=[certificates[name] for name in wanted])
    assert verdict_of(ledger) == (refused(rule) if rule else VALID)


def test_the_first_batch_may_be_preceded_by_skips_alone() -> None:
    ledger = Ledger()
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.close(skipped=2)
    assert verdict_of(ledger) == VALID


@pytest.mark.parametrize("certified", [True, False])
def test_a_chain_rewritten_without_the_doctors_is_found(certified: bool) -> None:
    """R-ORD17: an alternative with every hash, root and link in order, but no quorum's signature.

    The forger leaves a dissenting vote out of block 3, in the second batch; the later batches
    are linked to the altered one, with the certificates the honest chain had.
    """
    honest, forged = consultation(), consultation()
    batch_at = next(at for at, frame in enumerate(forged.frames) if "header" in frame and at)
    header = forged.headers[1]
    witnesses = [frame["witness"] for frame in forged.frames[batch_at + 1 : batch_at + 4]]
    made = forged.blocks[3]
    reduced = {"doctor-0": {"decision": "reject", "grade": 4}}
    witnesses[1] = enc({"votes": forged.votes(made.header["proposal"], reduced)})
    forged.frames[batch_at + 2]["witness"] = witnesses[1]
    altered = enc({**header, "witness_root": merkle(witnesses)})
    forged.frames[batch_at]["header"] = altered
    if certified:
        own = forged.certificate("final", header["slot"], bytes(32), (0, 1))
        forged.frames[batch_at]["certificate"] = own
    assert verdict_of(honest) == VALID
    assert verdict_of(forged) == ("TAMPERED", 3, "R-ORD17")


def test_a_witness_exchanged_for_another_valid_one_breaks_the_root() -> None:
    """R-ORD7: the votes suffice, but they are not those the batch was certified with."""
    ledger = begun()
    ledger.close()
    proposal = ledger.blocks[1].header["proposal"]
    others = {"doctor-0": "approve", "doctor-1": "approve", "doctor-3": "approve"}
    ledger.frames[-1]["witness"] = enc({"votes": ledger.votes(proposal, others)})
    assert verdict_of(ledger) == refused("R-ORD7")


def test_a_batch_holds_no_more_blocks_than_the_charter_allows() -> None:
    """R-CHA2, R-ORD8."""
    ordering = {**charter_map()["ordering"], "batch_blocks": 1}
    ledger = Ledger(charter_map(ordering=ordering))
    ledger.append(ledger.core("medical_form", "hospital", None), "hospital")
    ledger.append(ledger.core("xray", "radiologist", 1), "radiologist")
    ledger.close()
    assert verdict_of(ledger) == ("TAMPERED", 1, "R-ORD8")


def test_a_seal_is_asked_for_where_the_charter_asks() -> None:
    """R-ORD16: the nonce of the sealed batch is searched for here, four zero bits deep."""
    found = set()
    for nonce in range(64):
        ledger = Ledger(charter_map(seal_difficulty_bits=4))
        ledger.close(seal_nonce=nonce)
        sealed = ledger.tip[1][0] < 16
        expected = VALID if sealed else ("TAMPERED", 1, "R-ORD16")
        if sealed not in found:
            assert verdict_of(ledger) == expected
        found.add(sealed)
    assert found == {True, False}
