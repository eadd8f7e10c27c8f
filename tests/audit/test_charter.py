"""R-CHA1 to R-CHA8: a charter is complete, proved and signed, or nothing is checked with it."""

from typing import Any

import msgpack
import pytest

from scripts.independent.canonical import Fault
from scripts.independent.charter import quorum, read_charter
from scripts.independent.crypto import fingerprint

from .judging import CHARTER, SIGNATURES
from .primitives import (
    CAST,
    DOCTORS,
    ZERO,
    address,
    certificate,
    charter_file,
    charter_map,
    enc,
    high_s,
    member,
    public,
)


def rule_of(encoded: bytes) -> str:
    """The rule by which a charter file is refused."""
    with pytest.raises(Fault) as refusal:
        read_charter(encoded, SIGNATURES)
    return refusal.value.rule


def with_member(label: str, changed: dict[str, Any]) -> bytes:
    """A signed charter in which `changed` stands for a member."""
    others = [member(name) for name in CAST if name != label]
    members = sorted([*others, changed], key=lambda one: one["address"])
    return charter_file(charter_map(members=members))


def with_auto_policies(names: list[str]) -> dict[str, Any]:
    """The change that lets these policies vote on X-ray images."""
    policies = charter_map()["policies"]
    return {"policies": {**policies, "xray": {**policies["xray"], "auto_policies": names}}}


def test_a_complete_charter_numbers_its_doctors_and_has_a_quorum() -> None:
    assert [doctor.address for doctor in CHARTER.doctors] == [address(name) for name in DOCTORS]
    assert CHARTER.quorum == 3
    assert [quorum(n, "majority") for n in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]
    assert [quorum(n, "byzantine") for n in (1, 2, 3, 4, 7)] == [1, 2, 3, 3, 5]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"format": "medquorum/charter/2"}, "R-CHA1"),
        ({"version": 1}, "R-CHA1"),
        ({"seal_difficulty_bits": 33}, "R-CAN5"),
        ({"retention_days": -1}, "R-CAN5"),
        ({"ordering": {**charter_map()["ordering"], "batch_blocks": 257}}, "R-CAN5"),
        ({"ordering": {**charter_map()["ordering"], "mode": "anarchy"}}, "R-CAN5"),
        ({"policies": {}}, "R-CAN5"),
        ({"name": ""}, "R-CHA1"),
        ({"created_at_ms": 2**53 + 1}, "R-CAN5"),
        ({"retention_days": 73_001}, "R-CAN5"),
        ({"maturity": {"threshold_ppm": 1, "window": 0}}, "R-CAN5"),
        ({"absence": {"max_days": 3_661, "silence_hours": 1}}, "R-CAN5"),
        ({"ordering": {**charter_map()["ordering"], "idle_status_ms": 0}}, "R-CAN5"),
        ({"ordering": {**charter_map()["ordering"], "slot_timeout_max_ms": 1_999}}, "R-CHA2"),
        (with_auto_policies(["b", "a"]), "R-CHA3"),
        (with_auto_policies(["a", "a"]), "R-CHA3"),
        (with_auto_policies(["A"]), "R-CHA3"),
        (with_auto_policies(["a" * 65]), "R-CHA3"),
        (with_auto_policies([""]), "R-CHA3"),
        (with_auto_policies([f"a{n:02}" for n in range(17)]), "R-CHA3"),
        ({"members": []}, "R-CHA4"),
        ({"more": 1}, "R-CAN5"),
    ],
)
def test_a_wrong_charter_is_refused(changes: dict[str, Any], rule: str) -> None:
    assert rule_of(charter_file(charter_map(**changes))) == rule


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"address": ZERO}, "R-KEY2"),
        ({"endpoint": "hospital.example"}, "R-CHA4"),
        ({"endpoint": ":7443"}, "R-CHA4"),
        ({"endpoint": "hospital.example:65536"}, "R-CHA4"),
        ({"role": "patient"}, "R-CAN5"),
        ({"tls_certificate": b""}, "R-CHA4"),
        ({"tls_certificate": certificate("laboratory")}, "R-KEY4"),
        ({"tls_certificate": b"no key"}, "R-CHA4"),
        ({"tls_certificate": certificate("hospital")[:100]}, "R-CHA4"),
        ({"tls_certificate": certificate("hospital") + bytes(4_096)}, "R-CHA4"),
        ({"endpoint": "::1:7443"}, "R-CHA4"),
        ({"endpoint": "h" * 251 + ":7443"}, "R-CHA4"),
        ({"name": 1}, "R-CAN5"),
        ({"name": ""}, "R-CHA4"),
        ({"name": "h" * 201}, "R-CHA4"),
        ({"name": "line\nbreak"}, "R-CHA4"),
    ],
)
def test_a_wrong_member_is_refused(changes: dict[str, Any], rule: str) -> None:
    assert rule_of(with_member("hospital", member("hospital", changes))) == rule


def test_an_endpoint_of_version_six_stands_in_brackets() -> None:
    changed = member("hospital", {"endpoint": "[::1]:7443"})
    read_charter(with_member("hospital", changed), SIGNATURES)


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"encryption": public("laboratory/encryption")}, "R-KEY4"),
        ({"consensus": public("hospital/clinical")}, "R-KEY4"),
        ({"encryption": public("hospital/clinical")}, "R-KEY4"),
        ({"encryption": bytes(33)}, "R-KEY1"),
        ({"encryption": public("x")[1:]}, "R-CAN5"),
        ({"policy": public("hospital/policy")}, "R-CHA5"),
    ],
)
def test_no_key_is_broken_or_serves_twice(keys: dict[str, bytes], rule: str) -> None:
    own = member("hospital")["keys"]
    changed = member("hospital", {"keys": {**own, **keys}})
    assert rule_of(with_member("hospital", changed)) == rule


def test_a_tls_key_serves_nothing_else() -> None:
    """R-KEY4: the key inside the certificate counts, not only its bytes."""
    shared = certificate("hospital", "hospital/consensus")
    changed = member("hospital", {"tls_certificate": shared})
    assert rule_of(with_member("hospital", changed)) == "R-KEY4"


@pytest.mark.parametrize("name", ["clinical", "consensus", "policy"])
def test_a_member_proves_every_key_that_signs(name: str) -> None:
    """R-CHA5, R-SIG2."""
    right = member("doctor-1")
    proofs = right["proofs"]
    for proof, rule in (
        (proofs["clinical" if name != "clinical" else "consensus"], "R-CHA5"),
        (high_s(proofs[name]), "R-SIG2"),
        (None, "R-C"),
    ):
        wrong = {**right, "proofs": {**proofs, name: proof}}
        assert rule_of(with_member("doctor-1", wrong)).startswith(rule)


def test_members_ascend_and_stand_once() -> None:
    members = charter_map()["members"]
    assert rule_of(charter_file(charter_map(members=members[::-1]))) == "R-CHA4"
    twice = [members[0], *members]
    assert rule_of(charter_file(charter_map(members=twice))) == "R-KEY4"


def test_a_charter_has_a_doctor() -> None:
    labels = [name for name in CAST if not name.startswith("doctor")]
    members = sorted((member(name) for name in labels), key=lambda one: one["address"])
    assert rule_of(charter_file(charter_map(members=members), labels)) == "R-CHA4"


def test_every_member_signs_once_in_order() -> None:
    """R-CHA6."""
    charter = charter_map()
    assert rule_of(charter_file(charter, CAST[1:])) == "R-CHA6"
    assert rule_of(charter_file(charter, [*CAST, "patient-1"])) == "R-CHA6"
    assert rule_of(charter_file(charter, [*CAST, CAST[0]])) == "R-CHA6"
    signed = msgpack.unpackb(charter_file(charter))
    reversed_order = {**signed, "signatures": signed["signatures"][::-1]}
    assert rule_of(enc(reversed_order)) == "R-CHA6"
    other = msgpack.unpackb(charter_file(charter_map(name="another")))["signatures"]
    assert rule_of(enc({**signed, "signatures": other})) == "R-CHA6"
    malleated = [{**one, "signature": high_s(one["signature"])} for one in signed["signatures"]]
    assert rule_of(enc({**signed, "signatures": malleated})) == "R-SIG2"


def test_an_altered_charter_file_is_refused_at_every_byte() -> None:
    content = charter_file(charter_map())
    for position in range(0, len(content), 23):
        altered = bytearray(content)
        altered[position] ^= 1 << position % 8
        assert rule_of(bytes(altered)).startswith("R-")
    assert rule_of(content + b"\0") == "R-CAN2"
    assert rule_of(content[:-1]) == "R-CAN2"
    assert rule_of(b"") == "R-CAN2"


def test_the_fingerprint_is_read_aloud_as_proquints() -> None:
    """R-CHA7; the words for 127.0.0.1 and 63.84.220.193 are those of the proquint proposal."""
    network = bytes([127, 0, 0, 1, 63, 84, 220, 193]) + bytes(24)
    assert fingerprint(network) == "lusab babad gutih tugad" + " babab" * 4
