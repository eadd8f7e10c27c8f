"""Authenticators in the charter: who has one, what it may say, how it comes and goes (R-CHA9)."""

from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger.amendment import apply, explain, verify_amendment
from medquorum.ledger.ceremony import open_charter
from medquorum.ledger.change import RotateKey
from medquorum.ledger.charter_members import keys_of
from medquorum.ledger.enrolment import backed_up, parse_enrolment
from medquorum.ledger.errors import CharterError, CodecError, LedgerError
from medquorum.ledger.governance import Amendment
from medquorum.ledger.member import parse_member
from medquorum.ledger.types import Role
from scripts.independent.canonical import Fault
from scripts.independent.charter import read_charter
from scripts.independent.crypto import Signatures
from scripts.independent.enrolments import read_enrolment
from tests.ledger.charter_kit import make_member, prove
from tests.support.authenticator import (
    BACKED_UP,
    OTHER_ORIGIN,
    PRESENT,
    VERIFIED,
    Answer,
    enrolled,
    enrolment_of,
)
from tests.support.network import digest, make_network

PLAIN = make_network()
DOCTOR, SECOND = PLAIN.doctors[:2]
NETWORK = enrolled(PLAIN, DOCTOR)
GOOD = enrolment_of(DOCTOR).as_map()


def test_a_charter_with_authenticators_is_read_as_written() -> None:
    """R-CHA9: by both readers; the member proves what it says of it (R-CHA5)."""
    charter = open_charter(NETWORK.charter_file())
    assert charter == NETWORK.charter
    member = next(one for one in charter.members if one.name == DOCTOR)
    assert member.webauthn == enrolment_of(DOCTOR)
    assert keys_of(member)["webauthn"] == enrolment_of(DOCTOR).key
    read = read_charter(NETWORK.charter_file(), Signatures())
    found = read.members[member.address].webauthn
    assert found is not None
    assert (found.key, found.origins) == (enrolment_of(DOCTOR).key, enrolment_of(DOCTOR).origins)
    claimed = replace(member, webauthn=enrolment_of(SECOND))
    with pytest.raises(CharterError, match="R-CHA5"):
        claimed.verify_proofs()


def test_a_member_without_one_has_the_bytes_it_always_had() -> None:
    """R-CHA9: the field is left out, never none."""
    member = make_member(DOCTOR, Role.DOCTOR)
    assert "webauthn" not in member.as_map()
    with pytest.raises(LedgerError):
        parse_member({**member.as_map(), "webauthn": None})


WRONG: dict[str, dict[str, Any]] = {
    "a key off the curve": {"key": b"\x02" + b"\xff" * 32},
    "a short key": {"key": bytes(32)},
    "no name": {"rp_id": ""},
    "capitals": {"rp_id": "Node.example.org"},
    "an empty label": {"rp_id": "node..org"},
    "a dash before": {"rp_id": "-node.org"},
    "a long name": {"rp_id": "a" * 254},
    "no origins": {"origins": []},
    "too many": {"origins": [f"https://n{n}.node.example.org" for n in range(9)]},
    "twice": {"origins": ["https://node.example.org"] * 2},
    "not ascending": {"origins": [OTHER_ORIGIN, "https://node.example.org"]},
    "plain http": {"origins": ["http://node.example.org"]},
    "another host": {"origins": ["https://example.org"]},
    "a suffix that is no parent": {"origins": ["https://evilnode.example.org"]},
    "a path": {"origins": ["https://node.example.org/"]},
    "the usual port": {"origins": ["https://node.example.org:443"]},
    "port 0": {"origins": ["https://node.example.org:0"]},
    "a port too high": {"origins": ["https://node.example.org:65536"]},
    "no port": {"origins": ["https://node.example.org:"]},
    "two ports": {"origins": ["https://node.example.org:1:2"]},
    "a user": {"origins": ["https://a@node.example.org"]},
    "other digits": {"origins": ["https://node.example.org:١"]},
    "no scheme": {"origins": ["node.example.org"]},
    "bytes": {"origins": [b"https://node.example.org"]},
    "no word on backup": {"backup": 1},
    "more": {"more": 1},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_enrolment_is_refused_by_both_readers(changes: dict[str, Any]) -> None:
    """R-CHA9."""
    spoiled: Any = GOOD | changes
    with pytest.raises((CharterError, CodecError)):
        parse_enrolment(spoiled)
    with pytest.raises(Fault):
        read_enrolment(spoiled)


@pytest.mark.parametrize(
    ("rp_id", "origin"),
    [
        ("localhost", "http://localhost:8451"),
        ("localhost", "http://localhost"),
        ("example.org", "https://node.example.org:8443"),
        ("a" * 253, "https://" + "a" * 253 + ":65535"),
    ],
)
def test_a_right_one_is_read_by_both(rp_id: str, origin: str) -> None:
    enrolment: Any = {**GOOD, "rp_id": rp_id, "origins": [origin]}
    assert parse_enrolment(enrolment).origins == (origin,)
    assert read_enrolment(enrolment).origins == (origin,)


def test_only_doctors_have_one_and_no_key_serves_twice() -> None:
    """R-CHA9, R-KEY4."""
    with pytest.raises(CharterError, match="R-CHA9"):
        replace(make_member("A hospital", Role.HOSPITAL), webauthn=enrolment_of(DOCTOR))
    members = [
        prove(replace(one, webauthn=enrolment_of(DOCTOR))) if one.name in (DOCTOR, SECOND) else one
        for one in PLAIN.charter.members
    ]
    with pytest.raises(CharterError, match="R-KEY4"):
        replace(PLAIN.charter, members=tuple(members))


def test_an_amendment_enrols_changes_and_removes_it() -> None:
    """R-GOV7: as keys are exchanged; a removed one is retired for ever."""
    charter = PLAIN.charter
    before = next(one for one in charter.members if one.name == DOCTOR)
    after = prove(replace(before, webauthn=enrolment_of(DOCTOR)))
    steps = (
        after,
        prove(replace(after, webauthn=replace(enrolment_of(DOCTOR), origins=(OTHER_ORIGIN,)))),
        prove(before),
    )
    for member in steps:
        amendment = Amendment(charter.version, (RotateKey(member),))
        assert explain(charter, amendment, before.address) is None
        assert verify_amendment(amendment)
        made = apply(charter, amendment, before.address)
        assert isinstance(made, type(charter))
        charter = made
    assert enrolment_of(DOCTOR).key in charter.retired
    again = Amendment(charter.version, (RotateKey(after),))
    assert "retired" in (explain(charter, again, before.address) or "")
    same = Amendment(PLAIN.charter.version, (RotateKey(before),))
    assert "as before" in (explain(PLAIN.charter, same, before.address) or "")
    unproved = Amendment(0, (RotateKey(replace(before, webauthn=enrolment_of(DOCTOR))),))
    assert not verify_amendment(unproved)


def test_whether_a_key_is_in_a_cloud_is_told() -> None:
    """R-VOT6: recorded with the vote, allowed or not."""
    flags = PRESENT | VERIFIED
    challenge = digest("challenge")
    assert not backed_up(Answer(flags=flags).bundle(challenge))
    assert backed_up(Answer(flags=flags | BACKED_UP).bundle(challenge))
    assert not backed_up(b"")
