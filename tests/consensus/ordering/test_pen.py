"""The signing path itself refuses what the journal forbids, whatever the rules above it think."""

import pytest

from medquorum.consensus.errors import GuardError, JournalError
from medquorum.consensus.ordering.journal import (
    BodyKept,
    CertificateKept,
    Finalised,
    JournalRecord,
    Notarised,
    Proposed,
    Skipped,
    decode_record,
    encode_record,
    replay,
    slot_of,
)
from medquorum.consensus.ordering.pen import Pen
from medquorum.ledger.types import BatchHash
from tests.consensus.ordering import toy
from tests.consensus.ordering.bench import (
    ELECTORATE,
    FINAL,
    NOTAR,
    SKIP,
    batch,
    certificate,
    vote,
)

A, B = BatchHash(b"a" * 32), BatchHash(b"b" * 32)
EVERY_RECORD: list[JournalRecord] = [
    Proposed(3, A),
    Notarised(3, A),
    Skipped(3),
    Finalised(3, A),
    CertificateKept(certificate(SKIP, 3, None)),
    BodyKept(batch(3, [1, 2], skipped=(1, 2))),
]


def pen(*records: JournalRecord) -> Pen:
    return Pen(toy.seat(0), ELECTORATE, replay(records))


def test_never_final_after_skip() -> None:
    """R-SIM8, across a restart."""
    with pytest.raises(GuardError, match="R-SIM8"):
        pen(Notarised(1, A), Skipped(1)).finalise(1, A)


def test_never_skip_after_final() -> None:
    """R-SIM8, across a restart."""
    with pytest.raises(GuardError, match="R-SIM8"):
        pen(Notarised(1, A), Finalised(1, A)).skip(1)


def test_one_notar_one_proposal_one_skip_one_final() -> None:
    """R-SIM5 to R-SIM8."""
    held = pen()
    held.propose(1, A)
    held.notarise(1, A)
    held.finalise(1, A)
    held.skip(2)
    for again in (
        lambda: held.propose(1, B),
        lambda: held.notarise(1, B),
        lambda: held.finalise(1, A),
        lambda: held.skip(2),
    ):
        with pytest.raises(GuardError):
            again()


def test_final_only_for_the_own_notar() -> None:
    """R-SIM8."""
    with pytest.raises(GuardError, match="notarised another"):
        pen(Notarised(1, B)).finalise(1, A)
    with pytest.raises(GuardError, match="notarised another"):
        pen().finalise(1, A)


def test_notar_after_skip_is_allowed() -> None:
    """R-SIM6."""
    _, signed = pen(Skipped(1)).notarise(1, A)
    assert signed == vote(NOTAR, 1, A, 0)


def test_votes_sent_again_are_those_of_the_journal_to_the_byte() -> None:
    """R-SIM9, R-SIG3."""
    held = pen(Notarised(1, A), Finalised(1, A), Skipped(2), Notarised(3, B))
    assert held.votes_above(0) == (
        vote(NOTAR, 1, A, 0),
        vote(FINAL, 1, A, 0),
        vote(SKIP, 2, None, 0),
        vote(NOTAR, 3, B, 0),
    )
    held.forget(3)
    assert held.votes_above(0) == (vote(NOTAR, 3, B, 0),)


@pytest.mark.parametrize("record", EVERY_RECORD, ids=lambda one: type(one).__name__)
def test_records_survive_the_table(record: JournalRecord) -> None:
    """R-SIM10."""
    kind, slot, payload = encode_record(record)
    assert slot == slot_of(record) == 3
    assert decode_record(kind, slot, payload) == record


@pytest.mark.parametrize(
    "kind, slot, payload",
    [
        ("notarised", 1, b"short"),
        ("skipped", 1, b"x"),
        ("wish", 1, b""),
        ("certificate", 1, encode_record(EVERY_RECORD[4])[2]),
        ("body", 3, b"\x80"),
        ("body", 2, encode_record(EVERY_RECORD[5])[2]),
    ],
)
def test_a_record_that_is_none_is_refused(kind: str, slot: int, payload: bytes) -> None:
    """R-SIM10: a node that cannot read its journal does not vote."""
    with pytest.raises(JournalError, match="R-SIM10"):
        decode_record(kind, slot, payload)


@pytest.mark.parametrize(
    "records",
    [
        (Notarised(1, A), Notarised(1, B)),
        (Proposed(1, A), Proposed(1, B)),
        (Finalised(1, A), Finalised(1, B)),
        (Skipped(1), Finalised(1, A)),
    ],
)
def test_a_journal_that_contradicts_itself_is_refused(records: tuple[JournalRecord, ...]) -> None:
    """R-SIM10."""
    with pytest.raises(JournalError, match="do not vote"):
        replay(records)
