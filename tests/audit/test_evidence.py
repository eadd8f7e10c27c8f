"""R-GOV5, R-SIM11: what proves that a member contradicted itself, and what does not."""

from typing import Any

import pytest
from ecdsa.util import sigencode_string_canonize

from .governing import Governed, founded, rotated, sole
from .judging import VALID, verdict_of
from .primitives import DOCTORS, ZERO, address, enc, key_of, tagged

ONE, TWO = bytes([1]) * 32, bytes([2]) * 32
ROTATE = {"kind": "rotate_key", "member": rotated("doctor-0", "consensus")}


def verdict_on(ledger: Governed, act: dict[str, Any], **changes: Any) -> tuple[str, int, str]:
    """The verdict on a ledger with this evidence in its next batch."""
    ledger.govern("evidence", "doctor-2", act, {}, **changes)
    ledger.close()
    return verdict_of(ledger)


def refused(ledger: Governed, act: dict[str, Any], rule: str = "R-GOV5") -> bool:
    """Whether the evidence is refused by this rule, at its height."""
    height = len(ledger.blocks) + 1
    return verdict_on(ledger, act) == ("TAMPERED", height, rule)


def pair(ledger: Governed, kinds: tuple[str, str], **changes: Any) -> tuple[bytes, bytes]:
    """Two ordering votes of doctor-1 on one slot, on two batches."""
    first, second = (
        ledger.ordering_vote("doctor-1", kind, None if kind == "skip" else named, **changes)
        for kind, named in zip(kinds, (ONE, TWO), strict=True)
    )
    return first, second


KINDS = {
    "two_notars": ("notar", "notar"),
    "skip_and_final": ("skip", "final"),
    "two_finals": ("final", "final"),
    "notar_and_final": ("notar", "final"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_two_ordering_votes_contradict_each_other(kind: str) -> None:
    ledger = founded()
    act = ledger.evidence("doctor-1", kind, *pair(ledger, KINDS[kind]))
    assert verdict_on(ledger, act) == VALID
    for other in KINDS:
        if other != kind:
            assert refused(founded(), {**act, "kind": other})
    swapped = {**act, "first": act["second"], "second": act["first"]}
    assert refused(founded(), swapped)
    assert refused(founded(), {**act, "second": act["first"]})
    assert refused(founded(), {**act, "culprit": address("doctor-0")})
    assert refused(founded(), {**act, "kind": "two_lies"}, "R-CAN5")


def test_votes_that_do_not_contradict_prove_nothing() -> None:
    ledger = founded()
    one = ledger.ordering_vote("doctor-1", "notar", ONE)
    final = ledger.ordering_vote("doctor-1", "final", ONE)
    later = ledger.ordering_vote("doctor-1", "notar", TWO, slot=10)
    assert refused(founded(), ledger.evidence("doctor-1", "notar_and_final", one, final))
    assert refused(founded(), ledger.evidence("doctor-1", "two_notars", one, later))
    skip = ledger.ordering_vote("doctor-1", "skip", None)
    assert refused(founded(), ledger.evidence("doctor-1", "skip_and_final", one, skip))
    hashed = ledger.ordering_vote("doctor-1", "skip", ONE)
    act = ledger.evidence("doctor-1", "skip_and_final", final, hashed)
    assert refused(founded(), act, "R-ORD10")


def test_a_message_of_another_signer_proves_nothing() -> None:
    ledger = founded()
    one = ledger.ordering_vote("doctor-1", "notar", ONE)
    number = DOCTORS.index("doctor-1")
    for doctor, signer in (("doctor-0", number), ("doctor-0", DOCTORS.index("doctor-0"))):
        forged = ledger.ordering_vote(doctor, "notar", TWO, signer=signer)
        assert refused(founded(), ledger.evidence("doctor-1", "two_notars", one, forged))
    for signer in (4, 2**63, -1):
        nobody = ledger.ordering_vote("doctor-1", "notar", TWO, signer=signer)
        rule = "R-CAN5" if signer < 0 else "R-GOV5"
        assert refused(founded(), ledger.evidence("doctor-1", "two_notars", one, nobody), rule)


def batch(ledger: Governed, signer: str, /, slot: int = 9, **changes: Any) -> bytes:
    """A batch as its leader sends it."""
    number = (ledger.epoch + slot) % len(ledger.seats[-1])
    stated = {"slot": slot, "epoch": ledger.epoch, "leader": number}
    header = {**ledger.headers[-1], **stated, **changes}
    encoded = enc(header)
    digest = tagged("batch-proposal", ledger.network, tagged("batch", ledger.network, encoded))
    return enc({"header": encoded, "signature": ledger.ordered(signer, digest, ledger.epoch)})


def test_two_batches_of_one_slot() -> None:
    ledger = founded()
    leader, other = DOCTORS[9 % 4], DOCTORS[10 % 4]
    one, two = batch(ledger, leader), batch(ledger, leader, time_ms=7)
    act = ledger.evidence(leader, "two_proposals", one, two)
    assert verdict_on(ledger, act) == VALID
    assert refused(founded(), {**act, "culprit": address(other)})
    later = batch(ledger, leader, time_ms=7, slot=13)
    assert refused(founded(), ledger.evidence(leader, "two_proposals", one, later))
    own = batch(ledger, other), batch(ledger, other, time_ms=7)
    assert refused(founded(), ledger.evidence(other, "two_proposals", *own))
    for changes in ({"leader": 3}, {"network": ZERO}):
        strange = batch(ledger, leader, **changes)
        for pair_of in ((one, strange), (strange, batch(ledger, leader, **changes, time_ms=7))):
            assert refused(founded(), ledger.evidence(leader, "two_proposals", *pair_of))
    forged = batch(ledger, other, time_ms=7)
    assert refused(founded(), ledger.evidence(leader, "two_proposals", one, forged))


def test_one_batch_signed_twice_is_no_contradiction() -> None:
    ledger = founded()
    leader = DOCTORS[9 % 4]
    one = batch(ledger, leader)
    header = {**ledger.headers[-1], "slot": 9, "leader": 9 % 4}
    digest = tagged("batch-proposal", ledger.network, tagged("batch", ledger.network, enc(header)))
    # A nonce of its own, where a signer would derive it.
    other = key_of(f"{leader}/consensus").sign_digest(
        digest, k=7, sigencode=sigencode_string_canonize
    )
    again = enc({"header": enc(header), "signature": other})
    assert one[:-64] == again[:-64]
    assert refused(founded(), ledger.evidence(leader, "two_proposals", one, again))


def test_two_votes_on_one_proposal() -> None:
    ledger = founded()
    yes = ledger.vote(ONE, "doctor-1")
    no = ledger.vote(ONE, "doctor-1", decision="reject")
    act = ledger.evidence("doctor-1", "two_votes", yes, no)
    assert verdict_on(ledger, act) == VALID
    automatic = ledger.vote(ONE, "doctor-1", mode="policy:of-old")
    act = ledger.evidence("doctor-1", "two_votes", yes, automatic)
    assert verdict_on(founded(), act) == VALID
    other = ledger.vote(TWO, "doctor-1", decision="reject")
    assert refused(founded(), ledger.evidence("doctor-1", "two_votes", yes, other))
    foreign = ledger.vote(ONE, "doctor-3", decision="reject")
    assert refused(founded(), ledger.evidence("doctor-1", "two_votes", yes, foreign))
    forged = ledger.vote(ONE, "doctor-1", decision="reject", signer="doctor-3/clinical")
    assert refused(founded(), ledger.evidence("doctor-1", "two_votes", yes, forged))
    institution = [ledger.vote(ONE, "hospital", decision=one) for one in ("approve", "reject")]
    assert refused(founded(), ledger.evidence("hospital", "two_votes", *institution))


def test_one_evidence_of_each_is_enough() -> None:
    """R-GOV5: of a culprit, kind and epoch, whatever the slot."""
    ledger = founded()
    act = ledger.evidence("doctor-1", "two_notars", *pair(ledger, KINDS["two_notars"]))
    assert verdict_on(ledger, act) == VALID
    third = ledger.ordering_vote("doctor-1", "notar", ZERO)
    again = ledger.evidence("doctor-1", "two_notars", act["first"], third)
    assert refused(ledger, again)
    ledger = founded()
    assert verdict_on(ledger, act) == VALID
    finals = ledger.evidence("doctor-1", "two_finals", *pair(ledger, KINDS["two_finals"]))
    assert verdict_on(ledger, finals) == VALID
    later = ledger.evidence("doctor-1", "two_notars", *pair(ledger, ("notar", "notar"), slot=10))
    assert refused(ledger, later)


def test_evidence_is_of_the_keys_and_seats_of_its_epoch() -> None:
    gone = {"kind": "revoke", "member": address("doctor-1"), "successor": address("doctor-0")}
    ledger = founded()
    votes = pair(ledger, KINDS["two_notars"])
    ledger.amended(gone, doctors=sole("doctor-1"))
    act = ledger.evidence("doctor-1", "two_notars", *votes)
    assert verdict_on(ledger, act) == VALID
    ledger = founded()
    early = ledger.ordering_vote("doctor-1", "notar", ONE, epoch=1, signer=0)
    late = ledger.ordering_vote("doctor-1", "notar", TWO, epoch=1, signer=0)
    assert refused(ledger, ledger.evidence("doctor-1", "two_notars", early, late))


def test_exchanged_keys_convict_for_their_time_only() -> None:
    ledger = founded()
    old = [ledger.ordering_vote("doctor-0", "notar", one) for one in (ONE, TWO)]
    ledger.amended(ROTATE)
    ledger.exchanged["doctor-0"] = 1
    assert verdict_on(ledger, ledger.evidence("doctor-0", "two_notars", *old)) == VALID
    new = [ledger.ordering_vote("doctor-0", "notar", one) for one in (ONE, TWO)]
    assert verdict_on(ledger, ledger.evidence("doctor-0", "two_notars", *new)) == VALID
    ledger.exchanged["doctor-0"] = 2
    wrong = [ledger.ordering_vote("doctor-0", "final", one) for one in (ONE, TWO)]
    act = ledger.evidence("doctor-0", "two_finals", *wrong)
    ledger.exchanged["doctor-0"] = 1
    assert refused(ledger, act)


def test_evidence_comes_from_a_doctor_with_the_consensus_key_and_needs_nobody() -> None:
    """R-GOV1, R-GOV3, R-GOV4."""
    ledger = founded()
    act = ledger.evidence("doctor-1", "two_notars", *pair(ledger, KINDS["two_notars"]))
    signed = verdict_on(ledger, act, signer="doctor-2/clinical")
    assert signed == ("TAMPERED", 2, "R-GOV1")
    ledger = founded()
    ledger.govern("evidence", "hospital", act, {})
    ledger.close()
    assert verdict_of(ledger) == ("TAMPERED", 2, "R-GOV3")
    against = {f"doctor-{n}": {"decision": "reject", "role": "peer"} for n in range(4)}
    for outcome, expected in (("accepted", VALID), ("rejected", ("TAMPERED", 2, "R-GOV4"))):
        ledger = founded()
        ledger.govern("evidence", "doctor-1", act, against, outcome=outcome)
        ledger.close()
        assert verdict_of(ledger) == expected
