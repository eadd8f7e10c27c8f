"""Statements of consent: one form, one signature, one meaning (R-CST1 to R-CST3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger import canonical
from medquorum.ledger.consent import (
    LONGEST_CONSENT_MS,
    ConsentPurpose,
    ConsentStatement,
    SignedConsent,
    parse_signed_consent,
    permits,
    revoked_ids,
    sign_consent,
    verify_consent,
)
from medquorum.ledger.errors import CodecError
from medquorum.ledger.keys import Address, Purpose, public_key
from medquorum.ledger.types import NetworkId
from tests.ledger.charter_kit import private_key, signer_of

NETWORK = NetworkId(b"n" * 32)
KP = public_key(private_key("patient 1", Purpose.CLINICAL))
MEMBER, OTHER = Address(b"m" * 32), Address(b"o" * 32)
GRANT = ConsentStatement(
    patient_key=KP,
    issued_at_ms=1_000,
    purposes=(ConsentPurpose.QUALITY, ConsentPurpose.RESEARCH),
    grantee=MEMBER,
    from_ms=1_000,
    until_ms=2_000,
)
REVOCATION = ConsentStatement(patient_key=KP, issued_at_ms=1_500, revokes=GRANT.digest(NETWORK))


def signed(statement: ConsentStatement = GRANT, by: str = "patient 1") -> SignedConsent:
    return sign_consent(NETWORK, statement, signer_of(by, Purpose.CLINICAL))


@pytest.mark.parametrize("statement", [GRANT, REVOCATION, replace(GRANT, grantee=None)])
def test_what_is_signed_is_read_back_and_verifies(statement: ConsentStatement) -> None:
    """R-CST2."""
    read = parse_signed_consent(signed(statement).encoded())
    assert read == signed(statement)
    assert verify_consent(NETWORK, read)


def test_another_key_another_network_or_another_word_does_not_verify() -> None:
    assert not verify_consent(NETWORK, signed(by="patient 2"))
    assert not verify_consent(NetworkId(b"x" * 32), signed())
    assert not verify_consent(NETWORK, replace(signed(), statement=replace(GRANT, until_ms=2_001)))


@pytest.mark.parametrize(
    "changes",
    [
        {"purposes": ()},
        {"purposes": (ConsentPurpose.RESEARCH, ConsentPurpose.QUALITY)},
        {"purposes": (ConsentPurpose.RESEARCH, ConsentPurpose.RESEARCH)},
        {"until_ms": 1_000},
        {"until_ms": 1_001 + LONGEST_CONSENT_MS},
        {"revokes": bytes(32)},
    ],
)
def test_what_is_neither_grant_nor_revocation_is_refused(changes: dict[str, Any]) -> None:
    """R-CST1."""
    with pytest.raises(CodecError, match="R-CST1"):
        replace(GRANT, **changes)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2},
        {"purposes": ["treatment"]},
        {"grantee": b"short"},
        {"patient_key": b"short"},
        {"until_ms": 2**53 + 1},
        {"extra": 1},
    ],
)
def test_a_malformed_statement_is_refused(fields: dict[str, Any]) -> None:
    said = canonical.decode(GRANT.encoded()) | fields
    wrapped = {"signature": bytes(64), "statement": canonical.encode(said)}
    with pytest.raises(CodecError):
        parse_signed_consent(canonical.encode(wrapped))


@pytest.mark.parametrize(
    ("purpose", "reader", "now_ms", "may"),
    [
        (ConsentPurpose.RESEARCH, MEMBER, 1_000, True),
        (ConsentPurpose.RESEARCH, MEMBER, 1_999, True),
        (ConsentPurpose.RESEARCH, MEMBER, 2_000, False),
        (ConsentPurpose.RESEARCH, MEMBER, 999, False),
        (ConsentPurpose.RESEARCH, OTHER, 1_500, False),
        (ConsentPurpose.REQUEST, MEMBER, 1_500, False),
    ],
)
def test_a_grant_permits_what_it_names(
    purpose: ConsentPurpose, reader: Address, now_ms: int, may: bool
) -> None:
    """R-CST3."""
    assert permits(GRANT, purpose, reader, now_ms) is may
    assert not permits(REVOCATION, purpose, reader, now_ms)


def test_a_revocation_counts_whenever_it_was_made() -> None:
    assert revoked_ids([REVOCATION, GRANT]) == {GRANT.digest(NETWORK)}
    assert revoked_ids([GRANT]) == frozenset()
